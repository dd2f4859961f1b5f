package files

import (
	"context"
	"fmt"
	"path"
	"sort"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/pyre"
	"remoterun/runner/sh"
	"remoterun/tasks/kit"
)

// assembleArgs are the arguments of assemble.
type assembleArgs struct {
	Src       string  `arg:"src" need:"yes" type:"path" help:"the folder with the fragments"`
	Dest      string  `arg:"dest" need:"yes" type:"path" help:"the file that is made of them"`
	Delimiter *string `arg:"delimiter" help:"what stands between them, with escapes as in Python"`
	Backup    bool    `arg:"backup" default:"no" help:"keep the old file under a name with the time"`
	RemoteSrc bool    `arg:"remote_src" default:"yes" help:"no: src is a folder of the laptop"`
	Regexp    string  `arg:"regexp" help:"only fragments whose names fit this Python expression"`
	Hidden    bool    `arg:"ignore_hidden" default:"no" help:"leave out names that begin with a dot"`
	Validate  string  `arg:"validate" help:"a command that must accept the new file, %s is its name"`
	Decrypt   bool    `arg:"decrypt" default:"yes" help:"accepted: vaults of the laptop are always opened"`
	Unsafe    bool    `arg:"unsafe_writes" default:"no" help:"write in place where a rename is refused"`
	kit.Attrs

	parts  []fragment
	secret bool
}

// fragment is one file of the folder.
type fragment struct{ name, text string }

// Assemble makes a file of fragments.
func Assemble() play.Module {
	return kit.Define(kit.Doc{Name: "assemble", Short: "a file made of the fragments in a folder", Waited: true, Needs: "src and dest are required"}, assemble{})
}

type assemble struct{}

func (assemble) Validate(a assembleArgs) *play.ArgError {
	if _, err := kit.CompilePy(a.Regexp, pyre.Flags{}); err != nil {
		return &play.ArgError{Arg: "regexp", Msg: fmt.Sprintf("Invalid Regexp (%v) in \"%s\"", err, a.Regexp)}
	}
	if _, err := kit.Validation(a.Validate); err != nil {
		return &play.ArgError{Arg: "validate", Msg: err.Error()}
	}
	if a.Mode.Preserves() {
		return &play.ArgError{Arg: "mode", Msg: kit.NoSource}
	}
	return nil
}

// Resolve reads fragments of the laptop.
func (assemble) Resolve(_ context.Context, a *assembleArgs, in play.Inputs) error {
	if a.RemoteSrc {
		return nil
	}
	list, err := in.Tree("files", a.Src)
	if err != nil {
		return err
	}
	for _, f := range list {
		if f.Kind != 'f' || strings.Contains(f.Name, "/") {
			continue
		}
		b, err := f.Data.Bytes()
		if err != nil {
			return err
		}
		a.secret = a.secret || f.Secret
		a.parts = append(a.parts, fragment{f.Name, string(b)})
	}
	return nil
}

// fragmentsText prints the names, sizes and texts of the files in a folder.
const fragmentsText sh.Constant = `cd "$1" 2>/dev/null || { if [ -e "$1" ]; then exit 4; fi; exit 3; }
for f in * .*; do
if [ -f "$f" ]; then printf "%s\n" "$f"; stat -L -c %s "./$f"; cat "./$f" && echo || exit 5; fi
done`

func (a assembleArgs) question(src string) host.Probe {
	return host.NewProbe(fragmentsText, kit.Safe(kit.TrimSlash(src)))
}

func (assemble) Facts(a assembleArgs) []host.Question {
	if !a.RemoteSrc {
		return nil
	}
	return kit.Hint(a.Src, a.question(a.Src))
}

func (assemble) Plan(a assembleArgs, s host.Seen) (play.Plan, error) {
	parts := a.parts
	if a.RemoteSrc {
		src, err := kit.Place(s, a.Src)
		if err != nil {
			return play.Plan{}, err
		}
		ans, err := s.Answer(a.question(src))
		if err != nil {
			return play.Plan{}, err
		}
		switch ans.Status {
		case 0:
		case 3:
			return kit.Failure("Source (%s) does not exist", src), nil
		case 4:
			return kit.Failure("Source (%s) is not a directory", src), nil
		default:
			return kit.Failure("a fragment in %s cannot be read", src), nil
		}
		if parts, err = readFragments(string(ans.Stdout)); err != nil {
			return play.Plan{}, err
		}
	}
	text, err := a.join(parts)
	if err != nil {
		return kit.Failure("%v", err), nil
	}
	in := kit.MadeInput(path.Base(a.Dest), []byte(text))
	in.Secret = a.secret
	note := "OK"
	if !a.RemoteSrc { // Ansible's copy does the rest, and says nothing
		note = ""
	}
	return deploy{in: in, dest: a.Dest, header: a.Src, always: true, note: note, force: true, backup: a.Backup, follow: true, unsafe: a.Unsafe, validate: a.Validate, Attrs: a.Attrs}.plan(s)
}

func readFragments(text string) ([]fragment, error) {
	l := kit.Lines{Rest: text}
	var out []fragment
	for l.Rest != "" {
		name := l.Next()
		text, ok := l.Sized(l.Next())
		if !ok || l.Rest == "" {
			return nil, fmt.Errorf("the fragment %s changed while it was read", name)
		}
		out = append(out, fragment{name, text})
		l.Rest = l.Rest[1:]
	}
	return out, nil
}

// join puts fragments behind each other, in the order of their names.
func (a assembleArgs) join(parts []fragment) (string, error) {
	re, err := kit.CompilePy(a.Regexp, pyre.Flags{})
	if err != nil {
		return "", err
	}
	parts = append([]fragment{}, parts...)
	sort.Slice(parts, func(i, j int) bool { return parts[i].name < parts[j].name })
	between := ""
	if a.Delimiter != nil {
		between = unescape(*a.Delimiter)
		if between != "" && !strings.HasSuffix(between, "\n") {
			between += "\n"
		}
	}
	var b strings.Builder
	first := true
	for _, f := range parts {
		m, err := re.Find(f.name)
		if err != nil {
			return "", err
		}
		if m == nil || a.Hidden && strings.HasPrefix(f.name, ".") {
			continue
		}
		if s := b.String(); s != "" && !strings.HasSuffix(s, "\n") {
			b.WriteByte('\n')
		}
		if !first {
			b.WriteString(between)
		}
		b.WriteString(f.text)
		first = false
	}
	return b.String(), nil
}

// unescape reads the escapes of Python's byte texts that people write here.
func unescape(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t", `\r`, "\r", `\"`, `"`, `\'`, `'`).Replace(s)
}
