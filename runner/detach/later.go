package detach

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/job"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// Finder finds modules by name.
type Finder func(name string) (play.Module, bool)

// Result is what a job's task has come to: the keys of async_status.
func Result(id string, r job.Ran, find Finder) play.Result {
	switch {
	case r.Phase == job.Never:
		return play.Result{Failed: true, Msg: "could not find job", Data: base(id, r.Dir, 1)}
	case r.Late:
		m := base(id, r.Dir, 1)
		m.Put("child_pid", value.Int(r.Pid))
		return play.Result{Failed: true, Msg: "Timeout exceeded", Data: m}
	case r.Phase == job.Running:
		return play.Result{Data: base(id, r.Dir, 0)}
	case r.Kept != nil:
		return kept(base(id, r.Dir, 1), r.Kept)
	case r.Phase != job.Ended:
		return died(base(id, r.Dir, 1))
	}
	return with(base(id, r.Dir, 1), again(r, find))
}

// again makes the plan of a job's task once more, of what the job kept, and lets it
// read the outputs.
func again(r job.Ran, find Finder) (out play.Result) {
	defer func() {
		if recover() != nil { // what was kept is another version's
			out = plain(r)
		}
	}()
	var rec record
	if json.Unmarshal(r.Made, &rec) != nil {
		return plain(r)
	}
	args, err := value.ParseJSON(rec.Args)
	if err != nil {
		return plain(r)
	}
	given, ok := args.With(value.Unsafe).AsMap()
	mod, found := find(rec.Module)
	if !ok || !found {
		return plain(r)
	}
	b, err := mod.Bind(context.Background(), given, nowhere{})
	if err != nil {
		return plain(r)
	}
	answers := map[string]host.Answer{}
	for _, a := range rec.Seen {
		answers[string(a.Key)] = host.Answer{Stdout: a.Out, Status: a.Status}
	}
	plan, err := b.Plan(host.NewSeen(answers))
	if err != nil {
		return plain(r)
	}
	return result(plan, r.Steps)
}

// result reads the outputs as the plan does; a step that is missing was not run.
func result(p play.Plan, ran []host.Output) play.Result {
	if len(ran) > len(p.Steps) || len(ran) == 0 && len(p.Steps) > 0 {
		return play.Failure("the job kept no output")
	}
	r, _ := p.Finished(ran)
	return r
}

// plain is a result of outputs whose task cannot be told any more.
func plain(r job.Ran) play.Result {
	if len(r.Steps) == 0 {
		return play.Result{}
	}
	last := r.Steps[len(r.Steps)-1]
	m := value.MapOf("rc", value.Int(int64(last.Status)))
	for k, text := range map[string][]byte{"stdout": last.Stdout, "stderr": last.Stderr} {
		s := strings.TrimRight(string(text), "\r\n")
		m.Put(k, value.MarkedString(s, value.Unsafe))
		var lines []value.Value
		for l := range strings.Lines(s) {
			lines = append(lines, value.MarkedString(strings.TrimRight(l, "\r\n"), value.Unsafe))
		}
		m.Put(k+"_lines", value.List(lines...))
	}
	out := play.Result{Changed: true, Data: m}
	if last.Status != 0 {
		out.Failed, out.Msg = true, "non-zero return code"
	}
	return out
}

// Keep is what a job keeps of a task that ran in the foreground.
func Keep(r play.Result) string {
	m := value.MapOf("changed", value.Bool(r.Changed), "failed", value.Bool(r.Failed), "msg", value.String(r.Msg), "data", value.FromMap(r.Data.Clone()))
	if r.Facts.Len() > 0 {
		m.Put("facts", value.FromMap(r.Facts))
	}
	text, err := value.JSON(value.FromMap(m), value.JSONStyle{MaskSecret: true, KeepUTF8: true})
	if err != nil {
		return `{"changed": true, "failed": true, "msg": "the result cannot be kept", "data": {}}`
	}
	return text
}

func kept(m *value.Map, text []byte) play.Result {
	v, err := value.ParseJSON(text)
	all, ok := v.With(value.Unsafe).AsMap()
	if err != nil || !ok {
		return died(m)
	}
	get := func(name string) value.Value { v, _ := all.Lookup(name); return v }
	r := play.Result{Changed: value.Truth(get("changed")), Failed: value.Truth(get("failed")), Msg: value.Str(get("msg"))}
	r.Data, _ = get("data").AsMap()
	r.Facts, _ = get("facts").AsMap()
	return with(m, r)
}

// errNowhere is what a module gets that asks for a file of the laptop: the job's
// task has read it long ago.
var errNowhere = errors.New("a job has no files of the laptop")

// nowhere has no files.
type nowhere struct{}

func (nowhere) File(_, _ string) (play.Input, error)   { return play.Input{}, errNowhere }
func (nowhere) Tree(_, _ string) ([]play.Input, error) { return nil, errNowhere }
func (nowhere) Template(context.Context, string, *value.Map) (play.Input, error) {
	return play.Input{}, errNowhere
}
func (nowhere) Bytes(name string, _ value.Value) play.Input { return play.Input{Name: name} }
func (nowhere) Dest(string) (string, error)                 { return "", errNowhere }
func (nowhere) Host() string                                { return "" }
