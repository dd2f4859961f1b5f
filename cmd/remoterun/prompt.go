package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"

	"remoterun/runner/play"
	"remoterun/runner/secret"
	"remoterun/runner/view"
)

// prompts asks the operator on the terminal, each question once per run. Rules:
// questions go to the terminal itself, never to stdout; secrets are typed
// without echo; without a terminal the error names the flag that would answer.
type prompts struct {
	// passphraseFD is --passphrase-fd: lines of it answer passphrase questions.
	passphraseFD int
	yes          bool
	redactor     *secret.Redactor
	// open gives the terminal; tests give a script.
	open func() (terminal, error)
	// hold keeps the view quiet meanwhile; nil = there is none yet.
	hold func() (release func())

	mu      sync.Mutex
	secrets map[string]secret.Sealed
	texts   map[string]string
	fd      *os.File
}

// terminal is where the operator sits.
type terminal interface {
	io.Writer
	Line(ctx context.Context) (string, error)
	// Secret asks without echo.
	Secret(ctx context.Context, question string) ([]byte, error)
	Close() error
}

var _ play.Prompter = (*prompts)(nil)

func newPrompts(fd int, yes bool, r *secret.Redactor) *prompts {
	return &prompts{passphraseFD: fd, yes: yes, redactor: r, open: openTTY, secrets: map[string]secret.Sealed{}, texts: map[string]string{}}
}

// Ask asks for ordinary text.
func (p *prompts) Ask(ctx context.Context, a play.Ask) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s, ok := p.texts[a.Key]; ok {
		return s, nil
	}
	if a.YesNo && p.yes && !isHostKey(a.Key) {
		return "yes", nil
	}
	t, err := p.terminal(a)
	if err != nil {
		return "", err
	}
	defer t.Close()
	for {
		s, same, err := typedLine(ctx, t, a)
		switch {
		case err != nil:
			return "", err
		case !same:
			fmt.Fprintln(t, differ)
		case a.YesNo && s != "yes" && s != "no":
			fmt.Fprintln(t, `please type "yes" or "no"`)
		default:
			p.texts[a.Key] = s
			return s, nil
		}
	}
}

// maxPassphrase is what fits a line of a terminal, with its end, in bytes.
const maxPassphrase = 4096

const again, differ = "Again: ", "the two differ; once more"

// typedLine asks once, or twice to confirm; what is left empty is the default and
// needs no second word. same says that both were equal.
func typedLine(ctx context.Context, t terminal, a play.Ask) (s string, same bool, err error) {
	fmt.Fprint(t, question(a))
	if s, err = t.Line(ctx); err != nil || s == "" {
		return a.Default, true, err
	}
	if !a.Confirm {
		return s, true, nil
	}
	fmt.Fprint(t, again)
	second, err := t.Line(ctx)
	return s, s == second, err
}

func question(a play.Ask) string {
	q := strings.TrimRight(strings.TrimSpace(view.Safe(a.Text)), ":")
	if a.Default != "" && !a.Sealed {
		q += " [" + a.Default + "]"
	}
	return q + ": "
}

func (p *prompts) terminal(a play.Ask) (terminal, error) {
	t, err := p.quietly()
	if err != nil {
		hint := "run it on a terminal"
		switch {
		case isPassphrase(a.Key):
			hint = "give it with --passphrase-fd N"
		case a.YesNo || strings.HasPrefix(a.Key, "move "):
			hint = "answer with --yes"
		case strings.HasPrefix(a.Key, "prompt ") && !a.Sealed:
			hint = "answer with -e " + strings.TrimPrefix(a.Key, "prompt ") + "=..."
		}
		return nil, fmt.Errorf("%w %q: %s", play.ErrNobody, strings.TrimSpace(a.Text), hint)
	}
	return t, nil
}

// quietly opens the terminal with the view held back until it is closed.
func (p *prompts) quietly() (terminal, error) {
	t, err := p.open()
	if err != nil || p.hold == nil {
		return t, err
	}
	return held{t, p.hold()}, nil
}

// held is a terminal that lets the view go on when it is closed.
type held struct {
	terminal
	release func()
}

// Close closes the terminal.
func (h held) Close() error {
	defer h.release()
	return h.terminal.Close()
}

// hostKey begins the questions about host keys. --yes does not answer them: that
// would be a switch that turns their verification off.
const hostKey = "host key "

func isHostKey(key string) bool { return strings.HasPrefix(key, hostKey) }

