package verify

import (
	"errors"
	"slices"
	"strconv"

	"remoterun/runner/host"
	"remoterun/tasks/compose"
	"remoterun/tasks/pg"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/memory"
	"remoterun/tasks/tde/pgtde"
	"remoterun/tasks/tde/seal"
	"remoterun/tasks/tde/stack"
)

// proof is everything that the checks look at.
type proof struct {
	args verifyArgs
	site stack.Site
	ram  memory.View
	mem  memory.MountState
	disk stack.Disk
	// server is nil when SQL does not answer; sqlProblem says why.
	server     *pgtde.ServerView
	sqlProblem string
	// refused are questions that the server answered with an error: what they
	// were about is not known, so that nothing that rests on it is ok.
	refused    map[string]string
	extVersion string
	keys       pgtde.KeyState
	rels       pgtde.Relations
	global     []pgtde.ProviderView
	local      []pgtde.ProviderView
	sample     []pageSample
	closed     []closedDatabase
	ciphers    ciphersOnDisk
	limits     string // of the server's process: /proc/PID/limits
	// everyone are all containers of the engine, whoever made them.
	everyone []compose.Container
	// open is the keyring that is open on the laptop, nil = none is.
	open    *custody.OpenInfo
	headers []pgtde.HeaderCheck
	files   []pgtde.HeaderFile // the cluster's key files
	copies  custody.CopiesView
	strays  []string // files in the data folder that look like a keyring
	// keyFiles are the extension's own files in which the same search found a
	// key's name: they prove that it finds.
	keyFiles int
	// found is what the search gave; searchProblem why it gave nothing.
	found         *searchResult
	searchProblem string
	keyBytes      keySearch
}

// gather asks for all that only reads.
func (m verifyModule) gather(a verifyArgs, s host.Seen) (*proof, error) {
	p := &proof{args: a}
	if err := host.All(s, m.Facts(a)...); err != nil {
		return p, err
	}
	var err error
	if a.Database {
		p.site, err = a.Find(s)
	}
	if err != nil {
		return p, err
	}
	if p.ram, err = host.Get(s, memory.ViewAt(a.RAMDir(), p.site.Pid())); err != nil {
		return p, err
	}
	if p.mem, err = host.Get(s, memory.Mount(a.RAMDir())); err != nil {
		return p, err
	}
	if p.site.HostData != "" {
		if p.disk, err = host.Get(s, stack.DiskAt(p.site.HostData)); err != nil {
			return p, err
		}
	}
	var need guard.Gather
	if server, headers := need.Add(p.askServer(s)), need.Add(p.askHeaders(s)); !server || !headers {
		return p, need.Err() // they name the keys that are searched for
	}
	need.Add(p.askKeyring(m.d, s))
	need.Add(p.askFiles(s))
	return p, need.Err()
}

// askServer asks by SQL. A server that does not answer is a finding.
func (p *proof) askServer(s host.Seen) error {
	if !p.args.Database {
		p.sqlProblem = stack.NoDatabase
		return nil
	}
	to, err := p.site.SQL("postgres")
	if err != nil {
		p.sqlProblem = err.Error()
		return nil
	}
	e := pgtde.Extension(p.args.Extension)
	view, err := pgtde.ReadServer(s, to, e)
	if err != nil {
		return p.sqlFailed(err)
	}
	p.server = &view
	if !view.Installed {
		return nil
	}
	return p.askDetails(s, to, e)
}

// What a refused question was about.
const (
	aboutVersion   = "version of the extension"
	aboutProviders = "key providers"
	aboutKeys      = "keys"
	aboutRelations = "relations"
	aboutPages     = "files of relations"
	aboutClosed    = "databases that take no connections"
)

