package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"remoterun/playbooks/ast"
	"remoterun/runner"
	"remoterun/runner/event"
	"remoterun/runner/near"
	"remoterun/runner/play"
)

// runFlags are the flags of everything that runs on hosts: Ansible's letters.
type runFlags struct {
	projectFlags
	tags, skipTags                                         []string
	user, becomeUser, becomeMethod, connection, output     string
	privateKey, sshConfig, startAt                         string
	become, askBecome, askPass, check, diff, forceHandlers bool
	step, listHosts, listTasks, listTags, syntax, exitCode bool
	yes, takeOver                                          bool
	forks, verbose, passphraseFD, timeout                  int
}

func (f *runFlags) add(c *cobra.Command) {
	f.addOne(c)
	fl := c.Flags()
	fl.BoolVar(&f.forceHandlers, "force-handlers", false, "run notified handlers also on hosts that failed")
	fl.StringVar(&f.startAt, "start-at-task", "", "begin at the task of this `NAME`")
	fl.Bool("flush-cache", false, "nothing to do here: facts are not kept from run to run")
	fl.BoolVar(&f.takeOver, "take-over", false, "take the project's lock from another operator, and end his work")
}

// addOne adds the flags of one task: it has no handlers, no lock and no other task.
func (f *runFlags) addOne(c *cobra.Command) {
	f.projectFlags.add(c)
	f.addLogin(c)
	fl := c.Flags()
	fl.StringSliceVarP(&f.tags, "tags", "t", nil, "only tasks with these `TAGS` (commas between)")
	fl.StringSliceVar(&f.skipTags, "skip-tags", nil, "no tasks with these `TAGS`")
	fl.BoolVarP(&f.become, "become", "b", false, "become another user (root)")
	fl.StringVar(&f.becomeUser, "become-user", "", "the `USER` to become")
	fl.StringVar(&f.becomeMethod, "become-method", "", "become by this `METHOD`: sudo, su or doas")
	fl.BoolVarP(&f.askBecome, "ask-become-pass", "K", false, "ask for the become password at the start")
	fl.BoolVarP(&f.askPass, "ask-pass", "k", false, "log in with a password, asked once")
	fl.StringVarP(&f.connection, "connection", "c", "", "connections of this `KIND`: ssh or local")
	fl.IntVarP(&f.forks, "forks", "f", 0, "at most `N` hosts at once (default: all, at most 50)")
	fl.BoolVarP(&f.check, "check", "C", false, "run no step: show what would change")
	fl.BoolVarP(&f.diff, "diff", "D", false, "show differences")
	fl.BoolVar(&f.exitCode, "exit-code", false, "with --check: exit code 3 when there are changes")
	fl.CountVarP(&f.verbose, "verbose", "v", "say more (-vvv)")
	fl.BoolVar(&f.step, "step", false, "ask before each task")
	fl.BoolVar(&f.listHosts, "list-hosts", false, "list the hosts of each play and end")
	fl.BoolVar(&f.listTasks, "list-tasks", false, "list the tasks and end")
	fl.BoolVar(&f.listTags, "list-tags", false, "list the tags and end")
	fl.BoolVar(&f.syntax, "syntax-check", false, "find mistakes and end")
	fl.StringVar(&f.output, "output", "human", "show it in this `FORMAT`: human, minimal, json, jsonl, junit or quiet")
	fl.IntVar(&f.passphraseFD, "passphrase-fd", -1, "read the passphrase from file descriptor `N`")
	fl.Lookup("passphrase-fd").DefValue = "0" // help shows no -1
	fl.BoolVar(&f.yes, "yes", false, "answer yes to questions; unlock: keys of your compose override give way to ours")
}

// addLogin adds what every command that connects takes.
func (f *runFlags) addLogin(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVarP(&f.user, "user", "u", "", "log in as this `USER`")
	fl.StringVar(&f.privateKey, "private-key", "", "log in with the key in `FILE`")
	fl.StringVar(&f.sshConfig, "ssh-config", "", "read `FILE` instead of ~/.ssh/config and /etc/ssh/ssh_config")
	fl.IntVarP(&f.timeout, "timeout", "T", 0, "wait `SECONDS` for a connection")
}

// runPlaybooks runs files, or shipped playbooks by path. first is done before
// they are read.
func (a *app) runPlaybooks(ctx context.Context, f *runFlags, paths []string, first ...func(*session) error) error {
	s, books, err := a.load(ctx, f, paths, append(first, func(s *session) error { return s.somebody(f.limit) })...)
	if err != nil {
		return err
	}
	s.strangeTags(books)
	if done, err := s.list(ctx, books); done || err != nil {
		return err
	}
	return s.run(ctx, books...)
}

// strangeTags warns of tags that no task is known to have: a slip there must not
// look like a run in which nothing was to do. Files that are taken in on the way
// may have them.
func (s *session) strangeTags(books []*play.Playbook) {
	known := []string{"all", "tagged", "untagged", "always", "never"}
	for _, b := range books {
		for _, l := range ast.List(b, func([]string) bool { return true }) {
			known = append(known, l.AllTags()...)
		}
	}
	for _, t := range slices.Concat(s.f.tags, s.f.skipTags) {
		if slices.Contains(known, t) {
			continue
		}
		text := "no task is known to have the tag " + strconv.Quote(t)
		if word := nearest(t, known); word != "" {
			text += "; did you mean " + strconv.Quote(word) + "?"
		}
		s.a.warn(text)
	}
}

