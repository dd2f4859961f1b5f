package verify

import (
	"slices"
	"strings"

	"remoterun/runner/value"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/pgtde"
)

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
	return checkIs(p.found.rows == guard.Number(searchRows) && p.found.encrypted, "%d of %s rows read back from %s.verify_rows, encrypted: %s", p.found.rows, searchRows, searchSchema, yesNo(p.found.encrypted))
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
	r := checkIs(len(p.found.hits) == 0, "%s the rows' bytes, of heap, index, and %d that were written lately; the control was found", value.Count(len(p.found.hits), "file holds", "files hold"), p.found.fresh)
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
	case pgtde.WalMagic(p.server.Major) == "":
		return notProved("how plain WAL of PostgreSQL %d begins is not known here", p.server.Major)
	case p.found.walFiles == 0:
		return checkIs(false, "no WAL file was found in %s/pg_wal", p.site.HostData)
	case len(p.found.walUnread) > 0:
		return checkIs(false, "%d WAL files could not be read: %s", len(p.found.walUnread), strings.Join(p.found.walUnread, ", "))
	case pgtde.WalMagic(p.server.Major) == "":
		return notProved("how plain WAL of PostgreSQL %d begins is not known here", p.server.Major)
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
	if p.server != nil && p.server.TempCrypt == "on" {
		d = slices.DeleteFunc(d, func(s string) bool { return strings.HasPrefix(s, "temporary") })
	}
	return checkResult{Status: CheckPlain, Evidence: "not encrypted by the extension, see docs/security.md", Details: d}
}
