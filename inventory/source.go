package inventory

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"remoterun/runner/disk"
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// loader fills a graph from sources and collects every mistake on the way.
type loader struct {
	ctx   context.Context
	graph *graph
	opt   Options
	errs  Errors
	odd   []string // group names that are not valid names of variables
}

func (l *loader) fail(at value.Pos, format string, args ...any) *Error {
	e := &Error{Pos: at, Msg: fmt.Sprintf(format, args...)}
	l.errs = append(l.errs, e)
	return e
}

// source reads one source: a list of hosts, a folder or a file.
func (l *loader) source(src string) {
	if isHostList(src) {
		l.hostList(src)
		return
	}
	st, err := os.Stat(src)
	switch {
	case err != nil:
		l.fail(value.Pos{File: src}, "%s", plain(err))
	case st.IsDir():
		before := len(l.graph.hostList) + len(l.errs)
		if skipped := l.folder(disk.Once{}, src); before == len(l.graph.hostList)+len(l.errs) {
			l.emptyFolder(src, skipped)
		}
	default:
		l.file(src, st)
	}
}

// plain is an I/O error without the operation and path that messages name anyway.
func plain(err error) string {
	if pe, ok := err.(*os.PathError); ok {
		return pe.Err.Error()
	}
	return err.Error()
}

// hostList reads "web1,web2:2222,db[1:3],".
func (l *loader) hostList(src string) {
	for _, part := range strings.Split(src, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		found, port, err := expandHosts(part)
		if err != nil {
			l.fail(value.Pos{}, "inventory %q: %v", src, err)
			continue
		}
		for _, name := range found {
			if h, made := l.graph.host(name, port, ""); made {
				h.vars.Put("inventory_file", value.String(src))
				l.graph.group("ungrouped").join(h)
			}
		}
	}
}

// skippedEndings are those of files that are no inventories in a folder;
// settings of inventory programs end in .ini and .cfg.
func skippedEndings() []string {
	return []string{".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".ini", ".cfg", ".retry"}
}

// skippedNames are folders that hold other things: variables, and what
// remoterun itself keeps beside an inventory.
func skippedNames() []string {
	return []string{"group_vars", "host_vars", "vars_plugins", "keys", "reports"}
}

// folder reads every inventory in a folder, sorted by name, folders in it too.
// It returns the .ini and .cfg files that it left out.
func (l *loader) folder(once disk.Once, dir string) (skipped []string) {
	if !once.First(dir) {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		l.fail(value.Pos{File: dir}, "%s", plain(err))
		return nil
	}
	for _, e := range entries {
		name := e.Name()
		path := filepath.Join(dir, name)
		switch {
		case strings.HasPrefix(name, "."), slices.Contains(skippedNames(), name):
		case slices.ContainsFunc(skippedEndings(), func(end string) bool { return strings.HasSuffix(name, end) }):
			if ext := filepath.Ext(name); ext == ".ini" || ext == ".cfg" {
				skipped = append(skipped, path)
			}
		default:
			st, err := os.Stat(path)
			switch {
			case err != nil:
				l.fail(value.Pos{File: path}, "%s", plain(err))
			case st.IsDir():
				skipped = append(skipped, l.folder(once, path)...)
			default:
				l.file(path, st)
			}
		}
	}
	return skipped
}

// emptyFolder explains the one trap of folders: .ini files are left out.
func (l *loader) emptyFolder(dir string, skipped []string) {
	if len(skipped) > 0 {
		l.fail(value.Pos{File: dir}, "no inventory in this folder: %s is left out, as Ansible leaves out .ini and .cfg files in folders (name the file itself with -i, or take the ending away)", strings.Join(skipped, ", "))
		return
	}
	l.opt.Warn(value.Pos{File: dir}, "no inventory in this folder")
}

// file reads one file in the format that its mode, ending or text tells.
func (l *loader) file(path string, st os.FileInfo) {
	if st.Mode()&0o111 != 0 && st.Mode().IsRegular() && runnable(path) {
		l.program(path)
		return
	}
	data, err := os.ReadFile(path)
	if err != nil {
		l.fail(value.Pos{File: path}, "%s", plain(err))
		return
	}
	if isVault(data) {
		if data, err = l.open(path, data); err != nil {
			l.fail(value.Pos{File: path}, "%v", err)
			return
		}
	}
	switch ext := filepath.Ext(path); {
	case ext == ".toml":
		l.fail(value.Pos{File: path}, "TOML inventories are not read: write INI or YAML")
	case ext == ".yml" || ext == ".yaml" || ext == ".json":
		l.yamlFile(path, data)
	case ext == "" && looksYAML(path, data):
		l.yamlFile(path, data)
	default:
		l.iniFile(path, data)
	}
}

// runnable reports a file that the system can run: a program or a script with
// an interpreter line. An executable text file (common on foreign file systems)
// is none.
func runnable(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 4)
	n, _ := f.Read(head)
	head = head[:n]
	return bytes.HasPrefix(head, []byte("#!")) || bytes.Equal(head, []byte("\x7fELF")) ||
		bytes.Equal(head, []byte("\xcf\xfa\xed\xfe")) || bytes.HasPrefix(head, []byte("MZ"))
}

const vaultHeader = "$ANSIBLE_VAULT;"

func isVault(data []byte) bool { return bytes.HasPrefix(data, []byte(vaultHeader)) }

func (l *loader) open(path string, data []byte) ([]byte, error) {
	return openVault(l.opt, path, data)
}

func openVault(opt Options, path string, data []byte) ([]byte, error) {
	if opt.Decrypt == nil {
		return nil, fmt.Errorf("the file is a vault, and no vault password was given")
	}
	return opt.Decrypt(string(data), value.Pos{File: path, Line: 1, Col: 1})
}

// looksYAML tells YAML from INI in a file without an ending: YAML is what is a
// mapping, or what a human would call YAML though it has a mistake.
func looksYAML(path string, data []byte) bool {
	v, err := yaml.One(path, data, yaml.Options{Decrypt: func(string, value.Pos) ([]byte, error) { return nil, nil }})
	if err == nil {
		return v.Kind() == value.KindMap
	}
	for _, line := range strings.Split(string(data), "\n") {
		line = strings.TrimRightFunc(line, unicode.IsSpace)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		return line == "---" || strings.HasSuffix(line, ":") && !strings.ContainsAny(line, " \t[")
	}
	return false
}

// named makes a group by its name, noting odd ones.
func (l *loader) named(name string) *group {
	if _, there := l.graph.groups[name]; !there && !variableName(name) {
		l.odd = append(l.odd, name)
	}
	return l.graph.group(name)
}

func variableName(s string) bool {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return false
		}
	}
	return s != ""
}

// oddNames warns once about names that Ansible warns about too, and about a
// name that is a group and a host.
func (l *loader) oddNames() {
	if len(l.odd) > 0 {
		l.opt.Warn(value.Pos{}, fmt.Sprintf("group names that are not valid names of variables (kept as they are): %s", strings.Join(l.odd, ", ")))
	}
	for _, gr := range l.graph.order {
		if l.graph.hosts[gr.name] != nil {
			l.opt.Warn(value.Pos{}, "found both group and host with same name: "+gr.name)
		}
	}
}
