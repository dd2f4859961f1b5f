package containers

import (
	"fmt"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// inside are the arguments of modules that run a program in a container.
type inside struct {
	Argv    kit.Words  `arg:"argv" help:"the program and its arguments as a list"`
	Command kit.Text   `arg:"command" help:"the program and its arguments in one line"`
	Chdir   string     `arg:"chdir" help:"the working directory in the container"`
	Detach  bool       `arg:"detach" default:"no" help:"do not wait for it"`
	User    string     `arg:"user" help:"who it runs as"`
	Stdin   *kit.Body  `arg:"stdin" help:"what it reads"`
	Newline bool       `arg:"stdin_add_newline" default:"yes" help:"end stdin with a newline"`
	Strip   bool       `arg:"strip_empty_ends" default:"yes" help:"take empty lines off the ends of stdout and stderr"`
	TTY     bool       `arg:"tty" default:"no" help:"a terminal; its lines end with a carriage return"`
	Env     *value.Map `arg:"env" help:"more of its environment"`
}

func (a inside) validate(need bool) *play.ArgError {
	switch {
	case a.Command.S != "" && len(a.Argv) > 0:
		return &play.ArgError{Msg: "parameters are mutually exclusive: argv|command"}
	case need && strings.TrimSpace(a.Command.S) == "" && len(a.Argv) == 0:
		return &play.ArgError{Msg: "one of the following is required: argv, command"}
	case a.Detach && a.Stdin != nil:
		return &play.ArgError{Arg: "stdin", Msg: "If detach=true, stdin cannot be provided."}
	}
	if _, ok := sh.Split(a.Command.S); !ok {
		return &play.ArgError{Arg: "command", Msg: "No closing quotation"}
	}
	for _, p := range pairs(a.Env) {
		if p[0] == "" || strings.ContainsAny(p[0], "= \n") {
			return &play.ArgError{Arg: "env", Msg: fmt.Sprintf("%q is not valid as the name of a variable", p[0])}
		}
	}
	return nil
}

// program are the words that run inside, and how they are shown.
func (a inside) program() (words []string, shown string) {
	for _, w := range a.Argv {
		words = append(words, w.S)
		shown += " " + value.Show(w.Value())
	}
	if words == nil {
		words, _ = sh.Split(a.Command.S)
		shown = " " + value.Show(a.Command.Value())
	}
	return words, strings.TrimSpace(shown)
}

// flags are docker's for it.
func (a inside) flags(w *flags) {
	w.one("--workdir", a.Chdir)
	w.one("--user", a.User)
	if a.Detach {
		w.words = append(w.words, "--detach")
	}
}

// insideText runs docker with stdin as it is: yes to say its status instead of ending
// with it, the folder, docker's words.
const insideText sh.Constant = `command -v docker >/dev/null || { echo "Failed to find required executable \"docker\" on the host" >&2; exit 1; }
if [ -n "$2" ]; then cd -- "$2" || exit 90; fi
k=$1; shift 2
"$@"; r=$?
if [ -z "$k" ]; then exit $r; fi
if [ $r -ne 0 ]; then printf "\n#rc %s\n" "$r" >&2; fi`

// step runs words of docker in a folder of the host, empty = anywhere.
func (a inside) step(dir string, words []string, what string, env ...sh.Var) host.Step {
	c := sh.Script(insideText, append([]string{"yes", dir}, words...)...)
	c.Env = env
	if a.Stdin != nil {
		in := a.Stdin.S
		if a.Newline {
			in += "\n"
		}
		c.Stdin, c.Secret = sh.Bytes(in), a.Stdin.Marks.Secret()
	}
	return host.Run{Cmd: c, What: kit.OneLine(what)}
}

// plan is the one of such a step: what the program says is the result, whatever its
// status is, as in Ansible. id is the key under which a detached one is named.
func (a inside) plan(st host.Step, id string) play.Plan {
	return play.Plan{
		Steps: []host.Step{st}, Repeats: true, Result: play.Result{Skipped: true, Msg: "it would have run if not in check mode"},
		Finish: func(ran []host.Output) (play.Result, error) {
			out := ran[0]
			out.Stderr, out.Status = status(out)
			if a.Detach || refused(string(out.Stderr), out.Status) {
				if r, bad := kit.FailedStep([]host.Output{out}); bad {
					return r, nil
				}
				return play.Result{Changed: true, Data: value.MapOf(id, kit.HostText(strings.TrimSpace(string(out.Stdout))))}, nil
			}
			data := kit.Outputs(string(out.Stdout), string(out.Stderr), a.Strip)
			data.Put("rc", value.Int(int64(out.Status)))
			return play.Result{Changed: true, Data: data}, nil
		},
	}
}

// status takes the status that insideText said off stderr.
func status(out host.Output) ([]byte, int) {
	text, said, ok := cutLast(string(out.Stderr), "\n#rc ")
	n, err := strconv.Atoi(strings.TrimSpace(said))
	if !ok || err != nil {
		return out.Stderr, out.Status
	}
	return []byte(text), n
}

// refused tells docker's own failures from the program's.
func refused(stderr string, status int) bool {
	if status == 0 {
		return false
	}
	for _, s := range []string{"Error response from daemon", "Error: No such container", "Cannot connect to the Docker daemon", "Failed to find required executable", "no configuration file provided", "no such service", "is not running", "unknown flag", "permission denied while trying to connect"} {
		if strings.Contains(stderr, s) {
			return true
		}
	}
	return status == 90
}

// execArgs are the arguments of docker_container_exec.
type execArgs struct {
	Container string `arg:"container" need:"yes" help:"the container"`
	inside
	dockerCLI
}

// DockerContainerExec runs programs in containers.
func DockerContainerExec() play.Module {
	return kit.Define(kit.Doc{Name: "docker_container_exec", Short: "a program in a container of Docker"}, containerExec{})
}

type containerExec struct{}

func (containerExec) Validate(a execArgs) *play.ArgError {
	if err := dockerName("container", a.Container); err != nil {
		return err
	}
	return a.validate(true)
}

func (containerExec) Facts(a execArgs) []host.Question {
	return []host.Question{a.ask("container", "inspect", "--", a.Container)}
}

func (containerExec) Plan(a execArgs, s host.Seen) (play.Plan, error) {
	is, stop, err := a.inspect(s, "container", a.Container)
	switch {
	case err != nil || stop != "":
		return kit.Failure("%s", stop), err
	case is == nil:
		return kit.Failure(`Could not find container "%s"`, a.Container), nil
	}
	if on, _ := at(is, "State.Paused").AsBool(); on {
		return kit.Failure(`Container "%s" has been paused`, a.Container), nil
	}
	if on, _ := at(is, "State.Running").AsBool(); !on {
		return kit.Failure(`Container "%s" is not running`, a.Container), nil
	}
	w := flags{words: a.words("container", "exec")}
	a.flags(&w)
	if a.TTY {
		w.words = append(w.words, "--tty")
	}
	if a.Stdin != nil {
		w.words = append(w.words, "--interactive")
	}
	// Values of the environment travel in docker's own.
	var env []sh.Var
	for _, p := range pairs(a.Env) {
		w.one("--env", p[0])
		env = append(env, sh.Var{Name: p[0], Value: p[1]})
	}
	words, shown := a.program()
	return a.inside.plan(a.step("", append(append(w.words, a.Container), words...), "in the container "+a.Container+": "+shown, env...), "exec_id"), nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
