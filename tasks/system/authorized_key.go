package system

import (
	"fmt"
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// authorizedArgs are the arguments of authorized_key.
type authorizedArgs struct {
	User      string  `arg:"user" need:"yes" help:"whose keys"`
	Key       string  `arg:"key" need:"yes" help:"public keys, a line each, or a URL of https that gives such"`
	Path      string  `arg:"path" type:"path" help:"the file; without it .ssh/authorized_keys in the user's home"`
	ManageDir bool    `arg:"manage_dir" default:"yes" help:"make the folder, and give it to the user"`
	State     string  `arg:"state" default:"present" choices:"absent,present" help:"whether the keys shall be there"`
	Options   string  `arg:"key_options" help:"options before the key (no-pty,from=\"10.0.0.1\"), instead of those that it has"`
	Exclusive bool    `arg:"exclusive" default:"no" help:"no other key stays"`
	Comment   *string `arg:"comment" help:"the comment behind the key, instead of its own"`
	Certs     bool    `arg:"validate_certs" default:"yes" help:"the server of a URL has to prove who it is"`
	Follow    bool    `arg:"follow" default:"no" help:"edit what a link leads to instead of replacing the link"`
}

// AuthorizedKey keeps keys by which people log in.
func AuthorizedKey() play.Module {
	return kit.Define(kit.Doc{Name: "authorized_key", Short: "keys by which people log in"}, authorizedKey{})
}

type authorizedKey struct{}

func (authorizedKey) Validate(a authorizedArgs) *play.ArgError {
	if !accountName(a.User) {
		return &play.ArgError{Arg: "user", Msg: fmt.Sprintf("%q is not valid as the name of a user", a.User)}
	}
	if strings.ContainsAny(a.Options+deref(a.Comment), "\r\n") {
		return &play.ArgError{Msg: "a line break would begin another key"}
	}
	if a.url() {
		if !strings.HasPrefix(a.Key, "https://") && !strings.HasPrefix(a.Key, "http://") {
			return &play.ArgError{Arg: "key", Msg: "a URL of keys has to be http or https"}
		}
		return nil
	}
	if _, err := a.wanted(a.Key); err != nil {
		return &play.ArgError{Arg: "key", Msg: err.Error()}
	}
	return nil
}

func (a authorizedArgs) url() bool { return strings.Contains(strings.SplitN(a.Key, " ", 2)[0], "://") }

// sshKey is one line of an authorized_keys file.
type sshKey struct {
	line                         string // as it stands
	options, kind, blob, comment string
}

// text is the line that the parts make.
func (k sshKey) text() string {
	parts := []string{k.options, k.kind, k.blob, k.comment}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

// same compares what counts when somebody logs in, and the comment.
func (k sshKey) same(o sshKey) bool {
	return k.options == o.options && k.kind == o.kind && k.blob == o.blob && k.comment == o.comment
}

// keyKinds are the beginnings of names of key types.
func isKeyKind(s string) bool {
	for _, p := range []string{"ssh-ed25519", "ssh-rsa", "ssh-dss", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"} {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// parseKey reads a line; ok=false for comments, empty lines and what is no key.
func parseKey(line string) (sshKey, bool) {
	k := sshKey{line: line}
	words := keyWords(strings.TrimSpace(line))
	at := slices.IndexFunc(words, isKeyKind)
	if at < 0 || at > 1 || at+1 >= len(words) || strings.HasPrefix(words[0], "#") {
		return k, false
	}
	if at == 1 {
		k.options = words[0]
	}
	k.kind, k.blob = words[at], words[at+1]
	k.comment = strings.Join(words[at+2:], " ")
	return k, true
}

// keyWords splits at white space outside of double quotes.
func keyWords(s string) []string {
	var out []string
	var b strings.Builder
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && s[i+1] == '"':
			b.WriteString(`\"`)
			i++
		case c == '"':
			quoted = !quoted
			b.WriteByte(c)
		case (c == ' ' || c == '\t') && !quoted:
			if b.Len() > 0 {
				out = append(out, b.String())
				b.Reset()
			}
		default:
			b.WriteByte(c)
		}
	}
	if b.Len() > 0 {
		out = append(out, b.String())
	}
	return out
}

// wanted reads the keys of the argument, with options and comment of the others.
func (a authorizedArgs) wanted(text string) ([]sshKey, error) {
	var out []sshKey
	for l := range strings.Lines(text) {
		l = strings.TrimSpace(l)
		if l == "" || strings.HasPrefix(l, "#") {
			continue
		}
		k, ok := parseKey(l)
		if !ok {
			return nil, fmt.Errorf("invalid key specified: %s", kit.OneLine(l))
		}
		if a.Options != "" {
			k.options = a.Options
		}
		if a.Comment != nil {
			k.comment = *a.Comment
		}
		out = append(out, k)
	}
	if len(out) == 0 && !a.Exclusive {
		return nil, fmt.Errorf("invalid key specified: %s", kit.OneLine(text))
	}
	return out, nil
}

// fetchText fetches keys: URL, and -k or nothing.
const fetchText sh.Constant = `if command -v curl >/dev/null; then exec curl -fsSL --max-time 30 --max-filesize 1048576 $2 -- "$1"; fi
if command -v wget >/dev/null; then exec wget -q -T 30 ${2:+--no-check-certificate} -O - "$1"; fi
echo "this host has neither curl nor wget" >&2; exit 1`

// dirText says what the folder of a file is: none, link, or owner, group and mode.
const dirText sh.Constant = `if [ -h "$1" ]; then echo link; elif [ -d "$1" ]; then LC_ALL=C stat -c '%U %G %a' "$1"; else echo none; fi`

// authorized is what a plan knows.
type authorized struct {
	args       authorizedArgs
	user       account
	path, text string
	look       kit.Look
	dir        string
}

func (authorizedKey) Facts(a authorizedArgs) []host.Question {
	return []host.Question{accountOf(a.User, "", nil).Q}
}

func (authorizedKey) Plan(a authorizedArgs, s host.Seen) (play.Plan, error) {
	st, stop, err := a.look(s)
	if err != nil || stop != nil {
		if stop != nil {
			return *stop, nil
		}
		return play.Plan{}, err
	}
	text := a.Key
	if a.url() {
		flag := ""
		if !a.Certs {
			flag = "-k"
		}
		ans, err := s.Answer(host.NewProbe(fetchText, a.Key, flag).Wide())
		if err != nil {
			return play.Plan{}, err
		}
		if ans.Status != 0 {
			return kit.Failure("Error getting key from: %s", a.Key), nil
		}
		text = string(ans.Stdout)
	}
	want, err := a.wanted(text)
	if err != nil {
		return kit.Failure("%v", err), nil
	}
	return st.plan(want), nil
}

// look asks for the user, then for the file and its folder.
func (a authorizedArgs) look(s host.Seen) (authorized, *play.Plan, error) {
	st := authorized{args: a}
	var err error
	if st.user, err = host.Get(s, accountOf(a.User, "", nil)); err != nil {
		return st, nil, err
	}
	fails := func(format string, args ...any) *play.Plan {
		p := kit.Failure(format, args...)
		return &p
	}
	if !st.user.exists {
		if a.Path == "" {
			return st, fails("Failed to lookup user %s: there is no such user", a.User), nil
		}
		st.user.home = "/"
	}
	st.path = a.Path
	if st.path == "" {
		st.path = kit.Join(st.user.home, ".ssh/authorized_keys")
	}
	dir := host.NewProbe(dirText, kit.DirOf(st.path))
	if err := host.All(s, append(kit.TextQuestions(st.path), dir)...); err != nil {
		return st, nil, err
	}
	at, err := kit.TextOf(s, st.path, true)
	if err != nil {
		return st, nil, err
	}
	if at.There() && !at.Look.Target.IsFile() {
		return st, fails("%s is not a file", st.path), nil
	}
	st.look, st.text = at.Look, string(at.Old)
	d, err := s.Answer(dir)
	st.dir = strings.TrimSpace(string(d.Stdout))
	return st, nil, err
}

// edit returns the file's lines as they shall be.
func (st authorized) edit(want []sshKey) (lines []string, changed bool) {
	seen := map[string]bool{}
	wanted := map[string]sshKey{}
	for _, k := range want {
		wanted[k.blob] = k
	}
	for l := range strings.Lines(st.text) {
		l = strings.TrimSuffix(l, "\n")
		k, ok := parseKey(l)
		w, asked := wanted[k.blob]
		switch {
		case !ok && st.args.Exclusive && st.args.State == "present" && strings.TrimSpace(l) != "":
			changed = true
		case !ok:
			lines = append(lines, l)
		case st.args.State == "absent" && asked, asked && seen[k.blob]:
			changed = true
		case st.args.State == "absent":
			lines = append(lines, l)
		case asked:
			seen[k.blob] = true
			if k.same(w) {
				lines = append(lines, l)
				continue
			}
			lines, changed = append(lines, w.text()), true
		case st.args.Exclusive:
			changed = true
		default:
			lines = append(lines, l)
		}
	}
	for _, k := range want {
		if st.args.State == "present" && !seen[k.blob] {
			seen[k.blob] = true
			lines, changed = append(lines, k.text()), true
		}
	}
	return lines, changed
}

func (st authorized) plan(want []sshKey) play.Plan {
	a := st.args
	lines, changed := st.edit(want)
	data := value.MapOf("user", value.String(a.User), "key", value.String(a.Key), "keyfile", kit.HostText(st.path), "state", value.String(a.State),
		"exclusive", value.Bool(a.Exclusive), "manage_dir", value.Bool(a.ManageDir), "follow", value.Bool(a.Follow),
		"validate_certs", value.Bool(a.Certs), "path", orNull(a.Path), "key_options", orNull(a.Options), "comment", orNull(deref(a.Comment)))
	if a.Path != "" {
		st.look.Target.AddTo(data, int64(len(st.text)))
	}
	if !changed {
		return kit.Unchanged("the keys of "+a.User+" are as they shall be", data)
	}
	now := ""
	if len(lines) > 0 {
		now = strings.Join(lines, "\n") + "\n"
	}
	real := st.path
	if st.look.Own.IsLink() && st.look.Real != "" && a.Follow {
		real = st.look.Real
	}
	w := st.look.Write(real)
	if st.look.Target.Exists {
		w.Old = []byte(st.text)
	}
	var steps []host.Step
	if st.user.exists {
		w.Want = kit.Change{Owner: a.User, Group: st.user.gid, Mode: kit.Octal(0o600)}
	}
	if a.ManageDir && st.user.exists {
		own := kit.Change{Owner: a.User, Group: st.user.gid, Mode: kit.Octal(0o700)}
		switch dir := kit.DirOf(st.path); {
		case st.dir == "none":
			steps = append(steps, kit.MakeFolder(dir, "", own))
		case st.dir == "link": // whoever made it says where, and whose that is
		case !strings.HasPrefix(st.dir, a.User+" ") || !strings.HasSuffix(st.dir, " 700"):
			steps = append(steps, own.Step(dir, "", false))
		}
	}
	w.Mkdir = !a.ManageDir && st.dir == "none"
	steps = append(steps, w.Step(kit.MadeInput(real, []byte(now))))
	res := play.Result{Changed: true, Data: data}
	finish := kit.ToldAt(res, len(steps)-1, st.path)
	if a.Path == "" { // as in Ansible: a result tells of files that arguments name
		finish = nil
	}
	return play.Plan{
		Steps: steps, Result: res, Finish: finish,
		Diff: []play.Diff{{BeforeHeader: st.path, AfterHeader: st.path, BeforeText: st.text, AfterText: now}},
	}
}

func orNull(s string) value.Value {
	if s == "" {
		return value.Null()
	}
	return value.String(s)
}
