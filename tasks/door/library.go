package door

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"remoterun/runner/play"
)

// Library finds programs by name in the folders that it was told of. It is safe for
// concurrent use.
type Library struct {
	// Further are the folders of the library setting: those of a role and beside a
	// playbook go before them.
	Further []string

	mu   sync.Mutex
	dirs []string
}

// Add tells of a folder; one that is not there is empty.
func (l *Library) Add(dir string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if abs, err := filepath.Abs(dir); err == nil && !slices.Contains(l.dirs, abs) {
		l.dirs = append(l.dirs, abs)
	}
}

// Find returns the program of a name: NAME, or NAME with an ending (NAME.sh).
func (l *Library) Find(name string) (play.Module, bool) {
	name = strings.TrimPrefix(name, "ansible.legacy.")
	if name == "" || strings.ContainsAny(name, "./ {*?[") {
		return nil, false
	}
	l.mu.Lock()
	dirs := slices.Concat(l.dirs, l.Further)
	l.mu.Unlock()
	for _, d := range dirs {
		for _, pattern := range []string{name, name + ".*"} {
			found, _ := filepath.Glob(filepath.Join(d, pattern))
			for _, p := range found {
				if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() && fits(filepath.Ext(p)) {
					return module{name: name, path: p, utils: utilsOf(d, dirs)}, true
				}
			}
		}
	}
	return nil, false
}

// utilsOf are the folders module_utils beside a library and beside all others.
func utilsOf(dir string, dirs []string) []string {
	var out []string
	for _, d := range append([]string{dir}, dirs...) {
		u := filepath.Join(filepath.Dir(d), "module_utils")
		if st, err := os.Stat(u); err == nil && st.IsDir() && !slices.Contains(out, u) {
			out = append(out, u)
		}
	}
	return out
}

// fits reports whether a file with this ending may be a program.
func fits(ext string) bool {
	return !slices.Contains([]string{".ps1", ".pyc", ".pyo", ".swp", ".bak", ".yml", ".yaml", ".ini", ".txt", ".md", ".orig"}, ext)
}
