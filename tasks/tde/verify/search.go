package verify

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/pg"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/pgtde"
)

// searchSchema holds our table, in the database postgres.
const searchSchema = "remoterun"

const searchRows = "2000"

// searchResult is what was looked for on the disk and where it was found.
type searchResult struct {
	rows      int64    // that are read back through SQL
	encrypted bool     // what the extension says of our table and index
	files     []string // heap, index: below the data folder
	hits      []string // files that hold the rows' bytes
	fresh     int64    // other files that were searched, because they are new
	control   bool     // the same search found them in the plain control file
	walFiles  int
	walPlain  []string // segments with pages that begin as plain ones do
	walUnread []string
	walHits   []string // segments that hold the marker
	// entropy in bits per byte: heap, index, and the plain control.
	heapBits, indexBits, controlBits float64
}

// searchStep writes rows of ours and searches the disk for them.
type searchStep struct {
	d custody.Deps
	p *proof
}

// do keeps why it did not come to its end for the checks: that is a finding, and
// the report is written all the same. Only a lost link and the run's end are
// errors.
func (st *searchStep) do(ctx context.Context, w host.Writer) ([]byte, error) {
	err := st.search(ctx, w)
	var become *host.BecomeError
	switch {
	case err == nil:
		return []byte("searched"), nil
	case errors.Is(err, host.ErrTransport), errors.As(err, &become), ctx.Err() != nil:
		return nil, err
	}
	st.p.searchProblem = err.Error()
	return []byte("not searched"), nil
}

func (st *searchStep) search(ctx context.Context, w host.Writer) error {
	to, err := st.p.site.SQL("postgres")
	if err != nil {
		return err
	}
	var raw [16]byte
	if _, err := st.d.Random.Read(raw[:]); err != nil {
		return fmt.Errorf("random bytes: %w", err)
	}
	marker := "remoterun-" + hex.EncodeToString(raw[:])
	found := &searchResult{}
	if err := st.writeRows(ctx, w, to, marker, found); err != nil {
		return err
	}
	if err := st.searchDisk(ctx, w, marker, found); err != nil {
		return err
	}
	st.p.found = found
	st.p.keyBytes, err = st.searchKeys(ctx, w)
	return err
}

// writeRows makes our table anew. No statistics are taken of it: they would put
// its values into a catalogue, which is plain by nature.
func (st *searchStep) writeRows(ctx context.Context, w host.Writer, to pg.Target, marker string, found *searchResult) error {
	for _, sql := range []string{
		"CREATE SCHEMA IF NOT EXISTS " + searchSchema,
		"DROP TABLE IF EXISTS " + searchSchema + ".verify_rows",
		"CREATE TABLE " + searchSchema + ".verify_rows (n int, marker text) WITH (autovacuum_enabled = off)",
		"ALTER TABLE " + searchSchema + ".verify_rows ALTER marker SET STATISTICS 0, ALTER n SET STATISTICS 0",
		"CREATE INDEX verify_rows_marker ON " + searchSchema + ".verify_rows (marker)",
	} {
		if _, err := (pg.Exec{To: to, SQL: sql}).Do(ctx, w); err != nil {
			return err
		}
	}
	insert := pg.Exec{To: to, SQL: "INSERT INTO " + searchSchema + ".verify_rows SELECT g, $1 || '-' || g FROM generate_series(1, " + searchRows + ") g", Args: pg.Text(marker), What: "insert rows to search for"}
	if _, err := insert.Do(ctx, w); err != nil {
		return err
	}
	message := pg.Exec{To: to, SQL: "SELECT pg_logical_emit_message(false, 'remoterun', $1)", Args: pg.Text(marker), What: "write a marker into the WAL"}
	if _, err := message.Do(ctx, w); err != nil {
		return err
	}
	for _, sql := range []string{"SELECT pg_switch_wal()", "CHECKPOINT"} {
		if _, err := (pg.Exec{To: to, SQL: sql}).Do(ctx, w); err != nil {
			return err
		}
	}
	return st.readBack(ctx, w, to, marker, found)
}

func (st *searchStep) readBack(ctx context.Context, w host.Writer, to pg.Target, marker string, found *searchResult) error {
	e := pgtde.Extension(st.p.args.Extension)
	q := pg.Query{To: to, SQL: fmt.Sprintf(`SELECT (SELECT count(*) FROM %[1]s.verify_rows WHERE marker LIKE $1 || '-%%')::text,
 pg_relation_filepath('%[1]s.verify_rows'), pg_relation_filepath('%[1]s.verify_rows_marker'),
 (%[2]s('%[1]s.verify_rows'::regclass) AND %[2]s('%[1]s.verify_rows_marker'::regclass))::text`, searchSchema, e.Fn("is_encrypted")), Args: pg.Text(marker)}
	row, err := guard.Resolve(ctx, w, func(s host.Seen) ([]string, error) { return pg.One(s, q) })
	if err != nil {
		return err
	}
	found.rows, found.files, found.encrypted = guard.Number(row[0]), row[1:3], row[3] == "true"
	return nil
}

