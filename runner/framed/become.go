package framed

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/secret"
	"remoterun/runner/sh"
)

// opened is a stream whose shell said READY.
type opened struct {
	Stream
	ready
	out, err *collector
}

// command wraps a reader (loop or once) in the identity's become program.
// prompt is empty where the program cannot be given one.
func command(as host.As, reader, prompt string) string {
	inner := "/bin/sh -c '" + reader + "'"
	if as.Login() {
		return "exec " + inner
	}
	program := becomeProgram(as)
	switch as.Method {
	case "su":
		return "LC_ALL=C exec " + program + sh.Quote(as.User) + " -s /bin/sh -c " + sh.Quote(reader)
	case "doas":
		return "exec " + program + "-n -u " + sh.Quote(as.User) + " " + inner
	}
	// env: tcsh and fish have no VAR=value words; -k ignores what is cached, so
	// that the prompt comes whenever a password is needed at all.
	return "exec env LC_ALL=C " + program + "-k -S -H -p " + prompt + " -u " + sh.Quote(as.User) + " -- " + inner
}

// becomeProgram is the program with the words that the user wants, and a space.
// sudo's -n is left out: it forbids the question that a password answers.
func becomeProgram(as host.As) string {
	text := sh.Quote(cmp.Or(as.Exe, as.Method, "sudo")) + " "
	for w := range strings.FieldsSeq(as.Flags) {
		switch {
		case w == "-n", w == "--non-interactive":
		case w == "-c" && as.Method == "su": // ours comes behind the user's name
		default:
			text += sh.Quote(w) + " "
		}
	}
	return text
}

// promptOf is how an identity's program asks, for recognising it in stderr.
func promptOf(as host.As, nonce string) string {
	if as.Method == "su" {
		return "Password: "
	}
	return nonce
}

// open starts the reader under an identity and waits for READY. A password that
// was wrong is asked for again, while there is somebody to ask.
func (c *Client) open(ctx context.Context, as host.As, reader string) (*opened, error) {
	var given *secret.Sealed
	for wrong := 1; ; wrong++ {
		o, err := c.openOnce(ctx, as, reader, given)
		var refused *host.BecomeError
		if !errors.As(err, &refused) || refused.Cause != host.BecomeWrongPassword || wrong >= passwordTries {
			return o, err
		}
		pw, none := c.password(ctx, as, wrong)
		if none != nil {
			return nil, err
		}
		given = &pw
	}
}

