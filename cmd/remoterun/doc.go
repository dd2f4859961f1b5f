package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"remoterun/docs"
	"remoterun/playbooks/known"
	"remoterun/runner/action"
	"remoterun/runner/near"
	"remoterun/runner/play"
	"remoterun/tasks"
)

// docCommand shows what a module is and takes.
func (a *app) docCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doc [MODULE]",
		Short: "Show what a module does, with examples, arguments and results; without a name, list all",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			specs := a.specs()
			if len(args) == 0 {
				for _, s := range specs {
					fmt.Fprintf(a.out, "%-22s %s\n", s.Name, upper(s.Short))
				}
				return nil
			}
			name := strings.TrimPrefix(args[0], "ansible.builtin.")
			if m, ok := tasks.NewRegistry(allModules()...).Find(args[0]); ok {
				name = m.Spec().Name
			}
			for _, s := range specs {
				if s.Name == name {
					showDoc(a.out, s)
					return nil
				}
			}
			return usage("%s", noModule(args[0], specs))
		},
	}
}

// noModule says that there is no module of a name, and which was perhaps meant.
func noModule(name string, specs []play.Spec) string {
	var names []string
	for _, s := range specs {
		names = append(names, s.Name)
	}
	if why := known.Lacking(name, func(short string) bool { return slices.Contains(names, short) }); why != "" {
		return why
	}
	text := "there is no module " + name
	if word := nearest(strings.TrimPrefix(name, "ansible.builtin."), names); word != "" {
		return text + `; did you mean "` + word + `"?`
	}
	return text + "; remoterun doc lists them all"
}

// nearest is the name that was perhaps meant; empty = none is near.
func nearest(word string, names []string) string {
	best, least := "", 1+len(word)/4
	for _, n := range names {
		if d := near.Distance(strings.ToLower(word), n); d <= least {
			best, least = n, d-1
		}
	}
	return best
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// showDoc prints a module's page with the arguments as a list: tables are for
// browsers. The engine's own actions have no page.
func showDoc(w io.Writer, s play.Spec) {
	page, ok := docs.Module(s.Name)
	const table = "| argument |"
	begin := strings.Index(page, table)
	if !ok || begin < 0 {
		fmt.Fprintf(w, "# %s\n\n%s.\n", s.Name, upper(s.Short))
		showArgs(w, s)
		return
	}
	fmt.Fprint(w, strings.TrimSpace(page[:begin]), "\n")
	showArgs(w, s)
	if _, rest, ok := strings.Cut(page[begin:], "\n\n"); ok {
		fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(rest))
	}
}

// specs are those of every module and of the engine's own actions, by name.
func (a *app) specs() []play.Spec {
	var out []play.Spec
	for _, m := range allModules() {
		out = append(out, m.Spec())
	}
	for _, s := range action.Specs() {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b play.Spec) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// showArgs lists a module's arguments.
func showArgs(w io.Writer, s play.Spec) {
	if len(s.Args) > 0 {
		fmt.Fprint(w, "\n## Arguments\n")
	}
	if s.FreeForm != "" && s.FreeForm != "_raw_params" {
		fmt.Fprintf(w, "\n  Free text is %s.\n", s.FreeForm)
	}
	for _, arg := range s.Args {
		if arg.Name == "*" {
			fmt.Fprintln(w, "\n  any other name: a variable")
			continue
		}
		kind := arg.Type
		if arg.Elements != "" {
			kind += " of " + arg.Elements
		}
		facts := []string{kind}
		if arg.Required {
			facts = append(facts, "required")
		}
		if arg.Default != "" {
			facts = append(facts, "default "+arg.Default)
		}
		if len(arg.Aliases) > 0 {
			facts = append(facts, "also "+strings.Join(arg.Aliases, ", "))
		}
		fmt.Fprintf(w, "\n  %s (%s)\n", arg.Name, strings.Join(facts, "; "))
		if arg.Help != "" {
			fmt.Fprintf(w, "      %s\n", arg.Help)
		}
		if len(arg.Choices) > 0 {
			fmt.Fprintf(w, "      one of: %s\n", strings.Join(arg.Choices, ", "))
		}
	}
}
