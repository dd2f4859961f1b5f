package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"remoterun/inventory/config"
	"remoterun/runner/secret"
	"remoterun/runner/value"
	"remoterun/runner/view"
)

// app is one call of the program: its streams and environment. Tests run many
// in one process.
type app struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) (string, bool)
	// terminal replaces /dev/tty in tests; nil = the real one.
	terminal func() (terminal, error)
	args     []string
	redactor *secret.Redactor // of the run that was opened last
	// cfg is the ansible.cfg that holds here; settings fills it.
	cfg *config.Config
	// from says where a flag's value came from when it was not typed.
	from map[string]string
	// lowered is zero outside of tests.
	lowered lowered
	// tidies is set while there is a machine of our own to take away (demo).
	tidies *atomic.Bool
}

// lastWord is how long an interrupted run may take to end in order: hosts are told
// to stop, locks are given back, what was not done is listed.
func (a *app) lastWord() time.Duration {
	if a.tidies != nil && a.tidies.Load() {
		return time.Minute
	}
	return 5 * time.Second
}

// run is the whole program; it returns the exit code. A panic is told as an error:
// what had to be undone (a terminal without echo, locks) has been by then.
func (a *app) run(ctx context.Context, args []string) (code int) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(a.err, "remoterun: internal error: %s. This is a mistake of remoterun: please report it with these lines\n%s", a.shown(fmt.Sprint(p)), a.shown(string(debug.Stack())))
			code = exitError
		}
	}()
	root := a.root()
	root.SetArgs(args)
	a.args = args
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	defer func() {
		if a.redactor != nil {
			a.redactor.Wipe()
		}
	}()
	if err != nil && !errors.As(err, new(silent)) {
		a.tell(err)
		if text := errorHint(err); text != "" {
			fmt.Fprintf(a.err, "remoterun: hint: %s\n", a.shown(text))
		}
	}
	return exitCode(err)
}

// tell shows the error that ended the program. Mistakes of files begin with
// their places, so that an editor finds them; what they mean stands below.
func (a *app) tell(err error) {
	if closed := closedVault(err); closed != nil {
		err = closed
	}
	found, n := spots(err)
	switch text := a.shown(pointed(err.Error(), found)); {
	case n == 0 || exitCode(err) != exitUsage:
		fmt.Fprintf(a.err, "remoterun: %s\n", text)
	default:
		fmt.Fprintf(a.err, "%s\nremoterun: %s; no host was contacted\n", text, value.Count(n, "mistake"))
	}
}

// shown is text as it may stand on a terminal: without known secrets, and
// without what would steer it.
func (a *app) shown(text string) string {
	if a.redactor != nil {
		text = a.redactor.Redact(text)
	}
	return view.Safe(text)
}

// root is the command tree.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "remoterun PLAYBOOK.yaml | VERB PATTERN | COMMAND",
		Short:         "Runs playbooks over plain SSH and keeps PostgreSQL encrypted at rest",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       versionLine(),
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		var none *pflag.NotExistError
		if !cmd.HasParent() && errors.As(err, &none) && slices.Contains([]string{"m", "a"}, none.GetSpecifiedShortnames()) {
			return usage("one task is run like this: remoterun run PATTERN -m MODULE -a ARGUMENTS")
		}
		return usage("%s", flagError(cmd, err))
	})
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return configured{a}.settings(cmd) }
	var f runFlags
	f.add(root)
	root.Args = cobra.ArbitraryArgs
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		if text := a.hostsAmong(cmd, args); text != "" {
			return usage("%s", text)
		}
		if err := noCommand(cmd, args[0]); err != nil {
			return err
		}
		return a.runPlaybooks(cmd.Context(), &f, args)
	}
	root.AddGroup(&cobra.Group{ID: "verbs", Title: "Verbs (shipped playbooks, on a pattern of hosts):"})
	root.AddCommand(a.trustCommand(), a.logCommand(), a.versionCommand(), a.evalCommand(), a.templateCommand(), a.runCommand(), a.playbooksCommand(), a.lintCommand(), keys{a}.keyCommand(), a.inventoryCommand(), demonstration{a}.demoCommand(), demonstration{a}.demoHostCommand(), a.docCommand(), configured{a}.configCommand(), vaultCommand(a))
	own := a.verbCommands(root.Commands())
	if slices.ContainsFunc(own, func(c *cobra.Command) bool { return c.GroupID == "own" }) {
		root.AddGroup(&cobra.Group{ID: "own", Title: "Verbs of this project (its folder playbooks):"})
	}
	root.AddCommand(own...)
	completer{a}.completions(root)
	for _, c := range root.Commands() {
		takesArgs(c)
	}
	return root
}

// takesArgs makes of a wrong number of arguments, or of an unknown word behind a
// command of several, wrong use that says what is right.
func takesArgs(c *cobra.Command) {
	var words []string
	for _, sub := range c.Commands() {
		takesArgs(sub)
		words = append(words, sub.Name())
	}
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			if err == nil || errors.As(err, new(*codedError)) {
				return err
			}
			return usage("it is used like this: %s", cmd.UseLine())
		}
	}
	if len(words) > 0 && c.RunE == nil {
		c.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("%s %s: there is %s", cmd.Name(), args[0], strings.Join(words, ", "))
			}
			return cmd.Help()
		}
	}
}

// flagError is a mistake in flags in the words of people.
func flagError(cmd *cobra.Command, err error) string {
	text := err.Error()
	var number *strconv.NumError
	if errors.As(err, &number) {
		return strings.TrimSuffix(text, ": "+number.Error()) + ": it takes a whole number"
	}
	var none *pflag.NotExistError
	if !errors.As(err, &none) || len(none.GetSpecifiedName()) < 2 {
		return text
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if word := nearest(none.GetSpecifiedName(), names); word != "" {
		return text + "; did you mean --" + word + "?"
	}
	for _, c := range cmd.Root().Commands() {
		if c.Flags().Lookup(none.GetSpecifiedName()) != nil {
			return text + "; it is one of " + c.CommandPath()
		}
	}
	return text + "; " + cmd.CommandPath() + " --help lists the flags"
}

// noCommand tells a mistyped command from the path of a playbook.
func noCommand(root *cobra.Command, word string) error {
	if _, err := os.Stat(word); err == nil || strings.ContainsAny(word, "/.") {
		return nil
	}
	if near := nearCommand(root, word); near != "" {
		return usage("there is no command and no playbook %q; did you mean %q?", word, near)
	}
	return usage("there is no command and no playbook %q; remoterun --help lists the commands", word)
}

// nearCommand is the command that a word was meant for; of short words two letters
// are most of it.
func nearCommand(root *cobra.Command, word string) string {
	root.SuggestionsMinimumDistance = 1 + min(len(word)/5, 1)
	if near := root.SuggestionsFor(word); len(near) > 0 {
		return near[0]
	}
	return ""
}
