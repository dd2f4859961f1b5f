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
	tags, pattern := proposal{list: a.tagNames, between: ","}, proposal{list: a.hostNames, between: ",:!&"}
	flags := map[string]proposal{
		"tags": tags, "skip-tags": tags, "start-at-task": {list: a.taskNames},
		"limit": pattern, "host": {list: a.hostNames}, "module": {list: modules}, "output": {list: words("human minimal json jsonl junit quiet")},
		"become-method": {list: words("sudo su doas")}, "connection": {list: words("ssh local")},
	}
	args := map[string]proposal{
		"doc": {list: modules}, "playbooks show": {list: shipped}, "playbooks copy": {list: shipped}, "run": pattern, "trust": pattern, "log": {list: a.runNames},
		"key import": {list: a.hostNames, between: pattern.between, files: true},
	}
	for _, v := range verbs() {
		args[v.Verb] = pattern
	}
	var each func(c *cobra.Command)
	each = func(c *cobra.Command) {
		for name, p := range flags {
			if c.Name() == "lint" && name == "output" {
				p.list = words("human json")
			}
			if c.Flags().Lookup(name) != nil {
				_ = c.RegisterFlagCompletionFunc(name, p.always)
			}
		}
		if p, ok := args[strings.TrimPrefix(c.CommandPath(), root.Name()+" ")]; ok {
			c.ValidArgsFunction = p.first
		}
		for _, sub := range c.Commands() {
			each(sub)
		}
	}
	each(root)
}

// proposal is what the shell may offer in one place.
type proposal struct {
	list func(*cobra.Command) []string
	// between are the characters that stand before the last word of a list: of hosts,
	// which may be a pattern, or of tags; "" where one word is expected.
	between string
	files   bool // files are an argument as well: the shell adds them
}

// first offers the words for the first argument.
func (p proposal) first(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, p.directive()
	}
	return p.always(c, args, typed)
}

func (p proposal) directive() cobra.ShellCompDirective {
	if p.files {
		return cobra.ShellCompDirectiveDefault
	}
	return cobra.ShellCompDirectiveNoFileComp
}

// always offers the words whenever it is asked; behind one of the separators for the
// word that begins there.
func (p proposal) always(c *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	i := strings.LastIndexAny(typed, p.between) + 1
	head, word := typed[:i], typed[i:]
	var out []string
	for _, s := range p.list(c) {
		if strings.HasPrefix(s, word) && !slices.Contains(strings.Split(head, ","), s) {
			out = append(out, head+s)
		}
	}
	return out, p.directive()
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
