package tasks

import (
	"fmt"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// Text is an argument whose marks matter afterwards, because results echo it.
type Text struct {
	S     string
	Marks value.Marks
}

// ParseArg takes any value as text, but no sealed secret.
func (t *Text) ParseArg(v value.Value) error {
	if err := noSealed(v); err != nil {
		return err
	}
	s, err := AsText(v)
	t.S, t.Marks = s, value.DeepMarks(v)
	return err
}

// ArgType is the type's name in docs.
func (*Text) ArgType() string { return "str" }

// Value is the text with its marks.
func (t Text) Value() value.Value { return value.MarkedString(t.S, t.Marks) }

// Body is text that goes over stdin, a file's content for instance: the only
// place where a sealed secret may stand.
type Body struct{ Text }

// ParseArg takes any value as text.
func (b *Body) ParseArg(v value.Value) error {
	s, err := AsText(v)
	b.S, b.Marks = s, value.DeepMarks(v)
	return err
}

// Words is a list of text whose marks matter afterwards.
type Words []Text

// ParseArg takes a list, or text with commas, but no sealed secret.
func (w *Words) ParseArg(v value.Value) error {
	list := v.Items()
	if _, ok := v.AsSeq(); !ok {
		parts, err := AsStrings(v)
		if err != nil {
			return err
		}
		for _, p := range parts {
			list = append(list, value.MarkedString(p, v.Marks()))
		}
	}
	*w = nil
	for i, it := range list {
		var t Text
		if err := t.ParseArg(it); err != nil {
			return fmt.Errorf("item %d: %w", i, err)
		}
		*w = append(*w, t)
	}
	return nil
}

// ArgType is the type's name in docs.
func (*Words) ArgType() string { return "list of str" }

// hostText is text that came from a host: it is never read as a template.
func hostText(s string) value.Value { return value.MarkedString(s, value.Unsafe) }

// hostLines is text of a host as a list of its lines, as Python splits them.
func hostLines(s string) value.Value {
	items := []value.Value{}
	for _, l := range splitLines(s) {
		items = append(items, hostText(l))
	}
	return value.List(items...)
}

// splitLines is Python's str.splitlines().
func splitLines(s string) []string {
	var out []string
	for s != "" {
		i := strings.IndexAny(s, "\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029")
		if i < 0 {
			return append(out, s)
		}
		out = append(out, s[:i])
		n := 1
		switch {
		case strings.HasPrefix(s[i:], "\r\n"):
			n = 2
		case s[i] >= 0x80:
			n = len(string([]rune(s[i:])[0]))
		}
		s = s[i+n:]
	}
	return out
}

// failedStep answers the result of a step that ended with a status other than
// 0: the last of ran. ok is false when every step succeeded.
func failedStep(ran []host.Output) (r play.Result, ok bool) {
	if len(ran) == 0 || ran[len(ran)-1].Status == 0 {
		return play.Result{}, false
	}
	out := ran[len(ran)-1]
	msg := strings.TrimSpace(string(out.Stderr))
	if msg == "" {
		msg = strings.TrimSpace(string(out.Stdout))
	}
	if msg == "" {
		msg = fmt.Sprintf("exit status %d", out.Status)
	}
	r = play.Failure(msg)
	r.Changed = len(ran) > 1
	r.Data = value.MapOf("rc", value.Int(int64(out.Status)), "stderr", hostText(string(out.Stderr)), "stdout", hostText(string(out.Stdout)))
	return r, true
}

// after makes a Finish: failures are answered the common way, success by f.
func after(f func(ran []host.Output) (play.Result, error)) func([]host.Output) (play.Result, error) {
	return func(ran []host.Output) (play.Result, error) {
		if r, bad := failedStep(ran); bad {
			return r, nil
		}
		return f(ran)
	}
}

// failure is a plan that does nothing but fail.
func failure(format string, args ...any) play.Plan {
	return play.Plan{Result: play.Failure(fmt.Sprintf(format, args...))}
}

// unchanged is a plan without steps.
func unchanged(note string, data *value.Map) play.Plan {
	return play.Plan{Note: note, Result: play.Result{Data: data}}
}

// jsonDiff is how Ansible shows a difference of things that are no files: both
// sides as sorted JSON.
func jsonDiff(before, after *value.Map) play.Diff {
	st := value.JSONStyle{Indent: 4, SortKeys: true, KeepUTF8: true, MaskSecret: true}
	b, _ := value.JSON(value.FromMap(before), st)
	a, _ := value.JSON(value.FromMap(after), st)
	return play.Diff{BeforeText: b + "\n", AfterText: a + "\n"}
}

func itoa(n int) string { return strconv.Itoa(n) }
