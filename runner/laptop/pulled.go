package laptop

import (
	"fmt"
	"path/filepath"
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// pull notes where something from a host is going to be written.
func (c *Files) pull(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pulled == nil {
		c.pulled = map[string]bool{}
	}
	c.pulled[filepath.Clean(path)] = true
}

// FromHost reports whether a file, or a folder that it is in, was brought from a
// host in this run, by whatever link it is called.
func (c *Files) FromHost(path string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for p := range c.pulled {
		if within(p, filepath.Clean(path)) || within(real(p), real(path)) {
			return true
		}
	}
	return false
}

func within(folder, path string) bool {
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}

func real(path string) string {
	if r, err := filepath.EvalSymlinks(path); err == nil {
		return r
	}
	return filepath.Clean(path)
}

// Guarded is a loader for which variables of a file that came from a host are a
// host's text, and tasks of such a file none.
type Guarded struct {
	play.Loader
	Files *Files
}

// Vars loads a file of variables.
func (g Guarded) Vars(path string) (*value.Map, error) {
	m, err := g.Loader.Vars(path)
	if err == nil && g.Files.FromHost(path) {
		m = m.With(value.Unsafe)
	}
	return m, err
}

// Tasks loads a file of tasks.
func (g Guarded) Tasks(path string, from *play.Task) (*play.Included, error) {
	if g.Files.FromHost(path) {
		return nil, fmt.Errorf("%s: %w", path, play.ErrFromHost)
	}
	return g.Loader.Tasks(path, from)
}
