package kit

import (
	"path"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// stageText puts a folder in place that was made beside it, in a folder of ours
// that nobody else can enter (held as descriptor 6, the place as 5): k_put goes through both, each
// folder of the place is held while it is written, and files are renamed into it,
// some hundreds by one program. Variables: k_dow, k_dgr, k_dmo = owner, group and
// mode of folders that are new (without k_dmo: those of the staged ones); k_al = staged
// folders are as new ones shall be: where the place has nothing of their name they are
// renamed whole (k_stage empties it where the place's own group would be lost); k_like =
// files that are there keep owner (owner), owner and mode (both), or nothing
// (empty); k_me, k_fm = owner and mode that staged files have anyway; k_ba = backups.
const stageText = `k_stage() {
command exec 5<. || return
_name . d
k_t=$_t
k_6=/proc/self/fd/6
(umask 077; mkdir "./${_t##*/}") || return
k_cd "${_t##*/}" && k_bare || return
set -- $(stat -c "%a %u:%g" .)
k_me=$2
case $1 in 700) ;; *700) k_al= ;; *) k_al=; chmod 700 . && k_bare || return ;; esac
command exec 6<. || return
[ -e $k_6 ] || k_no "/proc is not there: folders cannot be copied safely"
}
k_put() {
k_rel=$1
set --
for k_i in "$k_6/$k_rel"* "$k_6/$k_rel".[!.]* "$k_6/$k_rel"..?*; do
k_n=${k_i##*/}
if [ ! -h "$k_i" ]; then
[ -e "$k_i" ] || continue
if [ -d "$k_i" ]; then if [ -z "$k_al" ] || [ -e "./$k_n" ] || [ -h "./$k_n" ] || [ ! -w "$k_i" ]; then continue; fi; fi
fi
if [ -d "./$k_n" ] && [ ! -h "./$k_n" ]; then k_no "${PWD%/}/$k_n is a directory"; return; fi
set -- "$@" "$k_i"
if [ $# -ge 500 ]; then k_some "$@" || return; set --; fi
done
[ $# -eq 0 ] || k_some "$@" || return
for k_i in "$k_6/$k_rel"* "$k_6/$k_rel".[!.]* "$k_6/$k_rel"..?*; do
if [ -h "$k_i" ] || [ ! -d "$k_i" ]; then continue; fi
(k_down "${k_i##*/}" && k_put "${k_i#$k_6/}/") || return
done
}
k_down() {
if [ -h "./$1" ] && [ -d "./$1" ]; then k_into "${PWD%/}/$1"; return; fi
if [ -d "./$1" ]; then k_cd "$1"; return; fi
if [ -h "./$1" ]; then k_no "${PWD%/}/$1 is a link to nothing"; return; fi
if [ -n "$k_dmo" ]; then k_mkdir "$1" "$k_dow" "$k_dgr" "$k_dmo"; return; fi
set -- "$1" $(stat -c "%u %g 0%a" "$k_i")
if [ "$2:$3" = "$k_me" ]; then k_mkdir "$1" "" "" "$4"; else k_mkdir "$1" "$2" "$3" "$4"; fi
}
k_some() {
if [ -n "$k_like$k_ba" ]; then
k_old=$(k_c=$#
for k_i; do
k_n=${k_i##*/}
if [ ! -h "$k_i" ] && [ -f "./$k_n" ] && [ ! -h "./$k_n" ]; then set -- "$@" "./$k_n"; fi
done
shift $k_c
[ $# -eq 0 ] || LC_ALL=C stat -c "%u:%g 0%a %f %n" "$@" | sort)
[ -z "$k_old" ] || k_as || return
fi
mv -f -- "$@" .
}
k_as() {
k_was=
set --
while IFS= read -r k_i; do
k_n=${k_i#* ./} k_i=${k_i%% ./*}
case $k_i in *" 8"???) ;; *) continue ;; esac
[ -z "$k_ba" ] || k_keep "" || return
if [ "$k_i" != "$k_was" ]; then k_same "$@" || return; k_was=$k_i; set --; fi
set -- "$@" "$k_6/$k_rel$k_n"
done <<END
$k_old
END
k_same "$@"
}
k_same() {
if [ $# -eq 0 ] || [ -z "$k_like" ]; then return 0; fi
k_x=${k_was%% *} k_h=${k_was#* }
k_h=${k_h%% *}
k_c=
if [ -n "$k_fow" ]; then k_x=:${k_x#*:}; fi
if [ -n "$k_fgr" ]; then k_x=${k_x%%:*}; fi
if [ -n "$k_x" ] && [ "$k_x" != "$k_me" ]; then chown "$k_x" "$@" 2>/dev/null; k_c=y; fi
if [ "$k_like" = owner ]; then
[ -z "$k_c" ] || [ -z "$k_fm" ] || chmod "$k_fm" "$@"
elif [ -n "$k_c" ] || [ "$k_h" != "$k_fm" ]; then chmod "$k_h" "$@"
fi
}
`

// EndMark is the name of the last, empty file of a stream that Unpack takes: without
// it the stream was cut, and nothing is put in place.
const EndMark = ".remoterun.end"

// unpackText takes a tar stream into a folder: path, its mode when it is new, owner
// and group, the mode of files (empty = the archive's, each its own), yes to give
// files that are replaced that mode (else they keep theirs), backup.
const unpackText sh.Constant = sh.Temp + holdText + stageText + `k_dmo=$2 k_dow=$3 k_dgr=$4 k_fow=$3 k_fgr=$4 k_fm=$5 k_like=both k_ba=$7 k_al=y
if [ -n "$3$4" ] || [ $((0$2)) -gt 511 ]; then k_al=; fi
if [ -n "$6" ]; then k_like=owner; fi
case $1 in /*) ;; *) set -- "${PWD%/}/$1" ;; esac
k_make "$1" "$k_dow" "$k_dgr" "$2" || exit 1
k_top=$PWD
k_stage && tar -xpof - || exit 1
[ -f ./` + EndMark + ` ] || { k_no "what is copied to $k_top did not arrive whole"; exit 1; }
rm -f ./` + EndMark + ` || exit 1
find . ! -type l -exec touch -c {} +
if [ -n "$k_fow$k_fgr" ]; then
k_set=$(find . -type f \( -perm -4000 -o -perm -2000 \) -exec stat -c "0%a %n" {} +)
k_p="what is copied to $k_top"
if [ -n "$k_fow" ]; then find . ! -type d -exec chown -h "$k_fow" {} + || { k_no "chown failed: failed to look up user $k_fow or to change the owner of $k_p"; exit 1; }; fi
if [ -n "$k_fgr" ]; then find . ! -type d -exec chgrp -h "$k_fgr" {} + || { k_no "chgrp failed: failed to look up group $k_fgr or to change the group of $k_p"; exit 1; }; fi
[ -z "$k_set" ] || printf "%s\n" "$k_set" | while read -r k_x k_i; do chmod "$k_x" "$k_i" || exit 1; done || exit 1
fi
if [ -n "$k_ba" ]; then k_now=$(date +%Y-%m-%d@%H:%M:%S); fi
cd -P /proc/self/fd/5 || exit 1
k_put ""`

// Unpacked is how a stream is put in place.
type Unpacked struct {
	Path string
	// Folders is what new folders get, the path's own and those above it as well.
	// Mode is needed.
	Folders Change
	// FileMode is the octal mode of all files in the archive, empty = they differ.
	FileMode string
	// Force gives files that are replaced the archive's mode; else they keep theirs.
	Force  bool
	Backup bool
}

// Unpack is the command that takes a tar stream on stdin and puts what it holds
// into a folder, each file whole. Replaced files keep their owner where Folders
// names none.
func (u Unpacked) Unpack(stream sh.Input) sh.Cmd {
	return sh.Script(unpackText, clean(u.Path), u.Folders.Mode, u.Folders.Owner, u.Folders.Group, u.FileMode, Yes(u.Force), Yes(u.Backup)).With(stream)
}

// copyText copies what is in one folder into another with owner and modes: from, to.
const copyText sh.Constant = sh.Temp + holdText + stageText + `k_dmo= k_like= k_ba= k_al= k_from=$1
case $1 in /*) ;; *) k_from=${PWD%/}/$1 ;; esac
case $2 in /*) ;; *) set -- "$1" "${PWD%/}/$2" ;; esac
k_make "$2" || exit 1
k_stage && cp -pR "$k_from/." ./all || exit 1
cd -P /proc/self/fd/5 || exit 1
k_6=/proc/self/fd/6/all
k_put ""`

// CopyFolder copies what is in a folder of the host into another one; what is
// there is replaced file by file.
func CopyFolder(from, to string) host.Step {
	return host.Run{Cmd: sh.Script(copyText, clean(from), clean(to)), What: "copy folder " + from + " to " + to}
}

// amongText sets owner, group and mode of what stdin names: a line with a folder
// below the path begins with a slash, the names in it follow. Path, owner, group,
// mode. A folder is held while its names are changed; the name . is itself.
const amongText sh.Constant = holdText + `k_own=$2 k_grp=$3 k_mod=$4
case $1 in /*) ;; *) set -- "${PWD%/}/$1" ;; esac
k_into "$1" || exit 1
k_top=$PWD
k_these() {
k_x=
for k_i; do if [ "$k_i" = . ]; then k_chown "$k_own" "$k_grp" . && { [ -z "$k_mod" ] || chmod "$k_mod" .; }; return; fi; done
if [ -n "$k_own" ]; then chown -h "$k_own" "$@" || return; fi
if [ -n "$k_grp" ]; then chgrp -h "$k_grp" "$@" || return; fi
if [ -z "$k_mod" ]; then return 0; fi
k_x=$(stat -c %a .)
if [ -O . ]; then case $k_x in *[2367] | *[2367]?) ;; *) k_x= ;; esac; fi
if [ -z "$k_x" ] || [ "$k_u" != 0 ]; then chmod "$k_mod" "$@"; return; fi
for k_i; do k_chmod "$k_mod" "$k_i" || return; done
}
k_all=$(cat)
set --
while IFS= read -r k_j; do
case $k_j in
/*)
[ $# -eq 0 ] || k_these "$@" || exit 1
set --
k_j=${k_top%/}${k_j%/}
k_into "${k_j:-/}" || exit 1 ;;
.) set -- . ;;
*)
set -- "$@" "./$k_j"
if [ $# -ge 500 ]; then k_these "$@" || exit 1; set --; fi ;;
esac
done <<END
$k_all
END
[ $# -eq 0 ] || k_these "$@"`

// Among sets owner, group and mode of the files or of the folders below a path
// whose relative names are given; the mode may be symbolic.
func Among(p string, names []string, folders bool, c Change) sh.Cmd {
	var b strings.Builder
	last := ""
	for _, n := range names {
		dir, name := path.Join("/", path.Dir(n)), path.Base(n)
		if folders {
			dir, name = path.Join("/", n), "."
		}
		if dir != last {
			b.WriteString(dir + "\n")
			last = dir
		}
		b.WriteString(name + "\n")
	}
	return sh.Script(amongText, clean(p), c.Owner, c.Group, c.Mode).With(sh.Bytes(b.String()))
}
