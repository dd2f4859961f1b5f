// Package tasktest runs modules in tests: one task at a time on one host, by
// the same rules as the engine and without it, and data cases without a host.
package tasktest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
)

// Host is what a task is applied to.
type Host struct {
	// Conn takes the steps, and the questions too when Ask is nil.
	Conn host.Conn
	// Again makes the connection anew (a reboot); nil = it cannot be.
	Again func(ctx context.Context) (host.Conn, error)
	// Ask takes the questions: a connection on which nothing can be written
	// proves that probes write nothing.
	Ask host.Conn
	// In gives laptop files; the zero Inputs has none.
	In *Inputs
	// Chained sends steps as the engine does it when it can: as a guarded chain
	// that asks the plan's questions again.
	Chained bool
	// Said hears what steps tell the operator; nil = nobody does.
	Said func(string)
}

// Outcome is what one task did.
type Outcome struct {
	Result play.Result
	// Steps are the descriptions of the steps that ran, all stages.
	Steps []string
	// Plans are the stages' plans.
	Plans []play.Plan
	// Rounds counts how often questions had to be asked.
	Rounds int
}

// Repeats reports that a stage said it plans steps again and again.
func (o Outcome) Repeats() bool {
	for _, p := range o.Plans {
		if p.Repeats {
			return true
		}
	}
	return false
}

// maxRounds bounds a plan that never has enough.
const maxRounds = 40

// Apply runs one task. Arguments are as in a playbook, rendered. With check
// set no step runs and the result is the prediction.
func Apply(ctx context.Context, h Host, m play.Module, args *value.Map, check bool) (Outcome, error) {
	if errs := m.Check(args); len(errs) > 0 {
		return Outcome{}, errs[0]
	}
	if h.In == nil {
		h.In = &Inputs{}
	}
	b, err := m.Bind(ctx, args, h.In)
	if err != nil {
		return Outcome{}, err
	}
	r := run{h: h, check: check, w: &host.Worker{Host: "test", Conn: h.Conn, Kept: &host.Kept{}, Dialing: h.Again, Said: h.Said}}
	r.asker = r.w
	if h.Ask != nil {
		r.asker = &host.Worker{Host: "test", Conn: h.Ask, Kept: &host.Kept{}}
	}
	for b != nil && err == nil {
		b, err = r.stage(ctx, b)
	}
	return r.out, err
}

// run is one task on its way.
type run struct {
	h        Host
	check    bool
	w, asker *host.Worker
	out      Outcome
	seen     host.Seen
	answers  map[string]host.Answer
}

// stage plans and runs one stage; it answers the next one.
func (r *run) stage(ctx context.Context, b play.Bound) (play.Bound, error) {
	plan, err := r.plan(ctx, b)
	if err != nil {
		return nil, err
	}
	r.out.Plans = append(r.out.Plans, plan)
	r.out.Result = plan.Result
	if r.check || plan.Result.Failed {
		return nil, nil
	}
	ran, err := r.steps(ctx, plan)
	if err != nil {
		return nil, err
	}
	failed := len(ran) > 0 && ran[len(ran)-1].Status != 0
	if err := r.finish(plan, ran, failed); err != nil || failed || plan.Then == nil {
		return nil, err
	}
	return thenTwice(plan, ran)
}

// steps runs a plan's steps up to the first that fails.
func (r *run) steps(ctx context.Context, plan play.Plan) ([]host.Output, error) {
	if frames := chainable(plan); r.h.Chained && frames != nil {
		return r.chain(ctx, plan, frames)
	}
	var ran []host.Output
	for _, st := range plan.Steps {
		out, err := st.Do(ctx, r.w)
		var exit *host.ExitError
		if errors.As(err, &exit) {
			out, err = exit.Output, nil
		}
		if err != nil {
			return ran, fmt.Errorf("%s: %w", st.Describe(), err)
		}
		r.out.Steps = append(r.out.Steps, st.Describe())
		ran = append(ran, out)
		if out.Status != 0 {
			break
		}
	}
	return ran, nil
}

// chainable are the steps as commands, nil when one of them cannot ride.
func chainable(plan play.Plan) []sh.Cmd {
	var out []sh.Cmd
	for _, st := range plan.Steps {
		f, ok := st.(host.Framer)
		if !ok {
			return nil
		}
		c, ok := f.Frame()
		if !ok {
			return nil
		}
		out = append(out, c)
	}
	return out
}

