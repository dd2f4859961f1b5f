package runner

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"remoterun/runner/action"
	"remoterun/runner/event"
	"remoterun/runner/keyword"
	"remoterun/runner/play"
	"remoterun/runner/program"
	"remoterun/runner/value"
)

// free tells whether hosts run each at its own speed.
func (r *Runner) free(p *play.Play) bool { return cmp.Or(p.Strategy, r.want.Strategy) == "free" }

// playBatch runs the play on some of its hosts; it answers whether the next batch
// may follow.
func (pr *playRun) playBatch(ctx context.Context, all []string) bool {
	names := slices.DeleteFunc(slices.Clone(all), pr.r.isLost)
	pr.setMagic(all)
	free := pr.r.free(pr.p) && !pr.r.stepping
	through := (free || len(names) == 1) && !pr.r.stepping
	var hosts []*hostRun
	for _, n := range names {
		h, err := pr.newHost(ctx, n, through)
		if err != nil {
			pr.r.count(n, func(c *event.Counts) { c.Failed++ })
			pr.r.emit(event.HostResult{Outcome: event.Outcome{Host: n, Status: event.Failed, Task: &event.Task{Name: "settings of the host"}, Result: value.MapOf("msg", value.String(err.Error()))}})
			pr.r.lose(n)
			continue
		}
		hosts = append(hosts, h)
		if pr.gathers() {
			promise(ctx, h)
		}
		if h.m.At.OnLaptop() {
			pr.laptop.Store(true)
		}
	}
	if free {
		turns{pr}.free(ctx, hosts)
	} else {
		turns{pr}.linear(ctx, hosts)
	}
	for _, h := range hosts {
		h.survives(nil, func() {
			if h.fly.land(); ctx.Err() != nil {
				h.drain(ctx)
			}
		})
	}
	pr.ended(hosts)
	pr.closeBatch(ctx, hosts)
	return !pr.r.hopeless(names, len(all))
}

// ended carries out end_batch and end_play.
func (pr *playRun) ended(hosts []*hostRun) {
	if pr.ending.Load() == 0 {
		return
	}
	pr.ending.CompareAndSwap(endBatch, 0)
	for _, h := range hosts {
		if h.over == working {
			h.over = ended
		}
	}
}

// todo names the tasks that a host at a place did not come to, and at the end the
// handlers that are notified.
func (pr *playRun) todo(c *program.Cursor) []string {
	var out []string
	for _, o := range c.Remaining(pr.handlers()) {
		switch a := action.Of(o.Task); {
		case a != nil && a.Quiet:
		case o.Task.Handler:
			out = append(out, "handler "+o.Task.Title())
		default:
			out = append(out, o.Task.Title())
		}
	}
	return out
}

// undone tells what a host that had begun did not come to; false = it was through.
func (h *hostRun) undone() (event.Undone, bool) {
	u := event.Undone{Host: h.name}
	if h.over != working || h.cur.Current() == nil {
		return u, false
	}
	if u.Tasks = h.p.todo(h.cur); len(u.Tasks) > 0 {
		u.At, u.Tasks = u.Tasks[0], u.Tasks[1:]
	}
	if len(h.queue.tasks) > 0 {
		u.At = h.queue.tasks[0].info.Name
	}
	u.Unknown = h.fly.unknown
	u.Tasks = slices.DeleteFunc(u.Tasks, func(t string) bool { return slices.Contains(h.fly.unknown, t) })
	return u, true
}

// hopeless reports a batch of which every host was lost: the run ends there.
func (r *Runner) hopeless(names []string, size int) bool {
	lost := 0
	for _, n := range names {
		if r.isLost(n) {
			lost++
		}
	}
	return lost == size
}

// closeBatch gives locks back and notes who did not finish.
func (pr *playRun) closeBatch(ctx context.Context, hosts []*hostRun) {
	pr.r.rounds.Settle()
	for _, h := range hosts {
		if err := h.m.Unlock(); err != nil && ctx.Err() == nil {
			pr.r.warn(h.name, "giving the lock back: "+err.Error())
		}
		if u, ok := h.undone(); ok {
			pr.r.stats.Undone = append(pr.r.stats.Undone, u)
		}
	}
}

// turns brings a batch of hosts through a play, in step or each on its own.
type turns struct{ pr *playRun }

// free lets every host run on its own: nothing can be done once for all.
func (t turns) free(ctx context.Context, hosts []*hostRun) {
	for o := range t.pr.main.Tasks() {
		if len(hosts) > 1 {
			w := append(append(keyword.Words{&t.pr.p.Keywords}, o.Around...), &o.Task.Keywords)
			if once, _ := keyword.Truth(w.Inner(keyword.RunOnce)); once {
				t.pr.r.warn("", fmt.Sprintf("%s: run_once has no effect under the strategy free: every host runs the task", o.Task.Pos))
			}
		}
	}
	var g errgroup.Group
	g.SetLimit(t.pr.r.want.Forks)
	for _, h := range hosts {
		g.Go(func() error {
			for h.over == working && ctx.Err() == nil && t.pr.ending.Load() == 0 {
				o := h.stand()
				if o == nil {
					break
				}
				h.step(ctx, o)
				t.part(h)
			}
			return nil
		})
	}
	_ = g.Wait()
}

