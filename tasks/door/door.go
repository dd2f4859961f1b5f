// Package door runs what is no module of ours: a program in a folder "library"
// that speaks JSON, as Ansible runs its own that are not new-style Python. It
// brings the program and its arguments to the host and reads what it prints; it
// knows no program by name.
package door

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// module is a program of a library.
type module struct {
	name, path string
	utils      []string // folders of module_utils, the nearest first
}

// Spec names no arguments: only the program knows them.
func (m module) Spec() play.Spec {
	return play.Spec{Name: m.name, Short: "a program of " + filepath.Dir(m.path), FreeForm: "_raw_params", Kept: JobName}
}

// Check takes all arguments.
func (module) Check(*value.Map) []*play.ArgError { return nil }

// Bind reads the program.
func (m module) Bind(_ context.Context, args *value.Map, in play.Inputs) (play.Bound, error) {
	f, err := in.File("library", m.path)
	if err != nil {
		return nil, err
	}
	p := program{name: m.name, file: f}
	if p.style, p.runs, err = styleOf(f); err != nil {
		return nil, fmt.Errorf("%s: %w", m.path, err)
	}
	all := args.Clone()
	for k, v := range all.All() {
		if v.Marks()&value.Sealed != 0 {
			return nil, &play.ArgError{Arg: value.Str(k), Msg: "a sealed secret is given to no program of a library"}
		}
		p.secret = p.secret || v.Marks().Secret()
	}
	for k, v := range internals(m.name).All() {
		all.Set(k, v)
	}
	if p.args, err = p.style.write(all); err != nil {
		return nil, err
	}
	if p.style == ansible {
		p.file, p.code, err = bundled(f, m.utils, in)
	}
	return p, err
}

// internals are the arguments that Ansible adds for its own use.
func internals(name string) *value.Map {
	no := value.Bool(false)
	return value.MapOf("_ansible_check_mode", no, "_ansible_no_log", no, "_ansible_debug", no, "_ansible_diff", no, "_ansible_verbosity", value.Int(0),
		"_ansible_version", value.String("2.14.0"), "_ansible_module_name", value.String(name), "_ansible_syslog_facility", value.String("LOG_USER"),
		"_ansible_shell_executable", value.String("/bin/sh"), "_ansible_keep_remote_files", no)
}

// style is how a program takes its arguments: $1 is a file in any case.
type style uint8

const (
	words style = iota // name=value, quoted for a shell
	json
	ansible // Python that imports Ansible's module_utils
)

// headSize is how much of a program is looked at for how it wants to be run.
const headSize = 64 << 10

// styleOf reads from a program's text how it takes arguments and what runs it;
// empty = it is a program of the machine itself.
func styleOf(f play.Input) (style, string, error) {
	head, err := beginning(f.Data)
	if err != nil {
		return 0, "", err
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return json, "", nil
	}
	if bytes.Contains(head, []byte("ansible.module_utils")) || bytes.Contains(head, []byte("ansible_collections.")) {
		return ansible, "python3", nil
	}
	first, _, _ := bytes.Cut(head, []byte("\n"))
	runs, ok := strings.CutPrefix(string(first), "#!")
	runs = strings.TrimSpace(runs)
	if !ok || runs == "" {
		return 0, "", fmt.Errorf("module (%s) is missing interpreter line", f.Name)
	}
	if strings.Contains(runs, "python") {
		runs = "python3"
	}
	if bytes.Contains(head, []byte("WANT_JSON")) {
		return json, runs, nil
	}
	return words, runs, nil
}

func beginning(s play.Source) ([]byte, error) {
	r, err := s.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(io.LimitReader(r, headSize))
}

func (s style) write(args *value.Map) (string, error) {
	if s == ansible {
		args = value.MapOf("ANSIBLE_MODULE_ARGS", value.FromMap(args))
	}
	if s != words {
		return value.JSON(value.FromMap(args), value.JSONStyle{KeepUTF8: true})
	}
	var b strings.Builder
	for k, v := range args.All() {
		b.WriteString(value.Str(k) + "=" + sh.Quote(value.Str(v)) + " ")
	}
	return b.String(), nil
}

// program is a module with its arguments.
type program struct {
	name, args, runs string
	code             string // yes where the file is sent in base64
	style            style
	file             play.Input
	secret           bool
}

// Facts asks nothing.
func (program) Facts() []host.Question { return nil }

// Laptop says that it works on the host.
func (program) Laptop() bool { return false }

// runText puts program and arguments into a folder that only its user can read and
// runs it. Its status is the last line of stdout. Arguments: hash, name, what runs
// it (or empty), its arguments, yes where it comes in base64.
const runText sh.Constant = sh.Temp + `h=$1 n=$2 x=$3 a=$4
u=$(umask); umask 077
_name "${TMPDIR:-/tmp}" d
mkdir "$_t" && if [ -n "$5" ]; then base64 -d; else cat; fi >"$_t/$n" && printf %s "$a" >"$_t/args" || exit 1
case $(sha256sum <"$_t/$n") in "$h "*) ;; *) echo "the module did not arrive whole" >&2; exit 1 ;; esac
chmod 700 "$_t/$n"; umask "$u"
if [ -n "$x" ]; then $x "$_t/$n" "$_t/args" </dev/null; else "$_t/$n" "$_t/args" </dev/null; fi
printf '\n%s' "$?"`

// Plan always runs the program; what it would do in check mode only it could say.
func (p program) Plan(host.Seen) (play.Plan, error) {
	cmd := sh.Script(runText, p.file.SHA256, filepath.Base(p.file.Path), p.runs, p.args, p.code).With(kit.Stdin(p.file.Data))
	cmd.Secret = p.secret || p.file.Secret
	return play.Plan{
		Steps:   []host.Step{host.Run{Cmd: cmd, What: "run module " + p.name}},
		Result:  play.Result{Skipped: true, Msg: "remote module (" + p.name + ") does not support check mode"},
		Finish:  func(ran []host.Output) (play.Result, error) { return result(ran[len(ran)-1]), nil },
		Repeats: true,
	}, nil
}
