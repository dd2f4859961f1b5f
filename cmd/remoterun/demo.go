package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/tde/seal"
)

// demonstration is the demo: a machine of its own, and the story told on it.
type demonstration struct{ *app }

// demoCommand shows the main job to a reader, on a host that is thrown away.
func (a demonstration) demoCommand() *cobra.Command {
	var noDocker bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show setup, unlock, status, verify and lock on a throw-away host on this machine",
		Long: "Starts a throw-away host on loopback and runs the shipped playbooks against it, saying before each step what\n" +
			"it shows. With a Docker engine, compose v2 and an image with the extension it does so on a real database. It\n" +
			"leaves nothing behind, also after Ctrl-C. Root on Linux is needed, for mounts.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.tidies != nil {
				a.tidies.Store(true)
			}
			return a.demo(cmd.Context(), noDocker)
		},
	}
	c.Flags().BoolVar(&noDocker, "no-docker", false, "leave Docker alone although it is there: no database")
	return c
}

// demo is one showing.
type demo struct {
	a   *app
	dir string // everything that the demo writes itself
	// host is the throw-away host, stack its database, nil = none; why says
	// what is missing for one.
	host    *demoHost
	stack   *demoStack
	why     string
	project string
	// words is the passphrase. It is made up for this one run, protects nothing
	// and is shown, which no other command does.
	words string
	begun time.Time
	steps int
}

// errDemo is a step that did not end as it should have.
var errDemo = errors.New("the demo did not go as it should")

func (a demonstration) demo(ctx context.Context, noDocker bool) (err error) {
	if why := demoImpossible(); why != "" {
		return usage("the demo %s", why)
	}
	defer survivePipes()()
	d := &demo{a: a.app, begun: time.Now(), project: "demo"}
	if d.dir, err = os.MkdirTemp("", "remoterun-demo-"); err != nil {
		return err
	}
	defer func() {
		if left := d.clean(ctx.Err() != nil); left != nil {
			err = errors.Join(err, fmt.Errorf("something is left behind: %w", left))
			return
		}
		if d.host == nil {
			return // it never began
		}
		d.say("Nothing of it is left on this machine: no process, mount, container, volume or file.\nIt took %s.\n", value.Count(int(time.Since(d.begun).Seconds()), "second"))
	}()
	if err = d.prepare(ctx, noDocker); err == nil {
		err = d.play(ctx)
	}
	if ctx.Err() != nil {
		d.say("\nInterrupted: cleaning up.\n")
		return silent(exitInterrupted)
	}
	return err
}

// prepare makes the host, the operator's home and the project's folder.
func (d *demo) prepare(ctx context.Context, noDocker bool) error {
	words, err := seal.Diceware(rand.Reader)
	if err != nil {
		return err
	}
	if err := words.Use(func(b []byte) error { d.words = string(b); return nil }); err != nil {
		return err
	}
	for _, p := range []string{"home/.ssh", "project", "host"} {
		if err := os.MkdirAll(filepath.Join(d.dir, p), 0o700); err != nil {
			return err
		}
	}
	if noDocker {
		d.why = "--no-docker was given"
	} else if d.stack, d.why, err = findStack(ctx, d.dir); err != nil {
		return err
	}
	if d.stack != nil {
		d.project = d.stack.project
	}
	key := filepath.Join(d.dir, "home", ".ssh", "id_ed25519")
	if d.host, err = startDemoHost(ctx, filepath.Join(d.dir, "host"), key, d.stack == nil); err != nil {
		return fmt.Errorf("start the throw-away host: %w", err)
	}
	return os.WriteFile(filepath.Join(d.dir, "project", "hosts"), []byte(d.inventory()), 0o600)
}

// inventory is the project's inventory, as a user would write it.
func (d *demo) inventory() string {
	var b strings.Builder
	fmt.Fprintf(&b, "[prod]\ndemo ansible_host=127.0.0.1 ansible_port=%d ansible_user=root\n\n[prod:vars]\ntde_project=%s\n", d.host.port, d.project)
	if d.stack == nil {
		b.WriteString("tde_compose_dir=/srv/demo\ntde_database=no\n")
	} else {
		fmt.Fprintf(&b, "tde_compose_dir=%s\ntde_image=%s\ntde_extension=%s\n", d.stack.dir, d.stack.image, demoExtension())
	}
	if swapsToDisk() {
		b.WriteString("tde_swap=accept\n")
	}
	return b.String()
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.a.out, format, args...) }

// play is the showing itself.
func (d *demo) play(ctx context.Context) error {
	d.intro()
	for _, s := range d.story() {
		if err := d.step(ctx, s); err != nil {
			return err
		}
	}
	d.outro()
	return nil
}

