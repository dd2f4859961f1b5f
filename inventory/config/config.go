// Package config reads the safe subset of ansible.cfg: where things are and how
// to log in, nothing that weakens a promise (host keys are always verified) and
// nothing that loads code. It reads one file and decides nothing; flags,
// environment and defaults are the command's affair.
package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"remoterun/inventory/ini"
	"remoterun/runner/value"
)

// Config is what an ansible.cfg says. The zero value says nothing. Paths are
// absolute: relative ones start at the file's folder.
type Config struct {
	// Path is the file, empty when there is none.
	Path string

	Inventory         []string // sources; lists of hosts stay as they are
	RolesPath         []string
	CollectionsPath   []string // folders that hold ansible_collections
	Library           []string // folders of modules, sought behind those of playbook and roles
	Forks             int      // 0 = not set
	Timeout           int      // seconds to connect, 0 = not set
	RemoteUser        string
	PrivateKeyFile    string
	VaultPasswordFile string
	VaultIdentities   []string // label@source
	VaultIDMatch      bool     // only the label's own secret opens a vault
	AskVaultPass      bool
	AskPass           bool
	Become            bool
	BecomeUser        string
	BecomeMethod      string
	BecomeAskPass     bool
	ForceHandlers     bool
	NoLog             bool   // tasks that do not say otherwise are hidden
	AnyErrorsFatal    bool   // so are plays, for all their hosts
	ExplicitGathering bool   // a play gathers facts only if it says so
	SmartGathering    bool   // facts that are known are not gathered again
	Strategy          string // of plays that say none: linear, free; empty = not set
	RunTags           []string
	SkipTags          []string
	RemotePort        string
	BecomeFlags       string
	JinjaExtensions   []string // jinja2.ext.do, jinja2.ext.loopcontrols
	Diff              bool     // always show differences
	// Notes are settings that are known and not followed, and why.
	Notes []Note
	// by is the variable that said a setting, where one did.
	by map[string]string
}

// Source returns who says a setting (section.name): a variable's name, or the
// file's path.
func (c *Config) Source(key string) string {
	if name := c.by[key]; name != "" {
		return name
	}
	return c.Path
}

// Note is one setting that was read and is not followed. What a variable says has
// no place.
type Note struct {
	Pos value.Pos
	Msg string
}

func (n Note) String() string {
	if n.Pos.File == "" {
		return n.Msg
	}
	return n.Pos.String() + ": " + n.Msg
}

// Error is a setting that cannot be read.
type Error struct {
	Pos value.Pos
	Msg string
}

func (e *Error) Error() string { return e.Pos.String() + ": " + e.Msg }

// Errors are all of a file.
type Errors []*Error

func (es Errors) Error() string {
	out := make([]string, len(es))
	for i, e := range es {
		out[i] = e.Error()
	}
	return strings.Join(out, "\n")
}

// Find returns the file that is read: $REMOTERUN_CONFIG or $ANSIBLE_CONFIG,
// ansible.cfg in dir, ~/.ansible.cfg, /etc/ansible/ansible.cfg; empty when there
// is none. A file in a folder that everybody can write is left out with a
// warning: whoever wrote it would choose what runs here.
func Find(env func(string) (string, bool), dir, home string) (path, warning string) {
	for _, name := range []string{"REMOTERUN_CONFIG", "ANSIBLE_CONFIG"} {
		if p, ok := env(name); ok && p != "" {
			p = expand(p, dir, home, env)
			if st, err := os.Stat(p); err == nil && st.IsDir() {
				p = filepath.Join(p, "ansible.cfg")
			}
			return p, ""
		}
	}
	here := filepath.Join(dir, "ansible.cfg")
	if readable(here) {
		st, err := os.Stat(dir)
		if err == nil && st.Mode().Perm()&0o002 == 0 {
			return here, ""
		}
		warning = fmt.Sprintf("%s is left out: everybody can write into its folder", here)
	}
	candidates := []string{"/etc/ansible/ansible.cfg"}
	if home != "" {
		candidates = append([]string{filepath.Join(home, ".ansible.cfg")}, candidates...)
	}
	for _, p := range candidates {
		if readable(p) {
			return p, warning
		}
	}
	return "", warning
}

func readable(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	st, err := f.Stat()
	return err == nil && st.Mode().IsRegular()
}

