package tasktest

import (
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// lie makes of what an honest host says what a hostile or broken one says.
type lie struct {
	name string
	of   func(truth string) string
	big  bool // many MB: tried once for each question
}

func lies() []lie {
	digits := regexp.MustCompile(`[0-9]+`)
	swap := func(with string) func(string) string {
		return func(s string) string { return digits.ReplaceAllString(s, with) }
	}
	const many = 100_000
	return []lie{
		{name: "nothing", of: func(string) string { return "" }},
		{name: "a line break", of: func(string) string { return "\n" }},
		{name: "a huge number", of: swap(strings.Repeat("9", 400))},
		{name: "the largest number", of: swap("9223372036854775807")},
		{name: "a negative number", of: swap("-9223372036854775808")},
		{name: "zero", of: swap("0")},
		{name: "NaN", of: swap("NaN")},
		{name: "an exponent", of: swap("1e999")},
		{name: "NULs", of: func(s string) string { return strings.ReplaceAll(s, "\n", "\x00\n") + "\x00" }},
		{name: "no UTF-8", of: func(s string) string {
			return strings.NewReplacer("e", "\xff", "a", "\xc3", "o", "\xf0\x9f").Replace(s)
		}},
		{name: "half", of: func(s string) string { return s[:len(s)/2] }},
		{name: "all but the end", of: func(s string) string { return s[:max(len(s)-3, 0)] }},
		{name: "all twice", of: func(s string) string { return s + s }},
		{name: "each line twice", of: func(s string) string { return perLine(s, func(l string) string { return l + l }) }},
		{name: "backwards", of: backwards},
		{name: "no blanks", of: func(s string) string { return strings.NewReplacer(" ", "", "\t", "", ":", "").Replace(s) }},
		{name: "no separators", of: func(s string) string {
			return strings.NewReplacer(",", "", "|", "", ";", "", "=", "", "/", "").Replace(s)
		}},
		{name: "more separators", of: func(s string) string {
			return strings.NewReplacer(",", ",,", "|", "||", " ", "  ", "\t", "\t\t").Replace(s)
		}},
		{name: "blanks", of: func(s string) string { return perLine(s, func(string) string { return "   \t  \n" }) }},
		{name: "every second line", of: everySecond},
		{name: "JSON of null", of: retyped(func(value.Value) value.Value { return value.Null() })},
		{name: "JSON of lists", of: retyped(func(v value.Value) value.Value { return value.List(v) })},
		{name: "JSON of mappings", of: retyped(func(v value.Value) value.Value { return value.FromMap(value.MapOf("x", v, "", v)) })},
		{name: "JSON of numbers", of: retyped(func(value.Value) value.Value { return value.Float(-1e300) })},
		{name: "JSON of text", of: retyped(func(v value.Value) value.Value { return value.String(value.Str(v)) })},
		{name: "another JSON", of: func(string) string { return `["x", null, {"a": 1}]` }},
		{name: "brackets", big: true, of: func(string) string { return strings.Repeat("[", many) }},
		{name: "braces", big: true, of: func(string) string { return strings.Repeat(`{"a":`, many) }},
		{name: "brackets that close", big: true, of: func(string) string { return strings.Repeat("[", many) + strings.Repeat("]", many) }},
		{name: "a million lines", big: true, of: func(s string) string { return s + strings.Repeat(first(s), 1_000_000/8+1) }},
		{name: "each line many times", big: true, of: func(s string) string {
			n := 100_000/(strings.Count(s, "\n")+1) + 1
			return perLine(s, func(l string) string { return strings.Repeat(l[:min(len(l), 200)], n) })
		}},
		{name: "long lines", big: true, of: func(s string) string {
			n := 100_000/(strings.Count(s, "\n")+1) + 1
			return perLine(s, func(l string) string {
				f := strings.Fields(l)
				if len(f) == 0 {
					return l
				}
				last := f[len(f)-1]
				return strings.TrimSuffix(l, "\n") + strings.Repeat(" "+last[:min(len(last), 50)], n) + "\n"
			})
		}},
		{name: "a long line", big: true, of: func(s string) string { return strings.Repeat(strings.TrimSuffix(first(s), "\n"), many) }},
	}
}

func first(s string) string {
	l, _, _ := strings.Cut(s, "\n")
	return l[:min(len(l), 80)] + "\n"
}

func perLine(s string, f func(string) string) string {
	var b strings.Builder
	for l := range strings.Lines(s) {
		b.WriteString(f(l))
	}
	return b.String()
}

func backwards(s string) string {
	lines := slices.Collect(strings.Lines(s))
	slices.Reverse(lines)
	return strings.Join(lines, "")
}

func everySecond(s string) string {
	n := 0
	return perLine(s, func(l string) string {
		if n++; n%2 == 0 {
			return ""
		}
		return l
	})
}

// retyped changes what stands in JSON; other text stays as it is.
func retyped(f func(value.Value) value.Value) func(string) string {
	var walk func(v value.Value) value.Value
	walk = func(v value.Value) value.Value {
		if m, ok := v.AsMap(); ok {
			out := value.NewMap()
			for k, x := range m.All() {
				out.Set(k, walk(x))
			}
			return value.FromMap(out)
		}
		if _, ok := v.AsSeq(); ok {
			var out []value.Value
			for _, x := range v.Items() {
				out = append(out, walk(x))
			}
			return value.List(out...)
		}
		return f(v)
	}
	return func(s string) string {
		v, err := value.ParseJSON([]byte(s))
		if err != nil {
			return s
		}
		b, err := value.JSON(walk(v), value.JSONStyle{})
		if err != nil {
			return s
		}
		return b
	}
}

// Lies replays the data cases of a module on hosts that lie: to each question that
// the cases ask, and in what each of their steps prints, comes every lie once, and
// what the plan asks then is answered by lies too. Each ends: as a plan, a failure or
// an error, without a panic, within bounded memory and some seconds of the processor.
func Lies(t *testing.T, dir string, m play.Module) {
	t.Helper()
	asked := map[string]bool{}
	told := 0
	for _, c := range readCases(t, dir) {
		if c.text("error") != "" {
			continue
		}
		honest := &liar{c: c, at: -1}
		if err := honest.run(t, m); errors.Is(err, errPanics) {
			t.Errorf("%s: told the truth: %v", c.Name, err)
		}
		for i := range honest.n {
			if honest.keys[i] == "" {
				continue // the laptop's own
			}
			for _, l := range lies() {
				key := honest.keys[i] + "/" + l.name
				if asked[key] {
					continue
				}
				asked[key] = true
				told++
				w := &liar{c: c, at: i, lie: l}
				if err := w.run(t, m); errors.Is(err, errPanics) {
					t.Errorf("%s: %s in place of answer %d: %v", c.Name, l.name, i+1, err)
				}
			}
		}
	}
	t.Logf("%d lies", told)
}

// errPanics is a panic of the module.
var errPanics = errors.New("it panics, or needs too much")

// liar answers from a case, but for one answer.
type liar struct {
	c    Case
	at   int
	lie  lie
	n    int      // answers and outputs given
	keys []string // what they were for
	used map[int]bool
}

// maxLieCPU is how long one lie may keep the processor busy, whatever else runs on
// the machine.
const maxLieCPU = 20 * time.Second

// watched ends the test where something that has begun now takes too much of the
// processor: it may never end. The function that it returns ends the watch.
func watched(what string) func() {
	began := busy()
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Second):
				if busy()-began > maxLieCPU {
					panic(what + ": it takes too long")
				}
			}
		}
	}()
	return func() { close(done) }
}