// stand is where the host stands; handlers that are due are entered.
func (h *hostRun) stand() *program.Op {
	for {
		o := h.cur.Current()
		switch {
		case o == nil && h.cur.Lost():
			h.over = failed
			return nil
		case o == nil:
			h.over = ended
			return nil
		case !o.Flushes():
			return o
		case h.cur.Notified() > 0:
			h.queue.tasks = nil
			h.cur.Push(program.Handlers(h.p.handlers()))
		default:
			h.queue.tasks = nil
			h.cur.Next()
		}
	}
}

// step runs the task at o; a mistake of the play itself, or of this program, fails
// the host.
func (h *hostRun) step(ctx context.Context, o *program.Op) {
	h.survives(o.Task, func() {
		if err := h.turn(ctx, o); err != nil && ctx.Err() == nil {
			h.crash(err)
		}
	})
}

// linear brings all hosts through the same task before the next one begins.
func (t turns) linear(ctx context.Context, hosts []*hostRun) {
	for ctx.Err() == nil && t.pr.ending.Load() == 0 {
		group, o := lowest(hosts)
		if len(group) == 0 {
			return
		}
		t.pr.mu.Lock()
		t.pr.said = ""
		t.pr.mu.Unlock()
		if !t.wanted(ctx, o, group) {
			continue
		}
		once, forks := false, 1
		if !group[0].survives(o.Task, func() { once, forks = t.forAll(ctx, o, group[0]), t.forks(ctx, o, group) }) {
			continue
		}
		if once {
			t.runOnce(ctx, o, group)
		} else {
			t.together(ctx, o, group, forks)
		}
		t.pr.r.rounds.Settle()
		t.judgeRound(ctx, o, hosts)
		t.part(hosts...)
	}
}

// lost reports a host that failed or cannot be reached; it may still run handlers
// that are forced.
func lost(h *hostRun) bool { return h.over >= failed || h.cur.Lost() }

// part notes the hosts that do no more of the play: between two rounds where
// hosts run in step, so that all of them see the same hosts.
func (t turns) part(hosts ...*hostRun) {
	var names []string
	for _, h := range hosts {
		if h.parted || !lost(h) && !h.away {
			continue
		}
		h.parted = true
		names = append(names, h.name)
		if lost(h) {
			t.pr.r.lose(h.name)
		}
	}
	if names != nil {
		t.pr.leave(names...)
	}
}

// lowest is the group of hosts that stand furthest behind, at the same task.
func lowest(hosts []*hostRun) (group []*hostRun, o *program.Op) {
	var place []int
	for _, h := range hosts {
		if h.over != working {
			continue
		}
		at := h.stand()
		if at == nil {
			continue
		}
		p := h.cur.Place()
		switch c := slices.Compare(p, place); {
		case o == nil || c < 0:
			group, o, place = []*hostRun{h}, at, p
		case c == 0 && at == o:
			group = append(group, h)
		}
	}
	return group, o
}

// together runs a task on a group of hosts in parallel.
func (t turns) together(ctx context.Context, o *program.Op, group []*hostRun, forks int) {
	var g errgroup.Group
	g.SetLimit(forks)
	for _, h := range group {
		g.Go(func() error {
			h.step(ctx, o)
			if forks == 1 { // one after the other is an order
				t.pr.r.rounds.Settle()
			}
			return nil
		})
	}
	_ = g.Wait()
}

// forks is how many hosts may work at once, by throttle too.
func (t turns) forks(ctx context.Context, o *program.Op, group []*hostRun) int {
	n := t.pr.r.want.Forks
	h := group[0]
	w := h.wordsOf(o)
	if a := action.Of(o.Task); a != nil && (a.InTurn || !w.Inner(keyword.DelegateFacts).IsNull()) {
		return 1 // what several say of one host or group, the last one says
	}
	if w.Inner(keyword.Throttle).IsNull() {
		return n
	}
	// A throttle that is wrong fails the task, on each host in its turn.
	tr := &taskRun{h: h, task: o.Task, words: w}
	switch most, err := tr.throttle(ctx, h.scopeOf(ctx, o, w)); {
	case err != nil:
		return 1
	case most > 0:
		return min(n, most)
	}
	return n
}

// forAll reports a task that runs on one host for all.
func (t turns) forAll(ctx context.Context, o *program.Op, h *hostRun) bool {
	if a := action.Of(o.Task); a != nil && (a.Once || a.OnceFor != nil && a.OnceFor(o.Task)) {
		return true
	}
	w := h.wordsOf(o)
	k := h.reader(ctx, w, h.scopeOf(ctx, o, w))
	b, err := k.Flag("run_once", keyword.RunOnce, false)
	return err == nil && b
}

