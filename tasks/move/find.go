package move

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/near"
	"remoterun/tasks/compose"
)

// site is a stack as it was found on its host.
type site struct {
	Stack
	cfg compose.Config
	svc compose.Service
	all []compose.Container // of the project
	db  *compose.Container  // nil when the service has no container
	// image is that of the container, or the service's; nil = not on the host.
	image  *compose.Image
	record *Record
}

// find finds the stack. Errors are *host.ErrNeed, or say what is wrong.
func (s Stack) find(seen host.Seen) (site, error) {
	v := site{Stack: s}
	cfg, cs, rec := s.compose().Config(), s.compose().Containers(), s.recordAt()
	if err := host.All(seen, cfg.Q, cs.Q, rec.Q); err != nil {
		return v, err
	}
	var err error
	if v.record, err = host.Get(seen, rec); err != nil {
		return v, err
	}
	if v.cfg, err = host.Get(seen, cfg); err != nil {
		return v, err
	}
	if v.svc, err = v.cfg.Service(s.Service); err != nil {
		names := strings.Join(slices.Sorted(maps.Keys(v.cfg.Services)), ", ")
		out := "say which one is the database"
		if like := meant(s.Service, v.cfg); like != "" {
			out = "did you mean " + like + "? " + out
		}
		return v, refuse("service "+s.Service, out, "it is not in the compose project (services: %s)", names)
	}
	if v.all, err = host.Get(seen, cs); err != nil {
		return v, err
	}
	for _, c := range compose.Of(v.all, s.Service) {
		v.db = &c
		break
	}
	name := v.svc.Image
	if v.db != nil {
		name = v.db.Image
	}
	if name != "" {
		v.image, err = host.Get(seen, compose.ImageNamed(name))
	}
	return v, err
}

// meant is the service that a wrong name may stand for: one that is spelt alike, or
// the only one whose image is a PostgreSQL.
func meant(name string, cfg compose.Config) string {
	var alike, servers []string
	for _, n := range slices.Sorted(maps.Keys(cfg.Services)) {
		if near.Distance(n, name) <= 2 {
			alike = append(alike, n)
		}
		if strings.Contains(cfg.Services[n].Image, "postgres") || strings.Contains(cfg.Services[n].Image, "pg") {
			servers = append(servers, n)
		}
	}
	if len(alike) == 0 && len(servers) == 1 {
		alike = servers
	}
	if len(alike) == 0 {
		return ""
	}
	return alike[0]
}

// state is the record's, for who has none.
func (v site) at() State {
	if v.record == nil {
		return None
	}
	return v.record.State
}

// running reports a container that runs and is not waiting to be restarted.
func (v site) running() bool {
	return v.db != nil && v.db.State.Running && !v.db.State.Restarting && v.db.State.Status != "paused"
}

// pgdata is the data folder inside the container.
func (v site) pgdata() string {
	d := ""
	if v.db != nil {
		d = v.db.Env("PGDATA")
	}
	if d == "" {
		d = v.svc.Env("PGDATA")
	}
	if d == "" && v.image != nil {
		d = v.image.Env("PGDATA")
	}
	if d == "" {
		return ""
	}
	return path.Clean(d)
}

// sourceOf is the running database as the record keeps it.
func (v site) sourceOf() (Source, error) {
	d, c := v.pgdata(), v.db
	s := Source{Image: c.Image, Name: v.svc.Image, User: c.Config.User, Env: c.Config.Env, Cmd: c.Config.Cmd, PGData: d, Super: v.superuser()}
	for _, m := range c.Mounts {
		from := m.Source
		if m.Type == "volume" {
			from = m.Name
		}
		s.Mounts = append(s.Mounts, Mount{Type: m.Type, Source: from, Target: m.Destination, ReadOnly: !m.RW})
	}
	home, below := s.home()
	for _, m := range c.Mounts {
		if m.Destination == home.Target && m.Source != "" && m.Type != "tmpfs" {
			s.Data = path.Join(m.Source, below)
		}
	}
	switch {
	case d == "":
		return s, refuse(v.object(), "set PGDATA in the environment of service "+v.Service, "neither the image nor the service says where its data folder is (PGDATA)")
	case s.Data == "":
		return s, refuse(v.object(), "mount a volume at "+d, "its data folder %s is in no volume: it is gone with the container", d)
	}
	return s, nil
}

// superuser is a role to log in as: the image's own entrypoint made it.
func (v site) superuser() string {
	made := ""
	if v.db != nil {
		made = v.db.Env("POSTGRES_USER")
	}
	return cmp.Or(made, v.svc.Env("POSTGRES_USER"), "postgres")
}