// Read reads a file. env and home serve paths with ~ and $NAME. Mistakes come
// back at once, as Errors.
func Read(path string, env func(string) (string, bool), home string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read ansible.cfg: %w", err)
	}
	return parse(path, data, env, home)
}

func parse(path string, data []byte, env func(string) (string, bool), home string) (*Config, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	r := &reader{
		cfg:    &Config{Path: path},
		expand: func(p string) string { return expand(p, filepath.Dir(abs), home, env) },
	}
	for _, s := range r.settings(path, data) {
		r.apply(s)
	}
	r.note()
	if len(r.errs) > 0 {
		sort.SliceStable(r.errs, func(i, j int) bool { return r.errs[i].Pos.Line < r.errs[j].Pos.Line })
		return nil, r.errs
	}
	return r.cfg, nil
}

// Environment follows the variables of settings, which win over the file: ANSIBLE_*
// of all that the file can say, and REMOTERUN_* of what no flag has. Relative paths
// start at dir. An error names the variable.
func (c *Config) Environment(env func(string) (string, bool), dir, home string) error {
	r := &reader{cfg: c, expand: func(p string) string { return expand(p, dir, home, env) }}
	read, why := known(), refused()
	for _, key := range slices.Sorted(maps.Keys(why)) {
		for _, name := range Variables(key) {
			if v, ok := env(name); ok && v != "" && why[key].applies(v) {
				c.Notes = append(c.Notes, Note{Msg: name + "=" + v + " is not followed: " + why[key].text})
			}
		}
	}
	for _, key := range Names() {
		for _, name := range Variables(key) {
			v, ok := env(name)
			if !ok || v == "" {
				continue
			}
			if err := read[key](r, v); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if c.by == nil {
				c.by = map[string]string{}
			}
			c.by[key] = name
		}
	}
	return nil
}

// Variables returns the names that say a setting (section.name) in the environment,
// the strongest last. Those of REMOTERUN_* that a flag has are the flag's.
func Variables(key string) []string {
	section, name, _ := strings.Cut(key, ".")
	name = strings.ToUpper(name)
	switch section {
	case "diff":
		return []string{"ANSIBLE_DIFF_" + name}
	case "tags":
		return []string{"ANSIBLE_" + name + "_TAGS"}
	case "ssh_connection":
		if !strings.HasPrefix(name, "SSH_") {
			name = "SSH_" + name
		}
		return []string{"ANSIBLE_" + name}
	}
	if slices.Contains(strings.Fields("defaults.no_log defaults.any_errors_fatal defaults.gathering defaults.remote_port defaults.strategy defaults.roles_path defaults.collections_path defaults.library "+
		"defaults.vault_id_match defaults.jinja2_extensions privilege_escalation.become_flags"), key) {
		return []string{"ANSIBLE_" + name, "REMOTERUN_" + name}
	}
	return []string{"ANSIBLE_" + name}
}

// setting is one line name = value, with the lines that continue it.
type setting struct {
	section, name, text string
	pos                 value.Pos
}

type reader struct {
	cfg    *Config
	errs   Errors
	idle   []*setting // without effect here
	expand func(string) string
}

func (r *reader) fail(at value.Pos, format string, args ...any) {
	r.errs = append(r.errs, &Error{at, fmt.Sprintf(format, args...)})
}

// settings takes a file apart: sections, name = value or name: value, indented
// lines that continue a value, ; behind white space as a comment.
func (r *reader) settings(path string, data []byte) []*setting {
	var out []*setting
	section := ""
	for _, l := range ini.Lines(path, data) {
		text := l.Text
		for _, mark := range []string{" ;", "\t;"} {
			text, _, _ = strings.Cut(text, mark)
		}
		text = strings.TrimSpace(text)
		if l.Broken {
			r.fail(l.Pos, "is not UTF-8")
			continue
		}
		if name, ok := ini.Header(text); ok && !l.Indented {
			section = name
			continue
		}
		if l.Indented && len(out) > 0 && out[len(out)-1].section == section {
			last := out[len(out)-1]
			last.text += "\n" + text
			continue
		}
		i := strings.IndexAny(text, "=:")
		switch {
		case i < 0:
			r.fail(l.Pos, "expected name = value, got: %s", text)
		case section == "":
			r.fail(l.Pos, "%s stands before the first [section]", strings.TrimSpace(text[:i]))
		default:
			out = append(out, &setting{section, strings.ToLower(strings.TrimSpace(text[:i])), strings.TrimSpace(text[i+1:]), l.Pos})
		}
	}
	return out
}
