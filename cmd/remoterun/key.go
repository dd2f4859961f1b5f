package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"remoterun/runner/secret"
	"remoterun/runner/value"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/pgtde"
	"remoterun/tasks/tde/seal"
)

// keys are the commands about sealed copies.
type keys struct{ *app }

// keyCommand looks after sealed keyrings on the laptop.
func (a keys) keyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "key inspect|verify|export|import",
		Short: "Look at sealed keyrings, open them, export and import them",
	}
	c.AddCommand(a.keyInspect(), a.keyVerify(), a.keyExport(), a.keyImport())
	return c
}

const keyPaths = "PATH is a host's folder (keys/PROJECT@HOST), one of a copy's files, or a recovery sheet"

func (a keys) keyInspect() *cobra.Command {
	return &cobra.Command{
		Use:   "inspect PATH...",
		Short: "Say what sealed keyrings hold; no passphrase is needed, and nothing is proved",
		Long:  "Says what sealed keyrings hold: project, host, generation, names and fingerprints of keys.\n" + keyPaths + ".",
		Args:  needPaths("inspect"),
		RunE: func(_ *cobra.Command, args []string) error {
			for _, p := range args {
				copies, err := seal.ReadCopies(seal.Sealer{}, p)
				if err != nil {
					return err
				}
				for _, c := range copies {
					a.printCopy(c)
				}
			}
			return nil
		},
	}
}

func needPaths(verb string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usage("key %s needs a path: remoterun key %s keys/PROJECT@HOST", verb, verb)
		}
		return nil
	}
}

func (a keys) printCopy(c seal.StoredCopy) {
	m := c.Manifest
	fmt.Fprintf(a.out, "%s@%s  generation %d  %s\n", m.Project, m.Host, m.Generation, c.Name)
	fmt.Fprintf(a.out, "  keyring %s, sealed %s by %s, %s with %d iterations\n", m.KeyringID, m.Made.Format("2006-01-02 15:04:05 MST"), m.By, m.KDF, m.Iterations)
	for i, k := range m.Keys {
		note := ""
		if i == len(m.Keys)-1 {
			note = "  (wanted)"
		}
		fmt.Fprintf(a.out, "  key %s  %d bits  %s  of %s%s\n", k.Name, k.Bits, k.Fingerprint, k.Created.Format("2006-01-02"), note)
	}
}

// keyDeps are what the command needs without hosts; done wipes what it opened.
func (a keys) keyDeps(fd int) (d custody.Deps, done func()) {
	p := newPrompts(fd, false, secret.NewRedactor())
	if a.terminal != nil {
		p.open = a.terminal
	}
	open := custody.NewSession()
	return custody.Deps{Prompter: p, Session: open, By: operator(), WitnessDir: a.stateDir("keys")}, func() { _ = open.Close() }
}

func (a keys) keyVerify() *cobra.Command {
	var fd int
	var pgdata string
	c := &cobra.Command{
		Use:   "verify PATH...",
		Short: "Open sealed keyrings with the passphrase, and check them against a cluster's key files",
		Long:  "Opens sealed keyrings in this machine's memory: their tag, their keys, their manifest.\nWith --pgdata, it says whether they open the cluster in that folder of this machine.\n" + keyPaths + ".",
		Args:  needPaths("verify"),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, done := a.keyDeps(fd)
			defer done()
			return a.verifyKeys(cmd.Context(), d, args, pgdata)
		},
	}
	c.Flags().IntVar(&fd, "passphrase-fd", -1, "read the passphrase from file descriptor `N`")
	c.Flags().Lookup("passphrase-fd").DefValue = "0" // help shows no -1
	c.Flags().StringVar(&pgdata, "pgdata", "", "a cluster's data `FOLDER` on this machine")
	return c
}

func (a keys) verifyKeys(ctx context.Context, d custody.Deps, paths []string, pgdata string) error {
	bad := 0
	for _, p := range paths {
		copies, err := seal.ReadCopies(d.Sealer, p)
		if err != nil {
			return err
		}
		verified, err := d.VerifyCopies(ctx, copies, pgdata)
		if err != nil {
			return refusedCode(err)
		}
		for _, v := range verified {
			a.printCopy(v.Copy)
			fmt.Fprintf(a.out, "  opens: %s, equal to the manifest\n", value.Count(len(v.Keys), "key"))
			for _, h := range v.Headers {
				fmt.Fprintf(a.out, "  %s: key %s: %s\n", h.File, h.Key, h.State)
				if h.State != pgtde.HeaderOK {
					bad++
				}
			}
		}
	}
	for _, p := range paths {
		if _, _, err := d.NewestIn(p); err != nil {
			return refusedCode(err)
		}
	}
	if bad > 0 {
		return &codedError{exitFailed, fmt.Errorf("it does not open %s", value.Count(bad, "key file"))}
	}
	return nil
}

