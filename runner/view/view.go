// Package view shows a run: the engine emits events, a view makes text of them.
// It decides nothing and never asks.
//
// The rules of what people see:
//
//   - The human look is that of Ansible's default callback, to the column: who
//     reads one reads the other. What Ansible has no words for (a wait, a note
//     of progress) is added, nothing is taken away.
//   - What happened is appended and stays, on stdout. On a terminal a footer of
//     one line per running host says what each waits for; it goes to stderr, is
//     redrawn in place, and leaves nothing behind.
//   - Colour only repeats what the words say. NO_COLOR, FORCE_COLOR and what is
//     no terminal are judged per stream.
//   - Warnings go to stderr, once per text.
//   - Every byte passes the redactor, and secret values are masked by their
//     marks before: results of no_log tasks are never shown.
//   - Machine formats (json, jsonl, junit) write nothing else to stdout.
package view

import (
	"fmt"
	"io"
	"strings"

	"remoterun/runner/event"
	"remoterun/runner/secret"
)

// View takes a run's events; Close ends it and gives the error of writing.
type View interface {
	event.Sink
	// Hold keeps the view from writing while the operator is asked something on
	// the terminal; release lets it go on.
	Hold() (release func())
	Close() error
}

// Options say where to and how a run is shown.
type Options struct {
	Out, Err io.Writer
	// Redactor masks what slips through the types; nil = one that knows nothing.
	Redactor *secret.Redactor
	// OutColor and ErrColor are judged per stream: see Colored.
	OutColor, ErrColor bool
	// Columns is the width of the terminal that either stream is, 0 = not known
	// (80). Headings are never shorter than 80, as Ansible has them.
	Columns int
	// Footer says that Err is a terminal that can be redrawn; Rows is its
	// height, 0 = 24.
	Footer bool
	Rows   int
	// Verbosity counts -v.
	Verbosity int
}

// Formats are the names that New takes.
func Formats() []string { return []string{"human", "json", "jsonl", "junit", "minimal", "quiet"} }

// New returns the view of a format; the error names the formats that there are.
func New(format string, o Options) (View, error) {
	if o.Redactor == nil {
		o.Redactor = secret.NewRedactor()
	}
	out := output{w: o.Out, red: o.Redactor}
	var v View
	switch format {
	case "", "human":
		v = newHuman(o)
	case "quiet":
		v = newQuiet(o)
	case "minimal":
		v = newMinimal(o)
	case "jsonl":
		v = &jsonLines{out: out}
	case "json":
		v = &summary{out: out}
	case "junit":
		v = &junit{out: out}
	default:
		return nil, fmt.Errorf("output %q is not known (there are: %s)", format, strings.Join(Formats(), ", "))
	}
	return cleaned{v, o.Redactor}, nil
}

// output writes whole pieces of text through the redactor and keeps the first
// error: a full disk or a closed pipe ends the talking, not the run.
type output struct {
	w   io.Writer
	red *secret.Redactor
	err error
}

func (o *output) write(text string) {
	if o.err == nil {
		_, o.err = io.WriteString(o.w, o.red.Redact(text))
	}
}
