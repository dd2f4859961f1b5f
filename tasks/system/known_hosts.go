package system

import (
	"crypto/hmac"
	"crypto/sha1" // #nosec G505: OpenSSH's own way of hiding names
	"encoding/base64"
	"regexp"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// knownHostsArgs are the arguments of known_hosts.
type knownHostsArgs struct {
	Name  string `arg:"name,host" need:"yes" help:"the server, as ssh is told it: name, address, [name]:port"`
	Key   string `arg:"key" help:"its line: names, kind and key; needed unless absent"`
	Path  string `arg:"path" default:"~/.ssh/known_hosts" type:"path" help:"the file"`
	Hash  bool   `arg:"hash_host" default:"no" help:"write the name so that it cannot be read"`
	State string `arg:"state" default:"present" choices:"absent,present" help:"whether the file shall have it"`
}

// KnownHosts keeps keys of SSH servers.
func KnownHosts() play.Module {
	return kit.Define(kit.Doc{Name: "known_hosts", Short: "keys of SSH servers that a user trusts"}, knownHosts{})
}

type knownHosts struct{}

// knownLine is a line of the file.
type knownLine struct{ marker, names, kind, key string }

func parseKnown(line string) (knownLine, bool) {
	f := strings.Fields(line)
	var k knownLine
	if len(f) > 0 && strings.HasPrefix(f[0], "@") {
		k.marker, f = f[0], f[1:]
	}
	if len(f) < 3 || strings.HasPrefix(f[0], "#") {
		return k, false
	}
	k.names, k.kind, k.key = f[0], f[1], f[2]
	return k, true
}

// is reports whether the line is a server's.
func (k knownLine) is(name string) bool {
	for n := range strings.SplitSeq(k.names, ",") {
		if rest, hashed := strings.CutPrefix(n, "|1|"); hashed {
			salt, sum, _ := strings.Cut(rest, "|")
			raw, err := base64.StdEncoding.DecodeString(salt)
			if err == nil && hashName(raw, name) == sum {
				return true
			}
			continue
		}
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

func hashName(salt []byte, name string) string {
	h := hmac.New(sha1.New, salt)
	_, _ = h.Write([]byte(name))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func (a knownHostsArgs) name() string { return strings.ToLower(a.Name) }

// line is what the file shall have.
func (a knownHostsArgs) line() string {
	text := strings.TrimSpace(a.Key)
	if !a.Hash {
		return text
	}
	k, _ := parseKnown(text)
	salt := sha1.Sum([]byte(k.key + " " + a.name())) // #nosec G401: it is written beside the hash
	rest := text[strings.Index(text, k.names)+len(k.names):]
	return strings.TrimSpace(k.marker + " |1|" + base64.StdEncoding.EncodeToString(salt[:]) + "|" + hashName(salt[:], a.name()) + rest)
}

func (knownHosts) Validate(a knownHostsArgs) *play.ArgError {
	switch {
	case a.State == "present" && strings.TrimSpace(a.Key) == "":
		return &play.ArgError{Arg: "key", Msg: "No key specified when adding a host"}
	case regexp.MustCompile(`[\s,]`).MatchString(a.Name) || a.Name == "":
		return &play.ArgError{Arg: "name", Msg: "Comma separated list of names is not supported. Please pass a single name to lookup in the known_hosts file."}
	case strings.Contains(strings.TrimSpace(a.Key), "\n"):
		return &play.ArgError{Arg: "key", Msg: "holds several lines: give one task per key"}
	}
	if a.Key == "" {
		return nil
	}
	k, ok := parseKnown(strings.TrimSpace(a.Key))
	if _, err := base64.StdEncoding.DecodeString(k.key); !ok || err != nil {
		return &play.ArgError{Arg: "key", Msg: "is not a line of known_hosts: names, kind and key"}
	}
	if !k.is(a.name()) {
		return &play.ArgError{Arg: "key", Msg: "Host parameter does not match hashed host field in supplied key"}
	}
	return nil
}

func (knownHosts) Facts(a knownHostsArgs) []host.Question {
	return kit.Hint(a.Path, kit.TextQuestions(a.Path)...)
}

func (knownHosts) Plan(a knownHostsArgs, s host.Seen) (play.Plan, error) {
	p, err := kit.Place(s, a.Path)
	if err != nil {
		return play.Plan{}, err
	}
	at, err := kit.TextOf(s, p, true)
	if err != nil {
		return play.Plan{}, err
	}
	if at.Look.Target.IsDir() {
		return kit.Failure("%s is a directory", p), nil
	}
	old := string(at.Old)
	now := a.edit(old)
	data := value.MapOf("name", value.String(a.Name), "path", value.String(p), "state", value.String(a.State), "hash_host", value.Bool(a.Hash), "key", value.String(a.Key))
	at.Look.Target.AddTo(data, int64(len(at.Old)))
	data.Put("diff", value.FromMap(value.MapOf("before_header", value.String(header(at.There(), p)), "after_header", value.String(p),
		"before", kit.HostText(old), "after", kit.HostText(now))))
	if now == old {
		return kit.Unchanged(p+" is as it shall be", data), nil
	}
	w := at.Write()
	w.Mkdir = !at.There() // the umask's mode, as Ansible's: they are public
	res := play.Result{Changed: true, Data: data}
	return play.Plan{
		Steps:  []host.Step{w.Step(kit.MadeInput(at.Real(), []byte(now)))},
		Diff:   []play.Diff{{BeforeHeader: header(at.There(), p), AfterHeader: p, BeforeText: old, AfterText: now}},
		Result: res,
		Finish: kit.ToldAt(res, 0, p),
	}, nil
}

// header is what the diff of a file begins with: one that is not there is none.
func header(there bool, p string) string {
	if there {
		return p
	}
	return "/dev/null"
}

// edit returns the file as it shall be: one line per server and kind of key.
func (a knownHostsArgs) edit(text string) string {
	want, _ := parseKnown(strings.TrimSpace(a.Key))
	var out []string
	found := false
	for raw := range strings.Lines(text) {
		k, ok := parseKnown(raw)
		if !ok || !k.is(a.name()) {
			out = append(out, raw)
			continue
		}
		switch {
		case a.State == "absent" && (a.Key == "" || k.kind == want.kind && k.key == want.key):
			continue
		case a.State == "present" && k.kind == want.kind && k.marker == want.marker:
			if found || k.key != want.key || strings.HasPrefix(k.names, "|") != (a.Hash || strings.HasPrefix(want.names, "|")) {
				continue
			}
			found = true
		}
		out = append(out, raw)
	}
	if a.State == "present" && !found {
		if n := len(out); n > 0 && !strings.HasSuffix(out[n-1], "\n") {
			out[n-1] += "\n"
		}
		out = append(out, a.line()+"\n")
	}
	return strings.Join(out, "")
}
