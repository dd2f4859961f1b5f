package view

import (
	"time"

	"remoterun/runner/event"
	"remoterun/runner/value"
)

// summary writes one JSON document at the end of the run: plays with their
// tasks, each with its hosts, and the stats.
type summary struct {
	out   output
	plays []*summaryPlay
	stats *event.Stats
	warns []string
}

type summaryPlay struct {
	name  string
	tasks []*summaryTask
}

type summaryTask struct {
	info  *event.Task
	hosts *value.Map
}

// Event collects.
func (s *summary) Event(_ time.Time, e event.Event) {
	switch e := e.(type) {
	case event.PlayStart:
		s.plays = append(s.plays, &summaryPlay{name: e.Play})
	case event.HostResult:
		s.result(e.Outcome)
	case event.Warning:
		s.warns = append(s.warns, e.Text)
	case event.Recap:
		s.stats = e.Stats
	}
}

func (s *summary) result(e event.Outcome) {
	if len(s.plays) == 0 {
		s.plays = append(s.plays, &summaryPlay{})
	}
	p := s.plays[len(s.plays)-1]
	t := p.task(e.Task)
	m := value.NewMap()
	for k, v := range plainResult(e).All() {
		m.Set(k, v)
	}
	m.Put("status", value.String(string(e.Status)))
	f := fields{m}
	f.yes("ignored", e.Ignored)
	f.yes("rescued", e.Rescued)
	if len(e.Diff) > 0 && !e.NoLog {
		m.Put("diff", diffList(e.Diff))
	}
	t.hosts.Put(e.Host, value.FromMap(m))
}

// task is the entry of a task: the last one with its ID in the play.
func (p *summaryPlay) task(info *event.Task) *summaryTask {
	for i := len(p.tasks) - 1; i >= 0; i-- {
		if info != nil && p.tasks[i].info != nil && p.tasks[i].info.ID == info.ID {
			return p.tasks[i]
		}
	}
	t := &summaryTask{info: info, hosts: value.NewMap()}
	p.tasks = append(p.tasks, t)
	return t
}

// Close writes the document.
func (s *summary) Close() error {
	var plays []value.Value
	for _, p := range s.plays {
		var tasks []value.Value
		for _, t := range p.tasks {
			m := value.NewMap()
			if t.info != nil {
				m = taskMap(t.info)
			}
			m.Put("hosts", value.FromMap(t.hosts))
			tasks = append(tasks, value.FromMap(m))
		}
		plays = append(plays, value.FromMap(value.MapOf("name", value.String(p.name), "tasks", value.List(tasks...))))
	}
	doc := value.MapOf("plays", value.List(plays...), "stats", value.FromMap(value.NewMap()))
	if s.stats != nil {
		doc.Put("stats", value.FromMap(statsMap(s.stats)))
		fields{doc}.interrupted(s.stats)
	}
	if len(s.warns) > 0 {
		doc.Put("warnings", value.Strings(s.warns...))
	}
	text, err := value.JSON(value.FromMap(doc), value.JSONStyle{Indent: 4, KeepUTF8: true, MaskSecret: true})
	if err != nil {
		return err
	}
	s.out.write(text + "\n")
	return s.out.err
}

// Hold does nothing: a machine's format shares no terminal with questions.
func (*summary) Hold() (release func()) { return func() {} }