// openOnce tries once; given is the password if it is known already.
func (c *Client) openOnce(ctx context.Context, as host.As, reader string, given *secret.Sealed) (*opened, error) {
	prompt := promptOf(as, "rr"+sh.NewNonce())
	s, err := c.start(ctx, command(as, reader, prompt))
	if err != nil {
		return nil, err
	}
	o := &opened{Stream: s, out: collect(s.Stdout), err: collect(s.Stderr)}
	text, err := c.awaitReady(ctx, as, o, prompt, given)
	if err == nil {
		if o.ready, err = parseReady(text); err != nil {
			err = c.transport("start a shell", false, err)
		}
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	o.out.upTo(maxOutput)
	o.err.upTo(maxOutput)
	return o, nil
}

func (c *Client) awaitReady(ctx context.Context, as host.As, o *opened, prompt string, given *secret.Sealed) ([]byte, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// A profile that waits for something keeps the link alive for ever.
	watch := time.AfterFunc(c.Within, func() { cancel(c.late(as, o, prompt)) })
	defer watch.Stop()
	if !as.Login() && as.Method != "doas" {
		go func() {
			if err := c.answerPrompt(ctx, as, o, prompt, watch, given); err != nil {
				cancel(err)
			}
		}()
	}
	text, err := o.out.until(ctx, line(sh.Ready+" "))
	switch {
	case err == nil || ctx.Err() != nil:
		return text, err
	case errors.Is(err, errTooMuch):
		return nil, &host.ShellError{Host: c.name, Chatter: maxChatter}
	case !errors.Is(err, io.EOF):
		return nil, c.transport("start a shell", false, err)
	}
	watch.Stop()
	return nil, c.explainEnd(ctx, as, o, prompt)
}

// late is the error of a shell that did not come.
func (c *Client) late(as host.As, o *opened, prompt string) error {
	said := strings.TrimSpace(strings.ReplaceAll(string(o.err.peek()), prompt, ""))
	if as.Login() {
		return &host.ShellError{Host: c.name, Waited: c.Within, Said: said}
	}
	text := "nothing for " + c.Within.String()
	if said != "" {
		text += "; it said: " + said
	}
	return &host.BecomeError{Host: c.name, As: as, Cause: host.BecomeOther, Stderr: text}
}

// answerPrompt waits for the prompt in stderr and writes the password. A second
// prompt means that it was wrong: nothing more is sent to this program. While a
// person thinks of the password nobody is late.
func (c *Client) answerPrompt(ctx context.Context, as host.As, o *opened, prompt string, watch *time.Timer, given *secret.Sealed) error {
	key := []byte(prompt)
	find := func(b []byte) int {
		if i := bytes.Index(b, key); i >= 0 {
			return i + len(key)
		}
		return -1
	}
	if _, err := o.err.until(ctx, find); err != nil {
		return nil // no prompt came: READY or the end tells
	}
	pw, err := c.passwordFor(ctx, as, watch, given)
	if err != nil {
		return err
	}
	err = pw.Use(func(b []byte) error {
		_, err := o.Stdin.Write(append(bytes.Clone(b), '\n'))
		return err
	})
	if err != nil {
		return nil // the stream's end tells why
	}
	if _, err := o.err.until(ctx, find); err == nil {
		return &host.BecomeError{Host: c.name, As: as, Cause: host.BecomeWrongPassword}
	}
	return nil
}

// passwordFor is what was given, or what the first asking gives.
func (c *Client) passwordFor(ctx context.Context, as host.As, watch *time.Timer, given *secret.Sealed) (secret.Sealed, error) {
	if given != nil {
		return *given, nil
	}
	if c.password == nil {
		return secret.Sealed{}, &host.BecomeError{Host: c.name, As: as, Cause: host.BecomeNeedsPassword}
	}
	watch.Stop()
	defer watch.Reset(c.Within)
	pw, err := c.password(ctx, as, 0)
	if err != nil {
		return pw, &host.BecomeError{Host: c.name, As: as, Cause: host.BecomeNeedsPassword, Stderr: err.Error()}
	}
	return pw, nil
}

// explainEnd says why a shell ended before READY.
func (c *Client) explainEnd(ctx context.Context, as host.As, o *opened, prompt string) error {
	timed, cancel := context.WithTimeout(ctx, c.Within)
	defer cancel()
	stderr, _ := o.err.rest(timed)
	out, err := c.exited(ctx, o)
	if err != nil {
		return err
	}
	text := strings.TrimSpace(strings.ReplaceAll(string(stderr), prompt, ""))
	if as.Login() {
		if text == "" {
			text = strings.TrimSpace(string(o.out.peek()))
		}
		return &host.ShellError{Host: c.name, Status: out.Status, Said: text}
	}
	return &host.BecomeError{Host: c.name, As: as, Cause: causeOf(text, out.Status), Stderr: text}
}

// causeOf reads what sudo, su and doas say (LC_ALL=C).
func causeOf(stderr string, status int) host.BecomeCause {
	for _, c := range []struct {
		text  string
		cause host.BecomeCause
	}{
		{"must have a tty", host.BecomeNeedsTTY},
		{"a terminal is required", host.BecomeNeedsTTY},
		{"not in the sudoers file", host.BecomeNotAllowed},
		{"is not allowed to", host.BecomeNotAllowed},
		{"may not run sudo", host.BecomeNotAllowed},
		{"incorrect password", host.BecomeWrongPassword},
		{"Sorry, try again", host.BecomeWrongPassword},
		{"Authentication failure", host.BecomeWrongPassword},
		{"unknown user", host.BecomeNoSuchUser},
		{"does not exist", host.BecomeNoSuchUser},
		{"password is required", host.BecomeNeedsPassword},
		{"Authentication required", host.BecomeNeedsPassword},
		{"no password was provided", host.BecomeNeedsPassword},
	} {
		if strings.Contains(stderr, c.text) {
			return c.cause
		}
	}
	if status == 127 {
		return host.BecomeNoProgram
	}
	return host.BecomeOther
}
