package stack

import (
	"path"
	"strings"

	"remoterun/runner/host"
	"remoterun/tasks/compose"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/pgtde"
)

// Truth is where the encrypted cluster is, as our record names it, whatever a
// container or a compose file says. Without a record it is the volume of our name:
// a lost state folder makes no other database of it.
type Truth struct {
	Record *Record
	Volume *compose.DiskVolume // nil = the engine has none of that name
	Folder string              // on the host, "" = there is none
	Disk   Disk                // what lies in it
	Tombs  []Tomb              // what lies where the compose files would go without the overlay
}

// Half reports that our record names this very volume as begun.
func (t Truth) Half() bool { return t.Record.Begun() && t.Record.Names(t.Volume) }

// There reports an encrypted cluster that is whole.
func (t Truth) There() bool { return t.Disk.Initialised() && t.Disk.Keys != "" && !t.Half() }

// Gone reports a cluster that was made and of which nothing is left where the
// record says.
func (t Truth) Gone() bool { return t.Record.Done() && (!t.Disk.Exists || t.Disk.Empty) }

// Damaged reports a place that the record names and that holds no whole encrypted
// cluster, but something.
func (t Truth) Damaged() bool { return t.Record.Done() && !t.Gone() && !t.There() }

// Damage says what is wrong with it.
func (t Truth) Damage() string {
	switch {
	case !t.Disk.control:
		return "the cluster in " + t.Folder + " has no global/pg_control: the server cannot start on it"
	case t.Disk.version == "":
		return "the cluster in " + t.Folder + " has no PG_VERSION: an image would try to make another one"
	}
	return "the cluster in " + t.Folder + " has no key files of " + string(pgtde.PgTDE) + " or " + string(pgtde.OpenPgTDE) + ": it is not the one that was made"
}

// DamagedWayOut is what to do about it.
func DamagedWayOut(t Truth) string {
	return "look what is in " + t.Folder + ", and bring the cluster's files back from a backup of the disk"
}

// Truth asks for the record and for what it names.
func (s Stack) Truth(seen host.Seen) (Truth, error) {
	t := Truth{}
	rec, vol := RecordAt(s.StateDir()), compose.VolumeNamed(s.Volume())
	if err := host.All(seen, rec.Q, vol.Q); err != nil {
		return t, err
	}
	var err error
	if t.Record, err = host.Get(seen, rec); err != nil {
		return t, err
	}
	if t.Volume, err = host.Get(seen, vol); err != nil {
		return t, err
	}
	if t.Record.Left() {
		return Truth{}, nil
	}
	switch {
	case t.Record.Done() && t.Record.Folder != "":
		t.Folder = t.Record.Folder
	case t.Volume != nil:
		t.Folder = t.Volume.Folder()
	}
	if t.Folder != "" {
		if t.Disk, err = host.Get(seen, DiskAt(t.Folder)); err != nil {
			return t, err
		}
	}
	if t.Record != nil && len(t.Record.Tombs) > 0 {
		t.Tombs, err = host.Get(seen, TombsAt(t.Record.Tombs...))
	}
	return t, err
}

// Astray is a container of the service that has something else as its data
// folder than the encrypted cluster.
type Astray struct {
	Place string // volume or folder on the host, "" = none
	Disk  Disk   // what lies there
	Tomb  bool   // our own: the server refused to start on it
}

// Serves reports whether the container has the encrypted volume as its data
// folder; without a container it does.
func (v Site) Serves(t Truth) bool {
	if v.Container == nil {
		return true
	}
	m, ok := v.containerMount()
	if !ok {
		return false
	}
	return m.name == v.Volume() || t.Folder != "" && path.Clean(m.source) == t.Folder
}

// Plain is a database that was made in the clear beside the encrypted one.
func (a Astray) Plain() bool { return a.Disk.Initialised() && a.Disk.Keys == "" }

// Astray says what the container has in place of the encrypted cluster.
func (v Site) Astray(seen host.Seen) (Astray, error) {
	a := Astray{}
	m, ok := v.containerMount()
	if !ok || v.HostData == "" {
		return a, nil
	}
	if a.Place = m.name; a.Place == "" {
		a.Place = v.HostData
	}
	d, tombs := DiskAt(v.HostData), TombsAt(v.HostData)
	if err := host.All(seen, d.Q, tombs.Q); err != nil {
		return a, err
	}
	var err error
	if a.Disk, err = host.Get(seen, d); err != nil {
		return a, err
	}
	list, err := host.Get(seen, tombs)
	a.Tomb = err == nil && len(list) == 1 && list[0].State == TombWhole
	return a, err
}

// GoneRefusal says that a cluster was made and isn't there any more.
func GoneRefusal(t Truth, hostname string) *guard.Refusal {
	return guard.Refuse("volume "+t.Record.Volume, GoneWayOut(t, hostname), "a cluster was made in it before, and it is not there")
}

// inFolder names the folder that the volume stands for.
func inFolder(t Truth) string {
	if t.Record.Folder == "" {
		return ""
	}
	return " (" + t.Record.Folder + ")"
}

// GoneWayOut is what to do about it.
func GoneWayOut(t Truth, hostname string) string {
	return "restore a backup of the disk" + inFolder(t) + "; or, if nothing was in it, remove /var/lib/remoterun/" + strings.TrimSuffix(t.Record.Volume, "_tde") + "/init on the host, then: remoterun unlock " + hostname
}
