package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"remoterun/inventory/config"
	"remoterun/runner/secret/vault"
)

// projectFlags say which project is meant and how its vaults are opened.
type projectFlags struct {
	inventory, extra []string
	limit            string
	// pattern is a verb's own; with a limit the hosts are those of both.
	pattern              string
	vaultIDs, vaultFiles []string
	askVault             bool
}

func (f *projectFlags) add(c *cobra.Command) {
	f.addWhole(c)
	c.Flags().StringVarP(&f.limit, "limit", "l", "", "only the hosts of this `PATTERN`")
}

// addWhole adds them for what looks at the whole project or names its hosts itself.
func (f *projectFlags) addWhole(c *cobra.Command) {
	fl := c.Flags()
	fl.StringArrayVarP(&f.inventory, "inventory", "i", nil, "inventory `FILE`, folder or list of hosts (several are merged)")
	fl.StringArrayVarP(&f.extra, "extra-vars", "e", nil, "variables: `NAME=VALUE`, a YAML or JSON mapping, or @FILE")
	f.addVaults(c)
}

// addVaults adds the secrets of vaults.
func (f *projectFlags) addVaults(c *cobra.Command) {
	fl := c.Flags()
	fl.StringArrayVar(&f.vaultIDs, "vault-id", nil, "a vault secret: `LABEL@FILE`, or LABEL@prompt (several are tried in order)")
	fl.StringArrayVar(&f.vaultFiles, "vault-password-file", nil, "a `FILE` with a vault password, or a program that prints it")
	fl.BoolVarP(&f.askVault, "ask-vault-pass", "J", false, "ask for a vault password when one is needed")
}

// settings fills the flags that were not typed: from REMOTERUN_* first, then
// from ansible.cfg. It runs before every command that has project flags.
func (a configured) settings(cmd *cobra.Command) error {
	said, set := a.env("REMOTERUN_HOST_KEY_CHECKING")
	if on := slices.Contains([]string{"true", "yes", "on", "1", "y", "t"}, strings.ToLower(said)); set && !on {
		return usage("REMOTERUN_HOST_KEY_CHECKING: host keys are always verified; there is no switch for that")
	}
	if cmd.Flags().Lookup("vault-id") == nil {
		return nil
	}
	cfg, err := a.config()
	if err != nil {
		return &codedError{exitUsage, err}
	}
	a.cfg = cfg
	configured := configFlags(cfg)
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || failed != nil {
			return
		}
		from, values := "", []string(nil)
		if name := envName(f.Name); name != "" {
			if v, ok := a.env(name); ok && v != "" {
				from, values = name, envValues(f, v)
			}
		}
		if values == nil {
			from, values = configured[f.Name].from, configured[f.Name].values
		}
		for _, v := range values {
			if err := cmd.Flags().Set(f.Name, v); err != nil {
				failed = usage("%s: %s", from, flagError(cmd, err))
			}
			if a.from == nil {
				a.from = map[string]string{}
			}
			a.from[f.Name] = from
		}
	})
	if failed == nil {
		failed = sane(cmd.Flags())
	}
	if failed == nil {
		failed = a.typedVaults(cmd.Flags())
	}
	return failed
}

// typedVaults refuses files of vault passwords that were typed and are not there, also
// where no vault is opened. What a setting names is looked for when it is needed: lint
// in a pipeline may do without.
func (a *app) typedVaults(fl *pflag.FlagSet) error {
	var ids []vault.Identity
	if files, err := fl.GetStringArray("vault-password-file"); err == nil && a.from["vault-password-file"] == "" {
		for _, path := range files {
			ids = append(ids, vault.File(path))
		}
	}
	if texts, err := fl.GetStringArray("vault-id"); err == nil && a.from["vault-id"] == "" {
		for _, s := range texts {
			if id, err := vault.ParseIdentity(s); err == nil {
				ids = append(ids, id)
			}
		}
	}
	for _, id := range ids {
		if err := id.There(); err != nil {
			return &codedError{exitUsage, err}
		}
	}
	return nil
}

// sane refuses values of flags that nothing can be done with.
func sane(fl *pflag.FlagSet) error {
	for name, least := range map[string]int{"forks": 1, "timeout": 1} {
		if f := fl.Lookup(name); f != nil && f.Changed {
			if n, err := fl.GetInt(name); err == nil && n < least {
				return usage("--%s %d: it has to be %d or more", name, n, least)
			}
		}
	}
	for name, words := range map[string][]string{"become-method": {"sudo", "su", "doas"}, "connection": {"ssh", "local", "smart", "paramiko", "paramiko_ssh"}} {
		if f := fl.Lookup(name); f != nil && f.Changed && !slices.Contains(words, f.Value.String()) {
			return usage("--%s %s: it is one of %s", name, f.Value, strings.Join(words, ", "))
		}
	}
	return nil
}