// isPassphrase tells the questions that --passphrase-fd answers.
func isPassphrase(key string) bool { return strings.Contains(key, "passphrase") }

// Secret asks for a sealed secret.
func (p *prompts) Secret(ctx context.Context, a play.Ask) (secret.Sealed, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s, ok := p.secrets[a.Key]; ok {
		return s, nil
	}
	b, err := p.typed(ctx, a)
	if err != nil {
		return secret.Sealed{}, err
	}
	s := secret.New(b)
	p.redactor.AddSealed(s)
	p.secrets[a.Key] = s
	return s, nil
}

func (p *prompts) typed(ctx context.Context, a play.Ask) ([]byte, error) {
	if p.passphraseFD >= 0 && isPassphrase(a.Key) {
		return p.fromFD()
	}
	t, err := p.terminal(a)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	for {
		b, err := t.Secret(ctx, question(a))
		if err != nil || !a.Confirm || len(b) == 0 {
			return b, err
		}
		second, err := t.Secret(ctx, again)
		if err != nil {
			return nil, err
		}
		same := bytes.Equal(b, second)
		clear(second)
		if same {
			return b, nil
		}
		clear(b)
		fmt.Fprintln(t, differ)
	}
}

// Show shows a sealed secret on the operator's terminal, and nowhere else,
// until the operator says that it is noted down.
func (p *prompts) Show(ctx context.Context, text string, s secret.Sealed) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	t, err := p.quietly()
	if err != nil {
		return fmt.Errorf("there is no terminal to show it on: %w", err)
	}
	defer t.Close()
	fmt.Fprintf(t, "%s\n\n    ", text)
	if err := s.Use(func(b []byte) error { _, err := t.Write(b); return err }); err != nil {
		return err
	}
	fmt.Fprint(t, "\n\nNote it down now, then press Enter: ")
	_, err = t.Line(ctx)
	return err
}

// fromFD reads the next line of --passphrase-fd, byte by byte into one place that
// is overwritten: a buffer would keep what it read.
func (p *prompts) fromFD() ([]byte, error) {
	if p.fd == nil {
		p.fd = os.NewFile(uintptr(p.passphraseFD), "passphrase-fd")
	}
	line, n := make([]byte, maxPassphrase), 0
	defer clear(line)
	for n < len(line) {
		_, err := io.ReadFull(p.fd, line[n:n+1])
		switch {
		case err == nil && line[n] == '\n', errors.Is(err, io.EOF) && n > 0:
			return bytes.Clone(line[:n]), nil
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("--passphrase-fd %d: there is no line left in it", p.passphraseFD)
		case errors.Is(err, syscall.EBADF):
			return nil, fmt.Errorf("--passphrase-fd %d: it is not open for reading (--passphrase-fd 3 3<FILE, or --passphrase-fd 0 for standard input)", p.passphraseFD)
		case err != nil:
			return nil, fmt.Errorf("--passphrase-fd %d: %w", p.passphraseFD, err)
		}
		n++
	}
	return nil, fmt.Errorf("--passphrase-fd %d: the line is longer than %d bytes: it is one passphrase", p.passphraseFD, maxPassphrase-1)
}

// wipe overwrites what was typed.
func (p *prompts) wipe() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.secrets {
		s.Wipe()
	}
	clear(p.secrets)
}

// tty is /dev/tty.
type tty struct {
	*os.File
	r *bufio.Reader
}

func openTTY() (terminal, error) {
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &tty{f, bufio.NewReader(f)}, nil
}

// Line reads one line.
func (t *tty) Line(ctx context.Context) (string, error) {
	s, err := await(ctx, func() (string, error) { return t.r.ReadString('\n') })
	return strings.TrimRight(s, "\r\n"), err
}

// Secret reads one line without echo; the terminal is put back in order when
// the run is interrupted meanwhile.
func (t *tty) Secret(ctx context.Context, question string) ([]byte, error) {
	restore := silence(int(t.Fd()))
	defer restore()
	fmt.Fprint(t, question)
	b, err := await(ctx, func() ([]byte, error) { return readSecret(int(t.Fd())) })
	fmt.Fprintln(t)
	return b, err
}

// await lets an interruption end a read that cannot be interrupted.
func await[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type got struct {
		v   T
		err error
	}
	ch := make(chan got, 1)
	go func() { v, err := read(); ch <- got{v, err} }()
	select {
	case g := <-ch:
		return g.v, g.err
	case <-ctx.Done():
		var zero T
		return zero, context.Cause(ctx)
	}
}
