package pg

import (
	"strconv"

	"remoterun/runner/value"
)

// Values returns the rows as mappings from column to value, typed as Python's
// drivers do it: numbers, booleans, JSON and NULL; everything else is text as
// the server prints it. All text is unsafe: it came from a host.
func (r Result) Values() []value.Value {
	out := make([]value.Value, len(r.Rows))
	for i, row := range r.Rows {
		m := value.NewMap()
		for j, c := range row {
			if j < len(r.Columns) {
				m.Put(r.Columns[j].Name, typed(r.Columns[j].OID, c))
			}
		}
		out[i] = value.FromMap(m)
	}
	return out
}

// Types that are not shown as text, by OID.
const (
	oidBool    = 16
	oidInt8    = 20
	oidInt2    = 21
	oidInt4    = 23
	oidOid     = 26
	oidJSON    = 114
	oidFloat4  = 700
	oidFloat8  = 701
	oidNumeric = 1700
	oidJSONB   = 3802
)

func typed(oid uint32, c *string) value.Value {
	if c == nil {
		return value.Null()
	}
	text := value.MarkedString(*c, value.Unsafe)
	switch oid {
	case oidBool:
		return value.Bool(*c == "t")
	case oidInt2, oidInt4, oidInt8, oidOid:
		if n, err := strconv.ParseInt(*c, 10, 64); err == nil {
			return value.Int(n)
		}
	case oidFloat4, oidFloat8, oidNumeric:
		if f, err := strconv.ParseFloat(*c, 64); err == nil {
			return value.Float(f)
		}
	case oidJSON, oidJSONB:
		if v, err := value.ParseJSON([]byte(*c)); err == nil {
			return v.With(value.Unsafe)
		}
	}
	return text
}
