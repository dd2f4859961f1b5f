package main

import (
	"cmp"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"remoterun/inventory"
	"remoterun/playbooks"
	"remoterun/playbooks/ast"
	"remoterun/runner/journal"
	"remoterun/runner/value"
)

// completer proposes words to the shell.
type completer struct{ *app }

// completions gives the shell what may be typed: hosts and groups, modules,
// shipped playbooks, and the words of flags.
func (a completer) completions(root *cobra.Command) {
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
		"tags": a.tagNames, "skip-tags": a.tagNames, "start-at-task": a.taskNames,
		"limit": a.hostNames, "host": a.hostNames, "module": modules, "output": words("human minimal json jsonl junit quiet"),
		"become-method": words("sudo su doas"), "connection": words("ssh local"),
	}
	args := map[string]func(*cobra.Command) []string{
		"doc": modules, "playbooks show": shipped, "playbooks copy": shipped, "run": a.hostNames, "trust": a.hostNames, "log": a.runNames, "key import": a.hostNames,
	}
	for _, v := range verbs() {
		args[v.Verb] = a.hostNames
	}
	var each func(c *cobra.Command)
	each = func(c *cobra.Command) {
		for name, list := range flags {
			if c.Name() == "lint" && name == "output" {
				list = words("human json")
			}
			if c.Flags().Lookup(name) != nil {
				_ = c.RegisterFlagCompletionFunc(name, proposing(list, 1, between(name)))
			}
		}
		path := strings.TrimPrefix(c.CommandPath(), root.Name()+" ")
		if list := args[path]; list != nil {
			c.ValidArgsFunction = proposing(list, 0, between(path))
		}
		for _, sub := range c.Commands() {
			each(sub)
		}
	}
	each(root)
}

// between are the characters that stand before the last word of a list: of hosts,
// which may be a pattern, or of tags; "" where one word is expected.
func between(of string) string {
	switch of {
	case "tags", "skip-tags":
		return ","
	case "doc", "playbooks show", "playbooks copy", "log", "start-at-task", "module", "host", "output", "become-method", "connection":
		return ""
	}
	return ",:!&"
}

// proposing offers a list for the first argument, or (many) whenever it is asked;
// behind one of the separators for the word that begins there. Where files are an
// argument as well, the shell adds them.
func proposing(list func(*cobra.Command) []string, many int, separators string) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		directive := cobra.ShellCompDirectiveNoFileComp
		if many == 0 && c.Name() == "import" {
			directive = cobra.ShellCompDirectiveDefault
		}
		if many == 0 && len(args) > 0 {
			return nil, directive
		}
		i := strings.LastIndexAny(typed, separators) + 1
		head, word := typed[:i], typed[i:]
		var out []string
		for _, s := range list(c) {
			if strings.HasPrefix(s, word) && !slices.Contains(strings.Split(head, ","), s) {
				out = append(out, head+s)
			}
		}
		return out, directive
	}
}

// runNames are the runs that were noted, the newest first.
func (a completer) runNames(*cobra.Command) []string {
	out := []string{"last"}
	for _, r := range slices.Backward(journal.Runs(a.stateDir("log"))) {
		out = append(out, strings.TrimSuffix(r, ".jsonl"))
	}
	return out
}

func (a completer) tagNames(c *cobra.Command) []string {
	var out []string
	for _, l := range a.listed(c) {
		out = append(out, l.AllTags()...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (a completer) taskNames(c *cobra.Command) []string {
	var out []string
	for _, l := range a.listed(c) {
		for _, t := range l.Tasks {
			_, own, _ := strings.Cut(t.Name, " : ")
			out = append(out, cmp.Or(own, t.Name))
		}
	}
	return out
}

// listed are the plays of the playbooks that stand on the command line, or of a
// verb's; none when they have a mistake, which is not told here.
func (a completer) listed(c *cobra.Command) []ast.Listed {
	books := c.Flags().Args()
	for _, v := range verbs() {
		if v.Verb == c.Name() {
			books = []string{v.path}
		}
	}
	if len(books) == 0 || (configured{a.app}).settings(c) != nil {
		return nil
	}
	f := &runFlags{passphraseFD: -1}
	f.inventory, _ = c.Flags().GetStringArray("inventory")
	quiet := *a.app
	quiet.err = io.Discard
	_, read, err := quiet.load(c.Context(), f, books)
	if err != nil {
		return nil
	}
	var out []ast.Listed
	for _, b := range read {
		out = append(out, ast.List(b, func([]string) bool { return true })...)
	}
	return out
}

// hostNames are the groups and hosts of the inventory; none when it has a
// mistake, which is not told here.
func (a completer) hostNames(c *cobra.Command) []string {
	if err := (configured{a.app}).settings(c); err != nil {
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
