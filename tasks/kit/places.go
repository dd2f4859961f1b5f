package kit

import (
	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// makeText makes a folder and every one above it that is missing: path, owner,
// group, mode of those that are new, the link that leads to it or nothing.
const makeText sh.Constant = holdText + `case $1 in /*) ;; *) set -- "${PWD%/}/$1" "$2" "$3" "$4" "$5" ;; esac
if [ -n "$5" ]; then k_at "$1" "$5" && k_mkdir "$k_n" "$2" "$3" "$4" || exit 1
else k_make "$1" "$2" "$3" "$4" || exit 1; fi
` + toldText + `.`

// MakeFolder makes a folder and those above it; each new one gets owner, group
// and mode. Of a folder that a link leads to, via is the link: it is followed by
// k_at's rule, and what is above must be there.
func MakeFolder(p, via string, c Change) host.Step {
	what := "make folder " + p
	if c.Any() {
		what += " (" + c.String() + ")"
	}
	return host.Run{Cmd: sh.Script(makeText, clean(p), c.Owner, c.Group, c.Mode, clean(via)), What: what}
}

// linkText makes a link beside its place and renames it: path, target, -s or
// nothing for a hard link. A folder in the way must be empty.
const linkText sh.Constant = sh.Temp + holdText + `case $3$2 in /* | -s*) ;; *) set -- "$1" "${PWD%/}/$2" "$3" ;; esac
k_hold "$1" || exit 1
if [ -d "./$k_n" ] && [ ! -h "./$k_n" ]; then rmdir "./$k_n" || exit 1; fi
_name .
k_t=./${_t##*/}
ln $3 -- "$2" "$k_t" || exit 1
k_mv || { k_no "$k_e"; exit 1; }
` + toldText + `"./$k_n"`

// Link makes p a symbolic link to target, or with hard the same file as target.
// What is there is replaced.
func Link(p, target string, hard bool) host.Step {
	kind, what := "-s", "link "+p+" -> "+target
	if hard {
		kind, what = "", "hard link "+p+" = "+target
	}
	return host.Run{Cmd: sh.Script(linkText, clean(p), target, kind), What: what}
}

// removeText removes a path and what is below it.
const removeText sh.Constant = holdText + `k_hold "$1" || exit 1
rm -rf "./$k_n"`

// Remove removes what is at a path, of that kind (for the description).
func Remove(p, kind string) host.Step {
	return host.Run{Cmd: sh.Script(removeText, clean(p)), What: "remove " + kind + " " + p}
}

// touchText sets times: path, modification time, access time (empty = leave
// it, now, or YYYYMMDDhhmm.SS), the link that led to the path. It makes the file when it is not there.
const touchText sh.Constant = holdText + `k_at "$1" "$4" || exit 1
if [ ! -e "./$k_n" ] && [ ! -h "./$k_n" ]; then
set -C
: >"./$k_n" || exit 1
set +C
fi
k_touch() { touch -h -c "$@" "./$k_n" 2>/dev/null || { [ ! -h "./$k_n" ] && touch -c "$@" "./$k_n"; }; }
k_time() { case $2 in "") ;; now) k_touch "$1" ;; *) k_touch "$1" -t "$2" ;; esac; }
if [ "$2" = now ] && [ "$3" = now ]; then k_touch
else k_time -m "$2" && k_time -a "$3"; fi || exit 1
` + toldText + `"./$k_n"`

// Touch sets a path's times of modification and access: empty = as they are, now,
// or YYYYMMDDhhmm.SS. A file that is missing is made. Via is the link that p was
// reached through.
func Touch(p, via, modified, accessed string) host.Step {
	return host.Run{Cmd: sh.Script(touchText, clean(p), modified, accessed, clean(via)), What: "touch " + p}
}

// belowText sets owner, group and mode (octal or symbolic) of all below a
// folder: path, owner, group, mode, the link that led to the path. Every folder is held while what is in it is
// changed; what is in it first, before it is given away itself.
const belowText sh.Constant = holdText + `k_own=$2 k_grp=$3 k_mod=$4
k_below() {
for k_j in ./* ./.[!.]* ./..?*; do
if [ ! -d "$k_j" ] || [ -h "$k_j" ]; then continue; fi
(k_cd "${k_j#./}" && k_below && k_chown "$k_own" "$k_grp" . && { [ -z "$k_mod" ] || chmod "$k_mod" .; }) || return 1
done
if [ -n "$k_own" ]; then find . -mindepth 1 -maxdepth 1 ! -type d -exec chown -h "$k_own" {} + || return 1; fi
if [ -n "$k_grp" ]; then find . -mindepth 1 -maxdepth 1 ! -type d -exec chgrp -h "$k_grp" {} + || return 1; fi
if [ -z "$k_mod" ]; then return 0; fi
case $k_mod in *[!0-7]*) k_x=y ;; *) k_x=$(find . -mindepth 1 -maxdepth 1 ! -type d ! -type l ! -perm "$k_mod" | head -n 1) ;; esac
if [ -z "$k_x" ]; then return 0; fi
k_x=$(stat -c %a .)
if [ -O . ]; then case $k_x in *[2367] | *[2367]?) ;; *) k_x= ;; esac; fi
if [ -z "$k_x" ] || [ "$k_u" != 0 ]; then
find . -mindepth 1 -maxdepth 1 ! -type d ! -type l -exec chmod "$k_mod" {} +
return
fi
for k_j in ./* ./.[!.]* ./..?*; do
if [ ! -e "$k_j" ] || [ -d "$k_j" ] || [ -h "$k_j" ]; then continue; fi
k_chmod "$k_mod" "$k_j" || return 1
done
}
k_at "$1" "$5" && k_cd "$k_n" && k_below`

// Below sets owner, group and mode of everything below a folder; the mode may be
// symbolic (Change.With). Via is the link that p was reached through.
func Below(p, via string, c Change) host.Step {
	return host.Run{Cmd: sh.Script(belowText, clean(p), c.Owner, c.Group, c.Mode, clean(via)), What: "owner, group and mode of all below " + p}
}

// tempText makes a file or folder under a name that nobody can guess. Not every
// mktemp takes a suffix: the name is tried with mkdir and noclobber, which never
// take what is there. Arguments: file or directory, folder, prefix, suffix.
const tempText sh.Constant = holdText + `d=${2:-${TMPDIR:-/tmp}}
if [ ! -d "$d" ]; then echo "[Errno 2] No such file or directory: '$d'" >&2; exit 1; fi
case $d in /*) ;; *) d=${PWD%/}/$d ;; esac
while :; do case $d in *//*) d=${d%%//*}/${d#*//} ;; ?*/) d=${d%/} ;; *) break ;; esac; done
k_into "$d" || exit 1
umask 077
n=0
while [ $n -lt 100 ]; do
r=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
p=$3$r$4
if [ "$1" = directory ]; then mkdir "./$p" 2>/dev/null && break
else (set -C; : >"./$p") 2>/dev/null && break; fi
n=$((n + 1))
done
if [ $n -eq 100 ]; then echo "nothing can be made in $d" >&2; exit 1; fi
stat -c "%f %u %g
%U
%G
%s" "./$p" || exit 1
printf %s "${d%/}/$p"`

// MakeTemp makes a file or a directory (kind) of an unforeseeable name in a folder,
// empty = the host's own for such files; it prints what Told reads, and the path at last.
func MakeTemp(kind, dir, prefix, suffix string) host.Step {
	return host.Run{Cmd: sh.Script(tempText, kind, dir, prefix, suffix), What: "make a temporary " + kind}
}
