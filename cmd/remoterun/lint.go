package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"remoterun/playbooks/compat"
	"remoterun/playbooks/lint"
	"remoterun/runner/value"
)

// lintCommand reads playbooks and shows what is wrong or unwise in them. No
// host is touched.
func (a *app) lintCommand() *cobra.Command {
	f := runFlags{passphraseFD: -1} // of a run, only the project is asked for
	compat, format := false, "human"
	c := &cobra.Command{
		Use:   "lint PLAYBOOK.yaml ...",
		Short: "Show mistakes in playbooks, and what is unwise (exit code 1); --compat: how much of them runs",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case compat:
				return a.compat(cmd, &f, args, format)
			case cmd.Flags().Changed("output"):
				return usage("-o belongs to --compat: lint --compat -o json")
			}
			return a.lint(cmd, &f, args)
		},
	}
	f.projectFlags.addWhole(c)
	c.Flags().BoolVar(&compat, "compat", false, "how much of playbooks, roles or whole folders runs: tasks covered, what is missing by uses, what differs")
	c.Flags().StringVarP(&format, "output", "o", "human", "with --compat: show it in this `FORMAT`: human or json")
	return c
}

func (a *app) lint(cmd *cobra.Command, f *runFlags, args []string) error {
	s, books, err := a.load(cmd.Context(), f, args)
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
}

// compat says how much of a project runs. It needs no host, and opens no vault for
// which there is no secret.
func (a *app) compat(cmd *cobra.Command, f *runFlags, paths []string, format string) error {
	if format != "human" && format != "json" {
		return usage("-o %s: lint --compat has human and json", format)
	}
	for _, p := range paths {
		if _, err := os.Stat(p); err != nil {
			return usage("%s is not there: name a playbook, a role, or a folder that holds them", p)
		}
	}
	quiet := *a
	quiet.err = io.Discard
	s, err := quiet.open(cmd.Context(), f)
	if err != nil {
		return err
	}
	s.vaults.closed = func(value.Pos) {}
	if err := s.beside(paths[0]); err != nil {
		return err
	}
	dir, err := filepath.Abs(".")
	if err != nil {
		return err
	}
	r := compat.Of(s.loader.Survey(paths...), compat.Beside(dir))
	show := r.Text
	if format == "json" {
		show = r.JSON
	}
	if err := show(a.out); err != nil {
		return err
	}
	if !r.Whole() {
		return silent(exitError)
	}
	return nil
}
