package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/term"

	"remoterun/playbooks/ast"
	"remoterun/runner"
	"remoterun/runner/journal"
	"remoterun/runner/play"
	"remoterun/runner/secret"
	"remoterun/runner/ssh"
	"remoterun/runner/value"
	"remoterun/runner/view"
)

// manyHosts is from how many hosts on memory is dearer than the laptop's processor,
// which waits for them most of the time.
const manyHosts = 20

// prepare makes what a run is shown and noted with, and asks at the start what
// the operator wanted to be asked then. hosts are those of the run.
func (s *session) prepare(ctx context.Context, hosts []string) error {
	if len(hosts) > manyHosts {
		debug.SetGCPercent(50)
	}
	if s.sink == nil {
		v, err := s.newView()
		if err != nil {
			return usage("--output: %v", err)
		}
		s.sink, s.view, s.prompts.hold = v, v, v.Hold
	}
	if j, err := journal.Open(s.a.stateDir("log"), operator(), shownArgs(s.a.args), s.redactor); err != nil {
		fmt.Fprintf(s.a.err, "[WARNING]: %v\n", err)
	} else {
		s.journal = j
	}
	if s.f.step {
		t, err := s.prompts.open()
		if err != nil {
			return usage("--step asks before each task, and there is no terminal to ask on: run it on a terminal, or without --step")
		}
		_ = t.Close()
	}
	if s.f.askBecome {
		_, err := s.prompts.Secret(ctx, play.Ask{Key: becomeKey, Text: "BECOME password for " + someHosts(hosts), Sealed: true})
		return err
	}
	return nil
}

// shownArgs is the command line for the journal. Values of -e are left out: they
// are what passwords are given with.
func shownArgs(args []string) string {
	out := make([]string, len(args))
	value := false
	for i, a := range args {
		out[i] = a
		extra, rest := "", a
		switch {
		case value:
		case a == "-e" || a == "--extra-vars":
			value = true
			continue
		case strings.HasPrefix(a, "--extra-vars="):
			extra, rest = "--extra-vars=", strings.TrimPrefix(a, "--extra-vars=")
		case strings.HasPrefix(a, "-e"):
			extra, rest = "-e", strings.TrimPrefix(a, "-e")
		default:
			continue
		}
		value = false
		out[i] = extra + shownExtra(rest)
	}
	return strings.Join(out, " ")
}

// shownExtra keeps the names of one -e, and the name of a file.
func shownExtra(text string) string {
	if strings.HasPrefix(text, "@") {
		return text
	}
	if name, _, ok := strings.Cut(text, "="); ok && !strings.ContainsAny(name, "{ \n") {
		return name + "=" + secret.Mask
	}
	return secret.Mask
}

func (s *session) newView() (view.View, error) {
	out, isOut := terminalOf(s.a.out)
	errs, isErr := terminalOf(s.a.err)
	o := view.Options{Out: s.a.out, Err: s.a.err, Redactor: s.redactor, Verbosity: s.f.verbose, OutColor: view.Colored(s.a.env, isOut), ErrColor: view.Colored(s.a.env, isErr), Footer: isErr}
	if isOut {
		o.Columns, _, _ = term.GetSize(out)
	}
	if isErr {
		_, o.Rows, _ = term.GetSize(errs)
	}
	return view.New(s.f.output, o)
}

func terminalOf(w any) (fd int, is bool) {
	f, ok := w.(*os.File)
	if !ok {
		return 0, false
	}
	return int(f.Fd()), term.IsTerminal(int(f.Fd()))
}

// finish ends what prepare began.
func (s *session) finish() {
	if s.view != nil {
		if err := s.view.Close(); err != nil {
			fmt.Fprintf(s.a.err, "remoterun: the output was cut: %v\n", err)
		}
	}
	if s.journal != nil {
		if err := s.journal.Close(); err != nil {
			fmt.Fprintf(s.a.err, "[WARNING]: journal: %v\n", err)
		}
	}
	_ = s.hashes.Save() // the next run hashes once more
	_ = s.keys.Close()
	_ = s.dialer.Close()
	s.prompts.wipe()
	s.vaults.vaults.Wipe()
}

// home is the operator's home folder.
func (a *app) home() string {
	if h, ok := a.env("HOME"); ok && h != "" {
		return h
	}
	return ssh.Home()
}

// stateDir is a folder of the operator's state (XDG).
func (a *app) stateDir(name string) string {
	base, ok := a.env("XDG_STATE_HOME")
	if !ok || base == "" {
		base = filepath.Join(a.home(), ".local", "state")
	}
	return filepath.Join(base, "remoterun", name)
}

// list serves --list-hosts, --list-tasks, --list-tags and --syntax-check.
func (s *session) list(_ context.Context, books []*play.Playbook) (done bool, err error) {
	f := s.f
	if !f.listHosts && !f.listTasks && !f.listTags {
		if f.syntax {
			for _, b := range books {
				fmt.Fprintf(s.a.out, "\nplaybook: %s\n", strings.TrimPrefix(b.Path, builtinDir))
			}
		}
		return f.syntax, nil
	}
	for _, b := range books {
		fmt.Fprintf(s.a.out, "\nplaybook: %s\n", strings.TrimPrefix(b.Path, builtinDir))
		for _, l := range ast.List(b, func(tags []string) bool { return runner.Selected(tags, f.tags, f.skipTags) }) {
			if err := s.listPlay(l); err != nil {
				return true, err
			}
		}
	}
	return true, nil
}

func (s *session) listPlay(l ast.Listed) error {
	f := s.f
	fmt.Fprintf(s.a.out, "\n  play #%d (%s): %s\tTAGS: [%s]\n", l.Number, strings.Join(l.Hosts, ","), l.Name, strings.Join(l.Tags, ", "))
	if f.listHosts {
		hosts, err := s.hosts(l.Hosts)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.a.out, "    pattern: %v\n    hosts (%d):\n", value.Repr(value.Strings(l.Hosts...)), len(hosts))
		for _, h := range hosts {
			fmt.Fprintf(s.a.out, "      %s\n", h)
		}
	}
	if f.listTasks {
		fmt.Fprintln(s.a.out, "    tasks:")
		for _, t := range l.Tasks {
			fmt.Fprintf(s.a.out, "      %s\tTAGS: [%s]\n", t.Name, strings.Join(t.Tags, ", "))
		}
	}
	if f.listTags {
		fmt.Fprintf(s.a.out, "      TASK TAGS: [%s]\n", strings.Join(l.AllTags(), ", "))
	}
	return nil
}

// hosts resolves a play's pattern within -l.
func (s *session) hosts(pattern []string) ([]string, error) {
	hosts, err := s.inv.Hosts(strings.Join(pattern, ","))
	if err != nil || s.f.limit == "" {
		return hosts, err
	}
	allowed, err := s.inv.Hosts(s.f.limit)
	return slices.DeleteFunc(hosts, func(h string) bool { return !slices.Contains(allowed, h) }), err
}
