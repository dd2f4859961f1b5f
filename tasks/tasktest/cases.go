package tasktest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// Case is one data case of a module, read from testdata/MODULE/*.yaml: a list
// of mappings with these keys.
//
//	name     what is shown
//	args     the task's arguments
//	files    laptop files by name
//	answers  what the host says, a list of {args: [...], out: text, status: n};
//	         args are the beginning of the probe's arguments, leave it out to
//	         answer any. Every entry answers one question, in order of need.
//	steps    the descriptions of all steps, in order
//	ran      what the steps give: a list of {out, err, status}; default success
//	changed, failed, skipped, msg, note, repeats, warnings
//	         what the result says; not given = false, none or not looked at
//	result   keys that the result's data must hold
//	facts    ansible_facts that the result must set, without ansible_
//	error    the error of wrong arguments, instead of all of these
type Case struct {
	Name string
	in   *value.Map
}

// CasesIn runs every data case of a module, the files *.yaml of dir. There must
// be at least one.
func CasesIn(t *testing.T, dir string, m play.Module) {
	t.Helper()
	for _, c := range readCases(t, dir) {
		t.Run(c.Name, func(t *testing.T) { c.run(t, m) })
	}
}

// Cases runs the data cases in testdata/MODULE.
func Cases(t *testing.T, m play.Module) {
	t.Helper()
	CasesIn(t, filepath.Join("testdata", m.Spec().Name), m)
}

// readCases reads the files *.yaml of a folder.
func readCases(t *testing.T, dir string) []Case {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there is no case in %s (%v)", dir, err)
	}
	var out []Case
	for _, f := range files {
		list, err := yaml.One(f, []byte(ReadFile(t, f)), yaml.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i, it := range list.Items() {
			cm, ok := it.AsMap()
			if !ok {
				t.Fatalf("%s: entry %d is no mapping", f, i)
			}
			c := Case{in: cm}
			c.Name = strings.TrimSuffix(filepath.Base(f), ".yaml") + "/" + c.text("name")
			out = append(out, c)
		}
	}
	return out
}

func (c Case) text(key string) string {
	v, _ := c.in.Lookup(key)
	if v.IsNull() {
		return ""
	}
	return value.Str(v)
}

func (c Case) flag(key string) bool {
	v, _ := c.in.Lookup(key)
	return value.Truth(v)
}

func (c Case) list(key string) []value.Value {
	v, _ := c.in.Lookup(key)
	return v.Items()
}

func (c Case) run(t *testing.T, m play.Module) {
	known := " name args files answers steps ran changed failed skipped msg note repeats warnings result facts error "
	for _, k := range c.in.Names() {
		if !strings.Contains(known, " "+k+" ") {
			t.Errorf("a case has no key %q", k)
		}
	}
	o, err := c.apply(t, m)
	if want := c.text("error"); want != "" || err != nil {
		if err == nil || !strings.Contains(err.Error(), want) || want == "" {
			t.Errorf("error %v, want %q", err, want)
		}
		return
	}
	c.compare(t, o)
}

func (c Case) apply(t *testing.T, m play.Module) (Outcome, error) {
	t.Helper()
	args := value.NewMap()
	if v, ok := c.in.Lookup("args"); ok {
		args, _ = v.AsMap()
	}
	if errs := m.Check(args); len(errs) > 0 {
		return Outcome{}, errs[0]
	}
	in := c.laptop(t)
	b, err := m.Bind(t.Context(), args, in)
	if err != nil {
		return Outcome{}, err
	}
	s := script{t: t, answers: c.list("answers"), ran: c.list("ran"), used: map[int]bool{}}
	return s.play(b)
}

// laptop makes the case's files.
func (c Case) laptop(t *testing.T) *Inputs {
	t.Helper()
	in := &Inputs{Dir: t.TempDir()}
	v, _ := c.in.Lookup("files")
	files, _ := v.AsMap()
	for name, text := range files.All() {
		p := filepath.Join(in.Dir, value.Str(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(value.Str(text)), 0o644)); err != nil { // #nosec G306
			t.Fatal(err)
		}
	}
	return in
}

// script answers questions and steps from a case.
type script struct {
	t            *testing.T
	answers, ran []value.Value
	used         map[int]bool
}

func (s *script) play(b play.Bound) (Outcome, error) {
	var o Outcome
	for b != nil {
		plan, err := s.plan(b)
		if err != nil {
			return o, err
		}
		o.Plans = append(o.Plans, plan)
		byStatus(s.t, plan)
		o.Result = plan.Result
		var ran []host.Output
		failed := false
		for _, st := range plan.Steps {
			o.Steps = append(o.Steps, st.Describe())
			ran = append(ran, s.step())
			if failed = ran[len(ran)-1].Status != 0; failed {
				break
			}
		}
		if plan.Finish != nil && len(ran) > 0 {
			if o.Result, err = finishTwice(plan, ran); err != nil {
				return o, err
			}
		}
		o.Result.Failed = o.Result.Failed || failed
		if failed || plan.Then == nil || plan.Result.Failed {
			break
		}
		if b, err = thenTwice(plan, ran); err != nil {
			return o, err
		}
	}
	for i, a := range s.answers {
		if !s.used[i] {
			s.t.Errorf("nobody asked for answer %d: %s", i+1, value.Repr(a))
		}
	}
	return o, nil
}

