package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/files"
)

func (a *app) templateCommand() *cobra.Command {
	var f evalFlags
	var where bool
	c := &cobra.Command{
		Use:     "template FILE",
		Short:   "Render a template file and print it",
		Example: "  remoterun template templates/app.conf.j2 -e @vars.yml",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("template takes one file")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			s, err := f.scope(cmd.Context(), a)
			if err != nil {
				return err
			}
			s.dirs = []string{filepath.Dir(args[0]), "."}
			full, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			// Beneath all else, as a task has them; where the text goes nobody said.
			own := play.Layer{Name: "template", Vars: files.TemplateVars(cmp.Or(f.limit, "localhost"), args[0], "", play.Input{Path: full})}
			s.layers = append([]play.Layer{own}, s.layers...)
			e := a.engine(f.opener)
			out, err := e.File(cmd.Context(), args[0], string(text), s)
			if err != nil {
				return err
			}
			if value.DeepMarks(out).Secret() {
				a.warn(args[0] + ": the text holds a secret, and is not shown")
			}
			if _, err := fmt.Fprint(cmd.OutOrStdout(), value.Show(out)); err != nil || !where {
				return err
			}
			return showUses(cmd.ErrOrStderr(), e, string(text), s)
		},
	}
	f.add(c)
	c.Flags().BoolVar(&where, "where", false, "list on standard error where every variable came from")
	return c
}
