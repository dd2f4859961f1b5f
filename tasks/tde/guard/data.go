package guard

import (
	"remoterun/runner/value"
)

// Entry is one entry of a result.
type Entry struct {
	Name  string
	Value value.Value
}

// Data is a result's data in order. Text from a host is marked unsafe by its
// maker (HostText).
func Data(pairs ...Entry) *value.Map {
	m := value.NewMap()
	for _, p := range pairs {
		m.Put(p.Name, p.Value)
	}
	return m
}

// Val is an entry of any value; Text, Bool, Int, FromHost and List are entries of
// their kinds.
func Val(name string, v value.Value) Entry { return Entry{name, v} }

// Text is an entry of text of ours.
func Text(name, s string) Entry { return Entry{name, value.String(s)} }

// Bool is an entry of yes or no.
func Bool(name string, b bool) Entry { return Entry{name, value.Bool(b)} }

// Int is an entry of a number.
func Int(name string, n int64) Entry { return Entry{name, value.Int(n)} }

// FromHost is an entry of text that a host said.
func FromHost(name, s string) Entry { return Entry{name, HostText(s)} }

// List is an entry of texts that a host said.
func List(name string, l ...string) Entry {
	items := make([]value.Value, len(l))
	for i, s := range l {
		items[i] = HostText(s)
	}
	return Entry{name, value.List(items...)}
}

// HostText is text that came from a host: it is never read as a template.
func HostText(s string) value.Value { return value.MarkedString(s, value.Unsafe) }
