package custody

import (
	"context"

	"remoterun/runner/host"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/memory"
	"remoterun/tasks/tde/seal"
)

// LoadStep sends the open keyring into RAM. The host proves that the target is
// RAM before the laptop sends the first byte; a keyring that no sealed copy holds
// is refused. The step's output is the file system's type.
func (d Deps) LoadStep(l memory.Load) host.Step {
	d = d.Filled()
	return guard.Act{What: "send the keyring to " + l.Path, Run: func(ctx context.Context, w host.Writer) ([]byte, error) {
		o, ok := d.Session.Opened(l.Project, l.Host)
		object := "keyring of " + seal.RingID(l.Project, l.Host)
		if !ok {
			return nil, guard.Refuse(object, "put a task tde_keyring with action: open before this one", "it is not open")
		}
		if o.Unsealed {
			return nil, guard.Refuse(object, "run setup", "no sealed copy holds it yet, so it must not be used")
		}
		return l.Send(ctx, w, o.Keyring)
	}}
}
