package jinja

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// hostSystem is the real laptop, for tests.
type hostSystem struct{}

func (hostSystem) ReadFile(path string) ([]byte, error)        { return os.ReadFile(path) }
func (hostSystem) WriteFile(path string, data []byte) error    { return os.WriteFile(path, data, 0o600) }
func (hostSystem) Glob(pattern string) ([]string, error)       { return filepath.Glob(pattern) }
func (hostSystem) Env(name string) (string, bool)              { return os.LookupEnv(name) }
func (hostSystem) Now() time.Time                              { return time.Now() }
func (hostSystem) Home() string                                { return os.Getenv("HOME") }
func (hostSystem) Get(context.Context, string) ([]byte, error) { return nil, errors.New("no network") }
func (hostSystem) Command(ctx context.Context, line, dir string) ([]byte, error) {
	c := exec.CommandContext(ctx, "/bin/sh", "-c", line)
	c.Dir = dir
	return c.Output()
}
func (hostSystem) Stat(path string) (bool, error) {
	info, err := os.Stat(path)
	return err == nil && info.IsDir(), err
}
