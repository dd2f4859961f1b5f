package tde

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// allChecks are the checks in the order in which they are reported.
func allChecks() []check {
	return []check{
		{"server", false, false, checkServer},
		{"library", false, false, checkLibrary},
		{"key provider", false, false, checkProvider},
		{"keys", false, false, checkKeys},
		{"wanted key", false, false, checkWanted},
		{"wal encryption", false, false, checkWAL},
		{"relations", false, false, checkRelations},
		{"pages on disk", false, false, checkPages},
		{"memory", true, false, checkMemory},
		{"keyring file", true, false, checkKeyringFile},
		{"container", false, false, checkContainer},
		{"no keyring on disk", false, false, checkStrays},
		{"sealed copies", true, false, checkCopies},
		{"key headers", false, false, checkHeaders},
		{"query", false, true, checkQuery},
		{"rows on disk", false, true, checkRows},
		{"entropy", false, true, checkEntropy},
		{"wal on disk", false, true, checkWALFiles},
		{"plain by nature", true, false, checkNature},
	}
}

func (p *proof) noServer() checkResult {
	return notProved("the server does not answer: %s", cmp.Or(p.sqlProblem, "no container"))
}

// refusedOn is the failed result of a check that rests on a question which the
// server answered with an error; nil = it answered.
func (p *proof) refusedOn(about ...string) *checkResult {
	for _, a := range about {
		if why, ok := p.refused[a]; ok {
			r := checkIs(false, "%s: the server refuses to tell: %s", a, why)
			return &r
		}
	}
	return nil
}

// noExtension is the result of checks of a server that has no key of ours.
func noExtension() checkResult { return checkIs(false, "without the extension nothing is encrypted") }

// checkServer: SQL answers, and what it is.
func checkServer(p *proof) checkResult {
	if p.server == nil {
		return checkResult{Status: checkFailed, Evidence: "SQL does not answer: " + cmp.Or(p.sqlProblem, "no container")}
	}
	return checkIs(true, "PostgreSQL %s in container %s, cluster %s", p.server.version, p.site.db.Short(), p.server.system)
}

// checkLibrary: the extension was loaded at the server's start.
func checkLibrary(p *proof) checkResult {
	if p.server == nil {
		return p.noServer()
	}
	if r := p.refusedOn(aboutVersion); r != nil {
		r.Evidence = fmt.Sprintf("shared_preload_libraries = %s; %s", cmp.Or(p.server.preload, "empty"), r.Evidence)
		return *r
	}
	loaded := slices.Contains(libraries(p.server.preload), p.args.Extension)
	return checkIs(loaded && p.server.installed, "shared_preload_libraries = %s; %s", cmp.Or(p.server.preload, "empty"), cmp.Or(p.extVersion, "extension "+p.args.Extension+" is not in database postgres"))
}

// checkProvider: every provider's file is the keyring inside the RAM mount, and
// the server's process sees that same mount.
func checkProvider(p *proof) checkResult {
	if p.server == nil {
		return p.noServer()
	}
	if r := p.refusedOn(aboutProviders, aboutKeys); r != nil {
		return *r
	}
	var wrong []string
	all := append(append([]providerView{}, p.global...), p.local...)
	for _, v := range all {
		if v.kind != "file" || path.Clean(v.path) != p.args.keyringPath() {
			wrong = append(wrong, fmt.Sprintf("%s provider %s: %s %s", v.scope, v.name, v.kind, v.path))
		}
	}
	switch {
	case len(all) == 0:
		return checkIs(false, "the server has no key provider")
	case wrong != nil:
		r := checkIs(false, "%d providers are not the keyring in RAM", len(wrong))
		r.Details = wrong
		return r
	}
	return checkIs(p.ram.same(), "%s; mount outside %s, inside the container %s", p.args.keyringPath(), cmp.Or(p.ram.outside, "none"), cmp.Or(p.ram.inside, "none"))
}

