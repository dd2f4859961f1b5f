package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"remoterun/runner/journal"
	"remoterun/runner/view"
)

// logCommand shows what was done on hosts, run by run.
func (a *app) logCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "log [RUN | last]",
		Short:   "Show what runs did on hosts",
		Long:    "Lists the runs that were noted, or shows what one of them did: by its name, by the beginning of it, or the last.",
		Example: "  remoterun log\n  remoterun log last\n  remoterun log 20260102T15",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := a.stateDir("log")
			if len(args) == 0 {
				return a.listRuns(dir)
			}
			name, err := oneRun(dir, strings.TrimSuffix(filepath.Base(args[0]), ".jsonl"))
			if err != nil {
				return err
			}
			return a.showRun(filepath.Join(dir, name))
		},
	}
}

// oneRun finds the journal that a word means.
func oneRun(dir, word string) (string, error) {
	runs := journal.Runs(dir)
	if len(runs) == 0 {
		return "", usage("log %s: no run has been noted in %s yet", word, dir)
	}
	if word == "last" {
		return runs[len(runs)-1], nil
	}
	var found []string
	for _, r := range runs {
		switch {
		case strings.TrimSuffix(r, ".jsonl") == word:
			return r, nil
		case strings.HasPrefix(r, word):
			found = append(found, strings.TrimSuffix(r, ".jsonl"))
		}
	}
	switch {
	case len(found) == 1:
		return found[0] + ".jsonl", nil
	case len(found) == 0:
		return "", usage("log %s: no run begins like that; remoterun log lists them, remoterun log last shows the newest", word)
	}
	return "", usage("log %s: %d runs begin like that: %s ... %s", word, len(found), found[0], found[len(found)-1])
}

func (a *app) listRuns(dir string) error {
	runs := journal.Runs(dir)
	if len(runs) == 0 {
		fmt.Fprintf(a.err, "no run has been noted in %s yet\n", dir)
	}
	for _, name := range runs {
		entries, err := journal.Read(filepath.Join(dir, name))
		if err != nil || len(entries) == 0 {
			continue
		}
		fmt.Fprintf(a.out, "%s  %s: remoterun %s\n", strings.TrimSuffix(name, ".jsonl"), entries[0].Who, entries[0].Run)
	}
	return nil
}

func (a *app) showRun(path string) error {
	entries, err := journal.Read(path)
	if err != nil {
		return err
	}
	outcomes, steps := map[int]string{}, 0
	for _, e := range entries {
		steps += len(e.Steps)
		if e.Outcome != "" {
			outcomes[e.ID] = e.Outcome
		}
	}
	if steps == 0 {
		fmt.Fprintln(a.err, "no step was run on any host")
	}
	for _, e := range entries {
		for _, st := range e.Steps {
			fmt.Fprintf(a.out, "%s %s: %s: %s [%s]\n", e.At.Format("15:04:05"), e.Host, view.Safe(e.Task), view.Safe(st), view.Safe(cmp.Or(outcomes[e.ID], "outcome not known")))
		}
	}
	return nil
}
