package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"remoterun/runner/action"
	"remoterun/runner/detach"
	"remoterun/runner/event"
	"remoterun/runner/host"
	"remoterun/runner/keyword"
	"remoterun/runner/known"
	"remoterun/runner/play"
	"remoterun/runner/program"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/runner/vars"
)

// hostRun is one host in one play: where it stands, and why it goes no further.
// What it looks at ahead is its queue, what it has sent is with its carrier.
type hostRun struct {
	p     *playRun
	name  string
	m     *known.Machine
	cur   *program.Cursor
	ctx   context.Context // of the turn that is being taken
	queue queue
	fly   carrier
	// also are the other hosts for which the task counts that runs here once.
	also []string
	// jumped says that the last task failed and a block took that on.
	jumped bool
	// over says why the host does no more of this play.
	over overReason
	// away says that it was sent away before the end (end_host), parted that the
	// play has noted that it is gone.
	away, parted bool
	// through lets chains run over several tasks: one host, or free.
	through bool
	// acted is where its tasks changed something last.
	acted known.Acted
}

// queue holds tasks that were looked at ahead, the current one first.
type queue struct {
	h     *hostRun
	tasks []*taskRun
	// own is set when what was asked ahead did not answer: each task asks for itself.
	own bool
}

// looks reports whether tasks are looked at ahead.
func (q *queue) looks() bool { return !q.own && !q.h.p.r.want.NoAhead }

// carrier has what a host sends: a chain under way, and the machine that it works
// on meanwhile.
type carrier struct {
	h      *hostRun
	flight *flight
	// working says that a unit is being worked on.
	working bool
	// holding is the machine whose work lock this host has.
	holding *known.Machine
	// unknown names the tasks of which it is not known what came of them: their
	// steps had been sent when the run was told to stop.
	unknown []string
}

type overReason uint8

const (
	working overReason = iota
	ended              // end_host, end_play, or all done
	failed
	unreachable
)

func (pr *playRun) newHost(ctx context.Context, name string, through bool) (h *hostRun, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = mistake(p, nil)
		}
	}()
	m, err := pr.machine(ctx, name)
	if err != nil {
		return nil, err
	}
	h = &hostRun{p: pr, name: name, m: m, cur: program.NewCursor(pr.main), through: through}
	h.queue.h, h.fly.h = h, h
	h.acted = known.Acted{Host: name, Own: m, All: &pr.r.rounds}
	return h, nil
}

func (h *hostRun) wordsOf(o *program.Op) keyword.Words {
	w := keyword.Words{&h.p.p.Keywords}
	w = append(w, h.cur.Around()...)
	w = append(w, o.Around...)
	return append(w, &o.Task.Keywords)
}

// scopeOf is what a task's place gives its names.
func (h *hostRun) scopeOf(ctx context.Context, o *program.Op, w keyword.Words) *vars.Scope {
	var blocks []*value.Map
	params, act := h.cur.Params(), action.Of(o.Task)
	for _, k := range w[1:] {
		switch {
		case k.Vars.Len() == 0:
		case k == &o.Task.Keywords && act != nil && act.TakesFiles:
			params = append(params, k.Vars) // they count for its own when, too
		default:
			blocks = append(blocks, k.Vars)
		}
	}
	fr := h.p.frame(blocks, params)
	h.p.inRole(&fr, o.Task)
	fr.Reach = h.p.reached(w)
	return h.p.r.store.Scope(ctx, h.name, fr, h.p.gathers()).Asking()
}

// reader reads keywords for this host.
func (h *hostRun) reader(ctx context.Context, w keyword.Words, s *vars.Scope) keyword.Reader {
	return keyword.Reader{Ctx: ctx, Expr: h.p.r.world.Expr, Words: w, Scope: s}
}

// gathers says whether the play allows facts to be gathered.
func (pr *playRun) gathers() bool {
	if pr.p.GatherFacts.IsNull() {
		return !pr.r.want.Explicit
	}
	b, ok := keyword.Truth(pr.p.GatherFacts)
	return !ok || b
}

