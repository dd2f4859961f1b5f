package system

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// runArgs are what command and shell share.
type runArgs struct {
	Chdir      string   `arg:"chdir" type:"path" help:"the working directory"`
	Creates    string   `arg:"creates" type:"path" help:"do not run when this path or pattern exists"`
	Removes    string   `arg:"removes" type:"path" help:"run only when this path or pattern exists"`
	Stdin      kit.Body `arg:"stdin" help:"what the command reads"`
	AddNewline bool     `arg:"stdin_add_newline" default:"yes" help:"end stdin with a newline"`
	Strip      bool     `arg:"strip_empty_ends" default:"yes" help:"take empty lines off the ends of stdout and stderr"`
}

// commandArgs are the arguments of command.
type commandArgs struct {
	Cmd    kit.Text  `arg:"cmd" help:"the program and its arguments in one line, without a shell"`
	Argv   kit.Words `arg:"argv" help:"the program and its arguments as a list"`
	Expand bool      `arg:"expand_argument_vars" default:"yes" help:"fill in $VARIABLES and ~ of the host"`
	Exe    string    `arg:"executable" help:"without meaning, as in Ansible: for a shell take shell"`
	runArgs
}

// Command runs a program without a shell.
func Command() play.Module {
	return kit.Define(kit.Doc{Name: "command", Short: "run a program without a shell", FreeForm: "cmd"}, command{})
}

type command struct{}

func (command) Validate(a commandArgs) *play.ArgError {
	switch {
	case strings.TrimSpace(a.Cmd.S) == "" && len(a.Argv) == 0:
		return &play.ArgError{Msg: "no command given", RC: 256}
	case a.Cmd.S != "" && len(a.Argv) > 0:
		return &play.ArgError{Msg: "only command or argv can be given, not both", RC: 256}
	}
	if _, ok := sh.Split(a.Cmd.S); !ok {
		return &play.ArgError{Arg: "cmd", Msg: "No closing quotation in " + value.Show(a.Cmd.Value())}
	}
	return nil
}

func (command) Facts(a commandArgs) []host.Question { return a.facts() }

// execText runs "$@" as a program, never as a word of the shell.
const execText sh.Constant = timedHead + missingHead + `_in "$1" || _missing
(exec "$@"); r=$?
` + timedTail

// missingHead looks for programs as exec does: command -v would answer words of
// the shell too.
const missingHead = `_in() (
case $1 in */*) [ -x "$1" ] && [ ! -d "$1" ]; exit ;; esac
IFS=:
for d in $PATH; do if [ -x "${d:-.}/$1" ] && [ ! -d "${d:-.}/$1" ]; then exit 0; fi; done
exit 1
)
_missing() { printf "\n#rr ENOENT\n" >&2; exit 2; }
`

// Times stand in the last line of stderr, behind a line break of ours.
const (
	timedHead = sh.Clock + `_began
`
	timedTail = `_ended
printf "\n#rr %s\n" "$_ct" >&2
exit $r`
)

func (command) Plan(a commandArgs, s host.Seen) (play.Plan, error) {
	words := a.Argv
	if a.Cmd.S != "" {
		split, _ := sh.Split(a.Cmd.S)
		for _, w := range split {
			words = append(words, kit.Text{S: w, Marks: a.Cmd.Marks})
		}
	}
	argv := make([]string, len(words))
	for i, w := range words {
		argv[i] = w.S
	}
	if a.Expand {
		var err error
		if argv, err = kit.ExpandAll(s, argv); err != nil {
			return play.Plan{}, err
		}
	}
	items, shown := make([]value.Value, len(argv)), make([]string, len(argv))
	for i, w := range words { // as it is written: Ansible expands behind what it shows
		items[i] = value.MarkedString(w.S, w.Marks)
		shown[i] = value.Show(value.MarkedString(argv[i], w.Marks))
	}
	p, err := a.plan(s, sh.Script(execText, argv...), strings.Join(shown, " "), value.List(items...))
	if a.Exe != "" && err == nil {
		p = a.warned(p)
	}
	return p, err
}

// warned says that executable has no meaning, in Ansible's words.
func (a commandArgs) warned(p play.Plan) play.Plan {
	return kit.Warned(p, "As of Ansible 2.4, the parameter 'executable' is no longer supported with the 'command' module. Not using '"+a.Exe+"'.")
}

