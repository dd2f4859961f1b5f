package tde

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/tasks/compose"
	"remoterun/tasks/pg"
)

// proof is everything that the checks look at.
type proof struct {
	args verifyArgs
	site site
	ram  ramView
	mem  MountState
	disk disk
	// server is nil when SQL does not answer; sqlProblem says why.
	server     *serverView
	sqlProblem string
	// refused are questions that the server answered with an error: what they
	// were about is not known, so that nothing that rests on it is ok.
	refused    map[string]string
	extVersion string
	keys       keyState
	rels       relations
	global     []providerView
	local      []providerView
	sample     []pageSample
	closed     []closedDatabase
	ciphers    ciphersOnDisk
	limits     string // of the server's process: /proc/PID/limits
	// everyone are all containers of the engine, whoever made them.
	everyone []compose.Container
	// open is the keyring that is open on the laptop, nil = none is.
	open    *OpenInfo
	headers []HeaderCheck
	files   []HeaderFile // the cluster's key files
	copies  string       // how laptop and host copies relate, "" = not looked at
	copy    CopyState
	// leftCopies are sealed copies on a host that should keep none.
	leftCopies []string
	strays     []string // files in the data folder that look like a keyring
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
		p.site, err = a.look(s)
	}
	if err != nil {
		return p, err
	}
	if p.ram, err = host.Get(s, ramAt(a.ramDir(), p.site.pid())); err != nil {
		return p, err
	}
	if p.mem, err = host.Get(s, Mount(a.ramDir())); err != nil {
		return p, err
	}
	if p.site.hostData != "" {
		if p.disk, err = host.Get(s, diskAt(p.site.hostData)); err != nil {
			return p, err
		}
	}
	var need gather
	if server, headers := need.add(p.askServer(s)), need.add(p.askHeaders(s)); !server || !headers {
		return p, need.err() // they name the keys that are searched for
	}
	need.add(p.askKeyring(m.d, s))
	need.add(p.askFiles(s))
	return p, need.err()
}

// askServer asks by SQL. A server that does not answer is a finding.
func (p *proof) askServer(s host.Seen) error {
	if !p.args.Database {
		p.sqlProblem = noDatabase
		return nil
	}
	to, err := p.site.sql("postgres")
	if err != nil {
		p.sqlProblem = err.Error()
		return nil
	}
	e := ext(p.args.Extension)
	view, err := readServer(s, to, e)
	if err != nil {
		return p.sqlFailed(err)
	}
	p.server = &view
	if !view.installed {
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
func (p *proof) askDetails(s host.Seen, to pg.Target, e ext) error {
	var need gather
	// take notes what the server refused, and reports an answer.
	take := func(about string, err error) bool {
		if said, ok := pg.AsError(err); ok {
			if p.refused == nil {
				p.refused = map[string]string{}
			}
			p.refused[about] = said.Error()
			return false
		}
		return need.add(err)
	}
	v, err := pg.One(s, pg.Query{To: to, SQL: "SELECT " + e.fn("version") + "()"})
	if take(aboutVersion, err) {
		p.extVersion = v[0]
	}
	rows, err := pg.Rows(s, providersQuery(to, e))
	if take(aboutProviders, err) {
		p.global = providersOf("global", rows)
	}
	if p.keys, err = readKeys(s, to, e); !take(aboutKeys, err) {
		return need.err()
	}
	p.rels, err = readRelations(s, to, e, p.keys)
	take(aboutRelations, err)
	for _, name := range p.keys.names {
		if slices.Contains(p.keys.without, name) {
			continue
		}
		rows, err := pg.Rows(s, databaseProvidersQuery(p.keys.in(to, name), e))
		if take(aboutProviders, err) {
			p.local = append(p.local, providersOf(name, rows)...)
		}
	}
	take(aboutPages, p.askSample(s, to, e))
	take(aboutClosed, p.askClosed(s, to))
	return need.err()
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
	if p.site.hostData == "" {
		return nil
	}
	files, err := host.Get(s, Headers(p.site.hostData))
	p.files = nonEmpty(files)
	return err
}

// askKeyring asks for what is open on the laptop, and checks the cluster's
// headers with it.
func (p *proof) askKeyring(d Deps, s host.Seen) error {
	if err := p.askCopies(d, s); err != nil {
		return err
	}
	info, err := host.Get(s, d.OpenFact(p.args.Project, p.args.host))
	var none *ErrAnswer
	switch {
	case errors.As(err, &none):
		return nil
	case err != nil:
		return err
	}
	p.open = &info
	if o, ok := d.Session.Opened(p.args.Project, p.args.host); ok {
		p.headers, err = CheckHeaders(p.files, o.Keyring)
	}
	return err
}

// nonEmpty leaves out key files without a byte: those of databases that hold no
// key yet, or were dropped.
func nonEmpty(files []HeaderFile) []HeaderFile {
	var out []HeaderFile
	for _, f := range files {
		if len(f.Head) > 0 {
			out = append(out, f)
		}
	}
	return out
}

// askCopies compares the sealed copies of laptop and host: no passphrase is
// needed for that.
func (p *proof) askCopies(d Deps, s host.Seen) error {
	shelf, err := host.Get(s, d.ShelfFact(p.args.KeysDir, p.args.Project, p.args.host))
	var bad *ErrAnswer
	if errors.As(err, &bad) {
		p.copies = bad.Error()
		return nil
	}
	if err != nil {
		return err
	}
	server, err := host.Get(s, Server(StateDir, p.args.Project))
	if err != nil {
		return err
	}
	if !p.args.ServerCopy && len(shelf.Tips) > 0 {
		p.copy, p.copies, p.leftCopies = CopyNoServer, strings.Join(shelf.Names, ", "), server.Names()
		return nil
	}
	p.copy, p.copies = shelf.Compare(server)
	return nil
}

// askFiles asks about the disk without writing.
func (p *proof) askFiles(s host.Seen) error {
	var need gather
	if p.site.hostData != "" {
		found, err := host.Get(s, straysIn(p.site.hostData, p.keyNames()))
		if need.add(err) {
			p.strays, p.keyFiles = found.strays, found.keyFiles
		}
		if p.server != nil {
			p.ciphers, err = host.Get(s, ciphersIn(p.site.hostData))
			need.add(err)
		}
	}
	if pid := p.site.pid(); pid > 0 {
		all, err := host.Get(s, compose.Everyone())
		if need.add(err) {
			p.everyone = all
		}
		a, err := s.Answer(host.NewProbe(`grep -E '^Max (core file size|locked memory)' "/proc/$1/limits"`, strconv.Itoa(pid)).Wide())
		if need.add(err) {
			p.limits = string(a.Stdout)
		}
	}
	return need.err()
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
	for _, k := range p.keys.keys {
		add(k.key)
	}
	if named, err := CheckHeaders(p.files, Keyring{}); err == nil {
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