// askDetails asks what only a server with the extension can tell.
func (p *proof) askDetails(s host.Seen, to pg.Target, e pgtde.Extension) error {
	var need guard.Gather
	// take notes what the server refused, and reports an answer.
	take := func(about string, err error) bool {
		if said, ok := pg.AsError(err); ok {
			if p.refused == nil {
				p.refused = map[string]string{}
			}
			p.refused[about] = said.Error()
			return false
		}
		return need.Add(err)
	}
	v, err := pg.One(s, pg.Query{To: to, SQL: "SELECT " + e.Fn("version") + "()"})
	if take(aboutVersion, err) {
		p.extVersion = v[0]
	}
	rows, err := pg.Rows(s, pgtde.ProvidersQuery(to, e))
	if take(aboutProviders, err) {
		p.global = pgtde.ProvidersOf("global", rows)
	}
	if p.keys, err = pgtde.ReadKeys(s, to, e); !take(aboutKeys, err) {
		return need.Err()
	}
	p.rels, err = pgtde.ReadRelations(s, to, e, p.keys)
	take(aboutRelations, err)
	for _, name := range p.keys.Names {
		if slices.Contains(p.keys.Without, name) {
			continue
		}
		rows, err := pg.Rows(s, pgtde.DatabaseProvidersQuery(p.keys.In(to, name), e))
		if take(aboutProviders, err) {
			p.local = append(p.local, pgtde.ProvidersOf(name, rows)...)
		}
	}
	take(aboutPages, p.askSample(s, to, e))
	take(aboutClosed, p.askClosed(s, to))
	return need.Err()
}

// sqlFailed keeps what the server said; links and missing answers go on.
func (p *proof) sqlFailed(err error) error {
	if e, ok := pg.AsError(err); ok {
		p.sqlProblem = e.Error()
		return nil
	}
	return err
}

// askHeaders asks for the heads of the cluster's key files, which name the keys
// in use.
func (p *proof) askHeaders(s host.Seen) error {
	if p.site.HostData == "" {
		return nil
	}
	files, err := host.Get(s, pgtde.Headers(p.site.HostData))
	p.files = nonEmpty(files)
	return err
}

// askKeyring asks for what is open on the laptop, and checks the cluster's
// headers with it.
func (p *proof) askKeyring(d custody.Deps, s host.Seen) error {
	if err := p.askCopies(d, s); err != nil {
		return err
	}
	info, err := host.Get(s, d.OpenFact(p.args.Project, p.args.host))
	var none *guard.ErrAnswer
	switch {
	case errors.As(err, &none):
		return nil
	case err != nil:
		return err
	}
	p.open = &info
	if o, ok := d.Session.Opened(p.args.Project, p.args.host); ok {
		p.headers, err = pgtde.CheckHeaders(p.files, o.Keyring)
	}
	return err
}

// nonEmpty leaves out key files without a byte: those of databases that hold no
// key yet, or were dropped.
func nonEmpty(files []pgtde.HeaderFile) []pgtde.HeaderFile {
	var out []pgtde.HeaderFile
	for _, f := range files {
		if len(f.Head) > 0 {
			out = append(out, f)
		}
	}
	return out
}

// askCopies compares the sealed copies of laptop and host: no passphrase is
// needed for that.
func (p *proof) askCopies(d custody.Deps, s host.Seen) error {
	v, err := d.CopiesOf(s, p.args.KeysDir, p.args.Project, p.args.host, p.args.ServerCopy)
	p.copies = v
	return err
}

// askFiles asks about the disk without writing.
func (p *proof) askFiles(s host.Seen) error {
	var need guard.Gather
	if p.site.HostData != "" {
		found, err := host.Get(s, straysIn(p.site.HostData, p.keyNames()))
		if need.Add(err) {
			p.strays, p.keyFiles = found.strays, found.keyFiles
		}
		if p.server != nil {
			p.ciphers, err = host.Get(s, ciphersIn(p.site.HostData))
			need.Add(err)
		}
	}
	if pid := p.site.Pid(); pid > 0 {
		all, err := host.Get(s, compose.Everyone())
		if need.Add(err) {
			p.everyone = all
		}
		a, err := s.Answer(host.NewProbe(`grep -E '^Max (core file size|locked memory)' "/proc/$1/limits"`, strconv.Itoa(pid)).Wide())
		if need.Add(err) {
			p.limits = string(a.Stdout)
		}
	}
	return need.Err()
}

// keyNames are names of keys that the cluster or the keyring knows.
func (p *proof) keyNames() []string {
	seen, out := map[string]bool{}, []string{}
	add := func(n string) {
		if n != "" && !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	for _, k := range p.keys.Keys {
		add(k.Key)
	}
	if named, err := pgtde.CheckHeaders(p.files, seal.Keyring{}); err == nil {
		for _, h := range named {
			add(h.Key)
		}
	}
	if p.open != nil {
		for _, k := range p.open.Keys {
			add(k.Name)
		}
	}
	return out
}
