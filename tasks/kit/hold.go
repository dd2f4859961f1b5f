package kit

import "remoterun/runner/sh"

// Root writes into folders that others own, and whoever owns a folder can swap
// what is in it at any moment: names are not to be trusted twice. So scripts hold
// things. A folder is held as the working directory, a file as descriptor 8, and
// what is done is done to what is held:
//
//   - k_into FOLDER: goes into a folder without following other users' links out
//     of what is theirs.
//   - k_hold PATH [yes]: goes into the folder of a path, made where it is missing
//     when yes; $k_n is the path's last part, and all work is on ./$k_n.
//   - k_at PATH LINK [yes]: k_hold of a path that LINK leads to, when not empty: it is
//     followed by the same rule, and must lead to PATH still.
//   - k_make FOLDER [OWNER GROUP MODE]: the same of a folder and those above it;
//     those that are new get owner, group and mode.
//   - k_mkdir NAME OWNER GROUP MODE: makes a folder in the held one and goes into it.
//   - k_bare: the held folder is ours and empty, as one that was just made.
//   - k_keep UNSAFE: keeps ./$k_n under the name $c, by a link to it or a copy.
//   - k_was: what a new ./$k_n keeps of a file that is there: $k_ke (as KEEP of
//     k_own) and, where $k_mo names no mode, that too. With a mode nobody else can
//     open what k_new makes before it has got it.
//   - k_new: makes a file of an unforeseeable name in the held folder; $k_t is its
//     name, $k_8 leads to the open file.
//   - k_see FILE: looks at a file and the held folder with one program.
//   - k_ours: nobody else can change what is in the held folder (after k_see).
//   - k_own OWNER GROUP MODE KEEP: owner and mode of $k_8, of what differs alone;
//     KEEP is UID:GID to have where nothing is wanted.
//   - k_mv: renames $k_t to ./$k_n, over what is there, never into it.
//   - k_chown OWNER GROUP FILE [-h], k_chmod MODE ./NAME: of what is there.
//   - k_open ./NAME: opens a regular file that is there, and no link; $k_9 leads to it.
//
// Owner and group of $k_8 are always given both: busybox takes the one that is left
// out from the link in /proc, not from the file.
//
// Where $PWD is compared with what was asked for, it is the kernel's own answer
// (getcwd): had a link been followed, it would be another.
const holdText = `k_no() { printf "%s\n" "$1" >&2; return 1; }
k_cd() {
if [ "$1" = . ]; then return 0; fi
k_b=${PWD%/}
if cd -P "./$1" 2>/dev/null && [ "$PWD" = "$k_b/$1" ]; then return 0; fi
if [ -d "$k_b/$1" ] && [ ! -x "$k_b/$1" ]; then k_no "$k_b/$1: Permission denied"; else k_no "$k_b/$1 changed while it was looked at"; fi
}
k_into() {
if cd -P -- "$1" 2>/dev/null && [ "$PWD" = "$1" ]; then return 0; fi
[ -d "$1" ] || { k_no "Destination directory $1 does not exist"; return; }
k_r=$1 k_l=0 k_o=
cd -P /
while [ -n "$k_r" ]; do
case $k_r in /*) k_r=${k_r#/}; continue ;; esac
k_h=${k_r%%/*}
case $k_r in */*) k_r=${k_r#*/} ;; *) k_r= ;; esac
case $k_h in "" | .) continue ;; ..) cd -P ..; continue ;; esac
if [ -h "./$k_h" ]; then
k_l=$((k_l + 1))
[ $k_l -le 40 ] || { k_no "$1: too many links"; return; }
k_whose "$k_h"
k_h=$(readlink "./$k_h") || { k_no "$1 changed while it was looked at"; return; }
case $k_h in /*) cd -P / ;; esac
k_r=$k_h${k_r:+/$k_r}
else
k_cd "$k_h" || return
fi
done
[ -n "$k_o" ] || return 0
k_h=$(stat -c %u .)
for k_l in $k_o; do
[ "$k_l" = "$k_h" ] || { k_no "$1 leads through a link of user $k_l to a folder of user $k_h: it is not followed; name the folder itself"; return; }
done
}
k_whose() {
set -- $(stat -c "%u %a" . "./$1")
case $2 in *[2367] | *[2367]?) set -- "$3" ;; esac
[ "$1" = 0 ] || [ "$1" = "$k_u" ] || k_o="$k_o $1"
}
k_hold() {
case $1 in /*) k_p=$1 ;; *) k_p=${PWD%/}/$1 ;; esac
k_n=${k_p##*/} k_q=${k_p%/*}
case $k_n in . | ..) k_q=$k_p k_n=. ;; esac
if [ -n "$2" ]; then k_make "${k_q:-/}"; else k_into "${k_q:-/}"; fi
}
k_at() {
if [ -z "$2" ]; then k_hold "$1" "$3"; return; fi
k_v= k_y=0
k_hold "$2" || return
while [ -h "./$k_n" ]; do
k_y=$((k_y + 1)) k_o=
[ $k_y -le 40 ] || { k_no "$2: too many links"; return; }
k_whose "$k_n"
k_v="$k_v $k_o"
k_h=$(readlink "./$k_n") || { k_no "$2 changed while it was looked at"; return; }
case $k_h in /*) ;; *) k_h=${PWD%/}/$k_h ;; esac
k_hold "$k_h" || return
done
[ "${PWD%/}/$k_n" = "$1" ] || { k_no "$2 changed while it was looked at"; return; }
set -- $k_v
[ $# -gt 0 ] || return 0
k_h=$(stat -c %u "./$k_n" 2>/dev/null || stat -c %u .)
for k_y; do
[ "$k_y" = "$k_h" ] || { k_no "$k_p: a link of user $k_y leads there, to what user $k_h owns: it is not followed; name the path itself"; return; }
done
}
k_make() {
k_a=$1 k_m=
while [ ! -d "$k_a" ]; do
k_m=${k_a##*/}/$k_m k_a=${k_a%/*}
k_a=${k_a:-/}
done
k_into "$k_a" || return
while [ -n "$k_m" ]; do
k_h=${k_m%%/*} k_m=${k_m#*/}
case $k_h in "" | .) continue ;; esac
k_mkdir "$k_h" "$2" "$3" "$4" || return
done
}
k_mkdir() {
k_f=
if k_e=$({ [ -z "$4" ] || umask "$(printf %o $((0777 & ~0$4)))"; mkdir "./$1"; } 2>&1); then
k_f=$2$3
if [ -n "$4" ] && { [ $((0$4)) -gt 511 ] || [ -g "./$1" ]; }; then k_f=y; fi
elif [ ! -d "./$1" ]; then k_no "$k_e"; return; fi
k_cd "$1" || return
[ -z "$k_f" ] || { k_bare && k_chown "$2" "$3" . && { [ -z "$4" ] || chmod "$4" .; }; }
}
k_bare() {
for k_x in ./* ./.[!.]* ./..?*; do
if [ -e "$k_x" ] || [ -h "$k_x" ]; then k_no "$PWD changed while it was looked at"; return; fi
done
[ -O . ] || k_no "$PWD changed while it was looked at"
}
k_was() {
k_ke=
if [ -f "./$k_n" ] && [ ! -h "./$k_n" ]; then
set -- $(stat -c "%u:%g %a" "./$k_n")
k_ke=$1 k_mo=${k_mo:-0$2}
fi
if [ -n "$k_mo" ]; then umask 077; fi
}
k_new() {
_name .
k_t=./${_t##*/}
set -C
command exec 8>"$k_t" || { set +C; return 1; }
set +C
k_8=/proc/self/fd/8
[ -e $k_8 ] || k_8=$k_t
}
k_see() {
k_h=$(LC_ALL=C stat -L -c "%f %u %g %s %d:%i
%U
%G" "$1" .) || return
{ read -r k_hex k_uid k_gid k_size k_id; IFS= read -r k_un; IFS= read -r k_gn; read -r k_dm k_du k_x k_x k_here; } <<END
$k_h
END
}
k_own() {
k_c= k_x=${1:-${4%:*}} k_h=${2:-${4#*:}}
case $k_x in "" | "$k_un" | "$k_uid") k_x= ;; esac
case $k_h in "" | "$k_gn" | "$k_gid") k_h= ;; esac
if [ -n "$k_x$k_h" ]; then
k_safe || return
set -- "$1" "$2" "$3" "${k_x:-$k_uid}:${k_h:-$k_gid}"
if [ -z "$1$2" ]; then chown "$4" "$k_8" 2>/dev/null
elif [ -n "$1" ] && [ -n "$k_x" ]; then k_chown "$4" "" "$k_8" || return
else chown "$4" "$k_8" || { k_no "chgrp failed: failed to look up group $2 or to change the group of $k_p"; return; }; fi
k_c=y
fi
if [ -n "$3" ] && { [ -n "$k_c" ] || [ $((0x$k_hex & 07777)) -ne $((0$3)) ]; }; then k_safe && chmod "$3" "$k_8" && k_c=y || return; fi
[ -z "$k_c" ] || k_see "$k_8"
}
k_safe() {
case $k_8 in /*) return 0 ;; esac
[ -O . ] || k_no "/proc is not there: owner and mode cannot be set safely in another user's folder"
}
k_mv() {
k_e=$(mv -fT "$k_t" "./$k_n" 2>&1) && return
if [ -h "./$k_n" ]; then rm -f "./$k_n"; k_e=$(mv -fT "$k_t" "./$k_n" 2>&1) && return; fi
case $k_e in *"nvalid option"* | *"nrecognized option"*) ;; *) return 1 ;; esac
if [ -h "./$k_n" ]; then rm -f "./$k_n"; fi
if [ -d "./$k_n" ]; then k_e="cannot overwrite directory $k_n"; return 1; fi
k_e=$(mv -f "$k_t" "./$k_n" 2>&1)
}
k_keep() {
c=${k_t##*.}
c=$k_n.${c%%-*}.${k_now:-$(date +%Y-%m-%d@%H:%M:%S)}~
[ -z "$1" ] && ln -- "./$k_n" "./$c" 2>/dev/null || (
k_open "./$k_n" && umask 077 && set -C && command exec 8>"./$c" && cat <"$k_9" >&8 || exit 1
[ -e /proc/self/fd/8 ] || exit 0
set -- $(stat -L -c "%u:%g %a" "$k_9")
chown "$1" /proc/self/fd/8 2>/dev/null
chmod "0$2" /proc/self/fd/8
) || k_no "the backup $c of ${PWD%/}/$k_n could not be made"
}
k_ours() { [ "$k_du" = "$k_u" ] && [ $((0x$k_dm & 022)) -eq 0 ]; }
k_told() { printf "%s %s %s\n%s\n%s\n%s\n" "$k_hex" "$k_uid" "$k_gid" "$k_un" "$k_gn" "$k_size"; }
k_chown() {
case $3 in ./*) k_x=${PWD%/}/${3#./} ;; .) k_x=$PWD ;; *) k_x=$k_p ;; esac
if [ -n "$1" ]; then chown $4 "$1" "$3" || { k_no "chown failed: failed to look up user ${1%%:*} or to change the owner of $k_x"; return; }; fi
if [ -n "$2" ]; then chgrp $4 "$2" "$3" || { k_no "chgrp failed: failed to look up group $2 or to change the group of $k_x"; return; }; fi
}
k_chmod() {
if [ "$k_u" != 0 ]; then chmod "$1" "$2"; return; fi
if [ -f "$2" ]; then k_open "$2" && chmod "$1" "$k_9"
elif [ -O . ]; then chmod "$1" "$2"
else k_no "the mode of $2, which is not a regular file, cannot be set safely in another user's folder"; fi
}
k_open() {
[ -f "$1" ] || [ ! -e "$1" ] || { k_no "$1 is not a regular file"; return; }
command exec 9<"$1" || return
k_9=/proc/self/fd/9
if [ ! -e $k_9 ]; then
k_9=$1
[ -O . ] || k_no "/proc is not there: $1 cannot be opened safely in another user's folder"
return
fi
k_x=$(stat -c %d:%i "$1") k_h=$(stat -L -c %d:%i $k_9)
[ "$k_x" = "$k_h" ] || k_no "$1 changed while it was looked at"
}
if [ -O / ]; then k_u=0; else k_u=$(id -u); fi
`

// Hold is the words of this file for scripts of modules that write something that
// is no plain file of known content: it begins the script.
const Hold = sh.Temp + holdText
