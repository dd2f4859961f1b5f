// Package detach makes of a task's plan a job that runs on the host by itself
// (async), and of what such a job left the result that the task would have had. A
// job keeps the task's module, its arguments and the host's answers that the plan
// rested on: plans are pure, so the same plan can be made of them later, by another
// run or on another laptop. It connects nowhere and prints nothing.
package detach

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/job"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
)

// Dir is where jobs are kept unless the task says otherwise.
const Dir = "~/.ansible_async"

// Job is the job of an id; ok = false: no job has such an id.
func Job(dir, id string) (j job.Job, ok bool) {
	ok = id != "" && id != "." && id != ".." && !strings.ContainsAny(id, "/\x00")
	return job.Job{Dir: strings.TrimRight(dir, "/") + "/" + id}, ok
}

// NewID is the id of a new job.
func NewID() string {
	return fmt.Sprintf("j%d.%d", rand.Int64N(1e12), 2+rand.IntN(1<<22)) // #nosec G404: a name, no secret
}

// Wish is what async and poll say of a task.
type Wish struct {
	ID, Dir string
	// Limit is async; poll 0 leaves the job alone.
	Limit, Poll time.Duration
	// Module and Args are the task's own.
	Module string
	Args   *value.Map
}

// Bound is the task as a job. Where its plan cannot be one (it is made in stages,
// or needs the laptop) it stays as it is: see Detached.
func (w Wish) Bound(b play.Bound) play.Bound { return bound{w, b} }

type bound struct {
	w Wish
	play.Bound
}

// Plan starts the job, and waits for it unless poll is 0.
func (b bound) Plan(s host.Seen) (play.Plan, error) {
	plan, err := b.Bound.Plan(s)
	if err != nil || plan.Then != nil || plan.Local {
		return plan, err
	}
	var cmds []sh.Cmd
	for _, st := range plan.Steps {
		f, ok := st.(host.Framer)
		if !ok {
			return plan, nil
		}
		c, ok := f.Frame()
		if !ok {
			return plan, nil
		}
		cmds = append(cmds, c)
	}
	script, ok := job.Steps(cmds, killedAfter(b.w.Limit), b.w.record(s))
	if !ok {
		return plan, nil
	}
	return b.w.plan(script, plan), nil
}

// killedAfter is when a job is ended, as Ansible's watcher does it: it looks every
// five seconds, first after five, and counts from then on. A restart of the machine
// in a job of a second (sleep 2 && reboot) comes through.
func killedAfter(limit time.Duration) time.Duration {
	const step = 5 * time.Second
	return step + max((limit+step-1)/step, 1)*step
}

// Detached reports a plan that Bound made a job of.
func Detached(p play.Plan) bool {
	if len(p.Steps) == 0 {
		return false
	}
	_, ok := p.Steps[0].(start)
	return ok
}

// start is the step that begins a job.
type start struct{ host.Run }

func (w Wish) plan(script sh.Cmd, inner play.Plan) play.Plan {
	j, _ := Job(w.Dir, w.ID)
	what := "run it in the background"
	if len(inner.Steps) > 0 {
		what = inner.Steps[0].Describe() + " in the background"
	}
	of, begun := job.What{Doing: w.Module, Since: w.ID}, j.Awaited
	if w.Poll == 0 {
		begun = j.Begin
	}
	begin := start{host.Run{Cmd: begun(script, of), What: what}}
	if w.Poll == 0 {
		return play.Plan{
			Steps: []host.Step{begin}, Repeats: true, ByStatus: true,
			Finish: func(ran []host.Output) (play.Result, error) { return w.Started(dirOf(ran[0])), nil },
		}
	}
	return play.Plan{
		Steps: []host.Step{begin, wait{w, j}}, Repeats: true,
		Finish: func(ran []host.Output) (play.Result, error) { return w.ended(ran, inner) },
	}
}

// dirOf is the job's folder as its start printed it.
func dirOf(out host.Output) string {
	lines := strings.Split(strings.TrimSpace(string(out.Stdout)), "\n")
	return lines[len(lines)-1]
}

// Started is the result of a task whose job goes on.
func (w Wish) Started(dir string) play.Result {
	return play.Result{Changed: true, Data: w.data(dir, 0)}
}

func (w Wish) data(dir string, finished int64) *value.Map {
	return value.MapOf("ansible_job_id", value.String(w.ID), "started", value.Int(1), "finished", value.Int(finished), "results_file", value.MarkedString(dir, value.Unsafe))
}

