// Package inifile reads INI files as Python's ConfigParser does: sections with
// the defaults of [DEFAULT], values over several lines, %(name)s opened.
package inifile

import (
	"errors"
	"fmt"
	"strings"

	"remoterun/runner/value"
)

// DuplicateError is a key that a section has twice.
type DuplicateError string

// Error is the message.
func (e DuplicateError) Error() string { return "Duplicate option '" + string(e) + "' already exists" }

// File is how a file is read, and then what it holds.
type File struct {
	Fold bool // keys in small letters
	Bare bool // keys without a value count, as null
	// Sections are filled by Read, each with the defaults.
	Sections map[string]*value.Map
	defaults *value.Map
	// opened counts the references that were followed.
	opened int
}

// maxValue bounds the bytes of one value that names others.
const maxValue = 1 << 20

// maxOpened bounds the references of a file: they can name each other.
const maxOpened = 100_000

// Read reads a file's text; its errors name the line.
func (r *File) Read(text string) error {
	r.Sections, r.defaults = map[string]*value.Map{}, value.NewMap()
	var at *value.Map
	key, indent := "", 0
	for n, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" && key != "":
			if old, _ := at.Lookup(key); !old.IsNull() {
				at.Put(key, value.String(value.Str(old)+"\n"))
			}
			continue
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
			continue
		case key != "" && leading(line) > indent:
			old, _ := at.Lookup(key)
			if old.IsNull() {
				return fmt.Errorf("line %d: continues '%s', which has no value", n+1, key)
			}
			at.Put(key, value.String(value.Str(old)+"\n"+trimmed))
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
	end := strings.LastIndexByte(s, ']')
	if s[0] != '[' || end < 2 {
		return "", false
	}
	return s[1:end], true
}

// section begins a section; nil when it was there.
func (r *File) section(name string) *value.Map {
	if name == "DEFAULT" {
		return r.defaults
	}
	if _, there := r.Sections[name]; there {
		return nil
	}
	m := value.NewMap()
	r.Sections[name] = m
	return m
}

// name is a key as it is kept.
func (r *File) name(key string) string {
	if r.Fold {
		return strings.ToLower(key)
	}
	return key
}

// option reads "key = value" or "key: value".
func (r *File) option(at *value.Map, line string) (string, error) {
	key, val := line, value.Null()
	if i := strings.IndexAny(line, "=:"); i >= 0 {
		key, val = strings.TrimSpace(line[:i]), value.String(strings.TrimSpace(line[i+1:]))
	} else if !r.Bare {
		return "", errors.New("Source contains parsing errors")
	}
	if key == "" {
		return "", errors.New("Source contains parsing errors")
	}
	key = r.name(key)
	if _, there := at.Lookup(key); there {
		return "", DuplicateError(key)
	}
	at.Put(key, val)
	return key, nil
}

// finish gives every section the defaults and opens %(name)s.
func (r *File) finish() error {
	for name, own := range r.Sections {
		m := r.defaults.Clone()
		for k, v := range own.All() {
			m.Set(k, v)
		}
		r.Sections[name] = m
		for _, k := range m.Keys() {
			if v, _ := m.Get(k); v.IsString() {
				m.Set(k, value.String(strings.TrimRight(value.Str(v), " \t\n")))
			}
		}
		raw := m.Clone() // what is referred to is opened from how it was written
		for _, k := range m.Keys() {
			v, _ := m.Get(k)
			s, ok := v.AsString()
			if !ok || !strings.Contains(s, "%") {
				continue
			}
			open, err := r.interpolate(raw, s, 0)
			if err != nil {
				return err
			}
			m.Set(k, value.String(open))
		}
	}
	return nil
}

func (r *File) interpolate(m *value.Map, s string, depth int) (string, error) {
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
		v, ok := m.Lookup(r.name(s[2:end]))
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
