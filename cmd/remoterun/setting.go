package main

import (
	"cmp"
	"path/filepath"
	"strconv"
	"strings"

	"remoterun/inventory/config"
	"remoterun/runner/value"
)

// configured finds what flags, the environment and ansible.cfg say.
type configured struct{ *app }

// setting returns the config lookup: a setting by Ansible's name, from
// REMOTERUN_*, else ansible.cfg, else what holds without both. What is typed on
// the command line does not count, as in Ansible.
func (a configured) setting(cfg *config.Config, name string) (value.Value, bool) {
	if flag, otherwise, ok := flagSetting(name); ok {
		return a.flagValue(cfg, flag, otherwise), true
	}
	home, _ := a.env("HOME")
	v, ok := map[string]value.Value{
		"CONFIG_FILE":                    orNull(cfg.Path),
		"DEFAULT_ROLES_PATH":             value.Strings(rolesPath(cfg, home)...),
		"DEFAULT_VAULT_ID_MATCH":         value.Bool(cfg.VaultIDMatch),
		"DEFAULT_JINJA2_EXTENSIONS":      value.Strings(cfg.JinjaExtensions...),
		"HOST_KEY_CHECKING":              value.Bool(true),
		"DEFAULT_HASH_BEHAVIOUR":         value.String("replace"),
		"DEFAULT_GATHERING":              value.String(gathering(cfg)),
		"DEFAULT_NO_LOG":                 value.Bool(cfg.NoLog),
		"ANY_ERRORS_FATAL":               value.Bool(cfg.AnyErrorsFatal),
		"DEFAULT_BECOME_FLAGS":           value.String(cfg.BecomeFlags),
		"DEFAULT_STRATEGY":               value.String(cmp.Or(cfg.Strategy, "linear")),
		"DEFAULT_UNDEFINED_VAR_BEHAVIOR": value.Bool(true),
		"DEFAULT_MANAGED_STR":            value.String("Ansible managed"),
		"DEFAULT_EXECUTABLE":             value.String("/bin/sh"),
		"DEFAULT_REMOTE_PORT":            orNull(cfg.RemotePort),
	}[name]
	return v, ok
}

func gathering(cfg *config.Config) string {
	switch {
	case cfg.ExplicitGathering:
		return "explicit"
	case cfg.SmartGathering:
		return "smart"
	}
	return "implicit"
}

// flagSetting returns the flag that a setting presets, and what holds when it
// is not set.
func flagSetting(name string) (flag string, otherwise value.Value, ok bool) {
	no := value.Bool(false)
	s, ok := map[string]struct {
		flag      string
		otherwise value.Value
	}{
		"DEFAULT_FORKS":               {"forks", value.Int(5)},
		"DEFAULT_TIMEOUT":             {"timeout", value.Int(10)},
		"DEFAULT_VERBOSITY":           {"verbose", value.Int(0)},
		"DEFAULT_REMOTE_USER":         {"user", value.Null()},
		"DEFAULT_PRIVATE_KEY_FILE":    {"private-key", value.Null()},
		"DEFAULT_HOST_LIST":           {"inventory", value.Strings("/etc/ansible/hosts")},
		"DEFAULT_VAULT_PASSWORD_FILE": {"vault-password-file", value.Null()},
		"DEFAULT_VAULT_IDENTITY_LIST": {"vault-id", value.List()},
		"DEFAULT_ASK_VAULT_PASS":      {"ask-vault-pass", no},
		"DEFAULT_ASK_PASS":            {"ask-pass", no},
		"DEFAULT_BECOME":              {"become", no},
		"DEFAULT_BECOME_USER":         {"become-user", value.String("root")},
		"DEFAULT_BECOME_METHOD":       {"become-method", value.String("sudo")},
		"DEFAULT_BECOME_ASK_PASS":     {"ask-become-pass", no},
		"DEFAULT_FORCE_HANDLERS":      {"force-handlers", no},
		"DEFAULT_TRANSPORT":           {"connection", value.String("smart")},
		"DIFF_ALWAYS":                 {"diff", no},
	}[name]
	return s.flag, s.otherwise, ok
}

// flagValue is a preset of a flag, in the type of what holds without it.
func (a configured) flagValue(cfg *config.Config, flag string, otherwise value.Value) value.Value {
	values := configFlags(cfg)[flag].values
	if v, ok := a.env(envName(flag)); ok && v != "" {
		if values = []string{v}; otherwise.Kind() == value.KindList {
			values = strings.Split(v, ",")
		}
	}
	if len(values) == 0 {
		return otherwise
	}
	switch otherwise.Kind() {
	case value.KindList:
		return value.Strings(values...)
	case value.KindInt:
		if n, err := strconv.ParseInt(values[0], 10, 64); err == nil {
			return value.Int(n)
		}
		return otherwise
	case value.KindBool:
		on, err := strconv.ParseBool(values[0])
		return value.Bool(err == nil && on)
	}
	return value.String(values[0])
}

func orNull(s string) value.Value {
	if s == "" {
		return value.Null()
	}
	return value.String(s)
}

// rolesPath is where roles are sought beside the project's own.
func rolesPath(cfg *config.Config, home string) []string {
	if len(cfg.RolesPath) > 0 {
		return cfg.RolesPath
	}
	return []string{filepath.Join(home, ".ansible/roles"), "/usr/share/ansible/roles", "/etc/ansible/roles"}
}

// collectionsPath are folders that hold ansible_collections.
func collectionsPath(cfg *config.Config, home string) []string {
	if len(cfg.CollectionsPath) > 0 {
		return cfg.CollectionsPath
	}
	return []string{filepath.Join(home, ".ansible/collections"), "/usr/share/ansible/collections"}
}
