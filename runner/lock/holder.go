package lock

import (
	"remoterun/runner/job"
	"remoterun/runner/sh"
)

// held is the holder's exit status when somebody else has the lock.
const held = 75

// holder takes the lock in folder $1 with token $2 and keeps it while a byte
// comes every $3 seconds; $4 = yes ends another holder first; $5 $6 $7 say who,
// since when and what for; $8 is the job that may go on (runner/job), "" = none;
// $9 is root's folder for the work of others, or empty; ${10} is that of detached jobs.
// It answers held with
// three lines (who, since, what).
//
//   - The lock is flock's on the file lock (descriptor 9), which no child
//     inherits. Without flock each opens the file mark (descriptor 6) and then
//     looks who else has it open: of two at once at least one sees the other,
//     and a killed holder, a stale file and a clock that is set mean nothing.
//   - Work is every process that has descriptor 7 on the file work. Nobody gets
//     the lock while there is any: a holder whose laptop is gone ends it first.
//   - The signals go to the process groups of work and of what it has begun, and
//     what lives on in them is work too: a program may take its time over TERM when the shell that
//     waited for it is gone.
//   - Work ends before the lock is given back, too: an operator's Ctrl-C may leave
//     some that did not take his signal.
//   - A detached job of this project has the lock's meaning while it runs: only
//     who joins it by name gets the lock beside it; $4 = yes ends it.
//   - Files are compared by device and inode (-ef), never by their names: what a
//     link in /proc reads is a process's own invention in its own namespaces.
//   - Work of other users has files of its own in $9 (w.UID), made by root and
//     open to that user alone, beside a copy of the token, which nobody but root
//     can write. The file pub names the folder for whoever comes next.
//   - The token is removed first, so that no new work begins meanwhile; only
//     who has the lock removes it or ends work. What still comes anew after
//     SIGKILL, under another process id each time, is nobody's work: it is
//     somebody who wants to keep the lock from others.
const holder sh.Constant = job.Others + sh.Groups + `umask 077
d=$1 n=$9 k_jobs=${10}
mkdir -p "$d" || exit 73
cd "$d" || exit 73
[ . -ef . ] 2>/dev/null || { echo "$d: this shell cannot compare files ([ a -ef b ]): the lock needs dash, bash or busybox as /bin/sh" >&2; exit 73; }
no() { echo "$d: the lock cannot be written (${e##*: }): is the disk full, or the file system read-only?" >&2; exit 73; }
e=$( (: >>mark && : >>lock && : >>work) 2>&1) || no
o=
[ ! -f pub ] || IFS= read -r o <pub
case $o in */remoterun-lock.????????????????????????????????) ;; *) o= ;; esac
work() {
for p in /proc/[0-9]*; do
[ -e "$p/fd/7" ] || continue
for f in work ${o:+"$o"/w.*} ${n:+"$n"/w.*}; do
if [ "$p/fd/7" -ef "$f" ]; then echo "${p#/proc/}"; break; fi
done
done
}
group() {
t=
{ IFS= read -r t <"/proc/$1/stat"; } 2>/dev/null
case $t in *") "*) t=${t##*) } ;; *) return 1 ;; esac
case $t in [ZX]*) return 1 ;; esac
t=${t#* } t=${t#* } r=${t%% *}
}
g=" "
rest() {
[ "$g" != " " ] || return 1
for p in /proc/[0-9]*; do
group "${p#/proc/}" && case $g in *" $r "*) return 0 ;; esac
done
return 1
}
end() {
for p in $(work); do l="$l$p "; done
_groups $l
for p in $_g; do
[ "$p" = "$me" ] || case $g in *" $p "*) ;; *) g="$g$p " ;; esac
done
for p in $g; do kill -$1 "-$p" 2>/dev/null; done
for p in $l; do kill -$1 "$p" 2>/dev/null; done
}
still() { for p in $(work); do case $l in *" $p "*) return 0 ;; esac; done; rest; }
finish() {
rm -f token ${o:+"$o/token"} ${n:+"$n/token"}
group $$; me=$r
for s in TERM TERM KILL KILL KILL; do
l=" "
[ -n "$(work)" ] || rest || return 0
end $s
sleep 1
done
! still
}
busy() { cat who 2>/dev/null; exit 75; }
if [ "$4" = yes ] && [ -f pid ]; then
q=$(cat pid)
if [ "/proc/$q/fd/6" -ef mark ]; then kill -TERM "$q" 2>/dev/null; sleep 1; kill -KILL "$q" 2>/dev/null; fi
fi
others() { for p in /proc/[0-9]*; do [ "${p#/proc/}" != $$ ] && [ "$p/fd/6" -ef mark ] && echo "$p"; done; }
i=0
if command -v flock >/dev/null 2>&1; then
exec 6>>mark 9>>lock
until flock -n 9; do i=$((i + 1)); [ "$i" -gt 3 ] && busy; sleep 1; done
else
while :; do
exec 6>>mark
[ -n "$(exec 6>&-; others)" ] || break
exec 6>&-
i=$((i + 1))
[ "$i" -gt 3 ] && busy
sleep $(($$ % 3 + 1))
done
fi
rm -f token
[ -z "$(work)" ] || finish || busy
[ "$4" != yes ] || end_jobs "$8" || { other_jobs "$8"; exit 75; }
! other_jobs "$8" || exit 75
if [ -n "$o" ]; then rm -rf "$o"; o=; fi
if [ -n "$n" ]; then
e=$( (printf "%s\n" "$n" >pub && umask 066 && mkdir "$n" && umask 022 && printf "%s\n" "$2" >"$n/token") 2>&1) || no
fi
printf "%s\n%s\n%s\n" "$5" "$6" "$7" >who
trap "" HUP PIPE
trap "exit 75" TERM
echo $$ >pid
e=$( (printf "%s\n" "$2" >token.new) 2>&1) || no
[ "$(cat token.new)" = "$2" ] && mv token.new token || no
_go
trap "exit 0" TERM
x=
while x=$(timeout "$3" dd bs=1 count=1 2>/dev/null 9>&- 6>&-); do
[ "$x" = b ] || break
done
finish
rm -rf token who pid ${n:+"$n"} pub
exit 0`