// busy is how long this process has used processors.
func busy() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// maxLieMemory is how many bytes may be allocated for a byte of an answer, and for
// any answer at all.
const maxLieMemory, anyLieMemory = 400, 256 << 20

func (w *liar) run(t *testing.T, m play.Module) error {
	return bounded(fmt.Sprintf("%s: %s in place of answer %d", w.c.Name, w.lie.name, w.at+1), w.size, func() error { return w.replay(t, m) })
}

// bounded is f within bounds: a panic in it is errPanics, as is more memory than what
// size tells, when f has ended, of the longest answer in bytes allows; and too much of
// the processor ends the test.
func bounded(what string, size func() int, f func() error) (err error) {
	defer watched(what)()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
			return
		}
		runtime.ReadMemStats(&after)
		if n, got := size(), after.TotalAlloc-before.TotalAlloc; !errors.Is(err, errPanics) && got > uint64(anyLieMemory+maxLieMemory*n) {
			err = fmt.Errorf("%w: %d MB were allocated for an answer of %d bytes", errPanics, got>>20, n)
		}
	}()
	return f()
}

func panicked(p any) error { return fmt.Errorf("%w: %v\n%s", errPanics, p, debug.Stack()) }

func (w *liar) replay(t *testing.T, m play.Module) error {
	args := value.NewMap()
	if v, ok := w.c.in.Lookup("args"); ok {
		args, _ = v.AsMap()
	}
	b, err := m.Bind(t.Context(), args, w.c.laptop(t))
	if err != nil {
		return err
	}
	w.used = map[int]bool{}
	ran := w.c.list("ran")
	for range maxRounds {
		plan, err := w.plan(b)
		if err != nil || plan.Result.Failed {
			return err
		}
		var outs []host.Output
		for _, st := range plan.Steps {
			var o host.Output
			if len(ran) > 0 {
				cm, _ := ran[0].AsMap()
				ran = ran[1:]
				o = output(cm)
			}
			if w.next("step " + firstWord(st.Describe())) {
				o.Stdout, o.Stderr = []byte(w.lie.of(string(o.Stdout))), []byte(w.lie.of(string(o.Stderr)))
			}
			if outs = append(outs, o); o.Status != 0 {
				break
			}
		}
		if plan.Finish != nil && len(outs) > 0 {
			if r, err := plan.Finish(outs); err != nil || r.Failed {
				return err
			}
		}
		if plan.Then == nil || len(outs) > 0 && outs[len(outs)-1].Status != 0 {
			return nil
		}
		if b, err = plan.Then(outs); err != nil || b == nil {
			return err
		}
	}
	return nil
}

