package core

import (
	"context"
	"time"

	"remoterun/runner/value"
)

// System is what lookups reach of the laptop.
type System interface {
	// ReadFile reads a file found at an absolute path, decrypted when vaulted.
	ReadFile(path string) ([]byte, error)
	// WriteFile keeps what the password lookup made.
	WriteFile(path string, data []byte) error
	Stat(path string) (isDir bool, err error)
	Glob(pattern string) ([]string, error)
	Env(name string) (string, bool)
	// Command runs a shell command on the laptop (pipe, lines).
	Command(ctx context.Context, line, dir string) ([]byte, error)
	// Get fetches a URL.
	Get(ctx context.Context, url string) ([]byte, error)
	Now() time.Time
	Home() string
}

// VaultSystem is a System that knows which files are vaults: what lookups
// read of those is secret.
type VaultSystem interface{ Vaulted(path string) bool }

// LinkSystem is a System that knows links and mounts; tests of them are
// false without.
type LinkSystem interface {
	// IsLink reports a symbolic link, a dangling one too.
	IsLink(path string) bool
	// EvalSymlinks returns the path without links; it must exist.
	EvalSymlinks(path string) (string, error)
	SameFile(a, b string) (bool, error)
	IsMount(path string) bool
}

// DirSystem is a System that knows the current directory.
type DirSystem interface{ Getwd() string }

// SealSystem is a System with Ansible Vault's cryptography, for the filters
// vault and unvault.
type SealSystem interface {
	// Seal writes a vault; a nil salt is drawn.
	Seal(plain, password, salt []byte, id string) ([]byte, error)
	// Unseal opens a vault with this password, whatever its id.
	Unseal(text, password []byte) ([]byte, error)
}

// ConfigSystem is a System that knows settings, for the config lookup.
type ConfigSystem interface {
	// Setting returns a setting by Ansible's name (DEFAULT_ROLES_PATH).
	Setting(name string) (v value.Value, ok bool)
}
