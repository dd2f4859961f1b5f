package lock

import (
	"context"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/tasks/compose"
	"remoterun/tasks/kit"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/memory"
	"remoterun/tasks/tde/stack"
)

// lockArgs are the arguments of tde_lock.
type lockArgs struct {
	stack.Stack
	Database bool `arg:"database" default:"yes" help:"no = there is no database on this host (yet): only the key's custody is looked at, and nothing of a database is called proved (tde_database)"`

	host string
}

// lockModule stops the database and takes the keyring out of RAM.
type lockModule struct{}

func New() play.Module {
	return kit.Define(kit.Doc{Name: "tde_lock", Short: "stops the encrypted database and wipes the keyring out of RAM"}, lockModule{})
}

func (lockModule) Validate(a lockArgs) *play.ArgError { return a.Stack.Validate() }

// Resolve notes the host's name for messages.
func (lockModule) Resolve(_ context.Context, a *lockArgs, in play.Inputs) error {
	a.host = in.Host()
	return nil
}

func (lockModule) Facts(a lockArgs) []host.Question {
	if !a.Database {
		return []host.Question{memory.ViewAt(a.RAMDir(), 0).Q}
	}
	return []host.Question{a.Compose().Containers().Q, memory.ViewAt(a.RAMDir(), 0).Q}
}

func (m lockModule) Plan(a lockArgs, s host.Seen) (play.Plan, error) {
	if err := host.All(s, m.Facts(a)...); err != nil {
		return guard.PlanOf(err)
	}
	ram, err := host.Get(s, memory.ViewAt(a.RAMDir(), 0))
	if err != nil {
		return guard.PlanOf(err)
	}
	var all []compose.Container
	if a.Database {
		all, err = host.Get(s, a.Compose().Containers())
	}
	if err != nil {
		return guard.PlanOf(err)
	}
	var steps []host.Step
	for _, c := range compose.Of(all, a.Service) {
		if c.State.Running || c.State.Restarting || c.State.Status == "paused" {
			steps = append(steps, guard.Command("stop container "+c.Short(), compose.Docker("stop", c.ID)))
		}
	}
	if ram.Mounted || ram.File != nil {
		steps = append(steps, guard.Command("wipe the keyring in "+a.RAMDir(), sh.Script(memory.DropMountText, a.RAMDir())))
	}
	res := play.Result{Changed: len(steps) > 0, Data: guard.Data(guard.Text("state", "locked"))}
	p := play.Plan{Steps: steps, Result: res, Finish: guard.Finish(func(host.Output) (play.Result, error) { return res, nil })}
	if len(steps) == 0 {
		p.Note = "locked already"
	}
	return p, nil
}