// checkKeys: the server itself proves the default's, its own, and every
// database's key.
func checkKeys(p *proof) checkResult {
	if p.server == nil {
		return p.noServer()
	}
	if r := p.refusedOn(aboutKeys); r != nil {
		return *r
	}
	var good, bad []string
	have := map[string]bool{}
	for _, k := range p.keys.keys {
		switch {
		case k.verified:
			good = append(good, k.scope+": "+k.key)
			have[k.scope] = true
		case k.key != "":
			bad = append(bad, k.scope+": "+k.problem)
		}
	}
	for _, scope := range []string{"default", "server"} {
		if !have[scope] {
			bad = append(bad, scope+": no key is set")
		}
	}
	r := checkIs(len(bad) == 0, "%d keys verified by the server, %d not", len(good), len(bad))
	r.Details = append(bad, good...)
	return r
}

// checkWanted: every key in use is the last of the keyring.
func checkWanted(p *proof) checkResult {
	if p.server == nil {
		return p.noServer()
	}
	if r := p.refusedOn(aboutKeys); r != nil {
		return *r
	}
	wanted := p.args.Key
	if wanted == "" && p.open != nil {
		wanted = p.open.Wanted().Name
	}
	if wanted == "" {
		return notProved("the keyring is not open on the laptop, so the wanted key is not known")
	}
	var other []string
	used := 0
	for _, k := range p.keys.keys {
		if k.key != "" {
			used++
		}
		if k.key != "" && foldName(k.key) != foldName(wanted) {
			other = append(other, k.scope+" is on "+k.key)
		}
	}
	r := checkIs(len(other) == 0 && used > 0, "wanted: %s; %d keys in use, %d of them another", wanted, used, len(other))
	r.Details = other
	return r
}

// checkWAL: it is on, and no changed setting waits for a restart.
func checkWAL(p *proof) checkResult {
	if p.server == nil {
		return p.noServer()
	}
	on := p.server.walEncrypt == "on" && !p.server.pending
	note := ""
	if p.server.pending {
		note = "; a change waits for a restart"
	}
	return checkIs(on, "%s.wal_encrypt = %s%s", p.args.Extension, cmp.Or(p.server.walEncrypt, "not known to the server"), note)
}

// checkRelations: everything with storage in every database is encrypted. A
// sequence that no column owns stays plain by the extension's nature.
func checkRelations(p *proof) checkResult {
	if p.server == nil {
		return p.noServer()
	}
	if !p.server.installed {
		return noExtension()
	}
	if r := p.refusedOn(aboutKeys, aboutRelations, aboutClosed); r != nil {
		return *r
	}
	var names, sequences []string
	for _, r := range p.rels.plain {
		if r.sequence() {
			sequences = append(sequences, r.database+"."+r.name)
			continue
		}
		names = append(names, fmt.Sprintf("%s.%s (%s, %d bytes)", r.database, r.name, relKinds[r.kind], r.bytes))
	}
	closed, files := make([]string, 0, len(p.closed)), 0
	for _, d := range p.closed {
		closed, files = append(closed, d.name), files+d.files
		for _, page := range d.plain {
			names = append(names, page.relation+" (a plain file)")
		}
	}
	r := checkIs(len(names) == 0, "%d of %d relations in %d databases are encrypted, %d plain, %d plain sequences; %d files of databases that take no connections (%s)",
		p.rels.encrypted, p.rels.total, len(p.keys.names), len(names), len(sequences), files, cmp.Or(strings.Join(closed, ", "), "none"))
	r.Details = names
	for _, s := range sequences {
		r.Details = append(r.Details, "plain by nature: sequence "+s)
	}
	return r
}

var relKinds = map[string]string{"r": "table", "i": "index", "t": "TOAST", "m": "materialized view"}

