package target

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/compose"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/pgtde"
	"remoterun/tasks/tde/stack"
)

// Making is an encrypted cluster that is to be made: by init of what a service
// asks for, by a migration of what its source is. Begin, Make, Done are steps in
// that order; a cut between any two is picked up by running them again.
type Making struct {
	stack.Stack
	Volume string // the engine's name of the volume
	Folder string // of the host, that the volume stands for; "" = one of the engine's
	Image  string // pinned, and on the host
	PGData string // where the volume is mounted
	User   string // number of the server's user, "" = the image's postgres
	Key    string // the principal key's name: it is in the keyring in RAM
	Cipher string
	Locale string // "" = the image's own
	// Superuser is the bootstrap role; Database is made besides postgres.
	Superuser, Database string
	// Env is the environment of the scripts, which are mounts in
	// /docker-entrypoint-initdb.d.
	Env     []sh.Var
	Scripts []compose.ServiceMount
}

// Begin makes the volume and writes the record that names it, as begun.
func (m Making) Begin() guard.Act {
	return guard.Command("record the beginning of "+m.Volume, sh.Script(beginRecord, m.Project, m.Volume, m.StateDir(), m.Folder, m.Image, m.Service))
}

// Make makes the cluster in a container of its own, and stops it again. sql is run
// as the superuser and travels on stdin: roles with their passwords; its last line
// is "-- end". Lines that come back: "rounds N", "plain N" (relations that scripts
// left in the clear), "system ID", "version V", "done".
func (m Making) Make(ctx context.Context, w host.Writer, sql func(context.Context, host.Writer) (string, error)) ([]byte, error) {
	vol, err := guard.Ask(ctx, w, compose.VolumeNamed(m.Volume))
	if err != nil || vol == nil {
		return nil, errors.Join(err, fmt.Errorf("volume %s is not there", m.Volume))
	}
	name := m.Project + "-tde-init"
	out, err := w.Run(ctx, sh.Script(prepareInit, name, m.Volume, vol.Folder(), m.RAMDir(), m.Image, m.User, m.StateDir()+"/init", "wipe"))
	if err != nil {
		return nil, err
	}
	if err := guard.Spoken("prepare the volume "+m.Volume, out); err != nil {
		return nil, err
	}
	text, err := sql(ctx, w)
	if err != nil {
		return nil, err
	}
	c := m.container(name, strings.TrimSpace(string(out.Stdout))).With(sh.Bytes(text))
	c.Secret = true
	if out, err = w.Run(ctx, c); err != nil {
		return nil, err
	}
	if out.Status != 0 || !strings.HasSuffix(string(out.Stdout), "done\n") {
		if out.Status == 0 {
			out.Status = 1
		}
		return nil, compose.Fail("make the encrypted cluster", out.Status, string(out.Stderr))
	}
	return out.Stdout, nil
}

// Done writes the record that says done, and takes writing off the keyring.
func (m Making) Done() guard.Act {
	return guard.Command("record that it is done", sh.Script(endRecord, m.StateDir(), m.RAMDir()))
}

// container is docker run of the script: no network, no restart, the keyring
// writable, the service's own environment for its scripts.
func (m Making) container(name, uid string) sh.Cmd {
	args := []string{
		"docker", "run", "-i", "--rm", "--pull", "never", "--name", name, "--label", "remoterun.project=" + m.Project,
		"--network", "none", "--user", uid, "--ulimit", "core=1", "--entrypoint", "/bin/sh",
		"--mount", "type=volume,source=" + m.Volume + ",target=" + m.PGData + ",volume-nocopy",
		"--mount", "type=bind,source=" + m.RAMDir() + ",target=" + m.RAMDir(),
	}
	for _, s := range m.Scripts {
		args = append(args, "--mount", fmt.Sprintf("type=%s,source=%s,target=%s,readonly=%t", s.Type, s.Source, s.Target, s.ReadOnly))
	}
	for _, v := range m.Env {
		args = append(args, "-e", v.Name)
	}
	e := pgtde.Extension(m.Extension)
	args = append(args, "-e", "PGDATA="+m.PGData, m.Image, "-c", initInside, "init",
		m.Extension, m.Key, m.KeyringPath(), m.Superuser, m.Database, m.Locale, pgtde.Words(e.Chosen(m.Cipher)), pgtde.Words(e.Dialect().Wishes))
	c := sh.Exec(args...)
	c.Env = m.Env
	return c
}
