package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"remoterun/playbooks/lint"
)

// lintCommand reads playbooks and shows what is wrong or unwise in them. No
// host is touched.
func (a *app) lintCommand() *cobra.Command {
	f := runFlags{passphraseFD: -1} // of a run, only the project is asked for
	c := &cobra.Command{
		Use:   "lint PLAYBOOK.yaml ...",
		Short: "Show mistakes in playbooks, and what is unwise (exit code 1)",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, books, err := a.load(cmd.Context(), &f, args)
			if err != nil {
				return err
			}
			found := lint.Check(lint.Env{Expr: s.expr, Secret: s.loader.Secret}, books...)
			for _, one := range found {
				if _, err := fmt.Fprintln(a.out, one); err != nil {
					return err
				}
			}
			if len(found) > 0 {
				return silent(exitError)
			}
			return nil
		},
	}
	f.projectFlags.addWhole(c)
	return c
}