// checkPages: what the extension says, held against the first pages on the disk.
func checkPages(p *proof) checkResult {
	if p.server == nil {
		return p.noServer()
	}
	if !p.server.installed {
		return noExtension()
	}
	if r := p.refusedOn(aboutKeys, aboutPages); r != nil {
		return *r
	}
	if p.site.hostData == "" {
		return checkIs(false, noDataFolder)
	}
	if len(p.sample) == 0 {
		return notProved("there is no relation of the users' with data to look at")
	}
	var plain []string
	unread, fresh := 0, 0
	for _, s := range p.sample {
		switch {
		case s.plain():
			plain = append(plain, s.relation+": "+s.path)
		case s.unwritten():
			fresh++
		case s.unread():
			unread++
		}
	}
	if fresh == len(p.sample) {
		return notProved("the server has not written the users' pages to the disk yet (%d files); its next checkpoint does", fresh)
	}
	r := checkIs(len(plain) == 0 && unread+fresh < len(p.sample), "first pages of %d files looked at, %d are plain, %d could not be read, %d are not written yet", len(p.sample)-unread-fresh, len(plain), unread, fresh)
	r.Details = plain
	return r
}

// noDataFolder is why nothing can be looked at on the disk.
const noDataFolder = "no volume of this host holds the data folder, so its files cannot be looked at"

// checkMemory: the keyring's mount is RAM; how good is said, never guessed.
func checkMemory(p *proof) checkResult {
	class := p.mem.Class()
	evidence := fmt.Sprintf("%s: %s on %s", class, p.mem.Path, cmp.Or(p.mem.FS, "no mount"))
	switch {
	case !p.mem.InRAM():
		return checkIs(false, "%s is not a mount in RAM (%s)", p.mem.Path, cmp.Or(p.mem.FS, cmp.Or(p.mem.OnFS, "it is not there")))
	case class == Weak && p.args.Swap != "accept":
		return checkIs(false, "%s; swap: %s", evidence, strings.Join(p.mem.Swap, ", "))
	case class == Weak:
		return checkIs(true, "%s; swap is accepted: %s", evidence, strings.Join(p.mem.Swap, ", "))
	case class == Hoster:
		return checkIs(true, "%s; the node's swap cannot be seen from inside (%s)", evidence, p.mem.Container)
	}
	return checkIs(true, "%s, no swap reaches a disk", evidence)
}

// checkKeyringFile: the server's user alone reads it, nobody writes, and it is
// the keyring that is open on the laptop.
func checkKeyringFile(p *proof) checkResult {
	f := p.ram.file
	if f == nil {
		return checkIs(false, "there is no keyring in RAM")
	}
	folder := p.ram.folder
	mode, err := strconv.ParseUint(folder.mode, 8, 32)
	good := f.mode == "400" && folder.uid == 0 && err == nil && mode&0o022 == 0 && f.size > 0 && f.size%RecordSize == 0
	evidence := fmt.Sprintf("file: owner %d, mode 0%s, %d keys; folder: owner %d, mode 0%s", f.uid, f.mode, f.size/RecordSize, folder.uid, folder.mode)
	if p.args.Database {
		good = good && f.uid == p.disk.uid
		evidence += fmt.Sprintf("; the data folder's owner is %d", p.disk.uid)
	}
	if more := p.mem.foreign(); more != "" {
		good = false
		evidence += "; " + more + " lies beside it"
	}
	if e, ok := p.mem.Keyring(); ok && p.open != nil {
		same := e.SHA256 == p.open.SHA256
		good = good && same
		evidence += "; the same as the sealed one: " + yesNo(same)
	}
	return checkIs(good, "%s", evidence)
}

// checkContainer: the keyring is mounted read-only and into no other container,
// and a crash leaves no core with the key in it.
func checkContainer(p *proof) checkResult {
	if p.site.pid() == 0 {
		return notProved("the container does not run")
	}
	var others []string
	for _, c := range p.site.all {
		for _, m := range c.Mounts {
			own := p.site.db != nil && c.ID == p.site.db.ID && m.Destination == p.args.ramDir()
			if p.reaches(m.Source) && !own {
				others = append(others, fmt.Sprintf("container %s has %s at %s", c.Short(), m.Source, m.Destination))
			}
		}
	}
	core := coreLimit(p.limits)
	r := checkIs(p.ram.readOnly && core == "1" && others == nil, "keyring mount read-only: %s; core limit: %s (1 stops cores to a file and to a handler); %d other mounts of keys",
		yesNo(p.ram.readOnly), cmp.Or(core, "not known"), len(others))
	r.Details = others
	return r
}

