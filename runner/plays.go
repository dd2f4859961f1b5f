package runner

import (
	"context"
	"fmt"
	"slices"

	"remoterun/runner/event"
	"remoterun/runner/keyword"
	"remoterun/runner/play"
	"remoterun/runner/program"
	"remoterun/runner/value"
)

// Run runs playbooks in order. The error is a mistake that ended the run (a
// pattern, a variable of a play); failures of hosts are in the stats.
func (r *Runner) Run(ctx context.Context, books ...*play.Playbook) (*event.Stats, error) {
	defer r.close()
	var plays []*play.Play
	for _, b := range books {
		plays = append(plays, b.Plays...)
	}
	if err := r.startable(plays); err != nil {
		return r.stats, err
	}
	var err error
	r.overrides(plays)
	for on := true; on && len(plays) > 0; {
		if on, err = r.play(ctx, plays[0]); err == nil {
			plays = plays[1:]
		}
	}
	if ctx.Err() != nil {
		r.stats.Interrupted = true
		for _, p := range plays {
			r.stats.NotBegun = append(r.stats.NotBegun, nameOf(p))
		}
	}
	r.emit(event.Recap{Stats: r.stats})
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return r.stats, err
}

func (r *Runner) close() {
	for _, m := range r.machines {
		_ = m.Close()
	}
}

// play runs one play, batch after batch (serial). It answers whether the run
// goes on: a batch that was lost as a whole ends it, as in Ansible.
func (r *Runner) play(ctx context.Context, p *play.Play) (on bool, err error) {
	defer func() {
		if p := recover(); p != nil { // in what is done for all hosts at once
			on, err = false, mistake(p, nil)
		}
	}()
	pr := &playRun{r: r, p: p}
	if err := pr.open(ctx); err != nil {
		return false, err
	}
	batches, err := pr.batches(ctx)
	if err != nil {
		return false, err
	}
	if _, _, err := pr.mayFail(ctx); err != nil {
		return false, err // before any host has failed
	}
	if len(batches) == 0 {
		r.emit(event.PlayStart{Play: pr.name})
		r.emit(event.PlayNoHosts{Play: pr.name})
	}
	for i, hosts := range batches {
		r.emit(event.PlayStart{Play: pr.name, Hosts: slices.DeleteFunc(slices.Clone(hosts), r.isLost)})
		if !pr.playBatch(ctx, hosts) || ctx.Err() != nil {
			pr.notBegun(ctx, batches[i+1:])
			return false, nil
		}
		if pr.ending.Load() == endPlay {
			break
		}
	}
	return ctx.Err() == nil, nil
}

// nameOf is a play's name as it is written, its pattern when it has none.
func nameOf(p *play.Play) string {
	if p.Name.IsNull() {
		return value.Show(p.Hosts)
	}
	return value.Str(p.Name)
}

// notBegun notes the hosts whose turn an interruption came before.
func (pr *playRun) notBegun(ctx context.Context, batches [][]string) {
	if ctx.Err() == nil {
		return
	}
	for _, h := range slices.Concat(batches...) {
		if !pr.r.isLost(h) {
			pr.r.stats.Undone = append(pr.r.stats.Undone, event.Undone{Host: h, Tasks: pr.todo(program.NewCursor(pr.main))})
		}
	}
}

// startable finds out, before the run begins, whether any play has the task of
// --start-at-task.
func (r *Runner) startable(plays []*play.Play) error {
	if r.want.StartAt == "" {
		return nil
	}
	for _, p := range plays {
		if program.OfPlay(p, (&playRun{r: r, p: p}).keep).Has(r.want.StartAt) {
			return nil
		}
	}
	return fmt.Errorf("--start-at-task: no task that would run is named %q (tasks under rescue, and of files that include_tasks takes in, cannot be started at)", r.want.StartAt)
}

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
