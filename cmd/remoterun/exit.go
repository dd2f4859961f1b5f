package main

import (
	"errors"
	"fmt"

	"remoterun/runner/secret/vault"
)

// Exit codes, as README and help list them. Several at once: the one that
// stands first in exitOrder wins.
const (
	exitOK          = 0
	exitError       = 1
	exitFailed      = 2
	exitChanges     = 3
	exitUnreachable = 4
	exitUsage       = 5
	exitHeld        = 10
	exitRefused     = 11
	exitLocked      = 12
	exitInterrupted = 99
)

// exitMeaning is a code in words, as in the README's table.
func exitMeaning(code int) string {
	switch code {
	case exitOK:
		return "ok"
	case exitError:
		return "an error, or a wrong passphrase"
	case exitFailed:
		return "a host failed"
	case exitChanges:
		return "--check found changes"
	case exitUnreachable:
		return "a host was not reached"
	case exitUsage:
		return "wrong use or a wrong playbook"
	case exitHeld:
		return "another operator holds the project"
	case exitRefused:
		return "refused by a guard"
	case exitLocked:
		return "a database is locked"
	case exitInterrupted:
		return "interrupted"
	}
	return "not a code of ours"
}

// exitOrder says which of several wins.
var exitOrder = []int{exitInterrupted, exitUsage, exitHeld, exitUnreachable, exitRefused, exitFailed, exitLocked, exitError, exitChanges}

// codedError carries an exit code with its cause.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

// silent is a code whose reason was already shown (a playbook's recap).
type silent int

func (s silent) Error() string { return fmt.Sprintf("exit code %d", int(s)) }

// usage is wrong use or a wrong playbook.
func usage(format string, args ...any) error {
	return &codedError{exitUsage, fmt.Errorf(format, args...)}
}

// exitCode is the one place where errors become codes.
func exitCode(err error) int {
	var s silent
	var c *codedError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &s):
		return int(s)
	case errors.As(err, &c):
		return c.code
	case errors.As(err, new(*vault.ClosedError)):
		return exitUsage
	}
	return exitError
}
