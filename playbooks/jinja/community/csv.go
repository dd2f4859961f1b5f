package community

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
)

// csvEntries read tables.
func csvEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "from_csv", Sig: "from_csv(dialect='excel', fieldnames=None, delimiter=None, skipinitialspace=None, strict=None)", Example: `{{ 'a,b\n1,2' | community.general.from_csv }}`, Shows: "[{'a': '1', 'b': '2'}]", Func: filterFromCSV},
	})
}

func filterFromCSV(c *core.Call) (value.Value, error) {
	a, err := c.Bind("dialect=", "fieldnames=", "delimiter=", "skipinitialspace=", "strict=")
	if err != nil {
		return value.Value{}, err
	}
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(value.Str(c.In), "\ufeff")))
	r.FieldsPerRecord, r.LazyQuotes, r.TrimLeadingSpace = -1, !core.TruthOr(a[4], false), core.TruthOr(a[3], false)
	switch d := core.TextOr(a[0], "excel"); d {
	case "excel", "unix":
	case "excel-tab":
		r.Comma = '\t'
	default:
		return value.Value{}, fmt.Errorf("Dialect '%s' is not supported by your version of python.", d)
	}
	if core.Given(a[2]) {
		sign := []rune(value.Str(a[2]))
		if len(sign) != 1 {
			return value.Value{}, errors.New(`Unable to create custom dialect: "delimiter" must be a 1-character string`)
		}
		r.Comma = sign[0]
	}
	var names []value.Value
	if core.Given(a[1]) {
		if names, err = c.Iterate(a[1]); err != nil {
			return value.Value{}, err
		}
	}
	return csvRows(c, r, names)
}

// csvRows reads mappings; names is the first row when nil.
func csvRows(c *core.Call, from *csv.Reader, names []value.Value) (value.Value, error) {
	var out []value.Value
	for {
		rec, err := from.Read()
		if errors.Is(err, io.EOF) {
			return value.List(out...), nil
		}
		if err != nil {
			return value.Value{}, fmt.Errorf("Unable to process file: %w", err)
		}
		if names == nil {
			names = value.Strings(rec...).Items()
			continue
		}
		m := value.NewMap()
		for i, n := range names {
			m.Set(n, value.Null())
			if i < len(rec) {
				m.Set(n, value.String(rec[i]))
			}
		}
		if len(rec) > len(names) {
			m.Set(value.Null(), value.Strings(rec[len(names):]...))
		}
		out = append(out, value.FromMap(m))
		if err := c.Work(len(rec)); err != nil {
			return value.Value{}, err
		}
	}
}
