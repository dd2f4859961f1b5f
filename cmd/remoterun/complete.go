package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"remoterun/inventory"
	"remoterun/playbooks"
	"remoterun/runner/value"
)

// completions gives the shell what may be typed: hosts and groups, modules,
// shipped playbooks, and the words of flags.
func (a *app) completions(root *cobra.Command) {
	modules := func(*cobra.Command) []string {
		var out []string
		for _, s := range a.specs() {
			out = append(out, s.Name)
		}
		return out
	}
	shipped := func(*cobra.Command) []string { return playbooks.Names() }
	words := func(list string) func(*cobra.Command) []string {
		return func(*cobra.Command) []string { return strings.Fields(list) }
	}
	flags := map[string]func(*cobra.Command) []string{
		"limit": a.hostNames, "host": a.hostNames, "module": modules, "output": words("human minimal json jsonl junit quiet"),
		"become-method": words("sudo su doas"), "connection": words("ssh local"),
	}
	args := map[string]func(*cobra.Command) []string{"doc": modules, "show": shipped, "copy": shipped, "run": a.hostNames, "trust": a.hostNames}
	for _, v := range verbs {
		args[v.name] = a.hostNames
	}
	var each func(c *cobra.Command)
	each = func(c *cobra.Command) {
		for name, list := range flags {
			if c.Flags().Lookup(name) != nil {
				_ = c.RegisterFlagCompletionFunc(name, completer(list, 1))
			}
		}
		if list := args[c.Name()]; list != nil {
			c.ValidArgsFunction = completer(list, 0)
		}
		for _, sub := range c.Commands() {
			each(sub)
		}
	}
	each(root)
}

// completer offers a list for the first argument, or (many) whenever it is asked.
func completer(list func(*cobra.Command) []string, many int) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if many == 0 && len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return slices.DeleteFunc(list(c), func(s string) bool { return !strings.HasPrefix(s, typed) }), cobra.ShellCompDirectiveNoFileComp
	}
}

// hostNames are the groups and hosts of the inventory; none when it has a
// mistake, which is not told here.
func (a *app) hostNames(c *cobra.Command) []string {
	if err := a.settings(c); err != nil {
		return nil
	}
	sources, _ := c.Flags().GetStringArray("inventory")
	if len(sources) == 0 {
		sources = inventory.Find(".", nil)
	}
	inv, err := inventory.Load(c.Context(), sources, inventory.Options{Decrypt: func(string, value.Pos) ([]byte, error) { return nil, nil }})
	if err != nil {
		return nil
	}
	hosts, _ := inv.Hosts("all")
	return append(inv.Groups().Names(), hosts...)
}
