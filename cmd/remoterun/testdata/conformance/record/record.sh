#!/bin/sh
# Records what ansible-playbook reports for the playbooks beside this folder, or
# for those that are named: record/record.sh [NAME.yaml ...]. One file per run in
# want/, sorted by host, in the order of each host. Needs ansible-core 2.14.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
[ $# -gt 0 ] || set -- *.yaml
export ANSIBLE_CALLBACK_PLUGINS="$here/record" ANSIBLE_STDOUT_CALLBACK=recorder ANSIBLE_LOCALHOST_WARNING=0 \
    ANSIBLE_DEPRECATION_WARNINGS=0 ANSIBLE_NOCOLOR=1 ANSIBLE_RETRY_FILES_ENABLED=0 LC_ALL=C.UTF-8
for book; do
    args=$(sed -n 's/^# args://p' "$book")
    k=0
    printf '%s\n' "$args" | while read -r a; do
        k=$((k + 1))
        tmp=$(mktemp -d)
        code=0
        # The words of an argument line are split on purpose.
        # shellcheck disable=SC2086
        RECORD_TO="$tmp.rec" ansible-playbook -i hosts -e tmp="$tmp" $a "$book" </dev/null >"$tmp.out" 2>&1 || code=$?
        { sed -e "s#$tmp#TMP#g" -e "s#$here#DIR#g" "$tmp.rec" | sort -s -t "$(printf '\t')" -k 1,1; printf 'EXIT\t%s\n' "$code"; } >"want/${book%.yaml}.$k.txt"
        [ -z "${SHOW:-}" ] || cat "$tmp.out"
        rm -rf "$tmp" "$tmp.rec" "$tmp.out"
    done
done
