// Package sh is the only maker of shell text: quoting, commands, the framed
// loop that a host's long-lived shell runs, and guarded chains of steps. It
// makes text and reads answers; it never runs anything.
package sh

import (
	"bytes"
	"io"
)

// Constant is shell text that the program itself wrote. Only an untyped
// constant converts to it without saying so, which keeps values out of
// commands: they travel as arguments ($1, $2 …) or as data on stdin.
type Constant string

// Input is what a command reads on stdin: bytes by reference, opened at most
// once per run of the command. Size is in bytes, -1 when it is not known.
type Input interface {
	Size() int64
	Open() (io.ReadCloser, error)
}

// Cmd is one command for a host's /bin/sh, as data.
type Cmd struct {
	// Text is a script; $1, $2 … are Args. It is made only by this package.
	Text string
	Args []string
	// Env is set for this command alone, in order.
	Env []Var
	// Dir is the working directory, empty for the login directory.
	Dir string
	// Stdin is nil for /dev/null.
	Stdin Input
	// Secret marks a command whose stdin is sealed: it goes over a channel of
	// its own and never through the framed shell.
	Secret bool
}

// Var is one environment variable.
type Var struct{ Name, Value string }

// Script is a command from constant text, with args as $1, $2 …
func Script(text Constant, args ...string) Cmd { return Cmd{Text: string(text), Args: args} }

// Exec is a command from a program and its arguments, each passed exactly.
func Exec(argv ...string) Cmd { return Cmd{Text: `exec "$@"`, Args: argv} }

// User is a script that the playbook's author wrote (modules shell and
// script): the one door by which text of others becomes shell text.
func User(text string, args ...string) Cmd { return Cmd{Text: text, Args: args} }

// Bytes is an Input held in memory.
type Bytes []byte

// Size is the number of bytes.
func (b Bytes) Size() int64 { return int64(len(b)) }

// Open returns a reader over the bytes.
func (b Bytes) Open() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