// reaches reports a host's folder from which keys of the project can be read.
func (p *proof) reaches(source string) bool {
	if source == "" {
		return false
	}
	for _, dir := range []string{p.args.ramDir(), p.args.stateDir()} {
		_, below := within(dir, source)
		_, above := within(source, dir)
		if below || above && path.Clean(source) != "/" {
			return true
		}
	}
	return false
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// coreLimit reads the soft limit out of /proc/PID/limits.
func coreLimit(text string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "Max core file size"); ok {
			if f := strings.Fields(rest); len(f) > 0 {
				return f[0]
			}
		}
	}
	return ""
}

// checkStrays: nothing in the data folder looks like a keyring.
func checkStrays(p *proof) checkResult {
	if p.site.hostData == "" {
		return checkIs(false, noDataFolder)
	}
	names := p.keyNames()
	switch {
	case len(p.strays) > 0:
	case len(names) == 0:
		return notProved("no key's name is known to look for")
	case p.keyFiles == 0:
		return checkIs(false, "the search of %s for %d key names does not even find the extension's own key files", p.site.hostData, len(names))
	}
	r := checkIs(len(p.strays) == 0, "%d files look like a keyring in %s (searched for %d key names, which were found in %d key files of the extension)", len(p.strays), p.site.hostData, len(names), p.keyFiles)
	r.Details = p.strays
	return r
}

// checkCopies: laptop and host hold the same newest sealed keyring.
func checkCopies(p *proof) checkResult {
	switch p.copy {
	case "":
		return notProved("the sealed copies were not looked at: %s", p.copies)
	case CopiesEqual:
		return checkIs(true, "laptop and host hold %s, byte for byte", p.copies)
	case CopyNoServer:
		if len(p.leftCopies) > 0 {
			return checkIs(false, "tde_server_copy is no, but the host holds %s", strings.Join(p.leftCopies, ", "))
		}
		return checkIs(true, "kept off the server only (tde_server_copy: no): %s", p.copies)
	}
	next := "remoterun setup " + p.args.host
	if p.copy == CopyServer || p.copy == CopyNewer {
		next = "remoterun key import " + p.args.host
	}
	return checkIs(false, "%s: %s; next: %s", p.copy, p.copies, next)
}

// checkHeaders: the keyring that is open on the laptop fits every key file of
// the cluster, by its tag.
func checkHeaders(p *proof) checkResult {
	if p.open == nil {
		return notProved("the keyring is not open on the laptop")
	}
	if len(p.headers) == 0 {
		return notProved("the cluster has no key files")
	}
	var bad []string
	unknown := 0
	for _, h := range p.headers {
		if h.State == HeaderUnknown {
			unknown++
		}
		if h.State != HeaderOK {
			bad = append(bad, fmt.Sprintf("%s: key %s: %s", h.File, h.Key, h.State))
		}
	}
	r := checkIs(len(bad) == 0, "%d of %d key files opened by the keyring (%d keys)", len(p.headers)-len(bad), len(p.headers), len(p.open.Keys))
	if r.Details = bad; unknown > 0 && unknown == len(bad) {
		r.Status = checkNotProved // of a version that is not known here
	}
	return r
}

// noSearch is the result of checks that rest on a search that did not come to
// its end. Without a server there was none to do; with one that is a failure.
func (p *proof) noSearch() checkResult {
	switch {
	case p.server == nil:
		return p.noServer()
	case p.searchProblem != "":
		return checkIs(false, "the search did not run: %s", p.searchProblem)
	}
	return checkIs(false, noDataFolder)
}

