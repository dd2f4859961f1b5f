package verify

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/tasks/pg"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/pgtde"
	"remoterun/tasks/tde/seal"
)

// searchShell defines how files are searched for text. Busybox's grep sees a
// line only up to its first zero byte, so that it is blind in a page of a
// database while it finds the same text in a plain list: there zero bytes are
// made line ends first, a folder at a time. "holding TEXT FILE..." and "below TEXT FIND-ARGUMENT..."
// print the names of files that hold the text.
const searchShell = `export LC_ALL=C
whole=
printf 'a\0mark\n' | grep -qF mark && whole=yes
holds() { tr '\0' '\n' <"$2" | grep -qF -e "$1"; }
holding() {
	t=$1
	shift
	if [ -n "$whole" ]; then grep -lF -e "$t" -- "$@"
	else for f; do if holds "$t" "$f"; then echo "$f"; fi; done; fi 2>/dev/null
}
below() {
	t=$1
	shift
	if [ -n "$whole" ]; then find . -xdev -type f "$@" -exec grep -lF -e "$t" -- {} +
	else find . -xdev -type d | while IFS= read -r d; do
		find "$d" -maxdepth 1 -type f "$@" -exec cat {} + | tr '\0' '\n' | grep -qF -e "$t" || continue
		find "$d" -maxdepth 1 -type f "$@" | while IFS= read -r f; do if holds "$t" "$f"; then echo "$f"; fi; done
	done; fi 2>/dev/null
}
`

// straysText lists what could be a copy of the keyring in the data folder $1,
// by the names of keys that follow. Lines: "record FILE" for one that holds a
// name as a keyring does, with a zero byte behind it (so does the extension's
// own kind of file, in its folder); "size BYTES FILE" for one that holds a name
// in any other way; "named FILE" for one that is called so; "broken" when
// something could not be searched; "end". Files above 1.2 MB are no keyrings.
const straysText = searchShell + `cd -- "$1" || exit 5
shift
for n; do
	below "$n" -size -2400 | while IFS= read -r f; do
		if tr '\0\n' '\n\1' <"$f" | grep -q -e "$n\$"; then echo "record $f"; else echo "size $(stat -c %s "$f") $f"; fi
	done
done
find . -xdev -type f -iname '*keyring*' | while IFS= read -r f; do echo "named $f"; done
find . -xdev -type f -path './*pg_tde/*' ! -name '*_keys' ! -name '*_keys.r' ! -name '*_providers' ! -name keys_version | while IFS= read -r f; do echo "named $f"; done
echo end`

// strayView is what the search for copies of the keyring found.
type strayView struct {
	strays   []string
	keyFiles int
}

// straysIn searches a data folder for copies of the keyring.
func straysIn(dir string, names []string) host.Fact[strayView] {
	return host.Fact[strayView]{Q: host.NewProbe(straysText, append([]string{dir}, names...)...).Wide(), Parse: func(a host.Answer) (strayView, error) {
		var v strayView
		body, whole := strings.CutSuffix(string(a.Stdout), "end\n")
		if a.Status != 0 || !whole {
			return v, fmt.Errorf("data folder %s cannot be searched (are you root?)", dir)
		}
		seen := map[string]bool{}
		for line := range strings.Lines(body) {
			v.take(strings.TrimSuffix(line, "\n"), seen)
		}
		return v, nil
	}}
}

func (v *strayView) take(line string, seen map[string]bool) {
	word, name, _ := strings.Cut(line, " ")
	size := int64(0)
	if word == "size" {
		var digits string
		digits, name, _ = strings.Cut(name, " ")
		size = guard.Number(digits)
	}
	name = strings.TrimPrefix(name, "./")
	switch {
	case seen[word+name]:
		return
	case word == "record" && ownKeyFile(name):
		v.keyFiles++
	case word == "size" && (size == 0 || size%seal.RecordSize != 0):
		return // a log, or a list of names
	case !seen[name]:
		v.strays = append(v.strays, name)
	}
	seen[word+name], seen[name] = true, true
}

// ownKeyFile reports a file in which the extension itself names keys.
func ownKeyFile(name string) bool {
	dir, file := path.Split(name)
	return slices.Contains(pgtde.Extensions(), pgtde.Extension(strings.TrimSuffix(dir, "/"))) && (strings.HasSuffix(file, "_keys") || strings.HasSuffix(file, "_keys.r"))
}

// pageSample is the head of a relation's first page as it lies on the disk.
type pageSample struct {
	relation, path string
	head           string // hex of bytes 12 to 19, "" when it could not be read
}

