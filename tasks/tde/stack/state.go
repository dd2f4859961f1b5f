package stack

import (
	"context"
	"errors"
	"strings"

	"remoterun/runner/host"
	"remoterun/tasks/pg"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/memory"
	"remoterun/tasks/tde/pgtde"
)

func PlainRefusal(object, hostname string) *guard.Refusal {
	return guard.Refuse(object, "next: remoterun migrate "+hostname, "this database is not encrypted: use migrate")
}

// KeyringTarget reports that the service has the keyring's mount: the overlay is
// in effect.
func (v Site) KeyringTarget() bool {
	_, ok := v.Spec.MountAt(v.RAMDir())
	return ok
}

// Name is the container's, or the service's when there is none.
func (v Site) Name() string {
	if v.Container == nil {
		return v.Service
	}
	return v.Container.Short()
}

// Pid is the server's process on the host, 0 when it does not run.
func (v Site) Pid() int {
	if v.Running() {
		return v.Container.State.Pid
	}
	return 0
}

// Ready refuses to start anything but an encrypted cluster with its keyring in
// RAM. Its messages begin with the state in one word.
func (v Site) Ready(s host.Seen, t Truth, ram memory.View, hostname string) error {
	init := "put a task tde_init before this one: remoterun unlock " + hostname + " has it"
	switch {
	case t.Half():
		return guard.Refuse(v.Object(), init, "begun: the making of its cluster was cut off")
	case t.Gone():
		return GoneRefusal(t, hostname)
	case t.Damaged():
		return guard.Refuse(v.Object(), DamagedWayOut(t), "failed: %s", t.Damage())
	case t.There() && v.Misfit(t.Disk) != nil:
		return v.Misfit(t.Disk)
	case t.There() && !ram.Present():
		return guard.Refuse(v.Object(), "run remoterun unlock "+hostname, "locked: there is no keyring in RAM (%s)", v.RAMDir())
	case t.There() && v.Lacks() != nil:
		return guard.Refuse(v.Object(), init, "stopped: the overlay is not in the compose files, which lack %s", strings.Join(v.Lacks(), ", "))
	case t.There():
		return nil
	case v.HostData == "":
		return guard.Refuse(v.Object(), init, "empty: the service has no volume at a data folder, no cluster was made")
	}
	d, err := host.Get(s, DiskAt(v.HostData))
	switch {
	case err != nil:
		return err
	case d.Initialised() && d.Keys == "":
		r := PlainRefusal(v.Object(), hostname)
		r.Problem = "plain: " + r.Problem
		return r
	}
	return guard.Refuse(v.Object(), init, "empty: there is no cluster in %s", v.HostData)
}

// Answers asks for one row; the error is why there is none, nil = SQL answers.
func (v Site) Answers(s host.Seen) (*pg.Error, error) {
	to, err := v.SQL("postgres")
	if err != nil {
		return &pg.Error{Message: err.Error()}, nil
	}
	r, err := host.Get(s, pgtde.PingQuery(to).Fact())
	return r.Err, err
}

// NoDatabase is why nothing is proved of a database that is not there.
const NoDatabase = "no database here"

// SQLAnswers answers "" when it does, else what came back, with the
// server's code.
func SQLAnswers(ctx context.Context, w host.Writer, v Site) (said, code string, err error) {
	to, err := v.SQL("postgres")
	if err != nil {
		return err.Error(), "", nil
	}
	a, err := pgtde.PingQuery(to).Ask(ctx, w)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, host.ErrTransport) {
			return err.Error(), "", nil // this try took too long
		}
		return "", "", err
	}
	r, err := pg.ParseAnswer(a)
	if err != nil || r.Err == nil {
		return "", "", err
	}
	return r.Err.Error(), r.Err.Code, nil
}

// RefusedLogin reports a server that is up and does not let the role in: waiting
// cures nothing.
func RefusedLogin(code string) bool { return strings.HasPrefix(code, "28") }