// byStatus shows that a plan which says so fails by its steps' status alone.
func byStatus(t *testing.T, p play.Plan) {
	t.Helper()
	if !p.ByStatus || p.Finish == nil {
		return
	}
	for _, text := range []string{"", "\x00", "nothing that it knows", "\n#rr ENOENT\n", "{}", "[]", "f 0 0 0 0\n", strings.Repeat("x\n", 50)} {
		ran := make([]host.Output, len(p.Steps))
		for i := range ran {
			ran[i] = host.Output{Stdout: []byte(text), Stderr: []byte(text)}
		}
		if r, err := p.Finish(ran); err != nil || r.Failed || r.Facts.Len() > 0 {
			t.Errorf("the plan says that it fails by status alone, but of steps that printed %q it makes %+v, %v", text, r, err)
		}
	}
}

func (s *script) plan(b play.Bound) (play.Plan, error) {
	got := map[string]host.Answer{}
	for range maxRounds {
		plan, _, err := planTwice(b, got)
		var need *host.ErrNeed
		if !errors.As(err, &need) {
			return plan, err
		}
		for _, q := range need.Questions {
			got[q.Key()] = s.answer(q)
		}
	}
	return play.Plan{}, errors.New("the plan asks for ever")
}

// answer finds the first unused answer that fits.
func (s *script) answer(q host.Question) host.Answer {
	s.t.Helper()
	var args []string
	if p, ok := q.(host.Probe); ok {
		args = p.Cmd().Args
	} else {
		args = []string{q.Key()}
	}
	for i, v := range s.answers {
		m, ok := v.AsMap()
		if !ok || s.used[i] {
			continue
		}
		if want, ok := m.Lookup("args"); ok && !begins(args, want.Items()) {
			continue
		}
		s.used[i] = true
		out, _ := m.Lookup("out")
		st, _ := m.Lookup("status")
		n, _ := st.AsInt()
		text := ""
		if !out.IsNull() {
			text = value.Str(out)
		}
		return host.Answer{Stdout: []byte(text), Status: int(n)}
	}
	s.t.Fatalf("the case has no answer for a question with the arguments %q", args)
	return host.Answer{}
}

func begins(args []string, want []value.Value) bool {
	if len(want) > len(args) {
		return false
	}
	for i, w := range want {
		if value.Str(w) != args[i] {
			return false
		}
	}
	return true
}

// step gives the next output; a case that names none means success.
func (s *script) step() host.Output {
	if len(s.ran) == 0 {
		return host.Output{}
	}
	m, _ := s.ran[0].AsMap()
	s.ran = s.ran[1:]
	get := func(k string) value.Value { v, _ := m.Lookup(k); return v }
	text := func(k string) []byte {
		if v := get(k); !v.IsNull() {
			return []byte(value.Str(v))
		}
		return nil
	}
	n, _ := get("status").AsInt()
	return host.Output{Stdout: text("out"), Stderr: text("err"), Status: int(n)}
}

func (c Case) compare(t *testing.T, o Outcome) {
	t.Helper()
	var steps []string
	for _, v := range c.list("steps") {
		steps = append(steps, value.Str(v))
	}
	if fmt.Sprintf("%q", steps) != fmt.Sprintf("%q", o.Steps) {
		t.Errorf("steps\n got %q\nwant %q", o.Steps, steps)
	}
	r := o.Result
	for key, got := range map[string]bool{"changed": r.Changed, "failed": r.Failed, "skipped": r.Skipped, "repeats": o.Repeats()} {
		if got != c.flag(key) {
			t.Errorf("%s is %v (message %q)", key, got, r.Msg)
		}
	}
	if want := c.text("msg"); want != "" && want != r.Msg {
		t.Errorf("msg\n got %q\nwant %q", r.Msg, want)
	}
	if want := c.text("note"); want != "" && want != o.Plans[len(o.Plans)-1].Note {
		t.Errorf("note %q, want %q", o.Plans[len(o.Plans)-1].Note, want)
	}
	if want := c.list("warnings"); len(want) != len(r.Warnings) {
		t.Errorf("warnings %q, want %d", r.Warnings, len(want))
	}
	c.holds(t, "result", r.Data)
	c.holds(t, "facts", r.Facts)
}

// holds compares the keys that a case names.
func (c Case) holds(t *testing.T, key string, got *value.Map) {
	t.Helper()
	v, ok := c.in.Lookup(key)
	if !ok {
		return
	}
	wm, _ := v.AsMap()
	for k, w := range wm.All() {
		is, ok := got.Get(k)
		if !ok || !value.Equal(is, w) {
			t.Errorf("%s %s is %s, want %s", key, value.Str(k), value.Repr(is), value.Repr(w))
		}
	}
}