// checkQuery: rows of an encrypted table of ours are read back.
func checkQuery(p *proof) checkResult {
	if p.found == nil {
		return p.noSearch()
	}
	return checkIs(p.found.rows == number(searchRows) && p.found.encrypted, "%d of %s rows read back from %s.verify_rows, encrypted: %s", p.found.rows, searchRows, searchSchema, yesNo(p.found.encrypted))
}

// lostControl is why a search that found nothing says nothing.
const lostControl = "the search did not find the control file, so that it found nothing else says nothing"

// checkRows: the rows' bytes are in no file of heap or index, nor in any other
// that was written since, while the same search finds them in a plain file on
// the same disk.
func checkRows(p *proof) checkResult {
	switch {
	case p.found == nil:
		return p.noSearch()
	case !p.found.control:
		return checkIs(false, lostControl)
	}
	if p.found.fresh == 0 && len(p.found.hits) == 0 {
		return checkIs(false, "the search for files that were written lately does not even find those of heap and index")
	}
	r := checkIs(len(p.found.hits) == 0, "%d files hold the rows' bytes, of heap, index, and %d that were written lately; the control was found", len(p.found.hits), p.found.fresh)
	r.Details = p.found.hits
	return r
}

// The entropy that tells encrypted pages from rows, in bits per byte.
const (
	encryptedBits = 7.9
	plainBits     = 6.5
)

// checkEntropy: heap and index look random, the control does not.
func checkEntropy(p *proof) checkResult {
	switch {
	case p.found == nil:
		return p.noSearch()
	case p.found.controlBits > plainBits:
		return notProved("the control has %.2f bits per byte", p.found.controlBits)
	}
	return checkIs(p.found.heapBits > encryptedBits && p.found.indexBits > encryptedBits,
		"bits per byte: heap %.3f, index %.3f, the same rows in the clear %.3f", p.found.heapBits, p.found.indexBits, p.found.controlBits)
}

// checkWALFiles: the marker is in no WAL file, and none begins as plain WAL.
func checkWALFiles(p *proof) checkResult {
	switch {
	case p.found == nil:
		return p.noSearch()
	case !p.found.control:
		return checkIs(false, lostControl)
	case p.found.walFiles == 0:
		return checkIs(false, "no WAL file was found in %s/pg_wal", p.site.hostData)
	case len(p.found.walUnread) > 0:
		return checkIs(false, "%d WAL files could not be read: %s", len(p.found.walUnread), strings.Join(p.found.walUnread, ", "))
	case walMagic(p.server.major) == "":
		return notProved("how plain WAL of PostgreSQL %d begins is not known here", p.server.major)
	}
	r := checkIs(len(p.found.walHits)+len(p.found.walPlain) == 0, "%d WAL files: %d hold the marker, %d hold plain pages", p.found.walFiles, len(p.found.walHits), len(p.found.walPlain))
	for _, f := range p.found.walHits {
		r.Details = append(r.Details, f+" holds the marker")
	}
	for _, f := range p.found.walPlain {
		r.Details = append(r.Details, f+" holds plain pages")
	}
	return r
}

// checkNature lists what is in the clear whatever anybody does.
func checkNature(p *proof) checkResult {
	d := []string{
		"catalogs: names, comments, defaults, function bodies",
		"statistics: sample values of analysed columns (pg_statistic)",
		"large objects (pg_largeobject)",
		"temporary files of sorts and hashes",
		"sequences that no column owns",
		"logs of server and container; other volumes; docker inspect",
		"old snapshots and backups at the hoster",
	}
	if p.server != nil && p.server.tempCrypt == "on" {
		d = slices.DeleteFunc(d, func(s string) bool { return strings.HasPrefix(s, "temporary") })
	}
	return checkResult{Status: checkPlain, Evidence: "not encrypted by the extension, see docs/security.md", Details: d}
}