// runOnce runs a task on the first host; what it finds out counts for the others
// too, and so does how it ended.
func (t turns) runOnce(ctx context.Context, o *program.Op, group []*hostRun) {
	first, others := group[0], group[1:]
	for _, h := range others {
		first.also = append(first.also, h.name)
	}
	first.step(ctx, o)
	first.also = nil
	if first.over == working && first.cur.Lost() { // fatal for all: no handler is forced, as in Ansible
		first.over = failed
	}
	if ctx.Err() != nil {
		return // told to stop: nobody has done it
	}
	for _, h := range others {
		h.queue.tasks = nil
		switch {
		case first.over == failed || first.over == unreachable:
			h.over = first.over
		case first.jumped:
			if !h.cur.Fail() {
				h.over = failed
			}
		default:
			h.cur.Next()
		}
	}
}

// wanted asks before a task under --step; a task that is not wanted is passed.
func (t turns) wanted(ctx context.Context, o *program.Op, group []*hostRun) bool {
	if a := action.Of(o.Task); !t.pr.r.stepping || a != nil && a.Quiet {
		return true
	}
	run, rest := t.pr.r.world.Step(ctx, o.Task.Title())
	if rest {
		t.pr.r.stepping = false
	}
	if !run {
		for _, h := range group {
			h.cur.Next()
		}
	}
	return run
}

// fatal reports a task with any_errors_fatal, as a host says that has failed in it;
// what cannot be worked out is on the safe side.
func (t turns) fatal(ctx context.Context, o *program.Op, hosts []*hostRun) bool {
	w := append(keyword.Words{&t.pr.p.Keywords}, append(slices.Clone(o.Around), &o.Task.Keywords)...)
	preset := t.pr.r.want.AnyErrorsFatal
	if v := w.Inner(keyword.AnyErrorsFatal); v.IsNull() {
		return preset
	} else if !value.HasTemplate(v) {
		b, _ := keyword.Truth(v)
		return b
	}
	return slices.ContainsFunc(hosts, func(h *hostRun) bool {
		if !lost(h) || h.parted {
			return false
		}
		b, err := h.reader(ctx, w, h.scopeOf(ctx, o, h.wordsOf(o))).Flag("any_errors_fatal", keyword.AnyErrorsFatal, preset)
		return err != nil || b
	})
}

// judgeRound ends the play for all where the play says so. Only a failure of
// this round can do that.
func (t turns) judgeRound(ctx context.Context, o *program.Op, hosts []*hostRun) {
	bad, fresh := 0, false // max_fail_percentage counts no host that is unreachable
	for _, h := range hosts {
		if h.over == failed {
			bad++
		}
		fresh = fresh || lost(h) && !h.parted
	}
	if !fresh {
		return
	}
	fatal := t.fatal(ctx, o, hosts)
	most, ok, err := t.pr.mayFail(ctx)
	if err != nil || ok && float64(bad)*100/float64(len(hosts)) > most {
		fatal = true
	}
	if !fatal {
		return
	}
	t.pr.r.emit(event.NoHostsLeft{})
	for _, h := range hosts {
		switch {
		case h.over == working && h.cur.Lost(): // its handlers are not run either, as in Ansible
			h.over = failed
		case h.over == working:
			h.over, h.away = ended, true
			t.pr.r.lose(h.name)
		}
	}
}

// announce tells that a task starts: once for hosts in step.
func (pr *playRun) announce(info *event.Task, h *hostRun) {
	pr.mu.Lock()
	free := pr.r.free(pr.p)
	said := pr.said == info.ID && !free && !h.through
	pr.said = info.ID
	pr.mu.Unlock()
	if said {
		return
	}
	e := event.TaskStart{Task: info, Play: pr.name}
	if free {
		e.Host = h.name
	}
	pr.r.emit(e)
}

// survives does something for the host; a panic in it fails the host, and is told.
func (h *hostRun) survives(task *play.Task, do func()) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			h.crash(mistake(p, task))
		}
	}()
	do()
	return true
}

// crash ends the play for a host by a mistake of ours or of the play.
func (h *hostRun) crash(err error) {
	e := event.Outcome{Host: h.name, Task: h.queue.info(), Status: event.Failed, Err: err, Result: value.MapOf("msg", value.MarkedString(err.Error(), value.Unsafe))}
	if len(h.queue.tasks) > 0 && h.ctx != nil {
		tr := h.queue.tasks[0]
		e.NoLog = tr.hides(h.ctx, tr.scope)
	}
	if m, ok := err.(*Mistake); ok {
		e.Result.Put("exception", value.Strings(m.Where...))
	}
	h.p.r.emit(event.HostResult{Outcome: e})
	h.p.r.count(h.name, func(c *event.Counts) { c.Failed++ })
	h.over = failed
}