func (d *demo) intro() {
	d.say("remoterun demo\n\n"+
		"A database that is encrypted at rest needs a key when it starts. remoterun makes that key on the\n"+
		"operator's laptop, seals it under a passphrase, and brings it after each reboot over SSH into the\n"+
		"server's RAM: never to its disk. You will see that happen.\n\n"+
		"What is real here:\n  laptop     this terminal, with a home folder of its own (%s)\n", d.dir)
	if d.stack == nil {
		d.say("  host       an SSH server of remoterun's own on 127.0.0.1:%d, over a real /bin/sh as root, in\n"+
			"             namespaces of its own: its /run is empty RAM, its /var/lib a throw-away folder on disk\n", d.host.port)
	} else {
		d.say("  host       this machine as root, through an SSH server of remoterun's own on 127.0.0.1:%d\n", d.host.port)
	}
	d.say("  SSH        real connections with real keys; the host's key is checked each time\n" +
		"  playbooks  the ones that ship: remoterun playbooks show unlock\n" +
		"  keys, RAM  real: sealed files on both disks, a mount in RAM that is proved to be RAM\n")
	if d.stack == nil {
		d.say("  database   NOT HERE (%s).\n"+
			"             What is about a database says \"not proved: no database here\". Nothing pretends to be one.\n", d.why)
	} else {
		d.say("  database   real: image %s in a compose project of its own, %s\n", d.stack.image, d.project)
	}
	if swapsToDisk() {
		d.say("  swap       this machine swaps to a disk, and RAM with it. remoterun refuses that; the inventory\n             says tde_swap=accept, for the demo, and every report calls the memory weak\n")
	}
	d.say("\nThe inventory (%s/project/hosts):\n\n%s\n", d.dir, indent(d.inventory()))
	d.say("The demo's passphrase, made for this run: %s\n(Yours is never shown, written or sent anywhere. Here it is given by --passphrase-fd instead of typed.)\n", d.words)
}

func (d *demo) outro() {
	d.say("\n── That was it ──\n\nReal: SSH, host keys, sealing, both sealed copies, the key in RAM, the refusals, the lock.\n")
	if d.stack == nil {
		d.say("Not shown: a database (%s).\nWith a Docker engine, docker compose v2 and the image %s on this machine, the demo shows\nthe same on a real encrypted PostgreSQL.\n\n", d.why, demoImage())
		return
	}
	d.say("The database was real PostgreSQL with its tables, indexes and WAL encrypted, as verify has read from its disk.\n\n")
}

func indent(s string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n    ") + "\n"
}

// demoStep is one command in front of the reader.
type demoStep struct {
	title, why string
	args       []string
	words      string // the passphrase to give, "" = none
	code       int    // the exit code that it must have
	// first runs before the command; check looks at what it did, and may say so.
	first, check func() error
}

// step shows, runs and checks one command.
func (d *demo) step(ctx context.Context, s demoStep) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	d.steps++
	d.say("\n── %d. %s ──\n\n%s\n\n", d.steps, s.title, s.why)
	if s.first != nil {
		if err := s.first(); err != nil {
			return err
		}
	}
	d.say("$ remoterun %s\n", sh.Join(s.args...))
	code, err := d.run(ctx, s)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	d.say("(exit code %d: %s)\n", code, exitMeaning(code))
	if code != s.code {
		return fmt.Errorf("%w: remoterun %s ended with exit code %d, not %d", errDemo, strings.Join(s.args, " "), code, s.code)
	}
	if s.check != nil {
		return s.check()
	}
	return nil
}

// run is this very program as the operator would call it.
func (d *demo) run(ctx context.Context, s demoStep) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	args := s.args
	if s.words != "" {
		args = append([]string{args[0], "--passphrase-fd", "3"}, args[1:]...)
	}
	cmd := exec.CommandContext(ctx, self, args...) // #nosec G204: ourselves
	cmd.Dir = filepath.Join(d.dir, "project")
	cmd.Env = d.env()
	cmd.Stdout, cmd.Stderr = d.a.out, d.a.err
	ownGroup(cmd) // Ctrl-C reaches the demo, which hands it on once
	cmd.WaitDelay = time.Minute
	if s.words != "" {
		r, w, err := os.Pipe()
		if err != nil {
			return 0, err
		}
		defer r.Close()
		_, err = io.WriteString(w, s.words+"\n"+s.words+"\n") // setup wants it twice
		if err = errors.Join(err, w.Close()); err != nil {
			return 0, err
		}
		cmd.ExtraFiles = []*os.File{r}
	}
	err = cmd.Run()
	var ended *exec.ExitError
	if err == nil || errors.As(err, &ended) {
		return cmd.ProcessState.ExitCode(), nil
	}
	return 0, err
}

// env is the environment of the demo's operator.
func (d *demo) env() []string {
	out := []string{"HOME=" + filepath.Join(d.dir, "home"), "USER=operator"}
	for _, n := range []string{"PATH", "TERM", "LANG", "LC_ALL", "NO_COLOR", "FORCE_COLOR"} {
		if v, ok := d.a.env(n); ok {
			out = append(out, n+"="+v)
		}
	}
	return out
}

// clean takes everything away again and reports what it could not. It runs
// after Ctrl-C (cut), too, and so under a context of its own.
func (d *demo) clean(cut bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var errs []error
	if d.host != nil {
		errs = append(errs, d.host.stop())
	}
	if d.stack != nil {
		if cut { // what the engine was asked for last may still be on its way
			_ = d.stack.remove(ctx)
			time.Sleep(time.Second)
		}
		errs = append(errs, d.stack.remove(ctx))
	}
	return errors.Join(append(errs, os.RemoveAll(d.dir))...)
}
