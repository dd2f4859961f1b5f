package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"remoterun/inventory"
	"remoterun/runner/secret"
	"remoterun/runner/value"
)

// inventoryFlags are the flags of remoterun inventory.
type inventoryFlags struct {
	projectFlags
	list, graph, vars, export, yaml bool
	host, playbookDir               string
}

func (a *app) inventoryCommand() *cobra.Command {
	var f inventoryFlags
	c := &cobra.Command{
		Use:   "inventory --list | --graph [GROUP] | --host HOST",
		Short: "Show hosts, groups and variables as remoterun sees them",
		Example: `  remoterun inventory --graph
  remoterun inventory --host web1
  remoterun inventory -i prod.ini --list -y`,
		RunE: func(cmd *cobra.Command, args []string) error {
			group, err := f.check(args)
			if err != nil {
				return err
			}
			text, err := a.showInventory(cmd, &f, group)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), strings.TrimSuffix(text, "\n"))
			return err
		},
	}
	f.add(c)
	c.Flags().BoolVar(&f.list, "list", false, "all hosts and groups, as an inventory program prints them")
	c.Flags().BoolVar(&f.graph, "graph", false, "a tree of groups and hosts")
	c.Flags().StringVar(&f.host, "host", "", "the variables of one `HOST`")
	c.Flags().BoolVar(&f.vars, "vars", false, "with --graph: variables too")
	c.Flags().BoolVar(&f.export, "export", false, "with --list: variables where they are written")
	c.Flags().BoolVarP(&f.yaml, "yaml", "y", false, "YAML instead of JSON")
	c.Flags().StringVar(&f.playbookDir, "playbook-dir", "", "take the group_vars and host_vars of `FOLDER` too")
	return c
}

// check returns the group that a graph begins at.
func (f *inventoryFlags) check(args []string) (string, error) {
	chosen := 0
	for _, on := range []bool{f.list, f.graph, f.host != ""} {
		if on {
			chosen++
		}
	}
	switch {
	case chosen != 1:
		return "", usage("one of --list, --graph and --host HOST is needed")
	case len(args) == 0:
		return "all", nil
	case len(args) > 1 || !f.graph:
		return "", usage("what is %q? One group may stand behind --graph; hosts are chosen with -l", args[len(args)-1])
	}
	return args[0], nil
}

// showInventory renders what the flags ask for. Without a vault password vaults
// stay closed and are shown as secrets.
func (a *app) showInventory(cmd *cobra.Command, f *inventoryFlags, group string) (string, error) {
	r := secret.NewRedactor()
	p := newPrompts(-1, false, r)
	if a.terminal != nil {
		p.open = a.terminal
	}
	op, err := a.newOpener(cmd.Context(), &f.projectFlags, p, r)
	if err != nil {
		return "", err
	}
	op.closed = func(at value.Pos) {
		if at.Line == 1 && at.Col == 1 {
			a.warn(at.File + ": a vault, left closed: no vault password was given")
		}
	}
	extra, err := allExtraVars(f.extra, op)
	if err != nil {
		return "", err
	}
	v := inventory.View{Export: f.export, Vars: f.vars, Extra: extra}
	inv, err := a.loadInventory(cmd.Context(), &f.projectFlags, f.playbookDir, op)
	if err != nil {
		return "", err
	}
	if err := inv.SetLimit(f.limit); err != nil {
		return "", &codedError{exitUsage, err}
	}
	text, err := renderInventory(inv, f, group, v)
	if err != nil {
		return "", &codedError{exitUsage, err}
	}
	return r.Redact(text), nil
}

func renderInventory(inv *inventory.Inventory, f *inventoryFlags, group string, v inventory.View) (string, error) {
	if f.graph {
		return inv.Graph(group, v)
	}
	show := inventory.JSON
	if f.yaml {
		show = inventory.YAML
	}
	var out value.Value
	var err error
	switch {
	case f.host != "":
		out, err = inv.HostVars(f.host, v)
	case f.yaml:
		out, err = inv.Tree(v)
	default:
		out, err = inv.List(v)
	}
	if err != nil {
		return "", err
	}
	return show(out)
}