// envName is the variable of an option: what Ansible knows has Ansible's ending.
// The explicit acts have none.
func envName(flag string) string {
	known := map[string]string{
		"user": "REMOTE_USER", "private-key": "PRIVATE_KEY_FILE", "ask-become-pass": "BECOME_ASK_PASS", "vault-id": "VAULT_IDENTITY_LIST",
		"diff": "DIFF_ALWAYS", "tags": "RUN_TAGS", "connection": "TRANSPORT", "verbose": "VERBOSITY",
		"yes": "-", "take-over": "-", "help": "-",
	}
	if n, ok := known[flag]; ok {
		if n == "-" {
			return ""
		}
		return "REMOTERUN_" + n
	}
	return "REMOTERUN_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// envValues splits what an option takes several times.
func envValues(f *pflag.Flag, v string) []string {
	switch {
	case f.Name == "inventory":
		return sourceList(v)
	case f.Value.Type() == "stringArray" && f.Name != "extra-vars":
		return strings.Split(v, ",")
	}
	return []string{v}
}

// sourceList splits at commas, unless none of the parts is there: a list of hosts.
func sourceList(v string) []string {
	parts := strings.Split(v, ",")
	if slices.ContainsFunc(parts, func(p string) bool { _, err := os.Stat(p); return p != "" && err == nil }) {
		return slices.DeleteFunc(parts, func(p string) bool { return p == "" })
	}
	return []string{v}
}

// preset is what a setting gives to a flag, and who says so.
type preset struct {
	values []string
	from   string
}

// configFlags are the flags that ansible.cfg and ANSIBLE_* set.
func configFlags(c *config.Config) map[string]preset {
	out := map[string]preset{}
	add := func(flag, key string, values ...string) {
		if len(values) > 0 && values[0] != "" {
			out[flag] = preset{values, c.Source(key)}
		}
	}
	on := func(flag, key string, b bool) {
		if b || c.Source(key) != c.Path {
			add(flag, key, strconv.FormatBool(b))
		}
	}
	number := func(flag, key string, n int) {
		if n > 0 {
			add(flag, key, strconv.Itoa(n))
		}
	}
	add("inventory", "defaults.inventory", c.Inventory...)
	add("vault-id", "defaults.vault_identity_list", c.VaultIdentities...)
	add("user", "defaults.remote_user", c.RemoteUser)
	add("private-key", "defaults.private_key_file", c.PrivateKeyFile)
	add("vault-password-file", "defaults.vault_password_file", c.VaultPasswordFile)
	add("become-user", "privilege_escalation.become_user", c.BecomeUser)
	add("become-method", "privilege_escalation.become_method", c.BecomeMethod)
	add("tags", "tags.run", c.RunTags...)
	add("skip-tags", "tags.skip", c.SkipTags...)
	number("forks", "defaults.forks", c.Forks)
	number("timeout", "defaults.timeout", c.Timeout)
	on("become", "privilege_escalation.become", c.Become)
	on("ask-become-pass", "privilege_escalation.become_ask_pass", c.BecomeAskPass)
	on("ask-pass", "defaults.ask_pass", c.AskPass)
	on("ask-vault-pass", "defaults.ask_vault_pass", c.AskVaultPass)
	on("diff", "diff.always", c.Diff)
	on("force-handlers", "defaults.force_handlers", c.ForceHandlers)
	return out
}

// config reads the ansible.cfg that holds here; an empty one when there is none.
func (a *app) config() (*config.Config, error) {
	home, _ := a.env("HOME")
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	path, warning := config.Find(a.env, dir, home)
	if warning != "" {
		a.warn(warning)
	}
	cfg := &config.Config{}
	if path != "" {
		if cfg, err = config.Read(path, a.env, home); err != nil {
			return nil, err
		}
	}
	if err := cfg.Environment(a.env, dir, home); err != nil {
		return nil, err
	}
	for _, n := range cfg.Notes {
		a.warn(n.String())
	}
	return cfg, nil
}

// warn says what is odd but stops nothing.
func (a *app) warn(text string) { fmt.Fprintf(a.err, "[WARNING]: %s\n", a.shown(text)) }

// configCommand shows what holds here and where it comes from.
func (a configured) configCommand() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Show settings"}
	var f runFlags
	dump := &cobra.Command{
		Use:   "dump",
		Short: "Show every setting, its value, its variable, and where the value comes from",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.Flags().VisitAll(func(fl *pflag.Flag) {
				name, from := envName(fl.Name), "default"
				if a.from[fl.Name] != "" {
					from = a.from[fl.Name]
				} else if fl.Changed {
					from = "command line"
				}
				if name != "" {
					fmt.Fprintf(a.out, "%-20s %-36s = %s (%s)\n", fl.Name, name, fl.Value, from)
				}
			})
			return nil
		},
	}
	f.add(dump)
	c.AddCommand(dump)
	return c
}