func (a runArgs) facts() []host.Question {
	if a.Creates == "" && a.Removes == "" {
		return nil
	}
	return kit.Hint(a.Chdir, kit.Hint(a.Creates, kit.Hint(a.Removes, guard(a).Q)...)...)
}

// guardText says whether patterns match something: folder, creates, removes.
const guardText sh.Constant = `_any() { IFS=; set -- $1; if [ -e "$1" ] || [ -L "$1" ]; then echo yes; else echo no; fi; }
if [ -n "$1" ]; then cd "$1" || { echo gone; exit 0; }; fi
echo here
_any "$2"
_any "$3"`

// guards is what guardText answers.
type guards struct{ gone, creates, removes bool }

func guard(a runArgs) host.Fact[guards] {
	return host.Fact[guards]{
		Q: host.NewProbe(guardText, kit.Safe(a.Chdir), a.Creates, a.Removes).Plain(),
		Parse: func(a host.Answer) (guards, error) {
			w := strings.Fields(string(a.Stdout))
			if len(w) != 3 {
				return guards{gone: true}, nil
			}
			return guards{creates: w[1] == "yes", removes: w[2] == "yes"}, nil
		},
	}
}

// plan makes the plan of a command line that is ready.
func (a runArgs) plan(s host.Seen, cmd sh.Cmd, what string, echo value.Value) (play.Plan, error) {
	var err error
	for _, p := range []*string{&a.Chdir, &a.Creates, &a.Removes} {
		if *p, err = kit.Place(s, *p); err != nil {
			return play.Plan{}, err
		}
	}
	if p, done, err := a.guarded(s, echo); done || err != nil {
		return p, err
	}
	cmd.Dir = a.Chdir
	a.feed(&cmd)
	predicted := play.Result{Msg: "Command would have run if not in check mode", Data: kit.Outputs("", "", false)}
	predicted.Data.Put("cmd", echo)
	predicted.Data.Put("rc", value.Int(0))
	predicted.Changed = a.Creates != "" || a.Removes != ""
	predicted.Skipped = !predicted.Changed
	return play.Plan{
		Steps:  []host.Step{host.Run{Cmd: cmd, What: "run " + kit.OneLine(what)}},
		Result: predicted, Repeats: a.Creates == "" && a.Removes == "",
		Finish: func(ran []host.Output) (play.Result, error) { return a.result(ran[len(ran)-1], echo), nil }, ByStatus: true,
	}, nil
}

// feed puts stdin on a command; a secret one travels over its own channel.
func (a runArgs) feed(cmd *sh.Cmd) {
	if a.Stdin.S == "" {
		return
	}
	in := a.Stdin.S
	if a.AddNewline {
		in += "\n"
	}
	cmd.Stdin, cmd.Secret = sh.Bytes(in), a.Stdin.Marks.Secret()
}

// guarded answers the plan of a command that creates or removes keep from
// running.
func (a runArgs) guarded(s host.Seen, echo value.Value) (play.Plan, bool, error) {
	if a.Creates == "" && a.Removes == "" {
		return play.Plan{}, false, nil
	}
	g, err := host.Get(s, guard(a))
	if err != nil {
		return play.Plan{}, false, err
	}
	p, verb := "", ""
	switch {
	case g.gone:
		return kit.Failure("%s", a.elsewhere("")), true, nil
	case a.Creates != "" && g.creates:
		p, verb = a.Creates, "exists"
	case a.Removes != "" && !g.removes:
		p, verb = a.Removes, "does not exist"
	default:
		return play.Plan{}, false, nil
	}
	data := kit.Outputs("skipped, since "+p+" "+verb, "", true)
	data.Put("cmd", echo)
	data.Put("rc", value.Int(0))
	for _, never := range []string{"start", "end", "delta"} {
		data.Put(never, value.Null())
	}
	plan := kit.Unchanged(p+" "+verb, data)
	plan.Result.Msg = fmt.Sprintf("Did not run command since '%s' %s", p, verb)
	return plan, true, nil
}

// elsewhere is what Ansible says of a folder that cannot be entered; said is the
// shell's own complaint.
func (a runArgs) elsewhere(said string) string {
	why := "[Errno 2] No such file or directory"
	for text, other := range map[string]string{"Permission denied": "[Errno 13] Permission denied", "Not a directory": "[Errno 20] Not a directory"} {
		if strings.Contains(said, text) {
			why = other
		}
	}
	return "Unable to change directory before execution: " + why + ": '" + a.Chdir + "'"
}

