package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"remoterun/playbooks"
)

// playbooksCommand shows the playbooks that ship with the program.
func (a *app) playbooksCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "playbooks",
		Short: "List, print or copy the playbooks that ship with remoterun",
	}
	c.AddCommand(
		&cobra.Command{Use: "list", Short: "List the shipped playbooks", Args: cobra.NoArgs, RunE: listPlaybooks},
		&cobra.Command{Use: "show NAME", Short: "Print a shipped playbook", Args: cobra.ExactArgs(1), RunE: showPlaybook},
		&cobra.Command{Use: "copy NAME [FILE]", Short: "Copy a shipped playbook to change it (to playbooks/NAME.yaml)", Args: cobra.RangeArgs(1, 2), RunE: copyPlaybook},
	)
	return c
}

func listPlaybooks(cmd *cobra.Command, _ []string) error {
	for _, name := range playbooks.Names() {
		text, err := playbooks.Read(name)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%-10s  %s\n", name, playbooks.Title(text)); err != nil {
			return err
		}
	}
	return nil
}

func showPlaybook(cmd *cobra.Command, args []string) error {
	text, err := playbooks.Read(args[0])
	if err != nil {
		return &codedError{exitUsage, err}
	}
	_, err = cmd.OutOrStdout().Write(text)
	return err
}

func copyPlaybook(cmd *cobra.Command, args []string) error {
	to := filepath.Join("playbooks", strings.TrimSuffix(filepath.Base(args[0]), ".yaml")+".yaml")
	if len(args) == 2 {
		to = args[1]
	}
	if _, err := playbooks.Read(args[0]); err != nil {
		return &codedError{exitUsage, err}
	}
	fresh, err := playbooks.Copy(args[0], to)
	if err != nil {
		return err
	}
	word := "wrote"
	if !fresh {
		word = "unchanged:"
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %s (run it with: remoterun %s)\n", word, to, to)
	return err
}