// size is how long the lie can be.
func (w *liar) size() int {
	if w.at < 0 || !w.lie.big {
		return 0
	}
	n := 0
	for _, v := range w.c.list("answers") {
		cm, _ := v.AsMap()
		n = max(n, len(w.lie.of(string(output(cm).Stdout))))
	}
	return max(n, len(w.lie.of("")))
}

func (w *liar) plan(b play.Bound) (play.Plan, error) {
	got := map[string]host.Answer{}
	for range maxRounds {
		plan, err := b.Plan(host.NewSeen(got))
		var need *host.ErrNeed
		if !errors.As(err, &need) {
			return plan, err
		}
		for _, q := range need.Questions {
			got[q.Key()] = w.answer(q)
		}
	}
	return play.Plan{}, errors.New("the plan asks for ever")
}

// next reports that it is the lie's turn.
func (w *liar) next(what string) bool {
	w.n++
	w.keys = append(w.keys, what)
	return w.n-1 == w.at
}

func (w *liar) answer(q host.Question) host.Answer {
	args, text := []string{q.Key()}, ""
	if p, ok := q.(host.Probe); ok {
		args, text = p.Cmd().Args, string(p.Cmd().Text)
	}
	var a host.Answer
	if w.at >= 0 && w.n > w.at && text != "" {
		a = host.Answer{Stdout: []byte(w.lie.of("1 2 3\nx\n"))}
	}
	for i, v := range w.c.list("answers") {
		cm, ok := v.AsMap()
		if !ok || w.used[i] {
			continue
		}
		if want, ok := cm.Lookup("args"); ok && !begins(args, want.Items()) {
			continue
		}
		w.used[i] = true
		o := output(cm)
		a = host.Answer{Stdout: o.Stdout, Status: o.Status}
		break
	}
	if w.next(text) {
		a.Stdout = []byte(w.lie.of(string(a.Stdout)))
	}
	return a
}

// output reads an entry of answers or ran.
func output(m *value.Map) host.Output {
	text := func(k string) []byte {
		if v, _ := m.Lookup(k); !v.IsNull() {
			return []byte(value.Str(v))
		}
		return nil
	}
	st, _ := m.Lookup("status")
	n, _ := st.AsInt()
	return host.Output{Stdout: text("out"), Stderr: text("err"), Status: int(n)}
}

func firstWord(s string) string {
	w, _, _ := strings.Cut(s, " ")
	return w
}
