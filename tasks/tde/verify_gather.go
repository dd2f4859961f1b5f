package tde

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"remoterun/runner/host"
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
	extVersion string
	keys       keyState
	rels       relations
	global     []providerView
	local      []providerView
	sample     []pageSample
	limits     string // of the server's process: /proc/PID/limits
	// open is the keyring that is open on the laptop, nil = none is.
	open    *OpenInfo
	headers []HeaderCheck
	files   []HeaderFile // the cluster's key files
	copies  string       // how laptop and host copies relate, "" = not looked at
	copy    CopyState
	strays  []string // files in the data folder that look like a keyring
	// found is what the search gave; searchProblem why it gave nothing.
	found         *searchResult
	searchProblem string
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
	var need gather
	v, err := pg.One(s, pg.Query{To: to, SQL: "SELECT " + e.fn("version") + "()"})
	if need.add(err) {
		p.extVersion = v[0]
	}
	rows, err := pg.Rows(s, providersQuery(to, e))
	if need.add(err) {
		p.global = providersOf("global", rows)
	}
	if p.keys, err = readKeys(s, to, e); !need.add(err) {
		return need.err()
	}
	p.rels, err = readRelations(s, to, e, p.keys)
	need.add(err)
	for _, name := range p.keys.names {
		if contains(p.keys.without, name) {
			continue
		}
		rows, err := pg.Rows(s, databaseProvidersQuery(to.In(name), e))
		if need.add(err) {
			p.local = append(p.local, providersOf(name, rows)...)
		}
	}
	need.add(p.askSample(s, to, e))
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

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
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
	if !p.args.ServerCopy {
		p.copy, p.copies = CopyNoServer, strings.Join(shelf.Names, ", ")
		return nil
	}
	server, err := host.Get(s, Server(StateDir, p.args.Project))
	if err != nil {
		return err
	}
	p.copy, p.copies = shelf.Compare(server)
	return nil
}

// askFiles asks about the disk without writing.
func (p *proof) askFiles(s host.Seen) error {
	var need gather
	if p.site.hostData != "" {
		strays, err := host.Get(s, straysIn(p.site.hostData, p.keyNames()))
		if need.add(err) {
			p.strays = strays
		}
	}
	if pid := p.site.pid(); pid > 0 {
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

// straysText lists files up to the size of the largest keyring that hold one of
// the key names, but for the extension's own key files, with their size.
const straysText = `cd -- "$1" || exit 5
shift
for n; do
	find . -xdev -type f -size -2400 ! -path './pg_tde/*' ! -path './open_pg_tde/*' -exec grep -lF -e "$n" -- {} + 2>/dev/null
done | sort -u | while read -r f; do echo "$(stat -c %s "$f") $f"; done
find . -xdev -type f -path './*pg_tde/*' ! -name '*_keys' ! -name '*_keys.r' ! -name '*_providers' ! -name 'keys_version' | while read -r f; do echo "$(stat -c %s "$f") $f"; done
find . -xdev -type f -iname '*keyring*' | while read -r f; do echo "$(stat -c %s "$f") $f"; done
echo end`

// straysIn asks for files in the data folder that could be a keyring: a whole
// number of records with one of the names, or a telling name.
func straysIn(dir string, names []string) host.Fact[[]string] {
	return host.Fact[[]string]{Q: host.NewProbe(straysText, append([]string{dir}, names...)...).Wide(), Parse: func(a host.Answer) ([]string, error) {
		body, whole := strings.CutSuffix(string(a.Stdout), "end\n")
		if a.Status != 0 || !whole {
			return nil, fmt.Errorf("data folder %s cannot be searched (are you root?)", dir)
		}
		var out []string
		for line := range strings.Lines(body) {
			size, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			n, _ := strconv.ParseInt(size, 10, 64)
			if n > 0 && n%RecordSize == 0 || strings.Contains(strings.ToLower(name), "keyring") {
				out = append(out, strings.TrimPrefix(name, "./"))
			}
		}
		return out, nil
	}}
}

// pageSample is the head of a relation's first page as it lies on the disk.
type pageSample struct {
	relation, path string
	version        string // hex of bytes 18 and 19: "0420" is a plain page of 8 kB
}

// askSample looks at the first pages of the largest tables and indexes: what
// the extension says of a relation, held against the disk.
func (p *proof) askSample(s host.Seen, to pg.Target, e ext) error {
	var need gather
	for _, name := range p.keys.names {
		if contains(p.keys.without, name) || p.site.hostData == "" {
			continue
		}
		rows, err := pg.Rows(s, pg.Query{To: to.In(name), SQL: fmt.Sprintf(`SELECT c.oid::regclass::text, pg_relation_filepath(c.oid) FROM pg_class c
WHERE c.relkind IN ('r','i','t','m') AND c.oid >= 16384 AND c.relpersistence = 'p' AND %s(c.oid) AND pg_relation_size(c.oid) > 0
ORDER BY pg_relation_size(c.oid) DESC, c.oid LIMIT 20`, e.fn("is_encrypted"))})
		if !need.add(err) || len(rows) == 0 {
			continue
		}
		args := []string{p.site.hostData}
		for _, r := range rows {
			args = append(args, deref(r[1]))
		}
		a, err := s.Answer(host.NewProbe(samplesText, args...).Wide())
		if need.add(err) {
			p.sample = append(p.sample, samplesOf(name, rows, string(a.Stdout))...)
		}
	}
	return need.err()
}

const samplesText = `cd -- "$1" || exit 5
shift
for f; do echo "$(od -An -v -tx1 -j18 -N2 "$f" 2>/dev/null | tr -d ' \n') $f"; done`

func samplesOf(database string, rows [][]*string, text string) []pageSample {
	names := map[string]string{}
	for _, r := range rows {
		names[deref(r[1])] = database + "." + deref(r[0])
	}
	var out []pageSample
	for line := range strings.Lines(text) {
		v, f, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		out = append(out, pageSample{relation: names[f], path: f, version: v})
	}
	return out
}
