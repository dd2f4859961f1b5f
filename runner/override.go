package runner

import (
	"fmt"
	"remoterun/runner/keyword"
	"remoterun/runner/program"

	"remoterun/runner/event"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// overrides lists, before a run with --check begins, the tasks that run all the
// same because their author wrote check_mode: false, or wrote something that
// only the run can tell.
func (r *Runner) overrides(plays []*play.Play) {
	if !r.want.Check {
		return
	}
	for _, p := range plays {
		pr := &playRun{r: r, p: p}
		pr.override(program.Compile(pr.keep, p.Pre, p.Tasks, p.Post))
		pr.override(program.Compile(nil, p.Handlers))
	}
}

// override tells of a program's tasks that --check does not withhold.
func (pr *playRun) override(p *program.Program) {
	for o := range p.Tasks() {
		if o.Task.Use == nil {
			continue
		}
		w := append(append(keyword.Words{&pr.p.Keywords}, o.Around...), &o.Task.Keywords)
		v := w.Inner(keyword.CheckMode)
		if v.IsNull() || !value.HasTemplate(v) && value.Truth(v) {
			continue
		}
		info := &event.Task{ID: fmt.Sprintf("%p", o.Task), Name: o.Task.Title(), Module: o.Task.Module, Action: o.Task.Action, Pos: o.Task.Pos, Handler: o.Task.Handler}
		pr.r.emit(event.CheckOverride{Task: info})
	}
}