// searchText searches for $2. $1 is the data folder, $3 the control file's name;
// then the files. The control lies beside the data folder, or in it when that is
// a mount of its own. Lines: "control found|lost"; "hit FILE"; "fresh N" files
// that were written in the last quarter of an hour and searched, too (a server's
// log, a spilled sort), where they are below 64 MB; "wal N"; "walhit FILE"; "head
// HEX FILE" for pages of each WAL segment: its first, its last, and one in each
// eighth, since a recycled one is plain behind what was written anew. The control
// file holds the same bytes in the clear, behind zero bytes as in a page, is found
// by the same command, and is removed.
const searchText sh.Constant = searchShell + `cd -- "$1" || exit 5
marker=$2 control=../$3
[ "$(stat -c %d .)" = "$(stat -c %d ..)" ] || control=$3
shift 3
trap 'rm -f "$control"' 0
trap 'rm -f "$control"; exit 1' 1 2 15
i=0
while [ $i -lt 200 ]; do printf '\0\0\001%s-%d' "$marker" $i; i=$((i + 1)); done >"$control" || exit 1
sync
find_in() { holding "$marker" "$@"; }
if [ "$(find_in "$control")" = "$control" ]; then echo "control found"; else echo "control lost"; fi
for f; do [ -f "$f" ] || { echo "missing $f"; continue; }; find_in "$f" | while IFS= read -r h; do echo "hit $h"; done; done
set -- -mmin -15 -size -131072 ! -path './pg_wal/*' ! -path "./$control"
below "$marker" "$@" | while IFS= read -r h; do echo "hit ${h#./}"; done
echo "fresh $(find . -xdev -type f "$@" | wc -l)"
n=0
for f in pg_wal/[0-9A-F]*; do
	[ -f "$f" ] || continue
	n=$((n + 1))
	find_in "$f" | while IFS= read -r h; do echo "walhit $h"; done
	s=$(stat -c %s "$f") k=0
	while [ $k -lt 8 ]; do
		echo "head $(od -An -v -tx1 -j $((s / 65536 * k * 8192)) -N2 "$f" 2>/dev/null | tr -d ' \n') $f"
		k=$((k + 1))
	done
	[ "$s" -lt 8192 ] || echo "head $(od -An -v -tx1 -j $((s - 8192)) -N2 "$f" 2>/dev/null | tr -d ' \n') $f"
done
echo "wal $n"
echo end`

// ControlName is the control file's.
const ControlName = "remoterun-verify-control"

func (st *searchStep) searchDisk(ctx context.Context, w host.Writer, marker string, found *searchResult) error {
	dir := st.p.site.HostData
	out, err := w.Run(ctx, sh.Script(searchText, append([]string{dir, marker, ControlName}, found.files...)...))
	if err != nil {
		return err
	}
	if err := guard.Spoken("search the disk", out); err != nil {
		return err
	}
	if err := found.parse(string(out.Stdout), pgtde.WalMagic(st.p.server.Major)); err != nil {
		return err
	}
	for i, bits := range []*float64{&found.heapBits, &found.indexBits} {
		head, err := w.Run(ctx, sh.Script(`head -c 131072 -- "$1"`, path.Join(dir, found.files[i])))
		if err != nil {
			return err
		}
		*bits = entropy(head.Stdout)
	}
	found.controlBits = entropy([]byte(strings.Repeat(marker+"\n", 1000)))
	return nil
}

func (r *searchResult) parse(text, magic string) error {
	body, whole := strings.CutSuffix(text, "end\n")
	if !whole {
		return fmt.Errorf("search of the disk: the answer is not whole")
	}
	for line := range strings.Lines(body) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch word {
		case "control":
			r.control = rest == "found"
		case "missing":
			return fmt.Errorf("search of the disk: %s is not there", rest)
		case "hit":
			if !slices.Contains(r.hits, rest) {
				r.hits = append(r.hits, rest)
			}
		case "fresh":
			r.fresh = guard.Number(rest)
		case "walhit":
			r.walHits = append(r.walHits, rest)
		case "wal":
			r.walFiles = int(guard.Number(rest))
		case "head":
			r.page(rest, magic)
		}
	}
	return nil
}

// page takes the first bytes of one page of a WAL segment.
func (r *searchResult) page(rest, magic string) {
	bytes, f, _ := strings.Cut(rest, " ")
	list := &r.walPlain
	switch {
	case bytes == "":
		list = &r.walUnread
	case bytes != magic:
		return
	}
	if !slices.Contains(*list, f) {
		*list = append(*list, f)
	}
}

// entropy is Shannon's, in bits per byte: about 8 for encrypted pages, far
// below for rows.
func entropy(b []byte) float64 {
	if len(b) == 0 {
		return 0
	}
	var n [256]int
	for _, c := range b {
		n[c]++
	}
	sum := 0.0
	for _, k := range n {
		if k > 0 {
			f := float64(k) / float64(len(b))
			sum -= f * math.Log2(f)
		}
	}
	return sum
}