// result reads what a command left: its output, its status, its times.
func (a runArgs) result(out host.Output, echo value.Value) play.Result {
	stderr, times := cutTimes(string(out.Stderr))
	data := kit.Outputs(string(out.Stdout), stderr, a.Strip)
	data.Put("cmd", echo)
	data.Put("rc", value.Int(int64(out.Status)))
	r := play.Result{Changed: true, Data: data}
	switch {
	case times == "ENOENT" && out.Status != 0:
		r.Failed, r.Changed = true, false
		first := value.Str(echo)
		if items := echo.Items(); len(items) > 0 {
			first = value.Str(items[0])
			data.Put("cmd", oneText(items))
		}
		r.Msg = fmt.Sprintf("[Errno 2] No such file or directory: '%s'", first)
	case times == "" && out.Status == 126 && a.Chdir != "":
		r.Failed, r.Changed = true, false
		r.Msg = a.elsewhere(stderr)
		data.Put("rc", value.Null())
		data.Put("stderr", value.String(""))
		data.Put("stderr_lines", value.List())
	case out.Status != 0:
		r.Failed, r.Msg = true, "non-zero return code"
	default:
		data.Put("msg", value.String(""))
	}
	putTimes(data, times)
	return r
}

// oneText is a command line in one text, as Ansible shows it when the program is
// not there.
func oneText(words []value.Value) value.Value {
	out := make([]string, len(words))
	var marks value.Marks
	for i, w := range words {
		out[i] = value.Str(w)
		if strings.ContainsFunc(out[i], func(r rune) bool { return !strings.ContainsRune(plainChars, r) }) || out[i] == "" {
			out[i] = sh.Quote(out[i])
		}
		marks |= w.Marks()
	}
	return value.MarkedString(strings.Join(out, " "), marks)
}

const plainChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"

// cutTimes takes the line of times off stderr.
func cutTimes(stderr string) (rest, times string) {
	i := strings.LastIndex(stderr, "\n#rr ")
	if i < 0 {
		return stderr, ""
	}
	line, after, _ := strings.Cut(stderr[i+5:], "\n")
	return stderr[:i] + after, line
}

// putTimes adds start, end and delta as Python shows them.
func putTimes(data *value.Map, times string) {
	start, end, ok := span(strings.Split(times, "|"))
	if !ok {
		return
	}
	const form = "2006-01-02 15:04:05.000000"
	data.Put("start", value.String(start.Format(form)))
	data.Put("end", value.String(end.Format(form)))
	if d := end.Sub(start); d >= 0 {
		data.Put("delta", value.String(fmt.Sprintf("%d:%02d:%02d.%06d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60, d.Microseconds()%1e6)))
	}
}

// span reads the times that sh.Clock tells.
func span(words []string) (start, end time.Time, ok bool) {
	const form = "2006-01-02 15:04:05.000000"
	switch len(words) {
	case 2:
		from, err1 := time.Parse(form, micros(words[0]))
		to, err2 := time.Parse(form, micros(words[1]))
		return from, to, err1 == nil && err2 == nil
	case 4:
		at, err := time.Parse(form, micros(words[0]))
		up, ok1 := hundredths(words[1])
		from, ok2 := hundredths(words[2])
		to, ok3 := hundredths(words[3])
		return at.Add(from - up), at.Add(to - up), err == nil && ok1 && ok2 && ok3
	}
	return start, end, false
}

// hundredths reads what /proc/uptime holds, "SECONDS.HH", without the rounding of
// a float: at most a century.
func hundredths(s string) (time.Duration, bool) {
	whole, part, _ := strings.Cut(s, ".")
	sec, err1 := strconv.ParseUint(whole, 10, 32)
	n, err2 := strconv.ParseUint((part + "00")[:2], 10, 8)
	return time.Duration(sec)*time.Second + time.Duration(n)*10*time.Millisecond, err1 == nil && err2 == nil
}

// micros cuts nanoseconds to six digits; a host whose date has none (busybox)
// gets zeros.
func micros(t string) string {
	whole, frac, _ := strings.Cut(t, ".")
	if len(frac) < 6 || strings.Trim(frac, "0123456789") != "" {
		frac = "000000"
	}
	return whole + "." + frac[:6]
}
