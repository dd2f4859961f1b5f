package tde

import (
	"errors"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// driven is what a task gave when it was run to its end.
type driven struct {
	play.Result
	steps []string
}

// drive runs one task as the engine does: answers are asked for until the plan
// needs none, steps run up to the first that fails, stage after stage.
func drive(t *testing.T, w *host.Worker, m play.Module, args *value.Map) driven {
	t.Helper()
	got, err := try(t, w, m, args, -1)
	if err != nil {
		t.Fatalf("%s: %v", m.Spec().Name, err)
	}
	return got
}

var errStopped = errors.New("the test stops here")

// try is drive; it stops before step number stop (from 0), as a killed client
// does.
func try(t *testing.T, w *host.Worker, m play.Module, args *value.Map, stop int) (driven, error) {
	t.Helper()
	var out driven
	for _, e := range m.Check(args) {
		t.Fatalf("%s: %v", m.Spec().Name, e)
	}
	b, err := m.Bind(t.Context(), args, inputs{host: w.Host})
	if err != nil {
		return out, err
	}
	changed := false
	for {
		p, err := plan(t, w, b)
		if err != nil {
			return out, err
		}
		var ran []host.Output
		bad := false
		for _, st := range p.Steps {
			if len(out.steps) == stop {
				return out, errStopped
			}
			out.steps = append(out.steps, st.Describe())
			o, err := st.Do(t.Context(), w)
			if exit := new(host.ExitError); errors.As(err, &exit) {
				o, err = exit.Output, nil
			}
			if err != nil {
				return out, err
			}
			ran = append(ran, o)
			if bad = o.Status != 0; bad {
				break
			}
		}
		out.Result = p.Result
		if p.Finish != nil {
			if out.Result, err = p.Finish(ran); err != nil {
				return out, err
			}
		}
		if bad && out.Msg == "" {
			out.Msg = string(ran[len(ran)-1].Stderr)
		}
		changed = changed || out.Changed
		out.Changed, out.Failed = changed, out.Failed || bad
		if out.Failed || p.Then == nil {
			return out, nil
		}
		if b, err = p.Then(ran); err != nil || b == nil {
			return out, err
		}
	}
}

func plan(t *testing.T, w *host.Worker, b play.Bound) (play.Plan, error) {
	t.Helper()
	answers := map[string]host.Answer{}
	for range 60 {
		p, err := b.Plan(host.NewSeen(answers))
		var need *host.ErrNeed
		if !errors.As(err, &need) {
			return p, err
		}
		for _, q := range need.Questions {
			if _, twice := answers[q.Key()]; twice {
				t.Fatal("a plan asks again for what it was told")
			}
			a, err := q.Ask(t.Context(), w)
			if err != nil {
				return play.Plan{}, err
			}
			answers[q.Key()] = a
		}
	}
	t.Fatal("a plan never has enough")
	return play.Plan{}, nil
}
