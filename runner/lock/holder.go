package lock

import (
	"remoterun/runner/job"
	"remoterun/runner/sh"
)

// held is the holder's exit status when somebody else has the lock.
const held = 75

// holder takes the lock in folder $1 with token $2 and keeps it while a byte
// comes every $3 seconds; $4 = yes ends another holder first; $5 $6 $7 say who,
// since when and what for; $8 is the job that may go on (runner/job), "" = none.
// It answers held with three lines (who, since, what).
//
//   - The lock is flock's on the file lock (descriptor 9), which no child
//     inherits. Without flock each opens the file mark (descriptor 6) and then
//     looks who else has it open: of two at once at least one sees the other,
//     and a killed holder, a stale file and a clock that is set mean nothing.
//   - Work is every process that has descriptor 7 on the file work. Nobody gets
//     the lock while there is any: a holder whose laptop is gone ends it first.
//   - A detached job of this project has the lock's meaning while it runs: only
//     who joins it by name gets the lock beside it; $4 = yes ends it.
//   - The token is removed first, so that no new work begins meanwhile; only
//     who has the lock removes it or ends work.
const holder sh.Constant = job.Others + `umask 077
d=$1
mkdir -p "$d" || exit 73
cd "$d" || exit 73
no() { echo "$d: the lock cannot be written (${e##*: }): is the disk full, or the file system read-only?" >&2; exit 73; }
e=$( (: >>mark && : >>lock) 2>&1) || no
w=$(pwd -P)/work
work() { for p in /proc/[0-9]*; do [ "$(readlink "$p/fd/7" 2>/dev/null)" = "$w" ] && echo "${p#/proc/}"; done; }
finish() {
rm -f token
for s in TERM TERM KILL KILL KILL; do
l=$(work); [ -n "$l" ] || return 0
for p in $l; do kill -$s "-$p" 2>/dev/null || kill -$s "$p" 2>/dev/null; done
sleep 1
done
[ -z "$(work)" ]
}
busy() { cat who 2>/dev/null; exit 75; }
if [ "$4" = yes ] && [ -f pid ]; then
o=$(cat pid)
case $(readlink "/proc/$o/fd/6" 2>/dev/null) in "$(pwd -P)/mark") kill -TERM "$o" 2>/dev/null; sleep 1; kill -KILL "$o" 2>/dev/null ;; esac
fi
m=$(pwd -P)/mark
others() { for p in /proc/[0-9]*; do [ "${p#/proc/}" != $$ ] && [ "$(readlink "$p/fd/6" 2>/dev/null)" = "$m" ] && echo "$p"; done; }
n=0
if command -v flock >/dev/null 2>&1; then
exec 6>>mark 9>>lock
until flock -n 9; do n=$((n + 1)); [ "$n" -gt 3 ] && busy; sleep 1; done
else
while :; do
exec 6>>mark
[ -n "$(exec 6>&-; others)" ] || break
exec 6>&-
n=$((n + 1))
[ "$n" -gt 3 ] && busy
sleep $(($$ % 3 + 1))
done
fi
rm -f token
[ -z "$(work)" ] || { finish || busy; }
[ "$4" != yes ] || end_jobs "$8" || { other_jobs "$8"; exit 75; }
! other_jobs "$8" || exit 75
printf "%s\n%s\n%s\n" "$5" "$6" "$7" >who
echo $$ >pid
e=$( (printf "%s\n" "$2" >token.new) 2>&1) || no
[ "$(cat token.new)" = "$2" ] && mv token.new token || no
trap "" HUP PIPE
trap "exit 0" TERM
_go
x=
while x=$(timeout "$3" dd bs=1 count=1 2>/dev/null 9>&- 6>&-); do
[ "$x" = b ] || break
done
[ "$x" = q ] || finish
rm -f token who pid
exit 0`
