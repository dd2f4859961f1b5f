package system

import (
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// entryFuncs defines _entry DATABASE NAME: the line of a user or group, also
// where there is no getent. A name that is all digits is a name, not a number.
const entryFuncs = `_entry() {
if command -v getent >/dev/null; then getent "$1" "$2" 2>/dev/null
else while IFS= read -r _l; do case $_l in "$2":*) printf '%s\n' "$_l"; break ;; esac; done <"/etc/$1"; fi | while IFS= read -r _l; do
case $_l in "$2":*) printf '%s\n' "$_l"; break ;; esac; done
}
_all() { if command -v getent >/dev/null; then getent "$1"; else cat "/etc/$1"; fi; }
`

// groupText prints a group's line, then the line of whoever has the number.
// Arguments: name, number (or empty).
const groupText sh.Constant = entryFuncs + `echo "=$(_entry group "$1")"
if [ -n "$2" ]; then _all group | while IFS=: read -r n p g m; do if [ "$g" = "$2" ]; then echo "$n"; break; fi; done; fi`

// userText prints, each on a line that begins with "=": which programs make
// users, a user's entry, what shadow says of it (locked, sha256 of the password
// without its locks, expiry, least and most days), whether its home is there,
// and the groups that list it; then a line for each group that is asked for
// (name:number, or -). Arguments: name, home (or empty: the entry's), groups.
const userText sh.Constant = entryFuncs + `n=$1 h=$2; shift 2
if command -v useradd >/dev/null; then echo "=useradd"; else echo "=adduser"; fi
e=$(_entry passwd "$n")
echo "=$e"
s=
if [ -n "$e" ] && [ -r /etc/shadow ]; then
s=$(while IFS=: read -r a b c d f g i x y; do if [ "$a" = "$n" ]; then
k=open; case $b in "!"*) k=locked ;; esac
while :; do case $b in "!"*) b=${b#!} ;; *) break ;; esac; done
w=$(printf %s "$b" | sha256sum)
echo "$k ${w%% *} ${x:--} ${d:--} ${f:--} ${g:--} ${i:--}"; break; fi; done </etc/shadow)
fi
echo "=$s"
if [ -z "$h" ]; then h=${e%:*}; h=${h##*:}; fi
if [ -d "$h" ]; then echo "=home"; elif [ -e "$h" ]; then echo "=file"; else echo "="; fi
echo "=$(_all group | while IFS=: read -r a b c d; do case ,$d, in *",$n,"*) printf '%s ' "$a" ;; esac; done)"
for g; do r=$(_entry group "$g"); if [ -z "$r" ]; then r=$(_all group | while IFS=: read -r a b c d; do if [ "$c" = "$g" ]; then echo "$a:$b:$c:$d"; break; fi; done); fi
if [ -z "$r" ]; then echo -; else a=${r%%:*}; r=${r#*:*:}; echo "$a:${r%%:*}"; fi; done`

// account is a user as the host has it.
type account struct {
	programs string // useradd or adduser
	exists   bool
	uid, gid string
	comment  string
	home     string
	shell    string

	shadow   bool // the following were readable
	locked   bool
	hash     string // sha256 of the password's hash, in hex
	expires  string // days since 1970, - = never
	min, max string // days, - = none
	// warn is how many days before its end a password is complained of, inactive how
	// many behind it the account is closed.
	warn, inactive string

	hasHome string   // "home", "file" or empty
	groups  []string // that list the user
	wanted  []named  // of the groups that were asked for; an empty name = not there
}

// named is a group's name and number.
type named struct{ name, gid string }

// accountOf asks for a user.
func accountOf(name, home string, groups []string) host.Fact[account] {
	return host.Fact[account]{
		Q:     host.NewProbe(userText, append([]string{name, home}, groups...)...),
		Parse: func(a host.Answer) (account, error) { return parseAccount(name, string(a.Stdout)) },
	}
}

func parseAccount(name, text string) (account, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	bad := fmt.Errorf("the host's answer about the user %s is not complete", name)
	if len(lines) < 5 {
		return account{}, bad
	}
	for _, l := range lines[:5] {
		if !strings.HasPrefix(l, "=") {
			return account{}, bad
		}
	}
	a := account{programs: lines[0][1:], hasHome: lines[3][1:], groups: strings.Fields(lines[4][1:])}
	if f := strings.Split(lines[1][1:], ":"); len(f) == 7 {
		a.exists, a.uid, a.gid, a.comment, a.home, a.shell = true, f[2], f[3], f[4], f[5], f[6]
	}
	if f := strings.Fields(lines[2][1:]); len(f) == 7 {
		a.shadow, a.locked, a.hash, a.expires, a.min, a.max, a.warn, a.inactive = true, f[0] == "locked", f[1], f[2], f[3], f[4], f[5], f[6]
	}
	for _, l := range lines[5:] {
		n, g, _ := strings.Cut(l, ":")
		if n == "-" {
			n = ""
		}
		a.wanted = append(a.wanted, named{n, g})
	}
	return a, nil
}
