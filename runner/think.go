package runner

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"remoterun/runner/event"
	"remoterun/runner/host"
	"remoterun/runner/play"
)

// think plans a unit on the answers that are there; it returns the questions
// that are missing.
func (u *unit) think() (missing []host.Question) {
	if u.out != nil || u.bound == nil || u.planned() {
		return nil
	}
	defer func() {
		if p := recover(); p != nil { // it may be planned ahead: the failure is its own
			u.out, missing = failure(mistake(p, u.tr.task)), nil
		}
	}()
	seen := host.NewSeen(u.m.Answers(u.as)).In(u.env)
	plan, err := u.bound.Plan(seen)
	if need := new(host.ErrNeed); errors.As(err, &need) {
		missing := need.Questions
		for _, q := range u.bound.Facts() {
			if _, err := seen.Answer(q); err != nil {
				missing = append(missing, q)
			}
		}
		return missing
	}
	u.rests, u.state = seen.Rests(), unitPlanned
	u.made = u.m.Stamps(u.as, u.rests)
	if err != nil {
		u.plan = play.Plan{Result: play.Failure(theirs(err))}
		return nil
	}
	u.plan = plan
	return u.diffQuestions()
}

// planned reports a plan that was made of the answers that are there. A task
// before this one may have asked the same questions anew since.
func (u *unit) planned() bool {
	return u.state == unitPlanned && slices.Equal(u.made, u.m.Stamps(u.as, u.rests))
}

// diffQuestions are what --diff wants to show and nobody has answered.
func (u *unit) diffQuestions() []host.Question {
	if !u.diff {
		return nil
	}
	var out []host.Question
	answers := u.m.Answers(u.as)
	for _, d := range u.plan.Diff {
		if d.Before != nil && (!d.Secret || d.Masked != "") {
			if _, ok := answers[d.Before.Key()]; !ok {
				out = append(out, d.Before)
			}
		}
	}
	return out
}

// diffs makes the texts to show.
func (u *unit) diffs() []event.Diff {
	if !u.diff {
		return nil
	}
	var out []event.Diff
	answers := u.m.Answers(u.as)
	for _, d := range u.plan.Diff {
		t := event.Diff{BeforeHeader: d.BeforeHeader, AfterHeader: d.AfterHeader, Before: d.BeforeText, After: d.AfterText, Prepared: d.Prepared, Secret: d.Secret || u.noLog}
		if d.Before != nil {
			t.Before = string(answers[d.Before.Key()].Stdout)
		}
		if t.Secret {
			t = u.maskedDiff(d, t)
		}
		out = append(out, t)
	}
	return out
}

// maskedDiff hides of a difference what is secret: the lines of the new text that
// hold a secret, and of the old text those that they replace. Where nobody knows
// which lines these are, all of it.
func (u *unit) maskedDiff(d play.Diff, t event.Diff) event.Diff {
	hidden := event.Diff{BeforeHeader: t.BeforeHeader, AfterHeader: t.AfterHeader, Secret: true}
	after, red := d.Masked, u.tr.h.p.r.world.Redactor
	switch {
	case u.noLog || t.Prepared != "" || red == nil:
		return hidden
	case after == "":
		after = red.Redact(t.After)
	}
	if !strings.Contains(after, play.Mask) {
		return hidden
	}
	t.Before, t.After, t.Secret = hideLines(red.Redact(t.Before), after), after, false
	if t.Before == t.After {
		t.Prepared = "what differs is secret, and hidden\n"
	}
	return t
}

// hideLines hides the lines of before that are like those of after that hold a
// secret; where one of these is like none, every line that goes may have held it.
func hideLines(before, after string) string {
	old, now := strings.SplitAfter(before, "\n"), strings.SplitAfter(after, "\n")
	missed := false
	for _, line := range now {
		if !strings.Contains(line, play.Mask) {
			continue
		}
		found := false
		if like := likeIt(line); like != nil {
			for i := range old {
				if like.MatchString(strings.TrimRight(old[i], "\n")) {
					old[i], found = line, true
				}
			}
		}
		missed = missed || !found
	}
	for i, line := range old {
		if missed && strings.TrimSpace(line) != "" && !slices.Contains(now, line) {
			old[i] = play.Mask + "\n"
		}
	}
	return strings.Join(old, "")
}

// likeIt matches a line with another text at each mask; nil when nothing but the
// mask is there to know it by.
func likeIt(line string) *regexp.Regexp {
	parts := strings.Split(strings.TrimRight(line, "\n"), play.Mask)
	if strings.TrimSpace(strings.Join(parts, "")) == "" {
		return nil
	}
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	like, err := regexp.Compile("^" + strings.Join(parts, ".*") + "$")
	if err != nil {
		return nil
	}
	return like
}
