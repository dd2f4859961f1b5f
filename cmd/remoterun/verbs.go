package main

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"remoterun/playbooks"
)

// verb is a playbook under a name of its own, which its header says: `remoterun
// unlock prod` is the shipped unlock.yaml with -l prod.
type verb struct {
	playbooks.Header
	path    string // of the playbook
	shipped bool
}

// verbs are the playbooks that ship and those in the project's folder playbooks
// whose header says a verb. A shipped one cannot be replaced: a copy of it runs by
// its path.
func verbs() []verb {
	var out []verb
	add := func(path string, text []byte, shipped bool) {
		h, err := playbooks.ReadHeader(text)
		known := slices.ContainsFunc(out, func(v verb) bool { return v.Verb == h.Verb })
		// What is wrong in a header is told by lint and when the playbook is run.
		if err == nil && h.Verb != "" && !known {
			out = append(out, verb{h, path, shipped})
		}
	}
	for _, name := range playbooks.Names() {
		path := builtinDir + "playbooks/" + name + ".yaml"
		if text, ok := builtin(path); ok {
			add(path, text, true)
		}
	}
	for _, ending := range []string{"*.yaml", "*.yml"} {
		own, _ := filepath.Glob(filepath.Join("playbooks", ending))
		for _, path := range own {
			if text, err := os.ReadFile(path); err == nil {
				add(path, text, false)
			}
		}
	}
	return out
}

// headers refuses playbooks whose headers say a verb in another way than it is
// read.
func headers(paths []string) error {
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			continue // a shipped one, or what the loader tells
		}
		if _, err := playbooks.ReadHeader(text); err != nil {
			return usage("%s: %v", p, err)
		}
	}
	return nil
}

// verbCommands are the verbs that are no other command.
func (a *app) verbCommands(taken []*cobra.Command) []*cobra.Command {
	var out []*cobra.Command
	for _, v := range verbs() {
		if !slices.ContainsFunc(taken, func(c *cobra.Command) bool { return c.Name() == v.Verb }) {
			out = append(out, a.verbCommand(v))
		}
	}
	return out
}

func (a *app) verbCommand(v verb) *cobra.Command {
	var f runFlags
	where := "It is the shipped playbook of that name: remoterun playbooks show " + v.Verb
	group := "verbs"
	if !v.shipped {
		where, group = "It is this project's playbook "+v.path, "own"
	}
	c := &cobra.Command{
		Use:     v.Verb + " PATTERN",
		Short:   v.Short,
		GroupID: group,
		Long:    v.Short + ".\n\n" + where,
		Example: "  remoterun " + v.Verb + " prod\n  remoterun " + v.Verb + " db1,db2 -i hosts.ini",
	}
	on := map[string]*bool{}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return usage("%s needs a pattern of hosts: remoterun %s prod (all of them: remoterun %s all)", v.Verb, v.Verb, v.Verb)
		case len(args) > 1:
			return usage("%s takes one pattern; several hosts are one pattern with commas: remoterun %s %s", v.Verb, v.Verb, strings.Join(args, ","))
		}
		f.pattern = args[0]
		for _, fl := range v.Flags {
			if set := on[fl.Name]; set != nil && *set {
				f.extra = append(f.extra, fl.Variable+"=yes")
			}
		}
		return a.runPlaybooks(cmd.Context(), &f, []string{v.path}, func(s *session) error { return s.needs(cmd.Context(), v) })
	}
	f.add(c)
	for _, fl := range v.Flags {
		if c.Flags().Lookup(fl.Name) == nil { // one that every run has keeps its meaning
			on[fl.Name] = c.Flags().Bool(fl.Name, false, fl.Help)
		}
	}
	return c
}

// needs checks what a verb's playbook needs of the inventory: a mistake there is
// told in the inventory's own words, host by host.
func (s *session) needs(ctx context.Context, v verb) error {
	if err := s.somebody(s.f.limit); err != nil {
		return err
	}
	hosts, err := s.inv.Hosts(s.f.limit)
	if err != nil {
		return err
	}
	var wrong []string
	at := map[string]string{}
	for _, name := range hosts {
		get, err := s.hostVar(ctx, name)
		if err != nil {
			return wrongVars(err)
		}
		for _, need := range v.Needs {
			switch got, err := get(append([]string{need.Name}, need.Also...)...); {
			case err != nil:
				wrong = append(wrong, name+": "+err.Error())
			case got == "":
				wrong = append(wrong, name+" has no "+need.Name+", "+need.What+": give it one in the inventory, "+need.Name+"="+need.Example)
			}
		}
		if v.Once == "" {
			continue
		}
		own, _ := get(v.Once)
		addr, _ := get("ansible_host", "ansible_ssh_host")
		port, _ := get("ansible_port", "ansible_ssh_port")
		machine := cmp.Or(addr, name) + " port " + cmp.Or(port, "22")
		if other := at[machine+" "+own]; other != "" && own != "" {
			wrong = append(wrong, other+" and "+name+" are both "+v.Once+"="+own+" on "+machine+": one machine takes each once, give one of them another")
		}
		at[machine+" "+own] = name
	}
	if len(wrong) > 0 {
		return usage("%s", strings.Join(wrong, "\nremoterun: "))
	}
	return nil
}
