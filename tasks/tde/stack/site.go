package stack

import (
	"cmp"
	"fmt"
	"path"
	"strings"

	"remoterun/runner/host"
	"remoterun/tasks/compose"
	"remoterun/tasks/pg"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/pgtde"
)

// Misfit refuses a cluster that another extension encrypted than the one that
// is configured: its library would not even start on it.
func (s Stack) Misfit(d Disk) error {
	if d.Keys == "" || d.Keys == pgtde.Extension(s.Extension) {
		return nil
	}
	return guard.Refuse(s.Object(), "set tde_extension: "+string(d.Keys), "its cluster was encrypted by %s, and tde_extension is %s", d.Keys, s.Extension)
}

// Site is a stack as it was found on its host.
type Site struct {
	Stack
	Config    compose.Config
	Spec      compose.Service
	All       []compose.Container
	Container *compose.Container // nil when the service has no container
	// image is that of the container, else of the service; nil = not on the host.
	image *compose.Image
	// Pgdata is the data folder inside the container, hostData the same folder
	// on the host, "" when no volume of the service holds it.
	Pgdata, HostData string
}

// Find finds the stack. Errors are *host.ErrNeed, or say what is wrong.
func (s Stack) Find(seen host.Seen) (Site, error) {
	v := Site{Stack: s}
	cfg, cs := s.Compose().Config(), s.Compose().Containers()
	if err := host.All(seen, cfg.Q, cs.Q); err != nil {
		return v, err
	}
	var err error
	if v.Config, err = host.Get(seen, cfg); err != nil {
		return v, err
	}
	if v.Spec, err = v.Config.Service(s.Service); err != nil {
		return v, err
	}
	if v.All, err = host.Get(seen, cs); err != nil {
		return v, err
	}
	for _, c := range compose.Of(v.All, s.Service) {
		v.Container = &c
		break
	}
	if err := v.findImage(seen); err != nil {
		return v, err
	}
	return v, v.findData(seen)
}

func (v *Site) findImage(seen host.Seen) error {
	name := v.Spec.Image
	if v.Container != nil {
		name = v.Container.Image
	}
	if name == "" {
		return nil
	}
	var err error
	v.image, err = host.Get(seen, compose.ImageNamed(name))
	return err
}

// findData finds the folder that holds the cluster, inside and outside.
func (v *Site) findData(seen host.Seen) error {
	v.Pgdata = v.dataFolder()
	if v.Pgdata == "" {
		return nil
	}
	if v.Container != nil {
		m, ok := v.containerMount()
		if !ok {
			return nil
		}
		below, _ := compose.Within(m.target, v.Pgdata)
		if m.name != v.Volume() || v.Running() { // a running one has its volume mounted there
			v.HostData = path.Join(m.source, below)
			return nil
		}
		vol, err := host.Get(seen, compose.VolumeNamed(m.name))
		if err == nil && vol != nil {
			v.HostData = path.Join(vol.Folder(), below)
		}
		return err
	}
	m, ok := v.Spec.MountAt(v.Pgdata)
	if !ok {
		return nil
	}
	below, _ := compose.Within(m.Target, v.Pgdata)
	if m.Type == "bind" {
		v.HostData = path.Join(m.Source, below)
		return nil
	}
	vol, err := host.Get(seen, compose.VolumeNamed(v.Config.VolumeName(m)))
	if err == nil && vol != nil {
		v.HostData = path.Join(vol.Folder(), below)
	}
	return err
}

// mounted is what a container has somewhere.
type mounted struct{ name, source, target string }

// containerMount is the mount that holds the container's data folder: the nearest
// above it.
func (v Site) containerMount() (best mounted, ok bool) {
	for _, m := range v.Container.Mounts {
		if _, above := compose.Within(m.Destination, v.Pgdata); above && m.Source != "" && len(m.Destination) >= len(best.target) {
			best, ok = mounted{m.Name, m.Source, m.Destination}, true
		}
	}
	return best, ok
}

// dataFolder is PGDATA as the container has it, or would have it.
func (v *Site) dataFolder() string {
	if v.Container != nil {
		if d := v.Container.Env("PGDATA"); d != "" {
			return path.Clean(d)
		}
	}
	if d := v.Spec.Env("PGDATA"); d != "" {
		return path.Clean(d)
	}
	if v.image != nil {
		if d := v.image.Env("PGDATA"); d != "" {
			return path.Clean(d)
		}
	}
	return ""
}

// SQL is the way to the database: through the container's address, or through
// psql inside it where the server forbids forwarding.
func (v Site) SQL(database string) (pg.Target, error) {
	if v.Container == nil {
		return pg.Target{}, fmt.Errorf("service %s has no container", v.Service)
	}
	port := v.Port()
	addr := v.Container.Addr(port)
	if addr == "" {
		return pg.Target{}, fmt.Errorf("container %s has no address (%s)", v.Container.Short(), v.Container.State.Status)
	}
	return pg.Target{
		Addr: addr, User: SQLRole, Database: database, PasswordFile: v.passwordFile(),
		Container: v.Container.ID, UID: v.InsideUser(), App: v.Project, Port: int(guard.Number(port)),
	}, nil
}

// Port is where the server listens, as the container's command and environment
// say it.
func (v Site) Port() string {
	port := cmp.Or(v.Container.Env("PGPORT"), pgPort)
	args := v.Container.Config.Cmd
	for i, a := range args {
		setting, _ := serverSetting(args[i:])
		name, value, _ := strings.Cut(setting, "=")
		switch {
		case name == "port":
			port = value
		case a == "-p" && i+1 < len(args):
			port = args[i+1]
		case strings.HasPrefix(a, "-p") && len(a) > 2:
			port = a[2:]
		}
	}
	return port
}

// InsideUser is who psql runs as inside the container. With the image's own
// user left at root, the server runs as postgres.
func (v Site) InsideUser() string {
	switch {
	case v.Container.Config.User != "":
		return v.Container.Config.User
	case v.image != nil && v.image.Config.User != "":
		return v.image.Config.User
	}
	return "postgres"
}

// Running reports a container that runs and is not waiting to be restarted.
func (v Site) Running() bool {
	return v.Container != nil && v.Container.State.Running && !v.Container.State.Restarting && v.Container.State.Status != "paused"
}
