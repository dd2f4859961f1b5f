// Package laptop is the machine that remoterun runs on, as templates' lookups,
// filters and tests reach it. It is the one place of the language that does
// I/O; it never reaches a remote host.
package laptop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"remoterun/runner/value"
)

// System is the laptop. The zero value is ready; it satisfies jinja.System,
// jinja.LinkSystem, jinja.DirSystem, jinja.VaultSystem, jinja.SealSystem and
// jinja.ConfigSystem.
type System struct {
	// Open is given what ReadFile read and decrypts what is an Ansible Vault;
	// nil leaves files as they are.
	Open func(path string, data []byte) ([]byte, error)
	// Environ returns the environment; nil is the process's own.
	Environ func(name string) (string, bool)
	// SealVault and OpenVault write and read vaults of one password, for the
	// filters vault and unvault; nil makes those errors.
	SealVault func(plain, password, salt []byte, id string) ([]byte, error)
	OpenVault func(text, password []byte) ([]byte, error)
	// Settings returns settings by Ansible's names, for the config lookup; nil
	// knows none.
	Settings func(name string) (v value.Value, ok bool)
	// Timeout bounds a command or a download; 0 means a minute.
	Timeout time.Duration
}

// maxDownload bounds what the url lookup reads.
const maxDownload = 64 << 20

// ReadFile reads a file, decrypted when it is vaulted.
func (s System) ReadFile(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil || s.Open == nil {
		return data, err
	}
	return s.Open(path, data)
}

// Vaulted reports a file that is an Ansible Vault.
func (s System) Vaulted(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len(vaultHeader))
	n, _ := io.ReadFull(f, head)
	return string(head[:n]) == vaultHeader
}

// vaultHeader begins every vault file.
const vaultHeader = "$ANSIBLE_VAULT;"

// errNoVault is the error where the cryptography was not injected.
var errNoVault = errors.New("vaults cannot be read or written here")

// Seal writes a vault.
func (s System) Seal(plain, password, salt []byte, id string) ([]byte, error) {
	if s.SealVault == nil {
		return nil, errNoVault
	}
	return s.SealVault(plain, password, salt, id)
}

// Unseal opens a vault.
func (s System) Unseal(text, password []byte) ([]byte, error) {
	if s.OpenVault == nil {
		return nil, errNoVault
	}
	return s.OpenVault(text, password)
}

// Setting returns a setting.
func (s System) Setting(name string) (v value.Value, ok bool) {
	if s.Settings == nil {
		return value.Null(), false
	}
	return s.Settings(name)
}

// WriteFile writes a file for its owner only, with the directories above it.
func (s System) WriteFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

// Stat follows links.
func (s System) Stat(path string) (isDir bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	return info.IsDir(), nil
}

// Glob returns what a pattern matches, sorted.
func (s System) Glob(pattern string) ([]string, error) { return filepath.Glob(pattern) }

// Env reads the environment.
func (s System) Env(name string) (string, bool) {
	if s.Environ != nil {
		return s.Environ(name)
	}
	return os.LookupEnv(name)
}

// Command runs a shell command and returns its standard output.
func (s System) Command(ctx context.Context, line, dir string) ([]byte, error) {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	c := exec.CommandContext(ctx, "/bin/sh", "-c", line)
	c.Dir = dir
	c.WaitDelay = time.Second
	out, err := c.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return nil, fmt.Errorf("command %q returned %d: %s", line, failed.ExitCode(), bytes.TrimSpace(failed.Stderr))
	}
	return out, err
}

// Get downloads a URL; any status but 2xx is an error.
func (s System) Get(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("get %s: %s", url, resp.Status)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxDownload+1))
	if err == nil && len(data) > maxDownload {
		err = fmt.Errorf("get %s: more than %d bytes", url, maxDownload)
	}
	return data, err
}

func (s System) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.Timeout == 0 {
		s.Timeout = time.Minute
	}
	return context.WithTimeout(ctx, s.Timeout)
}

// Now is the time.
func (s System) Now() time.Time { return time.Now() }

// Home is the user's home directory, "" when it is not known.
func (s System) Home() string {
	home, _ := s.Env("HOME")
	return home
}

// Getwd is the current directory, "/" when it is gone.
func (s System) Getwd() string {
	dir, err := os.Getwd()
	if err != nil {
		return "/"
	}
	return dir
}

// IsLink reports a symbolic link.
func (s System) IsLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&os.ModeSymlink != 0
}

// EvalSymlinks returns a path without links.
func (s System) EvalSymlinks(path string) (string, error) { return filepath.EvalSymlinks(path) }

// SameFile reports two names of one file; both must exist.
func (s System) SameFile(a, b string) (bool, error) {
	x, err := os.Stat(a)
	if err != nil {
		return false, err
	}
	y, err := os.Stat(b)
	if err != nil {
		return false, err
	}
	return os.SameFile(x, y), nil
}

// IsMount reports a mount point: another device than its parent, or the root.
func (s System) IsMount(path string) bool {
	here, err := os.Lstat(path)
	if err != nil || here.Mode()&os.ModeSymlink != 0 {
		return false
	}
	above, err := os.Lstat(filepath.Join(path, ".."))
	if err != nil {
		return false
	}
	x, okX := here.Sys().(*syscall.Stat_t)
	y, okY := above.Sys().(*syscall.Stat_t)
	return okX && okY && (x.Dev != y.Dev || x.Ino == y.Ino)
}
