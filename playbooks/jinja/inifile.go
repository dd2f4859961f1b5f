package jinja

import (
	"errors"
	"fmt"
	"strings"

	"remoterun/runner/value"
)

// iniReader reads files as Python's ConfigParser does.
type iniReader struct {
	fold     bool // keys in small letters
	bare     bool // keys without a value count
	sections map[string]*value.Map
	defaults *value.Map
	// opened counts the references that were followed.
	opened int
}

// maxValue bounds the bytes of one value that names others.
const maxValue = 1 << 20

// maxOpened bounds the references of a file: they can name each other.
const maxOpened = 100_000

func (r *iniReader) read(text string) error {
	r.sections, r.defaults = map[string]*value.Map{}, value.NewMap()
	var at *value.Map
	key, indent := "", 0
	for n, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
			continue
		case key != "" && leading(line) > indent:
			old, _ := at.Lookup(key)
			at.Put(key, value.String(strings.TrimSpace(value.Str(old)+"\n"+trimmed)))
			continue
		}
		indent = leading(line)
		if name, ok := sectionName(trimmed); ok {
			if at = r.section(name); at == nil {
				return fmt.Errorf("line %d: section '%s' already exists", n+1, name)
			}
			key = ""
			continue
		}
		if at == nil {
			return fmt.Errorf("line %d: File contains no section headers", n+1)
		}
		var err error
		if key, err = r.option(at, trimmed); err != nil {
			return fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	return r.finish()
}

func leading(s string) int { return len(s) - len(strings.TrimLeft(s, " \t")) }

func sectionName(s string) (string, bool) {
	end := strings.IndexByte(s, ']')
	if s[0] != '[' || end < 2 {
		return "", false
	}
	return s[1:end], true
}

// section begins a section; nil when it was there.
func (r *iniReader) section(name string) *value.Map {
	if name == "DEFAULT" {
		return r.defaults
	}
	if _, there := r.sections[name]; there {
		return nil
	}
	m := value.NewMap()
	r.sections[name] = m
	return m
}

// option reads "key = value" or "key: value".
func (r *iniReader) option(at *value.Map, line string) (string, error) {
	key, val := line, value.Null()
	if i := strings.IndexAny(line, "=:"); i >= 0 {
		key, val = strings.TrimSpace(line[:i]), value.String(strings.TrimSpace(line[i+1:]))
	} else if !r.bare {
		return "", errors.New("Source contains parsing errors")
	}
	if r.fold {
		key = lower(key)
	}
	if _, there := at.Lookup(key); there {
		return "", fmt.Errorf("Duplicate option '%s' already exists", key)
	}
	at.Put(key, val)
	return key, nil
}

// finish gives every section the defaults and opens %(name)s.
func (r *iniReader) finish() error {
	for name, own := range r.sections {
		m := r.defaults.Clone()
		for k, v := range own.All() {
			m.Set(k, v)
		}
		r.sections[name] = m
		for _, k := range m.Keys() {
			v, _ := m.Get(k)
			s, ok := v.AsString()
			if !ok || !strings.Contains(s, "%") {
				continue
			}
			open, err := r.interpolate(m, s, 0)
			if err != nil {
				return err
			}
			m.Set(k, value.String(open))
		}
	}
	return nil
}

func (r *iniReader) interpolate(m *value.Map, s string, depth int) (string, error) {
	if r.opened++; depth > 10 || r.opened > maxOpened {
		return "", errors.New("recursion limit exceeded in value substitution")
	}
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			return b.String() + s, nil
		}
		b.WriteString(s[:i])
		s = s[i:]
		end := strings.Index(s, ")s")
		switch {
		case strings.HasPrefix(s, "%%"):
			b.WriteByte('%')
			s = s[2:]
			continue
		case !strings.HasPrefix(s, "%(") || end < 0:
			return "", fmt.Errorf("'%%' must be followed by '%%' or '(', found: '%s'", s)
		}
		v, ok := m.Lookup(lower(s[2:end]))
		if !ok {
			return "", fmt.Errorf("bad value substitution: no option '%s'", s[2:end])
		}
		inner, err := r.interpolate(m, value.Str(v), depth+1)
		if err != nil {
			return "", err
		}
		if b.Len()+len(inner) > maxValue {
			return "", errors.New("a value is too large")
		}
		b.WriteString(inner)
		s = s[end+2:]
	}
}
