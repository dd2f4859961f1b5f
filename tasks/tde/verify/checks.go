package verify

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"remoterun/runner/value"
	"remoterun/tasks/pg"
	"remoterun/tasks/tde/pgtde"
	"remoterun/tasks/tde/seal"
	"remoterun/tasks/tde/stack"
)

// allChecks are the checks in the order in which they are reported.
func allChecks() []check {
	return []check{
		{"server", false, false, checkServer, "remoterun status HOST, which says what its container has"},
		{"library", false, false, checkLibrary, "remoterun unlock HOST, which puts the overlay back; an image without the extension: tde_image"},
		{"key provider", false, false, checkProvider, "remoterun unlock HOST where the container has another mount; a provider that is elsewhere is changed back while the server may write to the keyring. On the host: chmod 600 RING; nsenter -t $(docker inspect -f '{{.State.Pid}}' CONTAINER) -m mount -o remount,bind,rw $(dirname RING). In psql: SELECT EXT_change_global_key_provider_file('its name', 'RING'), or in its database EXT_change_database_key_provider_file. On the host: docker restart CONTAINER; then remoterun unlock HOST"},
		{"keys", false, false, checkKeys, "remoterun unlock HOST, which sends the sealed keyring"},
		{"wanted key", false, false, checkWanted, "a rotation was not finished: the module tde_principal_key sets the key"},
		{"wal encryption", false, false, checkWAL, "remoterun unlock HOST where the overlay is gone; else ALTER SYSTEM SET EXT.wal_encrypt = on, and restart the container"},
		{"relations", false, false, checkRelations, "type what its list says behind \"then\", in psql in that database: it makes the table anew with its indexes, while nobody can use it"},
		{"pages on disk", false, false, checkPages, "as of relations; then CHECKPOINT, and verify again"},
		{"cipher", false, false, checkCipher, "tde_cipher as it was when the key was made"},
		{"memory", true, false, checkMemory, "remoterun unlock HOST where it is not mounted; swapoff -a where RAM is swapped"},
		{"keyring file", true, false, checkKeyringFile, "take away what lies beside it, and what others than root could change; then remoterun unlock HOST, which sends it anew"},
		{"container", false, false, checkContainer, "take mounts of keys, and a core limit, out of the compose files that have them, then docker compose up -d there; remoterun unlock HOST where its own mount is not read-only"},
		{"no keyring on disk", false, false, checkStrays, "overwrite and remove the file, if the server does not read it; the key has been on a disk, and has to be replaced"},
		{"sealed copies", true, false, checkCopies, "remoterun status HOST says what mends them"},
		{"key headers", false, false, checkHeaders, "remoterun unlock HOST with the keyring that has them; remoterun key import HOST where the server's copy is newer"},
		{"query", false, true, checkQuery, "look at the server's log: docker logs CONTAINER"},
		{"rows on disk", false, true, checkRows, "as of relations: the tables that it names hold rows in the clear"},
		{"entropy", false, true, checkEntropy, "as of relations, and of the cipher"},
		{"wal on disk", false, true, checkWALFiles, "as of wal encryption; then SELECT pg_switch_wal() and CHECKPOINT, until older segments are recycled"},
		{"no key on disk", false, true, checkKeyBytes, "remoterun verify HOST again, to see whether it stays; overwrite and remove the file, and replace the key"},
		{"plain by nature", true, false, checkNature, "nothing is wrong: it says what stays in the clear"},
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

// checkServer: SQL answers, and it is the server of the data folder that is looked
// at.
func checkServer(p *proof) checkResult {
	if p.server == nil {
		return checkResult{Status: CheckFailed, Evidence: "SQL does not answer: " + cmp.Or(p.sqlProblem, "no container")}
	}
	what := fmt.Sprintf("PostgreSQL %s in container %s, cluster %s", p.server.Version, p.site.Container.Short(), p.server.System)
	switch {
	case path.Clean(p.server.DataDir) != p.site.Pgdata:
		return checkIs(false, "%s: it runs in %s, and not in the data folder %s, of which everything else here is", what, p.server.DataDir, p.site.Pgdata)
	case p.site.HostData != "" && p.server.System != p.disk.System:
		return checkIs(false, "%s: in %s lies another one, %s", what, p.site.HostData, cmp.Or(p.disk.System, "none"))
	}
	return checkIs(true, "%s, which is the one in %s", what, cmp.Or(p.site.HostData, p.site.Pgdata))
}

// checkLibrary: the extension was loaded at the server's start.
func checkLibrary(p *proof) checkResult {
	if p.server == nil {
		return p.noServer()
	}
	if r := p.refusedOn(aboutVersion); r != nil {
		r.Evidence = fmt.Sprintf("shared_preload_libraries = %s; %s", cmp.Or(p.server.Preload, "empty"), r.Evidence)
		return *r
	}
	loaded := slices.Contains(stack.Libraries(p.server.Preload), p.args.Extension)
	return checkIs(loaded && p.server.Installed, "shared_preload_libraries = %s; %s", cmp.Or(p.server.Preload, "empty"), cmp.Or(p.extVersion, "extension "+p.args.Extension+" is not in database postgres"))
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
	all := append(append([]pgtde.ProviderView{}, p.global...), p.local...)
	for _, v := range all {
		if v.Kind != "file" || path.Clean(v.Path) != p.args.KeyringPath() {
			wrong = append(wrong, fmt.Sprintf("%s provider %s: %s %s", v.Scope, v.Name, v.Kind, v.Path))
		}
	}
	switch {
	case len(all) == 0:
		return checkIs(false, "the server has no key provider")
	case wrong != nil:
		r := checkIs(false, "%s not the keyring in RAM", value.Count(len(wrong), "provider is", "providers are"))
		r.Details = wrong
		return r
	}
	return checkIs(p.ram.Same(), "%s; mount outside %s, inside the container %s", p.args.KeyringPath(), cmp.Or(p.ram.Outside, "none"), cmp.Or(p.ram.Inside, "none"))
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
	for _, k := range p.keys.Keys {
		switch {
		case k.Verified:
			good = append(good, k.Scope+": "+k.Key)
			have[k.Scope] = true
		case k.Key != "":
			bad = append(bad, k.Scope+": "+k.Problem)
		}
	}
	for _, scope := range []string{"default", "server"} {
		if !have[scope] {
			bad = append(bad, scope+": no key is set")
		}
	}
	r := checkIs(len(bad) == 0, "%s verified by the server, %d not", value.Count(len(good), "key"), len(bad))
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
	for _, k := range p.keys.Keys {
		if k.Key != "" {
			used++
		}
		if k.Key != "" && seal.FoldName(k.Key) != seal.FoldName(wanted) {
			other = append(other, k.Scope+" is on "+k.Key)
		}
	}
	r := checkIs(len(other) == 0 && used > 0, "wanted: %s; %s in use, %d of them another", wanted, value.Count(used, "key"), len(other))
	r.Details = other
	return r
}

// checkWAL: it is on, and no changed setting waits for a restart.
func checkWAL(p *proof) checkResult {
	if p.server == nil {
		return p.noServer()
	}
	on := p.server.WalEncrypt == "on" && !p.server.Pending
	note := ""
	if p.server.Pending {
		note = "; a change waits for a restart"
	}
	return checkIs(on, "%s.wal_encrypt = %s%s", p.args.Extension, cmp.Or(p.server.WalEncrypt, "not known to the server"), note)
}

// checkRelations: everything with storage in every database is encrypted. A
// sequence that no column owns stays plain by the extension's nature.
func checkRelations(p *proof) checkResult {
	if p.server == nil {
		return p.noServer()
	}
	if !p.server.Installed {
		return noExtension()
	}
	if r := p.refusedOn(aboutKeys, aboutRelations, aboutClosed); r != nil {
		return *r
	}
	var names, sequences, chunks, then []string
	for _, r := range p.rels.Plain {
		if r.Sequence() {
			sequences = append(sequences, r.Database+"."+r.Name)
			continue
		}
		if r.ByNature() {
			chunks = append(chunks, r.Database+"."+r.Name)
			continue
		}
		names = append(names, fmt.Sprintf("%s.%s (%s, %d bytes)", r.Database, r.Name, relKinds[r.Kind], r.Bytes))
		if r.Mend != "" {
			then = append(then, fmt.Sprintf("then, in database %s: %s", r.Database, r.Mend))
		}
	}
	closed, files := make([]string, 0, len(p.closed)), 0
	for _, d := range p.closed {
		closed, files = append(closed, d.name), files+d.files
		for _, page := range d.plain {
			names = append(names, page.relation+" (a plain file)")
		}
		if len(d.plain) > 0 {
			then = append(then, fmt.Sprintf("then, in database postgres: ALTER DATABASE %s ALLOW_CONNECTIONS true; and verify again, which tells more", pg.Ident(d.name)))
		}
	}
	r := checkIs(len(names) == 0, "%d of %s in %s encrypted, %d plain, %s; %s of databases that take no connections (%s)",
		p.rels.Encrypted, value.Count(p.rels.Total, "relation"), value.Count(len(p.keys.Names), "database"), len(names), value.Count(len(sequences), "plain sequence"), value.Count(files, "file"), cmp.Or(strings.Join(closed, ", "), "none"))
	slices.Sort(then)
	r.Details = append(names, slices.Compact(then)...)
	for _, s := range sequences {
		r.Details = append(r.Details, "plain by nature: sequence "+s)
	}
	for _, c := range chunks {
		r.Details = append(r.Details, "plain by nature: numbers of chunks of a materialized view, "+c)
	}
	return r
}

var relKinds = map[string]string{"r": "table", "i": "index", "t": "TOAST", "m": "materialized view"}

// checkPages: what the extension says, held against the first pages on the disk.
func checkPages(p *proof) checkResult {
	if p.server == nil {
		return p.noServer()
	}
	if !p.server.Installed {
		return noExtension()
	}
	if r := p.refusedOn(aboutKeys, aboutPages); r != nil {
		return *r
	}
	if p.site.HostData == "" {
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
		return notProved("the server has not written the users' pages to the disk yet (%s); its next checkpoint does", value.Count(fresh, "file"))
	}
	r := checkIs(len(plain) == 0 && unread+fresh < len(p.sample), "first pages of %s looked at, %d plain, %d not readable, %d not written yet", value.Count(len(p.sample)-unread-fresh, "file"), len(plain), unread, fresh)
	r.Details = plain
	return r
}

// noDataFolder is why nothing can be looked at on the disk.
const noDataFolder = "no volume of this host holds the data folder, so its files cannot be looked at"

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
