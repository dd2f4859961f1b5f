package tde

import (
	"cmp"
	"fmt"
	"path"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/tasks/compose"
	"remoterun/tasks/pg"
)

// Stack says which database a task is about. Its fields are arguments of every
// module of the database's half.
type Stack struct {
	Project   string   `arg:"project" need:"yes" help:"the project's name (tde_project): names keys, volume and folders"`
	Dir       string   `arg:"compose_dir" need:"yes" type:"path" help:"folder of the compose file on the host"`
	Files     []string `arg:"compose_files" help:"compose files, when they are not compose's own choice; ours is added as the last"`
	Service   string   `arg:"service" default:"postgres" help:"the database's service in the compose file"`
	Extension string   `arg:"extension" default:"pg_tde" choices:"pg_tde,open_pg_tde" help:"which of the two extensions"`
}

// Names that are kept in data and on hosts (design.md section 7).
const (
	providerName = "remoterun"
	sqlRole      = "remoterun"
	pgPort       = "5432"
)

// stateDir holds what stays on the host, readable by root alone.
func (s Stack) stateDir() string { return path.Join(StateDir, s.Project) }

// ramDir is the mount in RAM, at the same path inside the container.
func (s Stack) ramDir() string { return MountPath(s.Project) }

// keyringPath is the keyring in RAM.
func (s Stack) keyringPath() string { return path.Join(s.ramDir(), KeyringFile) }

// volume is the engine's name of the encrypted cluster's volume.
func (s Stack) volume() string { return s.Project + "_tde" }

// passwordFile holds the password of the role that modules log in as.
func (s Stack) passwordFile() string { return s.stateDir() + "/sql-password" }

// compose is the stack as compose reads it.
// With a list of files the overlay is one more, behind them.
func (s Stack) compose() compose.Project {
	p := compose.Project{Dir: s.Dir, Files: s.Files}
	if len(s.Files) > 0 {
		p.Last = ownFile
	}
	return p
}

// object names the database in messages.
func (s Stack) object() string { return "database of " + s.Project }

// Validate refuses names that could not be folders and volumes.
func (s Stack) Validate() *play.ArgError {
	if err := CheckProject(s.Project); err != nil {
		return &play.ArgError{Arg: "project", Msg: err.Error()}
	}
	if !path.IsAbs(s.Dir) {
		return &play.ArgError{Arg: "compose_dir", Msg: "is a folder on the host: it begins with /"}
	}
	return nil
}

// site is a stack as it was found on its host.
type site struct {
	Stack
	cfg compose.Config
	svc compose.Service
	all []compose.Container
	db  *compose.Container // nil when the service has no container
	// image is that of the container, else of the service; nil = not on the host.
	image *compose.Image
	// pgdata is the data folder inside the container, hostData the same folder
	// on the host, "" when no volume of the service holds it.
	pgdata, hostData string
}

// look finds the stack. Errors are *host.ErrNeed, or say what is wrong.
func (s Stack) look(seen host.Seen) (site, error) {
	v := site{Stack: s}
	cfg, cs := s.compose().Config(), s.compose().Containers()
	if err := host.All(seen, cfg.Q, cs.Q); err != nil {
		return v, err
	}
	var err error
	if v.cfg, err = host.Get(seen, cfg); err != nil {
		return v, err
	}
	if v.svc, err = v.cfg.Service(s.Service); err != nil {
		return v, err
	}
	if v.all, err = host.Get(seen, cs); err != nil {
		return v, err
	}
	for _, c := range compose.Of(v.all, s.Service) {
		v.db = &c
		break
	}
	if err := v.findImage(seen); err != nil {
		return v, err
	}
	return v, v.findData(seen)
}

func (v *site) findImage(seen host.Seen) error {
	name := v.svc.Image
	if v.db != nil {
		name = v.db.Image
	}
	if name == "" {
		return nil
	}
	var err error
	v.image, err = host.Get(seen, compose.ImageNamed(name))
	return err
}

// findData finds the folder that holds the cluster, inside and outside.
func (v *site) findData(seen host.Seen) error {
	v.pgdata = v.dataFolder()
	if v.pgdata == "" {
		return nil
	}
	if v.db != nil {
		for _, m := range v.db.Mounts {
			if below, ok := within(m.Destination, v.pgdata); ok && m.Source != "" {
				v.hostData = path.Join(m.Source, below)
			}
		}
		return nil
	}
	m, ok := v.svc.MountAt(v.pgdata)
	if !ok {
		return nil
	}
	below, _ := within(m.Target, v.pgdata)
	if m.Type == "bind" {
		v.hostData = path.Join(m.Source, below)
		return nil
	}
	vol, err := host.Get(seen, compose.VolumeNamed(v.cfg.VolumeName(m)))
	if err == nil && vol != nil {
		v.hostData = path.Join(vol.Mountpoint, below)
	}
	return err
}

