package runner

import (
	"regexp"
	"slices"
	"strings"

	"remoterun/runner/event"
	"remoterun/runner/play"
)

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
