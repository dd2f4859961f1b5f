package runner

import (
	"fmt"

	"remoterun/runner/event"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// overrides lists, before a run with --check begins, the tasks that run all the
// same because their author wrote check_mode: false, or wrote something that
// only the run can tell.
func (r *Runner) overrides(plays []*play.Play) {
	if !r.opt.Check {
		return
	}
	for _, p := range plays {
		pr := &playRun{r: r, p: p}
		pr.override(compile(pr.keep, p.Pre, p.Tasks, p.Post))
		pr.override(compile(nil, p.Handlers))
	}
}

// override tells of a program's tasks that --check does not withhold.
func (pr *playRun) override(p *program) {
	for _, o := range p.ops {
		if o.kind != opTask || o.task.Use == nil {
			continue
		}
		w := append(append(words{&pr.p.Keywords}, o.words...), &o.task.Keywords)
		v := w.inner(func(k *play.Keywords) value.Value { return k.CheckMode })
		if v.IsNull() || !value.HasTemplate(v) && value.Truth(v) {
			continue
		}
		info := &event.Task{ID: fmt.Sprintf("%p", o.task), Name: o.task.Title(), Module: o.task.Module, Action: o.task.Action, Pos: o.task.Pos, Handler: o.task.Handler}
		pr.r.emit(event.CheckOverride{Task: info})
	}
}
