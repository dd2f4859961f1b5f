package compose

import (
	"encoding/json"
	"maps"
	"slices"
)

// parts are the entries of a JSON object as they are printed.
type parts map[string]json.RawMessage

// Beside names what differs between two configurations that compose printed as
// JSON, beside what an addition sets; "" = nothing does. It is the proof of an edit.
func Beside(before, after []byte, a Addition) string {
	var was, is parts
	if json.Unmarshal(before, &was) != nil || json.Unmarshal(after, &is) != nil {
		return "what compose prints"
	}
	for _, top := range differing(was, is) {
		if top != "services" && top != "volumes" {
			return top
		}
		for _, name := range differing(was.below(top), is.below(top)) {
			switch {
			case top == "volumes" && (slices.Contains(a.Volumes, name) || is.below(top)[name] == nil && was.mounts(a.Service, name)):
				// compose prints those alone that a service has
			case top == "volumes":
				return "volume " + name
			case name != a.Service:
				return "service " + name
			default:
				if what := a.beside(was.below(top).below(name), is.below(top).below(name)); what != "" {
					return what + " of service " + name
				}
			}
		}
	}
	return ""
}

// beside names what differs in the service itself.
func (a Addition) beside(was, is parts) string {
	names := a.names()
	for _, key := range differing(was, is) {
		if key == "build" || slices.Contains(names, key) && !slices.Contains(merging, key) {
			continue
		}
		if !slices.Contains(names, key) {
			return key
		}
		var ours []string
		for _, p := range a.pieces() {
			if p.name == key {
				ours = append(ours, childNames(childrenOf(p.lines, key))...)
			}
		}
		for _, name := range differing(was.below(key), is.below(key)) {
			if !slices.Contains(ours, name) {
				return key + " " + name
			}
		}
	}
	return ""
}

// below are the entries of an object that is an entry; none where it is not one.
func (p parts) below(name string) parts {
	var out parts
	_ = json.Unmarshal(p[name], &out)
	return out
}

// differing are the names whose values are not the same text.
func differing(a, b parts) []string {
	var out []string
	all := maps.Clone(a)
	if all == nil {
		all = parts{}
	}
	maps.Copy(all, b)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if string(a[name]) != string(b[name]) {
			out = append(out, name)
		}
	}
	return out
}

// mounts reports that a service has a volume.
func (p parts) mounts(service, volume string) bool {
	var s Service
	_ = json.Unmarshal(p.below("services")[service], &s)
	return slices.ContainsFunc(s.Volumes, func(m ServiceMount) bool { return m.Source == volume })
}
