package database

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// mysqlXML runs statements that come on stdin and prints what they give as XML: names
// of columns, and NULL, that no text could be. The client's own commands are off.
const mysqlXML sh.Constant = mysqlHead + `client "$@" --xml --binary-mode --default-character-set=utf8mb4 2>&1`

// mysqlMark is the column that ends what one statement gave.
const mysqlMark = "remoterun_rows"

// marked ends each statement with the number of rows that it touched.
func marked(sqls []string) string {
	var b strings.Builder
	for _, q := range sqls {
		b.WriteString(strings.TrimRight(q, "; \t\r\n") + "\n;\nSELECT ROW_COUNT() AS " + mysqlMark + ";\n")
	}
	return b.String()
}

// askXML reads what statements give, in a session that may not write.
func (l mysqlLogin) askXML(db string, sqls ...string) host.Probe {
	return host.NewProbe(mysqlXML, l.args("mysql", "mariadb", inDatabase(db)...)...).WithStdin(readOnly + marked(sqls))
}

// runXML is the step of statements, in one session.
func (l mysqlLogin) runXML(db, before, after, what string, sqls ...string) host.Step {
	c := sh.Script(mysqlXML, l.args("mysql", "mariadb", inDatabase(db)...)...).With(sh.Bytes(before + marked(sqls) + after))
	return host.Run{Cmd: c, What: "sql: " + kit.OneLine(what)}
}

func inDatabase(db string) []string {
	if db == "" {
		return nil
	}
	return []string{"--database=" + db}
}

// mysqlGiven is what one statement gave.
type mysqlGiven struct {
	rows  []*value.Map
	count int64
}

// readGiven reads what the statements gave that were marked; those behind one that the
// server refused are missing.
func readGiven(text string) ([]mysqlGiven, error) {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' && r != '\r' {
			return '�'
		}
		return r
	}, text)
	d := xml.NewDecoder(strings.NewReader(clean))
	d.Strict = false
	var out []mysqlGiven
	var now mysqlGiven
	var row *value.Map
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "row":
				row = value.NewMap()
			case "field":
				if err := mysqlField(d, t, row); err != nil {
					return out, err
				}
			}
		case xml.EndElement:
			if t.Name.Local != "row" {
				continue
			}
			if n, ok := row.Lookup(mysqlMark); ok {
				now.count, _ = strconv.ParseInt(value.Str(n), 10, 64)
				if now.count < 0 {
					now.count = int64(len(now.rows))
				}
				out, now = append(out, now), mysqlGiven{}
				continue
			}
			now.rows = append(now.rows, row)
		}
	}
}

// mysqlField reads one field into a row.
func mysqlField(d *xml.Decoder, t xml.StartElement, row *value.Map) error {
	name, null := "", false
	for _, a := range t.Attr {
		switch a.Name.Local {
		case "name":
			name = a.Value
		case "nil":
			null = a.Value == "true"
		}
	}
	var text string
	if err := d.DecodeElement(&text, &t); err != nil {
		return err
	}
	v := mysqlTyped(text)
	if null {
		v = value.Null()
	}
	if row != nil {
		row.Put(name, v)
	}
	return nil
}

var wholeNumber = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(0|-?[1-9][0-9]{0,18})$`) })

// mysqlTyped makes a number of what is written as an integer and as nothing else: the
// client tells no types.
func mysqlTyped(text string) value.Value {
	if wholeNumber().MatchString(text) {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return value.Int(n)
		}
	}
	return kit.HostText(text)
}

// listOf are rows as results have them.
func (g mysqlGiven) listOf() value.Value {
	out := []value.Value{}
	for _, r := range g.rows {
		out = append(out, value.FromMap(r).With(value.Unsafe))
	}
	return value.List(out...)
}
