package guard

import (
	"context"
	"errors"
	"path"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/tasks/compose"
)

// Command is a step whose failure is told with the command's own words.
func Command(what string, c sh.Cmd) Act {
	return Do(what, func(ctx context.Context, w host.Writer) ([]byte, error) {
		out, err := w.Run(ctx, c)
		if err != nil {
			return nil, err
		}
		return out.Stdout, Spoken(what, out)
	})
}

// Spoken is the error of a command with the last lines that it printed.
func Spoken(what string, out host.Output) error {
	switch {
	case out.Status == 0:
		return nil
	case out.Status == StatusRefused:
		return Refuse(what, "look at it on the host", "%s", Tail(out.Stderr, 2))
	}
	return compose.Fail(what, out.Status, string(out.Stderr))
}

func Tail(text []byte, n int) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "; ")
}

// Script is the step of one script of ours.
func Script(what string, c sh.Cmd, object, wayOut string) host.Step {
	return Act{What: what, Run: func(ctx context.Context, w host.Writer) ([]byte, error) {
		out, err := w.Run(ctx, c)
		if err != nil {
			return nil, err
		}
		return out.Stdout, ScriptError(out, object, wayOut)
	}}
}

// Later is a plan whose only step says no. It stands where an earlier task of
// this run was to bring what is missing: with --check it has not, and what would
// be done is shown; without, the refusal is the same as at once.
func Later(no error, what string, res play.Result) play.Plan {
	return play.Plan{
		Steps:  []host.Step{Do(what, func(context.Context, host.Writer) ([]byte, error) { return nil, no })},
		Result: res, Finish: Finish(func(host.Output) (play.Result, error) { return res, nil }),
	}
}

// Act is a step of ours: it never rides a chain. An error of do that is not the
// link's or the context's becomes a status, so that finish can tell refusals
// apart.
type Act struct {
	What string
	Run  func(ctx context.Context, w host.Writer) ([]byte, error)
}

// stepSilence is how long a command of ours may neither print nor work: more than a
// container's stop may take, less than an operator waits at night.
const stepSilence = 10 * time.Minute

// impatient runs the commands of steps of ours: none waits for ever, as docker does
// whose daemon hangs.
type impatient struct{ host.Writer }

func (w impatient) Run(ctx context.Context, c sh.Cmd) (host.Output, error) {
	if c.Silent == 0 {
		c.Silent = stepSilence
	}
	return w.Writer.Run(ctx, c)
}

// Do makes a step of a function.
func Do(what string, run func(ctx context.Context, w host.Writer) ([]byte, error)) Act {
	return Act{What: what, Run: run}
}

// Describe says what the step does.
func (a Act) Describe() string { return a.What }

// Do runs the step; its stdout is what do answered.
func (a Act) Do(ctx context.Context, w host.Writer) (host.Output, error) {
	out, err := a.Run(ctx, impatient{w})
	if err == nil {
		return host.Output{Stdout: out}, nil
	}
	var become *host.BecomeError
	var stuck *host.StuckError
	if errors.Is(err, host.ErrTransport) || errors.As(err, &become) || errors.As(err, &stuck) || ctx.Err() != nil {
		return host.Output{Stdout: out}, err
	}
	return host.Output{Stdout: out, Stderr: []byte(err.Error()), Status: StatusOf(err)}, nil
}

// Finish makes the result of what steps gave: the first that failed, or ok's.
func Finish(ok func(last host.Output) (play.Result, error)) func([]host.Output) (play.Result, error) {
	return func(ran []host.Output) (play.Result, error) {
		for _, o := range ran {
			if o.Status != 0 {
				return failedAs(o.Status, string(o.Stderr)), nil
			}
		}
		var last host.Output
		if len(ran) > 0 {
			last = ran[len(ran)-1]
		}
		return ok(last)
	}
}

// ScriptError turns what a script of ours said into an error; its status 11 is
// a refusal.
func ScriptError(out host.Output, object, wayOut string) error {
	if out.Status == StatusRefused {
		said := strings.TrimSpace(string(out.Stderr))
		if who, what, ok := strings.Cut(said, ": "); ok && path.IsAbs(who) {
			object, said = who, what
		}
		return Refuse(object, wayOut, "%s", said)
	}
	return out.Err(object)
}

// pollEvery is how often a waiting step looks again.
const pollEvery = 300 * time.Millisecond

func Pause(ctx context.Context) error {
	select {
	case <-time.After(pollEvery):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