// refusedCode gives a guard's no its exit code.
func refusedCode(err error) error {
	var r *guard.Refusal
	if errors.As(err, &r) {
		return &codedError{exitRefused, err}
	}
	return err
}

func (a keys) keyExport() *cobra.Command {
	var to string
	c := &cobra.Command{
		Use:   "export PATH",
		Short: "Write the recovery sheet of the newest sealed keyring",
		Long:  "Writes a recovery sheet: the sealed files as text, fingerprints, and how to open them with\nopenssl alone. It holds no key and no passphrase. " + keyPaths + ".",
		Args:  needPaths("export"),
		RunE: func(_ *cobra.Command, args []string) error {
			d, done := a.keyDeps(-1)
			defer done()
			newest, ok, err := d.NewestIn(args[0])
			if err == nil && !ok {
				var copies []seal.StoredCopy
				if copies, err = seal.ReadCopies(seal.Sealer{}, args[0]); err == nil {
					newest = copies[len(copies)-1]
				}
			}
			if err != nil {
				return refusedCode(err)
			}
			sheet := seal.Sheet(newest)
			if to == "" {
				_, err = a.out.Write(sheet)
				return err
			}
			f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("%s is there already, and nothing is overwritten: name a new file", to)
			}
			if err != nil {
				return err
			}
			_, err = f.Write(sheet)
			return errors.Join(err, f.Close())
		},
	}
	c.Flags().StringVarP(&to, "to", "o", "", "write it to this new `FILE`")
	return c
}

func (a keys) keyImport() *cobra.Command {
	var f runFlags
	var dir string
	c := &cobra.Command{
		Use:   "import PATTERN | import PATH...",
		Short: "Take sealed keyrings in: from the servers' copies, or from files",
		Long: "With a pattern of hosts, brings the sealed copies that the servers have to this laptop.\n" +
			"With paths, takes in copies from elsewhere: " + keyPaths + ".\n" +
			"They are opened first; what is here already is merged, never overwritten. With --yes, what is damaged\n" +
			"here and nowhere else is kept as *.bad, and the newest that opens is the newest.",
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return usage("key import needs hosts or files: remoterun key import prod, or remoterun key import SHEET.txt")
			case !allFiles(args) && len(args) > 1:
				return usage("%s: not every one is a file; hosts are one pattern with commas", strings.Join(args, " "))
			case !allFiles(args):
				return a.importFromHosts(cmd.Context(), &f, dir, args[0])
			}
			return a.importFiles(cmd.Context(), &f, dir, args)
		},
	}
	f.addOne(c)
	c.Flags().StringVar(&dir, "keys-dir", "", "the `FOLDER` of sealed keyrings (tde_keys_dir), by default ./keys")
	return c
}

func allFiles(paths []string) bool {
	for _, p := range paths {
		if _, err := os.Stat(p); err != nil {
			return false
		}
	}
	return true
}

func (a keys) importFromHosts(ctx context.Context, f *runFlags, dir, pattern string) error {
	f.become = true
	to := value.String("{{ tde_keys_dir | default('./keys') }}")
	if dir != "" {
		to = value.MarkedString(dir, value.Unsafe)
	}
	return a.adHoc(ctx, f, pattern, "tde_keyring", value.FromMap(value.MapOf(
		"action", value.String("import"),
		"project", value.String("{{ tde_project }}"),
		"second_copy", value.String("{{ tde_second_copy | default(omit) }}"),
		"keys_dir", to)))
}

func (a keys) importFiles(ctx context.Context, f *runFlags, dir string, paths []string) error {
	d, done := a.keyDeps(f.passphraseFD)
	defer done()
	d.Yes = f.yes
	if dir == "" {
		dir = "keys"
	}
	var copies []seal.StoredCopy
	for _, p := range paths {
		c, err := seal.ReadCopies(d.Sealer, p)
		if err != nil {
			return err
		}
		copies = append(copies, c...)
	}
	infos, err := d.ImportCopies(ctx, dir, copies)
	for _, i := range infos {
		fmt.Fprintf(a.out, "%s@%s: generation %d, %s, wanted %s\n", i.Project, i.Host, i.Generation, value.Count(len(i.Keys), "key"), i.Wanted().Name)
	}
	return refusedCode(err)
}
