// Package move moves the database of a compose stack into a new cluster: a newer
// server, or another kind of one. It copies (tasks/move/copy), never in place and
// never an old volume under a new server; the old cluster stays as it is until
// it is scrubbed. Whatever happens on the way, the same command again goes on, or
// rollback goes back.
//
// It knows no extension: what the new cluster is made of is a Target.
package move

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"sync"

	"remoterun/runner/host"
	"remoterun/runner/job"
	"remoterun/runner/play"
	"remoterun/tasks/compose"
)

// Stack says which database is moved. Its fields are arguments of every module
// here.
type Stack struct {
	Project string   `arg:"project" need:"yes" help:"a name for the stack's folders and volumes on the host"`
	Dir     string   `arg:"compose_dir" need:"yes" type:"path" help:"folder of the compose file on the host"`
	Files   []string `arg:"compose_files" help:"compose files, when they are not compose's own choice"`
	Service string   `arg:"service" default:"postgres" help:"the database's service in the compose file"`

	// rehearsal keeps what a rehearsal makes apart from everything real.
	rehearsal bool
}

// names are what projects may be called: they are folders and volumes.
var names = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,39}$`) })

// Validate refuses names that could not be folders and volumes.
func (s Stack) Validate() *play.ArgError {
	if !names().MatchString(s.Project) {
		return &play.ArgError{Arg: "project", Msg: fmt.Sprintf("%q: small letters, digits, . _ - are possible, up to 40, a letter or digit first", s.Project)}
	}
	if !path.IsAbs(s.Dir) {
		return &play.ArgError{Arg: "compose_dir", Msg: "is a folder on the host: it begins with /"}
	}
	return nil
}

// state is the project's folder on the host, root's alone.
func (s Stack) state() string { return "/var/lib/remoterun/" + s.Project }

// word tells a move from its rehearsal, in names of folders and containers.
func (s Stack) word() string {
	if s.rehearsal {
		return "rehearsal"
	}
	return "move"
}

// Rehearsing is the stack of a rehearsal.
func (s Stack) Rehearsing() Stack { s.rehearsal = true; return s }

// Rehearsal reports one.
func (s Stack) Rehearsal() bool { return s.rehearsal }

// dir is the move's own folder in it.
func (s Stack) dir() string { return s.state() + "/" + s.word() }

// ram is the folder in memory where both servers' sockets are.
func (s Stack) ram() string { return "/run/remoterun/" + s.Project + "/" + s.word() }

// job is the copy, detached on the host.
func (s Stack) job() job.Job { return job.In(s.state(), "move") }

// Containers of ours, while a move goes on.
func (s Stack) source() string { return s.Project + "-" + s.word() + "-source" }
func (s Stack) target() string { return s.Project + "-" + s.word() + "-target" }

// ownFile is the overlay's name where compose files are listed.
const ownFile = "compose.remoterun.yaml"

// compose is the stack as compose reads it.
func (s Stack) compose() compose.Project {
	p := compose.Project{Dir: s.Dir, Files: s.Files}
	if len(s.Files) > 0 {
		p.Last = ownFile
	}
	return p
}

// object names the database in messages.
func (s Stack) object() string { return "database of " + s.Project }

// Refusal is what is in the way, with one way out of it.
type Refusal struct{ Object, Problem, Out string }

func (r *Refusal) Error() string {
	text := r.Object + ": " + r.Problem
	if r.Out != "" {
		text += "; " + r.Out
	}
	return text
}

// Refused marks the error for callers that know only its meaning.
func (r *Refusal) Refused() bool { return true }

func refuse(object, out, problem string, args ...any) *Refusal {
	return &Refusal{Object: object, Problem: fmt.Sprintf(problem, args...), Out: out}
}

// act is a step that works with the Writer itself.
type act struct {
	what string
	do   func(ctx context.Context, w host.Writer) error
}

var _ host.Step = act{}

// Describe is one line.
func (a act) Describe() string { return a.what }

// Do runs it.
func (a act) Do(ctx context.Context, w host.Writer) (host.Output, error) {
	return host.Output{}, a.do(ctx, w)
}

// ask asks a question inside a step.
func ask[T any](ctx context.Context, r host.Reader, f host.Fact[T]) (T, error) {
	var zero T
	a, err := f.Q.Ask(ctx, r)
	if err != nil {
		return zero, err
	}
	return f.Parse(a)
}
