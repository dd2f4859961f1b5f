.PHONY: build test test-large property races faults fuzz bench demo oracle lint parts
SKIPS := $(CURDIR)/.skips

# The program is built without cgo, in tests as well: one build of everything.
export CGO_ENABLED := 0

build:
	go build -trimpath -o remoterun ./cmd/remoterun

# Installs what the tests need (root on Debian), then everything that this
# machine can run, with a Docker engine that is started where none is up; what it
# could not is listed with its count at the end. The limit is for what hangs; with
# an image of an encrypted server, hundreds of servers are started and stopped.
test: parts
	go vet ./...
	@rm -f $(SKIPS)
	@REMOTERUN_SKIPS=$(SKIPS) .ci/engine .ci/tests go test -vet=off -p 1 -count=1 -timeout $(if $(REMOTERUN_TEST_TDE_IMAGE),180m,50m); s=$$?; .ci/skips $(SKIPS); exit $$s

# Generated playbooks in chains and one task at a time: the same log on the host,
# the same end state, the same report. The seed is printed and may be given:
# REMOTERUN_PROPERTY_SEED, REMOTERUN_PROPERTY_BOOKS (10000), REMOTERUN_PROPERTY_FIRST.
property:
	@seed=$${REMOTERUN_PROPERTY_SEED:-$$(date +%s)}; books=$${REMOTERUN_PROPERTY_BOOKS:-10000}; \
	echo "property: $$books playbooks of REMOTERUN_PROPERTY_SEED=$$seed"; \
	REMOTERUN_PROPERTY_SEED=$$seed REMOTERUN_PROPERTY_BOOKS=$$books go test -count=1 -timeout 24h -run 'TestChainsEqual|TestChainsAsAnsible' ./cmd/remoterun

parts:
	.ci/parts

lint:
	@test -z "$$(gofmt -l . | tee /dev/stderr)"
	go vet ./...
	@if command -v staticcheck >/dev/null; then staticcheck ./...; else echo "lint: staticcheck is not installed"; fi

# Runs each native fuzzer of the module for FUZZTIME and prints its executions. A text
# that is of interest is made smaller in 20 tries: the default, a minute for each,
# would be all that some of them do.
FUZZTIME ?= 10s
fuzz:
	@grep -rlE '^func Fuzz[A-Za-z0-9_]+\(f \*testing\.F\)' --include='*_test.go' . | sort | while read -r f; do \
		sed -nE 's/^func (Fuzz[A-Za-z0-9_]+)\(f \*testing\.F\).*/\1/p' "$$f" | while read -r n; do \
			echo "$$(dirname "$$f") $$n"; \
			go test -run '^$$' -fuzz "^$$n\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x "./$$(dirname "$$f")" </dev/null >.fuzz.log 2>&1 || { cat .fuzz.log; rm -f .fuzz.log; exit 1; }; \
			grep execs .fuzz.log | tail -n 1; \
		done || exit 1; \
	done; s=$$?; rm -f .fuzz.log; exit $$s

# Records what Ansible makes of the templates in playbooks/jinja/testdata; needs
# Debian's ansible with python3-netaddr, python3-jmespath, python3-passlib.
oracle:
	@if /usr/bin/python3 -c 'import ansible' 2>/dev/null; then \
		/usr/bin/python3 playbooks/jinja/testdata/record.py && /usr/bin/python3 playbooks/jinja/testdata/oracle.py && /usr/bin/python3 playbooks/jinja/jmes/testdata/record.py && go test -count=1 -tags oracle -run Agrees ./tasks/...; \
	else echo "oracle: ansible is not installed"; fi

# Whole processes against a hand-written script over one ssh, in alternation,
# over a link with delays; and against Ansible where it is installed. Prints
# medians and ratios (docs/bench.md). REMOTERUN_BENCH_ROUNDS=7 and
# REMOTERUN_BENCH_ANSIBLE_ROUNDS=1 (0: not at all) say how often.
bench: parts
	CI=true go test -run '^$$' -bench "AgainstTheFloor|ManyHosts|Files" -benchtime 1x -timeout 60m ./cmd/remoterun
	REMOTERUN_BENCH_ROUNDS=$${REMOTERUN_BENCH_ROUNDS:-3} .ci/engine go test -count=1 -run TestBenchMove -v -timeout 60m ./tasks/move

# Breaks the copy of a move at every step of its plan, once for each fault; make
# test takes a sample by a seed that it prints. Needs images of PostgreSQL 17
# (REMOTERUN_TEST_PG17_IMAGE). In pieces: with REMOTERUN_FAULTS_DONE=FILE what ended
# well is noted there and left out the next time.
faults: parts
	REMOTERUN_FAULTS=all .ci/engine go test -count=1 -timeout 120m -v -run TestRealFaults ./tasks/move
	REMOTERUN_FAULTS=all .ci/engine go test -count=1 -timeout 180m -v -run TestMoveFaults ./cmd/remoterun

# Encrypts a database of some 2 GB, with an application that writes to it, and goes
# back: rows, seconds of each phase and the downtime are printed. Needs an image with
# pg_tde (REMOTERUN_TEST_TDE_IMAGE) and 15 GB of disk.
REMOTERUN_LARGE_ROWS ?= 5000000
test-large: parts
	REMOTERUN_LARGE_ROWS=$(REMOTERUN_LARGE_ROWS) .ci/engine go test -count=1 -timeout 120m -v -run TestLargeMove ./cmd/remoterun

# Shows the main job on a throw-away host on loopback; root, for mounts. Leaves
# nothing but the binary.
demo: build
	@./remoterun demo

# Lets the owner of a folder race with root who writes there, and a squatter with
# who takes the lock, 200 times each way; everything stand in the place of everything
# that root writes; a host tell every lie at every moment of a move; and a link be
# cut at every packet of a chain.
races:
	REMOTERUN_RACES=200 go test -vet=off -count=1 -timeout 4h -run 'TestRaces$$|TestWhatStandsThere' ./tasks
	REMOTERUN_RACES=200 go test -vet=off -count=1 -timeout 1h -run TestRealLockIsNotSquatted ./runner/lock
	REMOTERUN_LIES=all go test -vet=off -count=1 -timeout 1h -run TestHostsThatLie ./tasks/move
	REMOTERUN_CUTS=all go test -vet=off -count=1 -timeout 1h -run TestCutAtEveryFrame ./cmd/remoterun