// Done is the result of a task that has been waited for, however it ran.
func (w Wish) Done(dir string, r play.Result) play.Result { return with(base(w.ID, dir, 1), r) }

// ended makes the task's result of what its job left.
func (w Wish) ended(ran []host.Output, inner play.Plan) (play.Result, error) {
	if len(ran) < 2 {
		return play.Failure(strings.TrimSpace(string(ran[len(ran)-1].Stderr))), nil
	}
	r, err := job.ParseRan(host.Answer{Stdout: ran[1].Stdout})
	switch {
	case err != nil:
		return play.Result{}, err
	case r.Phase == job.Running || r.Late:
		state := base(w.ID, r.Dir, 0)
		return play.Result{Failed: true, Msg: fmt.Sprintf("async task did not complete within the requested time - %ds", int(w.Limit.Seconds())),
			Data: value.MapOf("async_result", value.FromMap(state))}, nil
	case r.Phase != job.Ended:
		return died(base(w.ID, r.Dir, 1)), nil
	}
	return w.Done(r.Dir, result(inner, r.Steps)), nil
}

// wait is the step that waits for a job, and removes it when it has ended. The job
// goes on where the link breaks: the host is called again until the time is over.
type wait struct {
	w Wish
	j job.Job
}

// Describe names the wait.
func (s wait) Describe() string { return "wait for it" }

// Do returns the answer of job.Ran.
func (s wait) Do(ctx context.Context, w host.Writer) (host.Output, error) {
	q := s.j.Ran().Q
	until := time.Now().Add(s.w.Limit)
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, s.w.Poll, 2*time.Second) {
		a, err := q.Ask(ctx, w)
		if errors.Is(err, host.ErrTransport) && time.Now().Before(until) {
			if bad := w.Redial(ctx, q, time.Until(until)); bad != nil {
				return host.Output{}, err
			}
			continue
		}
		if err != nil {
			return host.Output{}, err
		}
		r, err := job.ParseRan(a)
		if err != nil {
			return host.Output{}, err
		}
		if r.Phase != job.Running {
			_, err := w.Run(ctx, s.j.Clean())
			return host.Output{Stdout: a.Stdout}, err
		}
		if !time.Now().Before(until) {
			return host.Output{Stdout: a.Stdout}, nil
		}
		select {
		case <-time.After(min(pause, max(time.Until(until), 0))):
		case <-ctx.Done():
			return host.Output{}, context.Cause(ctx)
		}
	}
}

// base are the keys that every state of a job has.
func base(id, dir string, finished int64) *value.Map {
	m := value.MapOf("ansible_job_id", value.String(id), "results_file", value.MarkedString(dir, value.Unsafe), "started", value.Int(1), "finished", value.Int(finished))
	for _, k := range []string{"stdout", "stderr"} {
		m.Put(k, value.String(""))
		m.Put(k+"_lines", value.List())
	}
	return m
}

// with adds a result's own data to a job's. What a program printed that gave no result
// is stderr there.
func with(m *value.Map, r play.Result) play.Result {
	for k, v := range r.Data.All() {
		m.Set(k, v)
		if _, has := r.Data.Lookup("stderr"); value.Str(k) == "module_stderr" && !has {
			m.Put("stderr", v)
		}
	}
	r.Data = m
	return r
}

func died(m *value.Map) play.Result {
	return play.Result{Failed: true, Msg: "the job ended without a word: it was killed, or the host was restarted", Data: m}
}

// record is what a job keeps of its task.
type record struct {
	Module string
	Args   json.RawMessage
	Seen   []answer
}

type answer struct {
	Key, Out []byte
	Status   int
}

// record makes it of what the plan has read. Secret texts are masked: they were in
// what ran, and are not wanted again.
func (w Wish) record(s host.Seen) string {
	r := record{Module: w.Module}
	for _, q := range s.Rests() {
		if a, err := s.Answer(q); err == nil {
			r.Seen = append(r.Seen, answer{[]byte(q.Key()), a.Stdout, a.Status})
		}
	}
	text, err := value.JSON(value.FromMap(w.Args), value.JSONStyle{MaskSecret: true, KeepUTF8: true})
	if err != nil {
		text = "null"
	}
	r.Args = json.RawMessage(text)
	out, err := json.Marshal(r)
	if err != nil {
		return ""
	}
	return string(out)
}
