package runner

import (
	"errors"
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
)

// journal notes a unit's steps before they are sent.
func (u *unit) journal() func(string) {
	h := u.tr.h
	if h.p.r.world.Journal == nil || u.local {
		return func(string) {}
	}
	end := h.p.r.world.Journal.Begin(u.m.Name, []Noted{noted(u)})
	return func(outcome string) { end(0, outcomeShown(u, outcome)) }
}

// journalChain notes the steps of a chain's links, each with an outcome of its own.
func (cr *carrier) journalChain(links []*unit) func(link int, outcome string) {
	if cr.h.p.r.world.Journal == nil {
		return func(int, string) {}
	}
	var work []Noted
	at := make([]int, len(links))
	for i, u := range links {
		at[i] = -1
		if len(u.plan.Steps) > 0 {
			at[i] = len(work)
			work = append(work, noted(u))
		}
	}
	if len(work) == 0 {
		return func(int, string) {}
	}
	end := cr.h.p.r.world.Journal.Begin(links[0].m.Name, work)
	return func(link int, outcome string) {
		if at[link] >= 0 {
			end(at[link], outcomeShown(links[link], outcome))
		}
	}
}

// noted is what the journal keeps of a unit. A step that no_log covers is
// named by its module alone: what it would say of itself is not asked for.
func noted(u *unit) Noted {
	n := Noted{Task: u.tr.info.Name}
	for range u.plan.Steps {
		n.Steps = append(n.Steps, hiddenStep(u.tr.task))
	}
	if !u.noLog {
		for i, s := range u.plan.Steps {
			n.Steps[i] = u.tr.h.p.r.world.Redactor.Redact(s.Describe())
		}
	}
	return n
}

func hiddenStep(t *play.Task) string {
	return "a step of " + t.Action + ", whose text is hidden (no_log)"
}

// outcomeShown is an outcome as the journal may keep it: only which kind it was,
// where no_log covers it.
func outcomeShown(u *unit, outcome string) string {
	if u.noLog {
		outcome, _, _ = strings.Cut(outcome, ":")
	}
	return outcome
}

func outcomeText(ran []host.Output, err error) string {
	switch {
	case errors.Is(err, host.ErrTransport), errors.Is(err, ErrInterrupted): // what was begun may go on: a job does
		return "unknown: " + err.Error()
	case err != nil:
		return "failed: " + err.Error()
	case len(ran) > 0 && ran[len(ran)-1].Status != 0:
		return fmt.Sprintf("failed: status %d", ran[len(ran)-1].Status)
	}
	return outcomeDone
}
