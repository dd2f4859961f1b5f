package tasktest

import (
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// planTwice plans, and when that gave a plan plans again: both must be equal,
// since the engine plans as often as it likes.
func planTwice(b play.Bound, answers map[string]host.Answer) (play.Plan, host.Seen, error) {
	s := host.NewSeen(answers)
	plan, err := b.Plan(s)
	if err != nil {
		return plan, s, err
	}
	again, err := b.Plan(host.NewSeen(answers))
	if err != nil {
		return plan, s, fmt.Errorf("planned again on the same answers: %w", err)
	}
	if one, two := shownPlan(plan), shownPlan(again); one != two {
		return plan, s, fmt.Errorf("planned twice on the same answers, it differs:\n%s\n%s", one, two)
	}
	return plan, s, nil
}

// finishTwice makes a result of what steps gave, twice.
func finishTwice(p play.Plan, ran []host.Output) (play.Result, error) {
	r, err := p.Finish(ran)
	if err != nil {
		return r, err
	}
	again, err := p.Finish(ran)
	if one, two := shownResult(r), shownResult(again); one != two {
		return r, fmt.Errorf("finished twice, the result differs: %s, %s", one, two)
	}
	return r, err
}

// thenTwice makes the next stage, twice; the second one goes on.
func thenTwice(p play.Plan, ran []host.Output) (play.Bound, error) {
	if _, err := p.Then(ran); err != nil {
		return nil, err
	}
	return p.Then(ran)
}

// shownPlan is all of a plan that can be compared.
func shownPlan(p play.Plan) string {
	var b strings.Builder
	for _, st := range p.Steps {
		fmt.Fprintf(&b, "step %s\n", st.Describe())
		if f, ok := st.(host.Framer); ok {
			if c, ok := f.Frame(); ok {
				fmt.Fprintf(&b, "  %q %q %q %v\n", c.Text, c.Args, c.Dir, c.Env)
			}
		}
	}
	for _, d := range p.Diff {
		fmt.Fprintf(&b, "diff %q %q %q %q %q\n", d.BeforeHeader, d.AfterHeader, d.BeforeText, d.AfterText, d.Prepared)
	}
	fmt.Fprintf(&b, "%s note %q repeats %v local %v finish %v then %v", shownResult(p.Result), p.Note, p.Repeats, p.Local, p.Finish != nil, p.Then != nil)
	return b.String()
}

func shownResult(r play.Result) string {
	return fmt.Sprintf("changed %v failed %v skipped %v %q %s %s %q", r.Changed, r.Failed, r.Skipped, r.Msg,
		value.Repr(value.FromMap(r.Data)), value.Repr(value.FromMap(r.Facts)), r.Warnings)
}
