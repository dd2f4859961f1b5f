#!/bin/sh
# Makes the vectors with ansible-vault. Needs ansible-core; the tests don't.
set -eu
cd "$(dirname "$0")"
rm -f ./*.plain ./*.vault ./*.pass
printf 'correct hörse "battery"\n' >default.pass
printf '\n  spaced out \n\n' >prod.pass
printf '' >empty.plain
printf 'x' >one.plain
printf '0123456789abcde' >fifteen.plain
printf '0123456789abcdef' >sixteen.plain
printf 'user: admin\npass: "{{ x }}"\nü: ✓\n' >yaml.plain
head -c 5000 /dev/zero | tr '\0' 'z' >long.plain
printf '\000\001\377\n' >binary.plain
for f in *.plain; do
	n=${f%.plain}
	cp "$f" "$n-11.vault"
	ansible-vault encrypt --vault-password-file default.pass "$n-11.vault" 2>/dev/null
	cp "$f" "$n-12.vault"
	ansible-vault encrypt --vault-id prod@prod.pass "$n-12.vault" 2>/dev/null
done
chmod 644 ./*.vault
