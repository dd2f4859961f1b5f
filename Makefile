.PHONY: build test bench demo oracle lint parts
SKIPS := $(CURDIR)/.skips

build:
	CGO_ENABLED=0 go build -trimpath -o remoterun ./cmd/remoterun

# Installs what the tests need (root on Debian), then everything that this
# machine can run; what it could not is listed with its count at the end.
test: parts
	go vet ./...
	@rm -f $(SKIPS)
	@REMOTERUN_SKIPS=$(SKIPS) go test -count=1 -timeout 20m ./...; s=$$?; .ci/skips $(SKIPS); exit $$s

parts:
	.ci/parts

lint:
	@test -z "$$(gofmt -l . | tee /dev/stderr)"
	go vet ./...
	@if command -v staticcheck >/dev/null; then staticcheck ./...; else echo "lint: staticcheck is not installed"; fi

# Records what Ansible makes of the templates in playbooks/jinja/testdata; needs
# Debian's ansible with python3-netaddr, python3-jmespath, python3-passlib.
oracle:
	@if /usr/bin/python3 -c 'import ansible' 2>/dev/null; then \
		/usr/bin/python3 playbooks/jinja/testdata/record.py && /usr/bin/python3 playbooks/jinja/testdata/oracle.py; \
	else echo "oracle: ansible is not installed"; fi
