#!/bin/sh
# Records what ansible-playbook reports for the playbooks beside this folder, or
# for those that are named: record/record.sh [NAME.yaml ...]. One file per run in
# want/, sorted by host, in the order of each host, and what it left in {{ tmp }}.
# Needs ansible-core 2.14.
set -euf
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
set +f
[ $# -gt 0 ] || set -- *.yaml
set -f
umask 022
export ANSIBLE_CALLBACK_PLUGINS="$here/record" ANSIBLE_STDOUT_CALLBACK=recorder ANSIBLE_LOCALHOST_WARNING=0 \
    ANSIBLE_DEPRECATION_WARNINGS=0 ANSIBLE_NOCOLOR=1 ANSIBLE_RETRY_FILES_ENABLED=0 LC_ALL=C.UTF-8
for book; do
    args=$(sed -n 's/^# args://p' "$book")
    unheld=$(sed -n 's/^# unheld://p' "$book")
    runs=1
    ! grep -q '^# again' "$book" || runs='1 2'
    k=0
    printf '%s\n' "$args" | while read -r a; do
        k=$((k + 1))
        tmp=$(mktemp -d)
        for run in $runs; do
            code=0
            # The words of an argument line are split on purpose.
            # shellcheck disable=SC2086
            RECORD_TO="$tmp.rec" ansible-playbook -i hosts -e tmp="$tmp" $a "$book" </dev/null >"$tmp.out" 2>&1 || code=$?
            [ "$run" = 1 ] || echo AGAIN
            sed -e "s#$tmp#TMP#g" -e "s#$here#DIR#g" "$tmp.rec" | sort -s -t "$(printf '\t')" -k 1,1
            printf 'EXIT\t%s\n' "$code"
            # shellcheck disable=SC2086
            python3 record/tree.py "$tmp" "$here" $unheld
            [ -z "${SHOW:-}" ] || cat "$tmp.out" >&2
        done >"want/${book%.yaml}.$k.txt"
        rm -rf "$tmp" "$tmp.rec" "$tmp.out"
    done
done
