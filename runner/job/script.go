package job

// alive tells whether the job in a folder runs. A process id alone says nothing,
// it is used again: the driver holds descriptor 8 on the file mark of the folder.
// Files are compared, not what links in /proc read: any user makes that up.
const alive = `alive() {
	_p=$(cat "$1/pid" 2>/dev/null) && [ -n "$_p" ] && [ "/proc/$_p/fd/8" -ef "$1/mark" ]
}
`

// place is a folder as it is given, "~/" at its begin is the home of who asks.
const place = `place() { case $1 in "~/"*) printf %s "$HOME/${1#??}" ;; *) printf %s "$1" ;; esac; }
`

// start lays the script down and begins the driver in a session of its own, with
// none of the caller's descriptors: the lock's holder ends what has number 7, and
// so a job that is waited for ($_waited, see Job.Awaited) has it again. The script
// finds the caller's umask and folder in $JOB_UMASK and $JOB_CWD.
// Arguments: folder, driver, who, since, what.
const start = alive + place + `JOB_UMASK=$(umask) JOB_CWD=$(pwd)
umask 077
d=$(place "$1")
mkdir -p "$d" && chmod 700 "$d" && cd "$d" || exit 73
JOB=$d
export JOB JOB_UMASK JOB_CWD
if alive .; then cat >/dev/null; echo running; exit 0; fi
# Of two that start it at once one waits for the other; one that was killed here
# is not waited for.
# The file comes to be with its content: an empty one would look like a dead one's.
n=0
echo $$ >starting.$$ || exit 73
trap 'rm -f starting.$$' 0
trap 'exit 73' 1 2 15
until ln starting.$$ starting 2>/dev/null; do
	n=$((n + 1))
	[ $n -le 200 ] || { echo "$d: the job cannot be started: starting cannot be made there" >&2; exit 73; }
	o=$(cat starting 2>/dev/null) || continue
	if [ -d "/proc/$o" ] && [ $n -le 60 ]; then sleep 1; elif [ "$(cat starting 2>/dev/null)" = "$o" ]; then rm -f starting; fi
	if alive .; then cat >/dev/null; echo running; exit 0; fi
done
trap 'rm -f starting starting.$$' 0
if alive .; then cat >/dev/null; echo running; exit 0; fi
rm -f pid rc status out err run
cat >run.new && [ -s run.new ] || { echo "$d: the job cannot be written: is the disk full?" >&2; exit 73; }
printf '%s\n' "$2" >driver || exit 73
printf '%s\n%s\n%s\n' "$3" "$4" "$5" >who || exit 73
: >out && : >err && mv run.new run || exit 73
if setsid true 2>/dev/null; then s=setsid; else s=; fi
w=/dev/null
[ -z "${_waited-}" ] || w=${_work:-$w}
(trap '' HUP; exec $s sh ./driver </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>>"$w" 8>&- 9>&-) &
n=0
until alive . || [ -f rc ]; do
	n=$((n + 1))
	[ $n -le 100 ] || { echo "$d: the job did not start" >&2; exit 73; }
	sleep 0.1 2>/dev/null || sleep 1
done
echo started`

// driver runs the script and keeps how it ended. Descriptor 8 goes on to all that
// the script begins: that is how its work is found.
const driver = `umask 077
exec 8>>mark
echo $$ >pid.new && mv pid.new pid
trap 'exit 143' TERM
sh ./run >>out 2>>err 7>&- &
c=$!
wait $c
r=$?
echo $r >rc.new && { sync rc.new 2>/dev/null || sync; } && mv rc.new rc`

const stateText = alive + `cd -- "$1" 2>/dev/null || { [ -e "$1" ] && exit 5; printf 'none\n0\n\n--\n\n--\n\n--\n'; exit 0; }
if alive .; then echo running
elif [ -f rc ]; then r=$(cat rc); case $r in stopped) echo stopped;; *) echo "ended $r";; esac
elif [ -f pid ]; then echo died
else echo none; fi
n=$(wc -c <out 2>/dev/null) || n=0
echo $n
cat who 2>/dev/null || printf '\n\n\n'
printf -- '--\n'
cat status 2>/dev/null
printf -- '\n--\n'
sed '/^[[:space:]]*$/d' err 2>/dev/null | tail -n 8
printf -- '\n--\n'
tail -c +"$2" out 2>/dev/null | head -c 65536
exit 0`

// stopFunction ends a job: its session's group, and whoever else holds its mark.
const stopFunction = alive + `stop() (
	cd -- "$1" 2>/dev/null || exit 0
	work() { for p in /proc/[0-9]*; do [ "$p/fd/8" -ef mark ] && echo "${p#/proc/}"; done; }
	[ -n "$(work)" ] || exit 0
	echo stopped >rc
	for s in TERM TERM KILL KILL KILL; do
		l=$(work); [ -n "$l" ] || exit 0
		for p in $l; do kill -$s "-$p" 2>/dev/null || kill -$s "$p" 2>/dev/null; done
		sleep 1
	done
	[ -z "$(work)" ]
)
`

const stopText = `stop "$1" || { echo "$1: the job cannot be ended" >&2; exit 1; }`

// Others is shell text for the lock's holder, which has the folder of jobs in k_jobs:
// other_jobs prints who has a job at work, but for
// the one called $1, and fails when nobody has; end_jobs ends those.
const Others = stopFunction + `other_jobs() {
	for _j in "$k_jobs"/*; do
		[ "${_j##*/}" != "$1" ] && alive "$_j" && { cat "$_j/who"; return 0; }
	done
	return 1
}
end_jobs() {
	for _j in "$k_jobs"/*; do
		[ "${_j##*/}" = "$1" ] || ! alive "$_j" || stop "$_j" || return 1
	done
}
`
