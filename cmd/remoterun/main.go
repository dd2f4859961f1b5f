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
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.LookupEnv}
	code := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
