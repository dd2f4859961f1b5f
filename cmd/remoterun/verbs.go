package main

import (
	"cmp"
	"context"
	"strings"

	"github.com/spf13/cobra"
)

// verb is a shipped playbook under its own name: `remoterun unlock prod` is the
// shipped unlock.yaml with -l prod.
type verb struct {
	name, short string
}

// verbs lists what ships. One without its playbook is not offered.
var verbs = []verb{
	{name: "setup", short: "Make a project's key, seal it and prove that it can be opened"},
	{name: "unlock", short: "Bring the key into the host's RAM and the database up (after a reboot)"},
	{name: "lock", short: "Stop the database and take the key out of RAM"},
	{name: "status", short: "Say what is locked, encrypted and due"},
	{name: "verify", short: "Prove on disk that everything is encrypted"},
	{name: "doctor", short: "Look for what endangers a project"},
	{name: "migrate", short: "Move an existing database into an encrypted one"},
	{name: "rollback", short: "Go back to the database before a migration"},
	{name: "upgrade", short: "Move an encrypted database to a newer server"},
	{name: "rotate", short: "Set a new key"},
	{name: "rekey", short: "Seal the keys under a new passphrase"},
	{name: "backup", short: "Take an encrypted backup"},
	{name: "restore", short: "Restore a backup"},
	{name: "drill", short: "Prove that a backup restores"},
	{name: "scrub", short: "Destroy what a migration left behind"},
	{name: "bench", short: "Measure the database"},
}

// verbCommands are the verbs whose playbooks ship.
func (a *app) verbCommands() []*cobra.Command {
	var out []*cobra.Command
	for _, v := range verbs {
		if _, ok := builtin(builtinDir + "playbooks/" + v.name + ".yaml"); ok {
			out = append(out, a.verbCommand(v))
		}
	}
	return out
}

func (a *app) verbCommand(v verb) *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:     v.name + " PATTERN",
		Short:   v.short,
		GroupID: "verbs",
		Long:    v.short + ".\n\nIt is the shipped playbook of that name: remoterun playbooks show " + v.name,
		Example: "  remoterun " + v.name + " prod\n  remoterun " + v.name + " db1,db2 -i hosts.ini",
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return usage("%s needs a pattern of hosts: remoterun %s prod (all of them: remoterun %s all)", v.name, v.name, v.name)
			case len(args) > 1:
				return usage("%s takes one pattern; several hosts are one pattern with commas: remoterun %s %s", v.name, v.name, strings.Join(args, ","))
			}
			if f.limit != "" {
				f.limit = args[0] + ":&" + f.limit
			} else {
				f.limit = args[0]
			}
			if f.quick {
				f.extra = append(f.extra, "tde_quick=yes")
			}
			path := builtinDir + "playbooks/" + v.name + ".yaml"
			return a.runPlaybooks(cmd.Context(), &f, []string{path}, func(s *session) error { return s.projects(cmd.Context(), path) })
		},
	}
	f.add(c)
	if v.name == "verify" {
		c.Flags().BoolVar(&f.quick, "quick", false, "leave out the search of disk and WAL")
	}
	return c
}

// projects checks what a verb's playbook needs of the inventory: a mistake there
// is told in the inventory's own words, host by host.
func (s *session) projects(ctx context.Context, playbook string) error {
	if err := s.somebody(s.f.limit); err != nil {
		return err
	}
	hosts, err := s.inv.Hosts(s.f.limit)
	if err != nil {
		return err
	}
	text, _ := builtin(playbook)
	var wrong []string
	at := map[string]string{}
	for _, name := range hosts {
		get, err := s.hostVar(ctx, name)
		if err != nil {
			return err
		}
		for _, need := range []struct{ name, what, example string }{
			{"tde_project", "a name for its keys, volume and folders", "sync"},
			{"tde_compose_dir", "the folder of its compose file on the server", "/srv/sync"},
		} {
			switch v, err := get(need.name); {
			case err != nil:
				wrong = append(wrong, name+": "+err.Error())
			case v == "" && strings.Contains(string(text), "{{ "+need.name+" }}"):
				wrong = append(wrong, name+" has no "+need.name+", "+need.what+": give it one in the inventory, "+need.name+"="+need.example)
			}
		}
		project, _ := get("tde_project")
		addr, _ := get("ansible_host", "ansible_ssh_host")
		port, _ := get("ansible_port", "ansible_ssh_port")
		machine := cmp.Or(addr, name) + " port " + cmp.Or(port, "22")
		if other := at[machine+" "+project]; other != "" && project != "" {
			wrong = append(wrong, other+" and "+name+" are both tde_project="+project+" on "+machine+": one machine takes each project once, give one of them another name")
		}
		at[machine+" "+project] = name
	}
	if len(wrong) > 0 {
		return usage("%s", strings.Join(wrong, "\nremoterun: "))
	}
	return nil
}
