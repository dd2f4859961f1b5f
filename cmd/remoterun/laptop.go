package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"remoterun/playbooks/jinja"
)

// laptop is what lookups reach: the operator's own files, environment and
// commands.
type laptop struct {
	env func(string) (string, bool)
	// open decrypts a file that is a vault; nil leaves files as they are.
	open func(path string, data []byte) ([]byte, error)
}

var _ jinja.System = (*laptop)(nil)

// maxFetch bounds what the url lookup takes.
const maxFetch = 64 << 20

func (l *laptop) ReadFile(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil || l.open == nil {
		return data, err
	}
	return l.open(path, data)
}

func (l *laptop) WriteFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

func (l *laptop) Stat(path string) (isDir bool, err error) {
	info, err := os.Stat(path)
	return err == nil && info.IsDir(), err
}

func (l *laptop) Glob(pattern string) ([]string, error) {
	names, err := filepath.Glob(pattern)
	slices.Sort(names)
	return names, err
}

func (l *laptop) Env(name string) (string, bool) { return l.env(name) }

func (l *laptop) Command(ctx context.Context, line, dir string) ([]byte, error) {
	c := exec.CommandContext(ctx, "/bin/sh", "-c", line)
	c.Dir = dir
	out, err := c.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return out, fmt.Errorf("command %q returned %d: %s", line, failed.ExitCode(), failed.Stderr)
	}
	return out, err
}

func (l *laptop) Get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s: %s", url, resp.Status)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxFetch+1))
	if err == nil && len(data) > maxFetch {
		err = fmt.Errorf("get %s: more than %d bytes", url, maxFetch)
	}
	return data, err
}

func (l *laptop) Now() time.Time { return time.Now() }

func (l *laptop) Home() string {
	home, _ := l.env("HOME")
	return home
}
