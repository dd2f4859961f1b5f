package system

import (
	"context"
	"path"
	"slices"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// userText makes, changes or removes a user with shadow's programs or busybox's.
// Arguments: verb, user, then words of useradd and usermod; busybox's programs
// know some of them only, and what they lack is said.
const userStepText sh.Constant = `v=$1 n=$2; shift 2
lacks() { echo "this host has busybox's adduser: it cannot $1" >&2; exit 1; }
if command -v useradd >/dev/null; then
case $v in
add) exec useradd "$@" "$n" ;;
mod) exec usermod "$@" "$n" ;;
age) exec chage "$@" "$n" ;;
del) i=0
until o=$(userdel "$@" "$n" 2>&1); do
r=$? i=$((i + 1))
case $o in *"used by process"*) ;; *) i=3 ;; esac
if [ $i = 3 ]; then echo "$o" >&2; exit $r; fi
sleep 1
done ;;
esac
else
G=; u=; c=; h=; s=; S=; H=; g=; f=
while [ $# -gt 0 ]; do
case $1 in
-u) u=$2; shift ;;
-g) g=$2; shift ;;
-G) G=$2; shift ;;
-c) c=$2; shift ;;
-d) h=$2; shift ;;
-s) s=$2; shift ;;
-r) S=-S ;;
-M) H=-H ;;
-m|-N|-o|-a|-f) ;;
-L) L=-l ;;
-U) L=-u ;;
*) lacks "do $1" ;;
esac
shift
done
case $v in
add) adduser -D $S $H ${u:+-u "$u"} ${g:+-G "$g"} ${c:+-g "$c"} ${h:+-h "$h"} ${s:+-s "$s"} "$n" || exit 1
IFS=,; for x in $G; do addgroup "$n" "$x" || exit 1; done ;;
mod) [ -z "$u$g$c$h$s" ] || lacks "change a user"
if [ -n "${L:-}" ]; then passwd $L "$n" || exit 1; fi
IFS=,; for x in $G; do addgroup "$n" "$x" || exit 1; done ;;
del) deluser ${S:+--remove-home} "$n" || exit 1 ;;
age) lacks "limit the age of passwords" ;;
esac
fi`

func userStep(what string, words ...string) host.Step {
	return host.Run{Cmd: sh.Script(userStepText, words...), What: what}
}

// goodbye removes a user as whom shells may be kept open: userdel refuses where a
// process is left.
type goodbye struct {
	user   string
	remove host.Step
}

// Describe is the removal's.
func (g goodbye) Describe() string { return g.remove.Describe() }

// Do ends those shells, and removes the user.
func (g goodbye) Do(ctx context.Context, w host.Writer) (host.Output, error) {
	if l, ok := w.(host.Leaver); ok {
		_ = l.Leave(g.user) // what is left then is said by userdel
	}
	return g.remove.Do(ctx, w)
}

// homeText makes a home that is missing, and fills it before it is given away:
// folder, owner, skeleton, umask.
const homeText sh.Constant = kit.Hold + `n=$2 k=${3:-/etc/skel} u=$4
k_q=${1%/*}
k_make "${k_q:-/}" || exit 1
h=${1##*/}
(umask "${u:-022}"; mkdir "./$h") && k_cd "$h" && k_bare || exit 1
if [ -d "$k" ]; then cp -R "$k/." . || exit 1; fi
g=$(id -g "$n") && chown -R -h "$n:$g" .`

// passwordText sets a hash that comes by stdin: never in a command's words.
const passwordText sh.Constant = `chpasswd -e`

// make are the steps that make a new user.
func (a userArgs) make(is account) []host.Step {
	words := []string{"add", a.Name}
	add := func(w ...string) { words = append(words, w...) }
	if a.UID != nil {
		add("-u", strconv.Itoa(*a.UID))
		if a.NonUnique {
			add("-o")
		}
	}
	if a.SEUser != "" {
		add("-Z", a.SEUser)
	}
	switch {
	case a.Group != "":
		add("-g", a.Group)
	case len(is.wanted) > 0 && is.wanted[0].name == a.Name: // a group of his name is there
		if is.programs == "useradd" {
			add("-N")
		} else {
			add("-g", a.Name)
		}
	}
	if g := a.others(is, ""); len(g) > 0 {
		add("-G", strings.Join(g, ","))
	}
	for _, w := range [][2]string{{"-c", deref(a.Comment)}, {"-d", a.Home}, {"-s", a.Shell}} {
		if w[1] != "" {
			add(w[0], w[1])
		}
	}
	if days, ok := a.expiry(); ok {
		add("-e", date(days))
	}
	if a.CreateHome {
		add("-m")
		if a.Skeleton != "" {
			add("-k", a.Skeleton)
		}
		if a.Umask != "" {
			add("-K", "UMASK="+a.Umask)
		}
	} else {
		add("-M")
	}
	if a.System {
		add("-r")
	}
	var steps []host.Step
	if a.CreateHome && a.Home != "" && is.hasHome == "" {
		if parent := path.Dir(a.Home); parent != "/" && parent != "/home" {
			steps = append(steps, kit.MakeFolder(parent, "", kit.Change{}))
		}
	}
	steps = append(steps, userStep("make the user "+a.Name, words...))
	if a.Password != nil {
		steps = append(steps, a.setPassword())
	} else if a.Lock != nil && *a.Lock {
		steps = append(steps, userStep("lock the password of "+a.Name, "mod", a.Name, "-L"))
	}
	return append(steps, a.ages(account{})...)
}

func (a userArgs) setPassword() host.Step {
	hash := a.Password.S
	if a.Lock != nil && *a.Lock {
		hash = "!" + strings.TrimLeft(hash, "!")
	}
	cmd := sh.Script(passwordText).With(sh.Bytes(a.Name + ":" + hash + "\n"))
	cmd.Secret = true
	return host.Run{Cmd: cmd, What: "set the password of " + a.Name}
}

// others are the wanted groups by name, without the user's first one.
func (a userArgs) others(is account, gid string) []string {
	var out []string
	for i := range a.groups() {
		if i+1 < len(is.wanted) && is.wanted[i+1].gid != gid {
			out = append(out, is.wanted[i+1].name)
		}
	}
	return out
}

// change are the steps that make a user what he shall be.
func (a userArgs) change(is account) []host.Step {
	words := []string{"mod", a.Name}
	add := func(w ...string) { words = append(words, w...) }
	if a.UID != nil && strconv.Itoa(*a.UID) != is.uid {
		add("-u", strconv.Itoa(*a.UID))
		if a.NonUnique {
			add("-o")
		}
	}
	if a.Group != "" && len(is.wanted) > 0 && is.wanted[0].gid != is.gid {
		add("-g", is.wanted[0].gid)
	}
	a.changeGroups(is, add)
	if a.Comment != nil && *a.Comment != is.comment {
		add("-c", *a.Comment)
	}
	if a.Home != "" && a.Home != is.home {
		add("-d", a.Home)
		if a.MoveHome {
			add("-m")
		}
	}
	if a.Shell != "" && a.Shell != is.shell {
		add("-s", a.Shell)
	}
	if days, ok := a.expiry(); ok && is.shadow && days != is.expires {
		add("-e", date(days))
	}
	password := a.Password != nil && a.Update == "always" && is.shadow && !a.sameHash(is)
	if a.Lock != nil && is.shadow && !password && *a.Lock != is.locked {
		add(map[bool]string{true: "-L", false: "-U"}[*a.Lock])
	}
	var steps []host.Step
	if len(words) > 2 {
		steps = append(steps, userStep("change the user "+a.Name, words...))
	}
	if password {
		steps = append(steps, a.setPassword())
	}
	home := a.Home
	if home == "" {
		home = is.home
	}
	if a.CreateHome && is.hasHome == "" && home != "" && !(a.MoveHome && a.Home != "" && a.Home != is.home) {
		steps = append(steps, host.Run{Cmd: sh.Script(homeText, strings.TrimRight(home, "/"), a.Name, a.Skeleton, a.Umask), What: "make the home " + home})
	}
	return append(steps, a.ages(is)...)
}

func (a userArgs) changeGroups(is account, add func(...string)) {
	if a.Groups == nil {
		return
	}
	want := a.others(is, "")
	var more []string
	for _, g := range want {
		if !slices.Contains(is.groups, g) {
			more = append(more, g)
		}
	}
	switch {
	case a.Append && len(more) > 0:
		add("-a", "-G", strings.Join(want, ","))
	case !a.Append && (len(more) > 0 || len(is.groups) != len(want)):
		add("-G", strings.Join(want, ","))
	}
}

// ages are the limits of a password's age.
func (a userArgs) ages(is account) []host.Step {
	words := []string{"age", a.Name}
	for _, l := range []struct {
		flag string
		want *int
		is   string
	}{{"-m", a.ExpireMin, is.min}, {"-M", a.ExpireMax, is.max}, {"-W", a.ExpireWarn, is.warn}, {"-I", a.Inactive, is.inactive}} {
		if l.want != nil && strconv.Itoa(*l.want) != l.is {
			words = append(words, l.flag, strconv.Itoa(*l.want))
		}
	}
	if len(words) == 2 {
		return nil
	}
	return []host.Step{userStep("limit the age of the password of "+a.Name, words...)}
}

// keyText prints the fingerprint of a key and its public half; nothing when it
// is not there. Argument: the file.
const keyText sh.Constant = `if [ -e "$1" ] || [ -e "$1.pub" ]; then ssh-keygen -lf "$1" 2>&1 | head -n 1; cat "$1.pub" 2>/dev/null; fi; :`

// keyStepText makes a key pair as the user, in his own folder: file, type, bits,
// comment, user, yes for a passphrase, which is a line of stdin. Nothing there is
// touched as root. ssh-keygen takes a passphrase from a program alone that is in no
// argument and no environment: it reads a file of the user's that lives as long. One
// that took none makes no key.
const keyStepText sh.Constant = `f=$1 t=$2 b=$3 c=$4 n=$5 y=$6
if ! command -v ssh-keygen >/dev/null; then echo "this host has no ssh-keygen" >&2; exit 1; fi
m='d=${f%/*}; [ -d "$d" ] || mkdir -m 700 "$d" || exit 1
if [ -z "$y" ]; then exec ssh-keygen -q -t "$t" ${b:+-b "$b"} -C "$c" -f "$f" -N "" </dev/null; fi
umask 077
q=$d/.key.$$
mkdir -m 700 "$q" || exit 1
trap "rm -rf \"\$q\"" EXIT
trap "exit 1" HUP INT TERM
cat >"$q/p"
printf "#!/bin/sh\ncat \"\${0%%/*}/p\"\n" >"$q/a"; chmod 700 "$q/a"
SSH_ASKPASS=$q/a SSH_ASKPASS_REQUIRE=force DISPLAY=${DISPLAY:-:0} ssh-keygen -q -t "$t" ${b:+-b "$b"} -C "$c" -f "$q/k" </dev/null || exit 1
if ssh-keygen -y -P "" -f "$q/k" </dev/null >/dev/null 2>&1; then echo "ssh-keygen of this host took no passphrase: no key was made" >&2; exit 1; fi
mv "$q/k" "$f" && mv "$q/k.pub" "$f.pub"'
export f t b c y
if [ "$(id -u)" != 0 ] || [ "$(id -un)" = "$n" ]; then exec sh -c "$m"; fi
exec su -s /bin/sh "$n" -c "$m"`

// key makes the key pair that is missing, and tells of it.
func (a userArgs) key(s host.Seen, is account, data *value.Map, changed bool) (play.Plan, error) {
	file := a.KeyFile
	if file == "" {
		file = ".ssh/id_" + a.KeyType
	}
	file = kit.Join(is.home, file)
	q := host.NewProbe(keyText, kit.Safe(file))
	there, err := s.Answer(q)
	if err != nil {
		return play.Plan{}, err
	}
	data = a.told(is, data)
	tell := func(text string) *value.Map {
		out := data.Clone()
		print, public, _ := strings.Cut(text, "\n")
		out.Put("ssh_fingerprint", kit.HostText(print))
		out.Put("ssh_key_file", kit.HostText(file))
		out.Put("ssh_public_key", kit.HostText(strings.TrimSpace(public)))
		return out
	}
	if len(there.Stdout) > 0 {
		return play.Plan{Note: "the key " + file + " is there", Result: play.Result{Changed: changed, Data: tell(string(there.Stdout)), Warnings: a.warnings()}}, nil
	}
	bits, comment := "", a.KeyComment
	if a.KeyBits > 0 {
		bits = strconv.Itoa(a.KeyBits)
	}
	if comment == "" {
		comment = "ansible-generated on " + a.Name
	}
	cmd := sh.Script(keyStepText, file, a.KeyType, bits, comment, a.Name, kit.Yes(a.KeyPhrase.S != ""))
	if a.KeyPhrase.S != "" {
		cmd = cmd.With(sh.Bytes(a.KeyPhrase.S + "\n"))
		cmd.Secret = true
	}
	return play.Plan{
		Steps:  []host.Step{host.Run{Cmd: cmd, What: "make the key " + file}},
		Result: play.Result{Changed: true, Data: data},
		Then: func([]host.Output) (play.Bound, error) {
			return kit.Stage(func(s host.Seen) (play.Plan, error) {
				now, err := s.Answer(q)
				return play.Plan{Result: play.Result{Changed: true, Data: tell(string(now.Stdout)), Warnings: a.warnings()}}, err
			}), nil
		},
	}, nil
}
