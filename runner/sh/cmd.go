// Package sh is the only maker of shell text: quoting, commands, the framed
// loop that a host's long-lived shell runs, and guarded chains of steps. It
// makes text and reads answers; it never runs anything.
package sh

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"
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
	// Stdout takes what the command prints as it comes, whatever its length; nil =
	// it is kept in the answer. It needs a channel of its own.
	Stdout io.Writer
	// Secret marks a command whose stdin is sealed: it goes over a channel of
	// its own and never through the framed shell.
	Secret bool
	// Gated holds stdin back on the laptop until the script calls "_go": a
	// proof can come before the first byte is sent. It needs a channel of its own.
	Gated bool
	// Silent is how long a question may neither print nor work before it counts as
	// stuck; 0 = for ever, as everything else may.
	Silent time.Duration
	// Lock is the host lock that the command runs under, nil = none.
	Lock *Lock
	// Shared makes one program answer for many questions, nil = each has its own.
	Shared *Shared

	// foreign text may hold syntax errors: it is kept apart by eval.
	foreign bool
}

// Shared is what a question can ask together with others that are asked in the
// same batch: its Text runs once with the Args of all of them, each argument once.
// What it prints stands, behind a line break, in $_all while the questions run;
// their own text looks there first. In a guard $_all is not set: right before a
// step everything is asked anew.
type Shared struct {
	Text Constant
	Args []string
}

// Var is one environment variable.
type Var struct{ Name, Value string }

// Script is a command from constant text, with args as $1, $2 …
func Script(text Constant, args ...string) Cmd { return Cmd{Text: string(text), Args: args} }

// Exec is a command from a program and its arguments, each passed exactly.
func Exec(argv ...string) Cmd { return Cmd{Text: `exec "$@"`, Args: argv} }

// User is a script that the playbook's author wrote (modules shell and
// script): the one door by which text of others becomes shell text.
func User(text string, args ...string) Cmd { return Cmd{Text: text, Args: args, foreign: true} }

// Bytes is an Input held in memory.
type Bytes []byte

// Size is the number of bytes.
func (b Bytes) Size() int64 { return int64(len(b)) }

// Open returns a reader over the bytes.
func (b Bytes) Open() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }

// With returns the command with data on its stdin.
func (c Cmd) With(in Input) Cmd { c.Stdin = in; return c }

// Data is all of what is on its stdin.
func (c Cmd) Data() ([]byte, error) {
	if c.Stdin == nil {
		return nil, nil
	}
	return readAll(c.Stdin)
}

// Check reports what no shell can take: a NUL byte in text, arguments,
// environment or folder, or a variable's name that is none.
func (c Cmd) Check() error {
	for what, s := range map[string]string{"command": c.Text, "working directory": c.Dir} {
		if strings.IndexByte(s, 0) >= 0 {
			return fmt.Errorf("%s holds a NUL byte", what)
		}
	}
	for i, a := range c.Args {
		if strings.IndexByte(a, 0) >= 0 {
			return fmt.Errorf("argument %d holds a NUL byte", i+1)
		}
	}
	for _, v := range c.Env {
		if !validName(v.Name) || strings.IndexByte(v.Value, 0) >= 0 {
			return fmt.Errorf("environment variable %q cannot be set: a name has letters, digits and _, a value no NUL byte", v.Name)
		}
	}
	return nil
}

func validName(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// Render returns the command as one script: its arguments, folder and
// environment first, then its text. stdin is not part of it.
func (c Cmd) Render() string {
	var b strings.Builder
	c.writeSetup(&b)
	b.WriteString(c.Text)
	return c.Lock.under(b.String())
}

func (c Cmd) writeSetup(b *strings.Builder) {
	b.WriteString("set --")
	for _, a := range c.Args {
		b.WriteByte(' ')
		b.WriteString(Quote(a))
	}
	b.WriteByte('\n')
	for _, v := range c.Env {
		fmt.Fprintf(b, "export %s=%s\n", v.Name, Quote(v.Value))
	}
	if c.Dir != "" {
		fmt.Fprintf(b, "cd -P %s || exit 126\n", Quote(pathWord(c.Dir)))
	}
}

// pathWord keeps a relative folder that begins with a dash from being read as
// an option.
func pathWord(p string) string {
	if strings.HasPrefix(p, "-") {
		return "./" + p
	}
	return p
}
