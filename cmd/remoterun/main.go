// Command remoterun runs playbooks over plain SSH and keeps the PostgreSQL of
// compose stacks encrypted at rest. Everything is joined here and nothing is
// decided here: the language is in playbooks, the modules in tasks, the engine
// in runner.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/term"

	"remoterun/runner"
)

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	asWas := terminalState()
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.LookupEnv, tidies: new(atomic.Bool)}
	go func() {
		// The first signal ends the run in order; the second one does not wait for
		// that, and neither does the end of its time: a computation may be deaf.
		<-signals
		cancel(runner.ErrInterrupted)
		text, within := "interrupted again", a.lastWord()
		first, late := time.Now(), time.After(within)
		for again := false; !again; {
			select {
			case <-signals: // a wrapper hands on what the terminal has sent already
				again = time.Since(first) > time.Second/2
			case <-late:
				text, again = fmt.Sprintf("interrupted, but the run did not end within %s", within), true
			}
		}
		asWas()
		fmt.Fprintf(os.Stderr, "\nremoterun: %s: ended at once. What ran on hosts last: remoterun log\n", text)
		os.Exit(exitInterrupted)
	}()
	os.Exit(a.run(ctx, os.Args[1:]))
}

// terminalState returns what puts the terminal back as it is now: a question may
// have turned its echo off.
func terminalState() (restore func()) {
	for _, f := range []*os.File{os.Stdin, os.Stderr, os.Stdout} {
		fd := int(f.Fd())
		if !term.IsTerminal(fd) {
			continue
		}
		if st, err := term.GetState(fd); err == nil {
			return func() { _ = term.Restore(fd, st) }
		}
	}
	return func() {}
}