// dataFolder is PGDATA as the container has it, or would have it.
func (v *site) dataFolder() string {
	if v.db != nil {
		if d := v.db.Env("PGDATA"); d != "" {
			return path.Clean(d)
		}
	}
	if d := v.svc.Env("PGDATA"); d != "" {
		return path.Clean(d)
	}
	if v.image != nil {
		if d := v.image.Env("PGDATA"); d != "" {
			return path.Clean(d)
		}
	}
	return ""
}

// within answers the path below folder.
func within(folder, p string) (string, bool) {
	folder, p = path.Clean(folder), path.Clean(p)
	if folder == p {
		return "", true
	}
	return strings.CutPrefix(p, strings.TrimSuffix(folder, "/")+"/")
}

// sql is the way to the database: through the container's address, or through
// psql inside it where the server forbids forwarding.
func (v site) sql(database string) (pg.Target, error) {
	if v.db == nil {
		return pg.Target{}, fmt.Errorf("service %s has no container", v.Service)
	}
	port := v.port()
	addr := v.db.Addr(port)
	if addr == "" {
		return pg.Target{}, fmt.Errorf("container %s has no address (%s)", v.db.Short(), v.db.State.Status)
	}
	return pg.Target{
		Addr: addr, User: sqlRole, Database: database, PasswordFile: v.passwordFile(),
		Container: v.db.ID, UID: v.insideUser(), App: v.Project, Port: int(number(port)),
	}, nil
}

// port is where the server listens, as the container's command and environment
// say it.
func (v site) port() string {
	port := cmp.Or(v.db.Env("PGPORT"), pgPort)
	args := v.db.Config.Cmd
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

// insideUser is who psql runs as inside the container. With the image's own
// user left at root, the server runs as postgres.
func (v site) insideUser() string {
	switch {
	case v.db.Config.User != "":
		return v.db.Config.User
	case v.image != nil && v.image.Config.User != "":
		return v.image.Config.User
	}
	return "postgres"
}

// running reports a container that runs and is not waiting to be restarted.
func (v site) running() bool {
	return v.db != nil && v.db.State.Running && !v.db.State.Restarting && v.db.State.Status != "paused"
}

// disk is what lies in the data folder.
type disk struct {
	exists, empty bool
	version       string // of PG_VERSION: "17"
	control       bool   // global/pg_control is there
	system        string // the cluster's system identifier, as that file has it
	keys          ext    // whose key files are there, "" = nobody's
	uid           int    // owner of the folder
}

// initialised reports a whole cluster.
func (d disk) initialised() bool { return d.version != "" && d.control }

const diskText = `cd -- "$1" 2>/dev/null || { [ -d "$1" ] && exit 5; echo absent; exit 0; }
echo "uid $(stat -c %u .)"
e=yes; for f in * .[!.]* ..?*; do [ -e "$f" ] || [ -L "$f" ] || continue; [ "$f" = lost+found ] || e=no; done
echo "empty $e"
[ -f PG_VERSION ] && echo "version $(head -n 1 PG_VERSION)"
[ -f global/pg_control ] && echo control && echo "system $(od -An -tu8 -N8 global/pg_control | tr -d ' ')"
for f in pg_tde/*_keys open_pg_tde/*_keys; do [ -f "$f" ] && { echo "keys ${f%%/*}"; break; }; done
echo end`

// diskAt asks what lies in a data folder on the host.
func diskAt(dir string) host.Fact[disk] {
	return host.Fact[disk]{Q: host.NewProbe(diskText, dir), Parse: func(a host.Answer) (disk, error) {
		d := disk{uid: -1}
		text := string(a.Stdout)
		if text == "absent\n" {
			return d, nil
		}
		if a.Status != 0 || !strings.HasSuffix(text, "end\n") {
			return d, fmt.Errorf("data folder %s cannot be read (are you root?)", dir)
		}
		d.exists = true
		for line := range strings.Lines(text) {
			word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			switch word {
			case "uid":
				d.uid, _ = strconv.Atoi(rest)
			case "empty":
				d.empty = rest == "yes"
			case "version":
				d.version = strings.TrimSpace(rest)
			case "control":
				d.control = true
			case "system":
				d.system = rest
			case "keys":
				d.keys = ext(rest)
			}
		}
		return d, nil
	}}
}
