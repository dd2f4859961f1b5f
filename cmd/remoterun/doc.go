package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"remoterun/runner"
	"remoterun/runner/play"
	"remoterun/tasks"
)

// docCommand shows what a module is and takes.
func (a *app) docCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doc [MODULE]",
		Short: "Show what a module does and which arguments it takes",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			specs := a.specs()
			if len(args) == 0 {
				for _, s := range specs {
					fmt.Fprintf(a.out, "%-22s %s\n", s.Name, s.Short)
				}
				return nil
			}
			name := args[0]
			if m, ok := tasks.NewRegistry(allModules()...).Find(name); ok {
				name = m.Spec().Name
			}
			for _, s := range specs {
				if s.Name == name {
					showSpec(a.out, s)
					return nil
				}
			}
			return usage("there is no module %q; remoterun doc lists them all", args[0])
		},
	}
}

// specs are those of every module and of the engine's own actions, by name.
func (a *app) specs() []play.Spec {
	var out []play.Spec
	for _, m := range allModules() {
		out = append(out, m.Spec())
	}
	for _, s := range runner.Actions() {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b play.Spec) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func showSpec(w io.Writer, s play.Spec) {
	fmt.Fprintf(w, "%s: %s\n", s.Name, s.Short)
	if s.FreeForm != "" && s.FreeForm != "_raw_params" {
		fmt.Fprintf(w, "Free text is %s.\n", s.FreeForm)
	}
	for _, arg := range s.Args {
		if arg.Name == "*" {
			fmt.Fprintln(w, "\n  any other name: a variable")
			continue
		}
		facts := []string{arg.Type}
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
