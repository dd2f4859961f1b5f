package ansible

import (
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// withDates turns the dates of YAML into dates with attributes.
func withDates(v value.Value) value.Value {
	switch v.Kind() {
	case value.KindOpaque:
		o, _ := v.AsOpaque()
		if d, ok := o.(yaml.Date); ok {
			return DateOfYAML(d)
		}
	case value.KindList:
		for i, it := range v.Items() {
			v.Items()[i] = withDates(it)
		}
	case value.KindMap:
		m, _ := v.AsMap()
		for k, it := range m.All() {
			m.Set(k, withDates(it))
		}
	}
	return v
}

// DateOfYAML is a date of YAML as one that can be reckoned with.
func DateOfYAML(d yaml.Date) value.Value {
	t, dateOnly, aware, ok := d.Time()
	switch {
	case !ok:
		return value.FromOpaque(d)
	case dateOnly:
		return value.FromOpaque(date{t})
	}
	return value.FromOpaque(datetime{t, aware})
}
