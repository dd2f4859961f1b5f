// Command remoterun runs playbooks over plain SSH and keeps the PostgreSQL of
// compose stacks encrypted at rest. Everything is joined here and nothing is
// decided here: the language is in playbooks, the modules in tasks, the engine
// in runner.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"remoterun/runner"
	"remoterun/runner/secret"
)

func main() {
	// Secrets are in locked memory; this keeps the copies that libraries make from
	// the disk, too. Where the system refuses, the run is as good as others'.
	_ = secret.NoDumps()
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		// The first signal ends the run in order: hosts are told to stop, locks go.
		// The second one does not wait for that.
		<-signals
		cancel(runner.ErrInterrupted)
		<-signals
		os.Exit(exitInterrupted)
	}()
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.LookupEnv}
	os.Exit(a.run(ctx, os.Args[1:]))
}