// chain runs steps behind a guard of everything that the plan read.
func (r *run) chain(ctx context.Context, plan play.Plan, frames []sh.Cmd) ([]host.Output, error) {
	s, err := r.h.Conn.Shell(ctx, host.As{})
	if err != nil {
		return nil, err
	}
	link := sh.Link{Steps: frames}
	var answers []host.Answer
	for _, q := range r.seen.Rests() {
		if p, ok := q.(host.Probe); ok && !p.IsWide() {
			link.Guard = append(link.Guard, p.Cmd())
			answers = append(answers, r.answers[q.Key()])
		}
	}
	link.Want, link.Again = host.Digest(answers), link.Guard
	res, err := s.Batch(ctx, sh.Batch{Chain: []sh.Link{link}})
	if err != nil {
		return nil, err
	}
	if res.Stopped == sh.StopGuard {
		return nil, fmt.Errorf("the answers are others when they are asked again: %s, then %s", shown(answers), shown(again(res.Again)))
	}
	var ran []host.Output
	for _, st := range res.Steps {
		for i, o := range st {
			r.out.Steps = append(r.out.Steps, plan.Steps[i].Describe())
			ran = append(ran, host.Output{Stdout: o.Stdout, Stderr: o.Stderr, Status: o.Status})
		}
	}
	return ran, nil
}

func (r *run) finish(plan play.Plan, ran []host.Output, failed bool) error {
	if plan.Finish != nil && len(plan.Steps) > 0 {
		res, err := finishTwice(plan, ran)
		if err != nil {
			return err
		}
		r.out.Result = res
	} else if failed {
		r.out.Result.Msg = string(ran[len(ran)-1].Stderr)
	}
	r.out.Result.Failed = r.out.Result.Failed || failed
	return nil
}

func again(list []sh.Asked) []host.Answer {
	out := make([]host.Answer, len(list))
	for i, a := range list {
		out[i] = host.Answer(a)
	}
	return out
}

func shown(list []host.Answer) string {
	var parts []string
	for _, a := range list {
		parts = append(parts, fmt.Sprintf("%q (%d)", a.Stdout, a.Status))
	}
	return strings.Join(parts, ", ")
}

// plan asks until the plan has what it needs.
func (r *run) plan(ctx context.Context, b play.Bound) (play.Plan, error) {
	answers := map[string]host.Answer{}
	want := b.Facts()
	for range maxRounds {
		if len(want) > 0 {
			r.out.Rounds++
		}
		for _, q := range want {
			a, err := q.Ask(ctx, r.asker)
			if err != nil {
				return play.Plan{}, err
			}
			answers[q.Key()] = a
		}
		plan, seen, err := planTwice(b, answers)
		r.seen, r.answers = seen, answers
		var need *host.ErrNeed
		if !errors.As(err, &need) {
			return plan, err
		}
		want = need.Questions
	}
	return play.Plan{}, errors.New("the plan asks for ever")
}

// Must applies a task that has to succeed.
func Must(t testing.TB, h Host, m play.Module, args *value.Map) Outcome {
	t.Helper()
	o, err := Apply(t.Context(), h, m, args, false)
	if err != nil {
		t.Fatalf("%s: %v", m.Spec().Name, err)
	}
	if o.Result.Failed {
		t.Fatalf("%s failed: %s", m.Spec().Name, o.Result.Msg)
	}
	return o
}

// Twice applies a task in check mode, for real, and again: the check must have
// predicted what happens, the first run must change something, and the second
// must plan no step.
func Twice(t testing.TB, h Host, m play.Module, args *value.Map) Outcome {
	t.Helper()
	predicted, err := Apply(t.Context(), h, m, args, true)
	if err != nil {
		t.Fatalf("%s in check mode: %v", m.Spec().Name, err)
	}
	first := Must(t, h, m, args)
	if !first.Result.Changed {
		t.Errorf("%s: the first run changed nothing", m.Spec().Name)
	}
	if predicted.Result.Changed != first.Result.Changed {
		t.Errorf("%s: check mode said changed=%v", m.Spec().Name, predicted.Result.Changed)
	}
	second := Must(t, h, m, args)
	if len(second.Steps) > 0 && !second.Repeats() || second.Result.Changed && !second.Repeats() {
		t.Errorf("%s: the second run is not empty: %v changed=%v", m.Spec().Name, second.Steps, second.Result.Changed)
	}
	return first
}
