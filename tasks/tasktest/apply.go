// Package tasktest runs modules in tests: one task at a time on one host, by
// the same rules as the engine and without it, and data cases without a host.
package tasktest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// Host is what a task is applied to.
type Host struct {
	// Conn takes the steps, and the questions too when Ask is nil.
	Conn host.Conn
	// Ask takes the questions: a connection on which nothing can be written
	// proves that probes write nothing.
	Ask host.Conn
	// In gives laptop files; the zero Inputs has none.
	In *Inputs
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
	r := run{h: h, check: check, w: &host.Worker{Host: "test", Conn: h.Conn, Kept: &host.Kept{}}}
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
	var ran []host.Output
	for _, st := range plan.Steps {
		out, err := st.Do(ctx, r.w)
		var exit *host.ExitError
		if errors.As(err, &exit) {
			out, err = exit.Output, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", st.Describe(), err)
		}
		r.out.Steps = append(r.out.Steps, st.Describe())
		ran = append(ran, out)
		if out.Status != 0 {
			return nil, r.finish(plan, ran, true)
		}
	}
	if err := r.finish(plan, ran, false); err != nil || plan.Then == nil {
		return nil, err
	}
	return plan.Then(ran)
}

func (r *run) finish(plan play.Plan, ran []host.Output, failed bool) error {
	if plan.Finish != nil && len(plan.Steps) > 0 {
		res, err := plan.Finish(ran)
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
		plan, err := b.Plan(host.NewSeen(answers))
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
