package main

import (
	"testing"

	"remoterun/inventory/config"
	"remoterun/runner/value"
)

// TestSetting holds the config lookup's returns: Ansible's defaults, then
// ansible.cfg, then the environment.
func TestSetting(t *testing.T) {
	none := &config.Config{}
	cfg := &config.Config{Path: "/p/ansible.cfg", Forks: 20, RemoteUser: "ops", RolesPath: []string{"/r"}, Inventory: []string{"/i"}, Become: true, VaultIDMatch: true}
	env := map[string]string{"REMOTERUN_FORKS": "7", "REMOTERUN_REMOTE_USER": "env", "REMOTERUN_VAULT_IDENTITY_LIST": "a@x,b@y", "REMOTERUN_BECOME": "false", "HOME": "/home/o"}
	tests := []struct {
		name             string
		bare, file, both string // as repr
	}{
		{"DEFAULT_FORKS", "5", "20", "7"},
		{"DEFAULT_TIMEOUT", "10", "10", "10"},
		{"DEFAULT_REMOTE_USER", "None", "'ops'", "'env'"},
		{"DEFAULT_HOST_LIST", "['/etc/ansible/hosts']", "['/i']", "['/i']"},
		{"DEFAULT_ROLES_PATH", "['.ansible/roles', '/usr/share/ansible/roles', '/etc/ansible/roles']", "['/r']", "['/r']"},
		{"DEFAULT_VAULT_IDENTITY_LIST", "[]", "[]", "['a@x', 'b@y']"},
		{"DEFAULT_VAULT_ID_MATCH", "False", "True", "True"},
		{"DEFAULT_BECOME", "False", "True", "False"},
		{"DEFAULT_BECOME_USER", "'root'", "'root'", "'root'"},
		{"CONFIG_FILE", "None", "'/p/ansible.cfg'", "'/p/ansible.cfg'"},
		{"HOST_KEY_CHECKING", "True", "True", "True"},
		{"DEFAULT_MANAGED_STR", "'Ansible managed'", "'Ansible managed'", "'Ansible managed'"},
	}
	quiet := &app{env: func(string) (string, bool) { return "", false }}
	loud := &app{env: func(n string) (string, bool) { v, ok := env[n]; return v, ok }}
	for _, tt := range tests {
		for _, c := range []struct {
			a    *app
			cfg  *config.Config
			want string
		}{{quiet, none, tt.bare}, {quiet, cfg, tt.file}, {loud, cfg, tt.both}} {
			if v, ok := (configured{c.a}).setting(c.cfg, tt.name); !ok || value.Repr(v) != c.want {
				t.Errorf("%s: %s, %v; want %s", tt.name, value.Repr(v), ok, c.want)
			}
		}
	}
	if v, ok := (configured{quiet}).setting(none, "NO_SUCH"); ok {
		t.Errorf("NO_SUCH is %s", value.Repr(v))
	}
}

func TestConfigLookup(t *testing.T) {
	if out, errs, code := runApp(t, "", "eval", "lookup('config', 'DEFAULT_BECOME_USER') ~ query('config', 'DEFAULT_FORKS', 'NO_SUCH', on_missing='skip')"); code != exitOK || out[:14] != "text:  root[5]" {
		t.Errorf("%q %q %d", out, errs, code)
	}
}