// described is what is told of a task; the error are facts that its name needs first.
func (tr *taskRun) described(ctx context.Context) (*event.Task, error) {
	h := tr.h
	t := tr.task
	info := &event.Task{ID: fmt.Sprintf("%p", t), Module: t.Module, Action: t.Action, Pos: t.Pos, Handler: t.Handler}
	name := t.Name
	var need *host.ErrNeed
	if !name.IsNull() {
		v, err := h.p.r.world.Expr.Render(ctx, name, tr.scope)
		if err == nil {
			name = v
		}
		errors.As(err, &need)
		info.Name = value.Show(name)
	}
	info.Own, info.Name = info.Name, t.Titled(info.Name)
	for _, w := range tr.words {
		info.Tags = append(info.Tags, w.Tags...)
	}
	if need != nil {
		return info, need
	}
	return info, nil
}

// info is the task that is being worked on.
func (q *queue) info() *event.Task {
	if len(q.tasks) > 0 {
		return q.tasks[0].info
	}
	return &event.Task{}
}

// waits tells what the host waits for from now on.
func (h *hostRun) waits(u *unit, text string) {
	e := event.Waiting{Host: h.name, Text: text, Task: u.tr.info}
	u.m.Waits(e)
}

// knowing does what reads variables; what they are made of and nobody has asked
// yet is asked, and it is done again.
func (h *hostRun) knowing(ctx context.Context, do func() error) error {
	for {
		err := do()
		need := new(host.ErrNeed)
		if !errors.As(err, &need) {
			return err
		}
		if err := h.gather(ctx, need.Questions); err != nil {
			return err
		}
	}
}

// rest lists the queue's units behind u, in order.
func (q *queue) rest(u *unit) []*unit {
	var out []*unit
	found := false
	for _, tr := range q.tasks {
		for _, v := range tr.units {
			if found {
				out = append(out, v)
			}
			found = found || v == u
		}
	}
	return out
}

// flight is a chain under way: its links' outcomes are told as the host says that
// they passed. Until it has landed it has the machine for itself.
type flight struct {
	links []*unit
	again [][]host.Question
	asks  []host.Question
	asked known.Moment
	diffs [][]event.Diff // as of before the steps

	mu   sync.Mutex
	ran  [][]host.Output // of the links that passed
	news chan struct{}   // closed and made anew at every link
	end  chan struct{}   // closed when res and err are there
	res  sh.BatchResult
	err  error
}

// taskRun is one task on one host.
type taskRun struct {
	h     *hostRun
	o     *program.Op
	task  *play.Task
	words keyword.Words
	scope *vars.Scope
	info  *event.Task
	loop  bool
	units []*unit
	items []value.Value // of the loop
	looping
	pause time.Duration // between items
	done  int           // units whose outcome is known
	began bool
	// fatal is a mistake before any unit could be made (a loop that fails).
	fatal error
	// pushes are the files that include_tasks takes in, included what is told of
	// them when the task has ended.
	pushes   []*program.Frame
	included []event.Included
	// nothing says that a file was empty.
	nothing bool
	// after is what a meta action does to the host when the task has ended.
	after func()
	quiet bool // meta actions show nothing
}

// unit is one item of a task (or the task itself without a loop), ready to be
// planned.
type unit struct {
	tr    *taskRun
	scope *vars.Scope
	index int // of the item
	item  value.Value
	label string

	m     *known.Machine
	on    string // the machine's name when delegated
	as    host.As
	env   []sh.Var
	noLog bool
	// unread is why no_log cannot be told.
	unread error
	check  bool // withhold steps
	diff   bool

	act   *action.Action
	raw   *value.Map   // an action's arguments as written
	local bool         // opens no connection
	later *detach.Wish // the task is a job (async)
	bound play.Bound
	state unitState
	draft // of a planned unit
	// out ends it, from any state.
	out *outcome
}

// unitState is how far a unit has come that has no outcome yet.
type unitState uint8

const (
	// unitMade has an action, or a bound module.
	unitMade unitState = iota
	// unitWaits is an item that is made when those before it have run: it has its
	// index and item alone.
	unitWaits
	// unitPlanned has a draft, made of the answers that were there.
	unitPlanned
	// unitProven has an action that was seen ahead to succeed.
	unitProven
)

// draft is a plan and what it rests on.
type draft struct {
	plan  play.Plan
	rests []host.Question
	made  []known.Stamp // of the answers that it was made of
}

// replan lets the unit be planned anew.
func (u *unit) replan() {
	if u.state == unitPlanned {
		u.state = unitMade
	}
}
