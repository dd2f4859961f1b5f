// Package proof compares two clusters: every table by its number of rows and two
// sums of hashes, every sequence by its value, every other object by its
// definition (tasks/move/catalog). The sums are a 128-bit fingerprint against
// errors, not against an attacker. It makes statements and reads their answers.
package proof

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"remoterun/runner/value"
	"remoterun/tasks/move/catalog"
	"remoterun/tasks/pg"
)

// Sum is a table's fingerprint.
type Sum struct {
	Name string `json:"n"`
	Rows int64  `json:"c"`
	A    string `json:"a"`
	B    string `json:"b"`
}

// SumSQL prints a table's Sum as one line of JSON. Rows are hashed as text, their
// columns in the order of their names, without generated ones; OFFSET 0 keeps the
// server from printing each row twice. path is the database's own search path:
// with it a table is read whose index expressions call functions that need one.
func SumSQL(t catalog.Table, path string) string {
	if !t.Path {
		path = ""
	}
	cols := append([]string{}, t.Columns...)
	sort.Strings(cols)
	for i, c := range cols {
		cols[i] = "t." + pg.Ident(c)
	}
	from := "ONLY " + t.Full()
	if t.Kind == "p" {
		from = t.Full()
	}
	where := ""
	if t.Where != "" {
		where = " " + t.Where
	}
	return catalog.Session(path) + fmt.Sprintf(
		"SELECT jsonb_build_object('n', %s, 'c', count(*), 'a', coalesce(sum(hashtextextended(r, 0)), 0)::text, 'b', coalesce(sum(hashtextextended(r, 1)), 0)::text)::text FROM (SELECT ROW(%s)::text COLLATE \"C\" AS r FROM %s AS t%s OFFSET 0) x;\n",
		pg.Literal(t.Full()), strings.Join(cols, ", "), from, where)
}

// SequencesSQL prints every sequence's value, one line of JSON each.
func SequencesSQL(all []catalog.Sequence) string {
	var b strings.Builder
	b.WriteString(catalog.Session(""))
	for _, s := range all {
		fmt.Fprintf(&b, "SELECT jsonb_build_object('k', 'value', 'n', %s, 'd', jsonb_build_object('last', last_value, 'called', is_called))::text FROM %s;\n", pg.Literal(s.Full()), s.Full())
	}
	return b.String()
}

// ParseSums reads SumSQL's lines.
func ParseSums(text []byte) ([]Sum, error) {
	var out []Sum
	for line := range strings.Lines(string(text)) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		var s Sum
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			return nil, fmt.Errorf("sum of a table: line %.80q: %w", line, err)
		}
		out = append(out, s)
	}
	return out, nil
}

// Side is one cluster as it was read.
type Side struct {
	Major     int
	Shared    []catalog.Object
	Databases map[string]Read
}

// Read is one database.
type Read struct {
	Objects []catalog.Object
	Sums    []Sum
}

// Difference is one thing that is not the same on both sides. Known says why it
// has to be so; "" = nobody knows, and the proof fails.
type Difference struct {
	Database string `json:"database,omitempty"`
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	Source   string `json:"source,omitempty"` // "" = not there
	Target   string `json:"target,omitempty"`
	Known    string `json:"known,omitempty"`
}

// Report is what a comparison found.
type Report struct {
	Databases   int          `json:"databases"`
	Tables      int          `json:"tables"`
	Rows        int64        `json:"rows"`
	Objects     int          `json:"objects"`
	Differences []Difference `json:"differences"`
}

// Equal reports that every difference is known.
func (r Report) Equal() bool { return len(r.Unknown()) == 0 }

// Unknown are the differences that nobody knows a reason for.
func (r Report) Unknown() []Difference {
	var out []Difference
	for _, d := range r.Differences {
		if d.Known == "" {
			out = append(out, d)
		}
	}
	return out
}

// Compare compares. known explains differences one by one; nil explains none.
func Compare(source, target Side, known func(Difference) string) Report {
	c := comparison{known: known}
	c.objects("", source.Shared, target.Shared)
	c.report.Databases = len(source.Databases)
	for _, name := range names(source.Databases, target.Databases) {
		s, t := source.Databases[name], target.Databases[name]
		c.objects(name, s.Objects, t.Objects)
		c.sums(name, s.Sums, t.Sums)
	}
	return c.report
}

func names(sides ...map[string]Read) []string {
	seen := map[string]bool{}
	var out []string
	for _, side := range sides {
		for n := range side {
			if !seen[n] {
				seen[n] = true
				out = append(out, n)
			}
		}
	}
	sort.Strings(out)
	return out
}

type comparison struct {
	report Report
	known  func(Difference) string
}

func (c *comparison) differ(d Difference) {
	if c.known != nil {
		d.Known = c.known(d)
	}
	c.report.Differences = append(c.report.Differences, d)
}

func (c *comparison) objects(database string, source, target []catalog.Object) {
	there := map[[2]string]string{}
	for _, o := range target {
		there[[2]string{o.Kind, o.Name}] = string(o.Def)
	}
	for _, o := range source {
		c.report.Objects++
		key := [2]string{o.Kind, o.Name}
		got, ok := there[key]
		delete(there, key)
		if !ok || got != string(o.Def) {
			c.differ(Difference{Database: database, Kind: o.Kind, Name: o.Name, Source: string(o.Def), Target: got})
		}
	}
	for _, o := range target {
		if def, more := there[[2]string{o.Kind, o.Name}]; more {
			c.differ(Difference{Database: database, Kind: o.Kind, Name: o.Name, Target: def})
		}
	}
}

func (c *comparison) sums(database string, source, target []Sum) {
	there := map[string]Sum{}
	for _, s := range target {
		there[s.Name] = s
	}
	for _, s := range source {
		c.report.Tables++
		c.report.Rows += s.Rows
		got, ok := there[s.Name]
		delete(there, s.Name)
		if ok && got == s {
			continue
		}
		d := Difference{Database: database, Kind: "rows", Name: s.Name, Source: s.String()}
		if ok {
			d.Target = got.String()
		}
		c.differ(d)
	}
	for _, s := range target {
		if _, more := there[s.Name]; more {
			c.differ(Difference{Database: database, Kind: "rows", Name: s.Name, Target: s.String()})
		}
	}
}

// String shows rows and fingerprint.
func (s Sum) String() string { return fmt.Sprintf("%s, %s/%s", value.Count(s.Rows, "row"), s.A, s.B) }
