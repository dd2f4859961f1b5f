package sh

import "strings"

// Temp is text that a script begins with when it makes temporary files beside
// what it writes. However the script ends, nothing of them stays: it cleans up
// itself at its end and at every signal that can be caught, SIGPIPE among them
// (a shell that prints to a link that is gone dies of it before its EXIT trap);
// what SIGKILL or a power cut left is cleaned by the next script of the same
// user that begins with Temp. It gives these words:
//
//   - _tidy, called once and first: sets the traps, and removes what scripts
//     left that are dead by now.
//
//   - _name FOLDER [d]: chooses a path in FOLDER that nobody can foresee
//     (.remoterun.UUID), notes it, and answers it in $_t. Nothing is made: that
//     is the script's own act (set -C; : >"$_t"). With d it is a folder, removed
//     with what is in it.
//
//   - _stand FILE: chooses such a path beside FILE, puts FILE by under it if it is
//     there, and answers it in $_t. What the script then lays at FILE, whole and by
//     renaming it there, has ${_t##*/} in its text; at the end, however it comes,
//     that is removed and the old FILE is back. So a file of the system's can be
//     another one for a while.
//
//   - $_late, when set, is a word that is called first of all at the end, whatever
//     the reason: to put by what would be lost. _keep makes the path that _name
//     chose last stay; whose it is from then on is said by nobody but the caller.
//
// A file that was renamed to its place is not there any more under its noted
// name, so nothing has to be taken back. Words and variables of Temp begin with
// _; $_t is the only one to read. The script sets no traps of its own for EXIT,
// HUP, INT, QUIT, PIPE and TERM.
//
// The notes lie in a folder that only the user can read: /var/lib/remoterun/.tmp
// for root, ~/.local/state/remoterun/.tmp for others (without a home:
// /tmp/.remoterun-tmp-UID). There is one per running shell, called PID.START as
// /proc/PID/stat has it: whether its writer lives is asked of the kernel. Only
// paths whose last part begins with .remoterun. are ever removed.
const Temp Constant = tempWords + "_tidy\n"

// TempAsking is Temp for a question, which check mode asks as well: it makes no folder
// for notes. Where none is there, SIGKILL leaves what _name chose.
const TempAsking = "_q=y\n" + Temp

// tempWords are the words of Temp, without its beginning.
const tempWords = `_start() { _s=; { IFS= read -r _s <"/proc/$1/stat"; } 2>/dev/null || return 0; set -- ${_s##*) }; _s=${20-}; }
_root() {
if [ -O / ]; then _d=/var/lib/remoterun/.tmp; else _d=${XDG_STATE_HOME:-${HOME-}/.local/state}/remoterun/.tmp; fi
case $_d in //* | [!/]*) ;; *) { [ -d "$_d" ] || [ -n "${_q-}" ] || (umask 077; mkdir -p "$_d"); } 2>/dev/null && [ -O "$_d" ] && [ -w "$_d" ] && return ;; esac
_d=${TMPDIR:-/tmp}/.remoterun-tmp-$(id -u)
[ -d "$_d" ] || [ -n "${_q-}" ] || (umask 077; mkdir "$_d") 2>/dev/null
[ ! -h "$_d" ] && [ -d "$_d" ] && [ -O "$_d" ] || _d=
}
_undo() {
if [ -e "$1" ] || [ -h "$1" ]; then mv -f "$1" "$2"
elif grep -qF "${1##*/}" "$2" 2>/dev/null; then rm -f "$2"; fi
}
_drop() {
while IFS= read -r _x; do
case ${_x##*/} in .remoterun.?*) ;; *) continue ;; esac
case $_x in "f "/*) rm -f "${_x#??}" ;; "d "/*) rm -rf "${_x#??}" ;; "s "/*" "/*) _x=${_x#??}; _undo "${_x##* }" "${_x% *}" ;; esac
done <"$1"
rm -f "$1"
}
_tidy() {
_c=0 _e=
_root
trap _gone 0
trap "_gone; exit 1" 1 2 3 13 15
[ -n "$_d" ] || return 0
for _f in "$_d"/*; do
_p=${_f##*/}
case $_p in .* | *[!0-9.]* | *.*.*) continue ;; esac
_start "${_p%%.*}"
if [ -n "${_p#*.}" ]; then [ "$_s" = "${_p#*.}" ]; else kill -0 "${_p%%.*}" 2>/dev/null; fi || _drop "$_f"
done
}
_name() {
case $1 in /*) _t=${1%/} ;; *) _t=${PWD%/}/${1%/} ;; esac
{ IFS= read -r _x </proc/sys/kernel/random/uuid; } 2>/dev/null || _x=$(mktemp -u XXXXXXXXXXXXXXXXXXXX)
_t=$_t/.remoterun.$_x
if [ -z "$_e" ] && [ -n "$_d" ]; then _start $$; _e=$_d/$$.$_s; fi
case $_t in *"
"*) ;; *) [ -z "$_e" ] || printf "%s %s\n" "${2-f}${3:+ $3}" "$_t" 2>/dev/null >>"$_e" ;; esac
_c=$((_c + 1))
eval "_n$_c=\$_t _k$_c=\${2-f} _o$_c=\${3-}"
}
_stand() {
_name "${1%/*}" s "$1"
if [ -e "$1" ] || [ -h "$1" ]; then mv "$1" "$_t"; fi
}
_keep() { eval "_n$_c="; }
_gone() {
trap "" 1 2 3 13 15
[ -z "${_late-}" ] || $_late
if [ "$_c$_e" = 0 ]; then return 0; fi
set --
while [ "$_c" -gt 0 ]; do
eval "_x=\$_n$_c _k=\$_k$_c"
if [ "$_k" = d ]; then rm -rf "$_x"; elif [ "$_k" = s ]; then eval "_undo \"\$_x\" \"\$_o$_c\""; elif [ -e "$_x" ] || [ -h "$_x" ]; then set -- "$@" "$_x"; fi
_c=$((_c - 1))
done
if [ -z "$_e" ]; then :
elif [ -n "${_kept-}" ] && : >"$_e"; then :
else set -- "$@" "$_e"; fi
[ $# -eq 0 ] || rm -f "$@"
}
`

// A chain's steps are subshells of one shell, and so have one file of notes: each
// empties it ($_kept), and the chain's end removes it, which spares a program for
// each step.
func tempKept() (head, end string) {
	return "_kept=y\n", "(\n_q=y\n" + tempWords + "_root; _start $$\n[ -z \"$_d\" ] || rm -f \"$_d/$$.$_s\")\n"
}

// temporary reports that a text begins with Temp.
func temporary(text string) bool { return strings.Contains(text, string(Temp)) }