// unread reports a page that could not be read.
func (p pageSample) unread() bool { return p.head == "" }

// unwritten reports a page that is still the server's alone: its place in the
// file holds zeros until a checkpoint.
func (p pageSample) unwritten() bool { return p.head != "" && strings.Trim(p.head, "0") == "" }

// plain reports a page's head as the server writes it in the clear: where free
// space begins and ends, where the special space begins, size 8192 and layout 4.
func (p pageSample) plain() bool {
	b, err := hex.DecodeString(p.head)
	if err != nil || len(b) != 8 {
		return false
	}
	at := func(i int) uint16 { return binary.LittleEndian.Uint16(b[i:]) }
	lower, upper, special := at(0), at(2), at(4)
	return at(6) == 8192|4 && lower >= 24 && lower <= upper && upper <= special && special <= 8192
}

// askSample looks at the first pages of the largest tables and indexes: what
// the extension says of a relation, held against the disk.
func (p *proof) askSample(s host.Seen, to pg.Target, e pgtde.Extension) error {
	var need guard.Gather
	for _, name := range p.keys.Names {
		if slices.Contains(p.keys.Without, name) || p.site.HostData == "" {
			continue
		}
		rows, err := pg.Rows(s, pg.Query{To: p.keys.In(to, name), SQL: fmt.Sprintf(`SELECT c.oid::regclass::text, pg_relation_filepath(c.oid) FROM pg_class c
WHERE c.relkind IN ('r','i','t','m') AND c.oid >= 16384 AND c.relpersistence = 'p' AND %s(c.oid) AND pg_relation_size(c.oid) > 0
ORDER BY pg_relation_size(c.oid) DESC, c.oid LIMIT 20`, e.Fn("is_encrypted"))})
		if !need.Add(err) || len(rows) == 0 {
			continue
		}
		args := []string{p.site.HostData}
		for _, r := range rows {
			args = append(args, guard.Deref(r[1]))
		}
		a, err := s.Answer(host.NewProbe(samplesText, args...).Wide())
		if need.Add(err) {
			p.sample = append(p.sample, samplesOf(name, rows, string(a.Stdout))...)
		}
	}
	return need.Err()
}

const samplesText = `cd -- "$1" || exit 5
shift
for f; do echo "$(od -An -v -tx1 -j12 -N8 "$f" 2>/dev/null | tr -d ' \n') $f"; done`

func samplesOf(database string, rows [][]*string, text string) []pageSample {
	names := map[string]string{}
	for _, r := range rows {
		names[guard.Deref(r[1])] = database + "." + guard.Deref(r[0])
	}
	var out []pageSample
	for line := range strings.Lines(text) {
		v, f, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		out = append(out, pageSample{relation: names[f], path: f, head: v})
	}
	return out
}

// closedDatabase is one that takes no connections, so that nothing but its
// files can be looked at.
type closedDatabase struct {
	name  string
	files int          // with relations that no initdb made
	plain []pageSample // those that begin as plain pages do
}

const closedText = `cd -- "$1/base/$2" || exit 5
for f in [0-9]*; do
	case $f in *[!0-9]*) continue ;; esac
	[ "$f" -ge 16384 ] && [ -s "$f" ] && echo "$(od -An -v -tx1 -j12 -N8 "$f" | tr -d ' \n') base/$2/$f"
done
echo end`

// askClosed looks at the files of databases that take no connections.
func (p *proof) askClosed(s host.Seen, to pg.Target) error {
	if p.site.HostData == "" {
		return nil
	}
	rows, err := pg.Rows(s, pg.Query{To: to, SQL: `SELECT datname, oid::text FROM pg_database WHERE NOT datallowconn ORDER BY datname`})
	if err != nil {
		return err
	}
	var need guard.Gather
	for _, r := range rows {
		oid := strconv.FormatInt(guard.Number(guard.Deref(r[1])), 10)
		a, err := s.Answer(host.NewProbe(closedText, p.site.HostData, oid).Wide())
		if !need.Add(err) {
			continue
		}
		body, whole := strings.CutSuffix(string(a.Stdout), "end\n")
		if a.Status != 0 || !whole {
			need.Add(fmt.Errorf("database %s: its folder base/%s cannot be looked at", guard.Deref(r[0]), oid))
			continue
		}
		d := closedDatabase{name: guard.Deref(r[0])}
		for _, page := range samplesOf(d.name, nil, body) {
			d.files++
			if page.plain() {
				page.relation = d.name + ": " + page.path
				d.plain = append(d.plain, page)
			}
		}
		p.closed = append(p.closed, d)
	}
	return need.Err()
}