// somebody refuses a pattern of the command line that means no host: a slip
// there must not look like a run in which nothing was to do.
func (s *session) somebody(pattern string) error {
	if pattern == "" {
		return nil
	}
	hosts, err := s.inv.Hosts(pattern)
	switch {
	case err != nil:
		return &codedError{exitUsage, err}
	case len(hosts) == 0:
		return usage("%q means no host of the inventory; remoterun inventory --graph shows its hosts and groups", pattern)
	}
	return nil
}

// load opens a session and reads playbooks: warnings are shown, mistakes are
// the error.
func (a *app) load(ctx context.Context, f *runFlags, paths []string, first ...func(*session) error) (*session, []*play.Playbook, error) {
	s, err := a.open(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	for _, check := range first {
		if err := check(s); err != nil {
			return nil, nil, err
		}
	}
	if err := s.beside(paths[0]); err != nil {
		return nil, nil, err
	}
	if paths, err = resolve(a, paths); err != nil {
		return nil, nil, err
	}
	if err := headers(paths); err != nil {
		return nil, nil, err
	}
	books, err := s.loader.Load(paths...)
	for _, w := range s.loader.Warnings() {
		fmt.Fprintf(a.err, "[WARNING]: %s\n", w)
	}
	if err != nil {
		return nil, nil, &codedError{exitUsage, err}
	}
	return s, books, nil
}

// beside takes in the group_vars and host_vars beside a playbook, before its
// names are checked. A shipped one has none.
func (s *session) beside(playbook string) error {
	if st, err := os.Stat(playbook); err != nil || st.IsDir() {
		return nil
	}
	s.inv = s.inv.Beside(filepath.Dir(playbook))
	if err := s.inv.Check(); err != nil {
		return &codedError{exitUsage, err}
	}
	return nil
}

// run runs bound playbooks and returns the exit code.
func (s *session) run(ctx context.Context, books ...*play.Playbook) error {
	hosts := s.reached(books)
	if err := s.openVaults(hosts); err != nil {
		return err
	}
	if err := s.prepare(ctx, hosts); err != nil {
		return err
	}
	world := s.world()
	h := &hints{next: world.Sink, shown: s.a.shown}
	world.Sink = h
	defer func() {
		s.finish()
		h.write(s.a.err)
	}()
	stats, err := runner.New(world, s.wishes(books...)).Run(ctx, books...)
	code := s.code(stats)
	switch {
	case err != nil && !errors.Is(err, runner.ErrInterrupted) && !stats.Interrupted:
		return &codedError{exitUsage, err}
	case code != exitOK:
		return silent(code)
	}
	return nil
}

// code is the run's exit code.
func (s *session) code(st *event.Stats) int {
	have := map[int]bool{}
	if st.Interrupted {
		have[exitInterrupted] = true
	}
	for _, c := range st.Hosts {
		have[exitHeld] = have[exitHeld] || c.Held
		have[exitRefused] = have[exitRefused] || c.Refused
		have[exitLocked] = have[exitLocked] || c.Locked
		have[exitUnreachable] = have[exitUnreachable] || c.Unreachable > 0
		have[exitFailed] = have[exitFailed] || c.Failed > 0 && !c.Held && !c.Refused && !c.Locked && !c.Mistyped
		have[exitError] = have[exitError] || c.Mistyped
		have[exitChanges] = have[exitChanges] || s.f.check && s.f.exitCode && c.Changed > 0
	}
	for _, code := range exitOrder {
		if have[code] {
			return code
		}
	}
	return exitOK
}

// resolve finds playbooks: a user's file, else the shipped one of that path.
func resolve(a *app, paths []string) ([]string, error) {
	out := make([]string, len(paths))
	var none []string
	for i, p := range paths {
		out[i] = p
		if st, err := os.Stat(p); err == nil {
			if st.IsDir() {
				none = append(none, p+" is a folder: name a playbook in it")
			}
			continue
		}
		if name, ok := strings.CutPrefix(p, "./"); ok {
			p = name
		}
		if _, ok := builtin(builtinDir + p); ok {
			fmt.Fprintf(a.err, "note: there is no %s here; using the playbook of that path that ships with remoterun\n", out[i])
			out[i] = builtinDir + p
			continue
		}
		if _, err := os.Stat(p); errors.Is(err, fs.ErrNotExist) && !strings.HasPrefix(p, builtinDir) {
			none = append(none, notThere(p))
		}
	}
	if len(none) > 0 {
		return nil, usage("%s", strings.Join(none, "\nremoterun: "))
	}
	return out, nil
}

// notThere says that there is no playbook at a path, and what was meant.
func notThere(path string) string {
	text := "there is no playbook " + path
	if _, ok := builtin(builtinDir + "playbooks/" + path); ok {
		return text + `; did you mean "playbooks/` + path + `", which ships with remoterun?`
	}
	dir := filepath.Dir(path)
	files, err := os.ReadDir(dir)
	if err != nil {
		return text + ": there is no folder " + dir
	}
	stem := func(name string) string { return strings.TrimSuffix(name, filepath.Ext(name)) }
	for _, f := range files {
		word := stem(filepath.Base(path))
		if near.Distance(word, stem(f.Name())) <= len(word)/4 && !f.IsDir() {
			return text + "; did you mean " + strconv.Quote(filepath.Join(dir, f.Name())) + "?"
		}
	}
	return text
}
