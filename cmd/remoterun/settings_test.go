package main

import (
	"strings"
	"testing"

	"remoterun/inventory/config"
)

// Every setting of ansible.cfg that becomes a flag must be one.
func TestConfiguredFlagsExist(t *testing.T) {
	all := &config.Config{Inventory: []string{"x"}, Forks: 1, Timeout: 1, RemoteUser: "x", PrivateKeyFile: "x", VaultPasswordFile: "x", VaultIdentities: []string{"x"},
		AskVaultPass: true, AskPass: true, Become: true, BecomeUser: "x", BecomeMethod: "x", BecomeAskPass: true, Diff: true, ForceHandlers: true, RunTags: []string{"x"}, SkipTags: []string{"x"}}
	a := &app{}
	root := a.root()
	flags := configFlags(all)
	// roles_path, library and collections_path(s) have no flag; vault_id_match goes to the vaults directly, and
	// jinja2_extensions to the expressions; no_log, any_errors_fatal, gathering,
	// strategy, remote_port and become_flags have variables (TestSettingsHaveAnEffect).
	if want := len(config.Names()) - 12; len(flags) != want {
		t.Errorf("%d flags for %d settings", len(flags), want)
	}
	for name, p := range flags {
		if root.Flags().Lookup(name) == nil || len(p.values) == 0 {
			t.Errorf("no flag --%s, or nothing for it", name)
		}
	}
}

func TestSettingsFillFlagsThatWereNotTyped(t *testing.T) {
	projectDir(t, map[string]string{
		"hosts": "a\n", "more": "b\n",
		"ansible.cfg": "[defaults]\ninventory = hosts\nhost_key_checking = False\nforks = 3\n",
	})
	graph := func(env map[string]string, args ...string) (string, string) {
		t.Helper()
		out, errs, code := runWith(t, env, nil, append([]string{"inventory", "--graph"}, args...)...)
		if code != 0 {
			t.Fatalf("code %d: %s", code, errs)
		}
		return strings.ReplaceAll(strings.TrimPrefix(out, "@all:\n  |--@ungrouped:\n"), "  |  |--", ""), errs
	}
	out, errs := graph(nil)
	if out != "a\n" || !strings.Contains(errs, "ansible.cfg:3:1: host_key_checking = False is not followed: host keys are always verified") {
		t.Errorf("by ansible.cfg: %s%s", out, errs)
	}
	if out, _ := graph(map[string]string{"REMOTERUN_INVENTORY": "more,hosts"}); out != "b\na\n" {
		t.Errorf("by environment: %s", out)
	}
	if out, _ := graph(map[string]string{"ANSIBLE_INVENTORY": "more"}); out != "b\n" {
		t.Errorf("by Ansible's variable: %s", out)
	}
	if out, _ := graph(map[string]string{"ANSIBLE_INVENTORY": "more", "REMOTERUN_INVENTORY": "c,"}); out != "c\n" {
		t.Errorf("by both variables: %s", out)
	}
	if out, _ := graph(map[string]string{"REMOTERUN_INVENTORY": "x,y"}); out != "x\ny\n" {
		t.Errorf("a list of hosts by environment: %s", out)
	}
	if out, _ := graph(map[string]string{"REMOTERUN_INVENTORY": "more"}, "-i", "c,"); out != "c\n" {
		t.Errorf("typed: %s", out)
	}
	writeFile(t, "ansible.cfg", "[defaults]\nforks = many\nnonsense\n")
	_, errs, code := runWith(t, nil, nil, "inventory", "--list")
	if code != exitUsage || !strings.Contains(errs, "forks: \"many\" is not a whole number") || !strings.Contains(errs, "expected name = value, got: nonsense") {
		t.Errorf("a broken ansible.cfg: %d, %s", code, errs)
	}
	if name := envName("take-over"); name != "" {
		t.Errorf("--take-over by %s", name)
	}
}
