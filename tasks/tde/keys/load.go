package keys

import (
	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/memory"
	"remoterun/tasks/tde/pgtde"
)

// load sends the open keyring into the mount in RAM, if it opens every cluster
// that is on the host.
func (t keyringTask) load(a keyringArgs, s host.Seen) (play.Plan, error) {
	opened, mount, clusters := t.d.OpenFact(a.Project, a.host), memory.Mount(a.Path), pgtde.Clusters(a.Project, a.DataDirs...)
	if err := host.All(s, opened.Q, mount.Q, clusters.Q); err != nil {
		return play.Plan{}, err
	}
	info, err := host.Get(s, opened)
	if err != nil {
		return play.Plan{}, err
	}
	st, err := host.Get(s, mount)
	if err != nil {
		return play.Plan{}, err
	}
	files, err := host.Get(s, clusters)
	if err != nil {
		return play.Plan{}, err
	}
	if err := st.CheckRAM(); err != nil {
		return play.Plan{}, err
	}
	if err := st.CheckSwap(a.Swap == "accept"); err != nil {
		return play.Plan{}, err
	}
	checks, err := t.checkCluster(a, files)
	if err != nil {
		return play.Plan{}, err
	}
	if err := t.proved(a, s, len(files.Folders) > 0); err != nil {
		return play.Plan{}, err
	}
	l, err := a.load(files)
	if err != nil {
		return play.Plan{}, err
	}
	r := st.Result(false)
	r.Data.Put("wanted", value.String(info.Wanted().Name))
	r.Data.Put("header_checks", checksValue(checks))
	if l.Loaded(st, info.SHA256) {
		return play.Plan{Result: r, Note: "the keyring is in RAM already"}, nil
	}
	r.Changed = true
	r.Data.Put("keyring", value.Bool(true))
	return play.Plan{
		Result: r, Steps: []host.Step{t.d.LoadStep(l)},
		Finish: guard.Finish(func(host.Output) (play.Result, error) { return r, nil }),
	}, nil
}

// checkCluster is the offline header check with what is open.
func (t keyringTask) checkCluster(a keyringArgs, files pgtde.ClusterFiles) ([]pgtde.HeaderCheck, error) {
	o, ok := t.d.Session.Opened(a.Project, a.host)
	if !ok {
		return nil, guard.Refuse(a.object(), "run it again", "it was closed meanwhile")
	}
	return pgtde.CheckCluster(a.Project, a.host, files.Headers, o.Keyring)
}

// proved refuses a keyring for a cluster that is still to be made, unless its
// sealed copy on the server is proved to be the laptop's: no data may depend on a
// key that only one disk holds.
//
// One that the server has gone beyond is refused for every cluster: headers name
// only the keys of now, and a recovery may need one between.
func (t keyringTask) proved(a keyringArgs, s host.Seen, cluster bool) error {
	if !a.ServerCopy {
		return nil // push has put a second copy elsewhere
	}
	have, there, err := t.copies(a, s)
	if err != nil {
		return err
	}
	state, name := have.Compare(there)
	if state == custody.CopyNewer {
		return copyProblem(a, have, there, state, name)
	}
	if !cluster && state != custody.CopiesEqual {
		return guard.Refuse(a.object(), "run setup (or a task with action: push before this one)",
			"there is no encrypted cluster yet, and the sealed copy on the server is not proved (%s), so nothing may be encrypted with it", state)
	}
	return nil
}

// load is where the keyring goes, and whose it will be.
func (a keyringArgs) load(files pgtde.ClusterFiles) (memory.Load, error) {
	l := memory.Load{Project: a.Project, Host: a.host, Path: a.Path, AcceptSwap: a.Swap == "accept"}
	if a.Owner != nil {
		l.UID, l.GID = *a.Owner, *a.Owner
	} else {
		uid, gid, ok, err := files.Owner(a.Project)
		if err != nil {
			return l, err
		}
		l.UID, l.GID, l.AnyOwner = uid, gid, !ok
	}
	if a.Group != nil {
		l.GID, l.AnyOwner = *a.Group, false
	}
	return l, nil
}
