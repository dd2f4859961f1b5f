package framed_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"remoterun/runner/framed"
	"remoterun/runner/host"
	"remoterun/runner/secret"
	"remoterun/runner/sh"
)

// says is a host that answers each frame with fixed text, NONCE standing for
// the frame's own: what no shell would print, but a broken or hostile host may.
type says struct {
	ready, out, err string
	// cut ends both streams after the first answer.
	cut bool
	// wait is what the stream's end is told as; nil = the command ended.
	wait error
	// asks is what the become program prints on stderr, PROMPT standing for its
	// prompt; then it reads a line, and answers as wrong says.
	asks  string
	wrong bool
}

func (s says) start(_ context.Context, command string) (framed.Stream, error) {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	errR, errW := io.Pipe()
	end := func() { _, _, _ = outW.Close(), errW.Close(), inR.Close() }
	go func() {
		defer end()
		in := bufio.NewReader(inR)
		if !s.become(command, in, errW) {
			return
		}
		if _, err := io.WriteString(outW, s.ready); err != nil {
			return
		}
		for s.answer(in, outW, errW) && !s.cut {
			continue
		}
	}()
	return framed.Stream{Stdin: inW, Stdout: outR, Stderr: errR,
		Wait:  func() (host.Output, error) { return host.Output{Status: 1}, s.wait },
		Close: func() error { end(); return nil }}, nil
}

// become plays sudo: it answers whether the shell may start.
func (s says) become(command string, in *bufio.Reader, errW io.Writer) bool {
	if s.asks == "" {
		return true
	}
	_, after, _ := strings.Cut(command, "-p ")
	prompt, _, _ := strings.Cut(after, " ")
	ask := strings.ReplaceAll(s.asks, "PROMPT", prompt)
	if _, err := io.WriteString(errW, ask); err != nil || !strings.Contains(s.asks, "PROMPT") {
		return false
	}
	if _, err := in.ReadString('\n'); err != nil {
		return false
	}
	if s.wrong {
		_, _ = io.WriteString(errW, ask)
		_, _ = in.ReadString('\n')
	}
	return !s.wrong
}

func (s says) answer(in *bufio.Reader, outW, errW io.Writer) bool {
	var nonce string
	var script, data, lines int64
	if _, err := fmt.Fscanf(in, "%s %d %d %d\n", &nonce, &script, &data, &lines); err != nil {
		return false
	}
	if _, err := io.CopyN(io.Discard, in, script+data); err != nil {
		return false
	}
	out, errs := strings.ReplaceAll(s.out, "NONCE", nonce), strings.ReplaceAll(s.err, "NONCE", nonce)
	_, err1 := io.WriteString(outW, out)
	_, err2 := io.WriteString(errW, errs)
	return err1 == nil && err2 == nil
}

func (s says) client(t testing.TB, pw framed.Password) *framed.Client {
	c := framed.New("db1", s.start, pw)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

const (
	good    = "NONCE P 77\nhello\nNONCE 3\n"
	goodErr = "oops\nNONCE\n"
)

const garbled = "error db1: run a command: the host does not keep to the protocol: its answer is garbled (outcome unknown)"

func TestFrames(t *testing.T) {
	link := &host.TransportError{Host: "db1", During: "run a command", Err: errors.New("connection reset")}
	for name, c := range map[string]struct {
		host says
		want string // stdout, stderr and status, or the error
	}{
		"ordinary":                      {says{out: good, err: goodErr}, `"hello\n" "oops\n" 3`},
		"a login shell that chatters":   {says{ready: "Welcome!\nGet READY 5\nREADY 0 setsid\n", out: good, err: goodErr}, `"hello\n" "oops\n" 3`},
		"strays before the frame":       {says{out: "late " + good, err: goodErr}, `"hello\n" "oops\n" 3`},
		"no line break at the end":      {says{out: "NONCE P 77\nhelloNONCE 0\n", err: "NONCE\n"}, `"hello" "" 0`},
		"a signal's status":             {says{out: "NONCE P 77\nNONCE 137\n", err: "NONCE\n"}, `"" "" 137 KILL`},
		"a child that had no pid":       {says{out: "NONCE P NONCE 126\n", err: "NONCE\n"}, `"" "" 126`},
		"no beginning":                  {says{out: "hello\nNONCE 3\n", err: goodErr}, `error db1: run a command: the host does not keep to the protocol: its answer is garbled (outcome unknown)`},
		"the end before the beginning":  {says{out: "NONCE 3\nNONCE P 1\n", err: goodErr, cut: true}, `error db1: run a command: the host does not keep to the protocol: its answer is garbled (outcome unknown)`},
		"a status that is none":         {says{out: "NONCE P 77\nNONCE x\n", err: goodErr}, garbled},
		"a status below zero":           {says{out: "NONCE P 77\nNONCE -1\n", err: goodErr}, garbled},
		"a status that no shell has":    {says{out: "NONCE P 77\nNONCE 256\n", err: goodErr}, garbled},
		"a status without an end":       {says{out: "NONCE P 77\nNONCE " + strings.Repeat("0", 99), err: goodErr}, garbled},
		"two ends":                      {says{out: good + "NONCE 0\n", err: goodErr}, `"hello\n" "oops\n" 3`},
		"an end in the middle":          {says{out: "NONCE P 77\nhel", err: "", cut: true}, `error db1: run a command: the host's shell ended (outcome unknown)`},
		"a link that breaks":            {says{out: "NONCE P 77\nhel", err: "", cut: true, wait: link}, `error db1: run a command: connection reset (outcome unknown)`},
		"no mark on stderr":             {says{out: good, err: "oops\n", cut: true}, `error db1: run a command: the host's shell ended (outcome unknown)`},
		"a shell that says no user id":  {says{ready: "READY soon\n"}, `error db1: start a shell: the host does not keep to the protocol: the shell answered "READY soon" instead of READY and a user id`},
		"another frame's mark (forged)": {says{out: "NONCE P 77\n0123456789abcdef0123456789abcdef 0\nNONCE 0\n", err: "NONCE\n"}, `"0123456789abcdef0123456789abcdef 0\n" "" 0`},
	} {
		t.Run(name, func(t *testing.T) {
			if c.host.ready == "" {
				c.host.ready = "READY 0 setsid\n"
			}
			if got := once(t, c.host); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// once runs one frame and tells what came of it.
func once(t testing.TB, h says) string {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a hang, not a slow machine
	defer cancel()
	s, err := h.client(t, nil).Shell(ctx, host.As{})
	if err != nil {
		return "error " + err.Error()
	}
	out, err := s.Run(ctx, sh.Script("true"))
	if err != nil {
		return "error " + err.Error()
	}
	text := fmt.Sprintf("%q %q %d", out.Stdout, out.Stderr, out.Status)
	if out.Signal != "" {
		text += " " + out.Signal
	}
	return text
}

func TestLimitOfOutput(t *testing.T) {
	h := says{ready: "READY 0\n", out: "NONCE P 7\n" + strings.Repeat("0123456789abcdef", 5<<20) + "NONCE 0\n", err: "NONCE\n"}
	if got := once(t, h); got != "error the command printed more than 64 MiB" {
		t.Errorf("%.200s", got)
	}
}

func TestBecomeAnswers(t *testing.T) {
	ask := func(_ context.Context, as host.As, wrong int) (secret.Sealed, error) {
		return secret.New([]byte("pw")), nil
	}
	nobody := func(context.Context, host.As, int) (secret.Sealed, error) {
		return secret.Sealed{}, errors.New("there is no terminal to ask")
	}
	for name, c := range map[string]struct {
		host says
		pw   framed.Password
		want string
	}{
		"right password":     {says{asks: "PROMPT"}, ask, `"hello\n" "oops\n" 3`},
		"wrong password":     {says{asks: "PROMPT", wrong: true}, ask, "error db1: sudo to app: wrong password"},
		"no way to ask":      {says{asks: "PROMPT"}, nil, "error db1: sudo to app: a password is required"},
		"nobody to ask":      {says{asks: "PROMPT"}, nobody, "error db1: sudo to app: a password is required (there is no terminal to ask)"},
		"not in sudoers":     {says{asks: "op is not in the sudoers file.\n"}, ask, "error db1: sudo to app: not in sudoers (op is not in the sudoers file.)"},
		"a tty is wanted":    {says{asks: "sudo: sorry, you must have a tty to run sudo\n"}, ask, "error db1: sudo to app: a tty is required (sudo: sorry, you must have a tty to run sudo)"},
		"an unknown user":    {says{asks: "sudo: unknown user app\n"}, ask, "error db1: sudo to app: unknown user (sudo: unknown user app)"},
		"something else":     {says{asks: "sudo: the moon is full\n"}, ask, "error db1: sudo to app: refused (sudo: the moon is full)"},
		"a password is due":  {says{asks: "sudo: a password is required\n"}, nil, "error db1: sudo to app: a password is required (sudo: a password is required)"},
		"the account is old": {says{asks: "sudo: Authentication failure\n"}, ask, "error db1: sudo to app: wrong password (sudo: Authentication failure)"},
	} {
		t.Run(name, func(t *testing.T) {
			h := c.host
			h.ready, h.out, h.err = "READY 1000 setsid\n", good, goodErr
			// The login shell answers without asking: only the second one asks.
			login := says{ready: h.ready, out: "NONCE P 1\nNONCE 0\n", err: "NONCE\n"}
			start := func(ctx context.Context, command string) (framed.Stream, error) {
				if strings.Contains(command, "sudo") {
					return h.start(ctx, command)
				}
				return login.start(ctx, command)
			}
			client := framed.New("db1", start, c.pw)
			defer client.Close()
			got := ""
			s, err := client.Shell(t.Context(), host.As{User: "app"})
			if err == nil {
				var out host.Output
				out, err = s.Run(t.Context(), sh.Script("true"))
				got = fmt.Sprintf("%q %q %d", out.Stdout, out.Stderr, out.Status)
			}
			if err != nil {
				got = "error " + err.Error()
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestPasswordIsAskedForAgain: a wrong password is asked for three times, while
// there is somebody to ask, and what was right is what counts.
func TestPasswordIsAskedForAgain(t *testing.T) {
	for name, c := range map[string]struct {
		rightAt, known int // which answer is right, how many there are
		want           string
	}{
		"at once": {1, 9, "1"}, "the second": {2, 9, "2"}, "the third": {3, 9, "3"},
		"never":         {9, 9, "3 db1: sudo to app: wrong password"},
		"one, and that": {9, 1, "1 db1: sudo to app: wrong password"},
	} {
		t.Run(name, func(t *testing.T) {
			given, opened := 0, 0
			start := func(ctx context.Context, command string) (framed.Stream, error) {
				h := says{ready: "READY 1000 setsid\n", out: "NONCE P 1\nNONCE 0\n", err: "NONCE\n"}
				if strings.Contains(command, "sudo") {
					opened++
					h.asks, h.wrong = "PROMPT", opened < c.rightAt
				}
				return h.start(ctx, command)
			}
			client := framed.New("db1", start, func(_ context.Context, _ host.As, wrong int) (secret.Sealed, error) {
				if wrong >= c.known {
					return secret.Sealed{}, errors.New("there is no other one")
				}
				given = wrong + 1
				return secret.New([]byte("pw")), nil
			})
			defer client.Close()
			_, err := client.Shell(t.Context(), host.As{User: "app"})
			got := fmt.Sprint(given)
			if err != nil {
				got += " " + err.Error()
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// unread is a host that says READY and takes nothing.
func unread(context.Context, string) (framed.Stream, error) {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	errR, errW := io.Pipe()
	go func() { _, _ = io.WriteString(outW, "READY 0 setsid\n") }()
	ended, once := make(chan struct{}), sync.Once{}
	end := func() error {
		once.Do(func() { close(ended) })
		return errors.Join(inR.Close(), outW.Close(), errW.Close())
	}
	wait := func() (host.Output, error) { <-ended; return host.Output{}, nil }
	return framed.Stream{Stdin: inW, Stdout: outR, Stderr: errR, Wait: wait, Close: end}, nil
}

// TestHostThatTakesNothing: a window that never opens ends a frame, a batch and
// a command over a channel of its own.
func TestHostThatTakesNothing(t *testing.T) {
	c := framed.New("db1", unread, nil)
	c.Within = 50 * time.Millisecond
	defer c.Close()
	want := "the host does not keep to the protocol: it did not take it within 50ms (outcome unknown)"
	check := func(err error) {
		t.Helper()
		if !errors.Is(err, host.ErrTransport) || !errors.Is(err, host.ErrProtocol) {
			t.Fatalf("error %v", err)
		}
	}
	s, err := c.Shell(t.Context(), host.As{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Run(t.Context(), sh.Script("true"))
	check(err)
	if s, err = c.Shell(t.Context(), host.As{}); err != nil {
		t.Fatal(err)
	}
	_, err = s.Batch(t.Context(), sh.Batch{Ask: []sh.Cmd{sh.Script("true")}})
	check(err)
	_, err = c.Exec(t.Context(), host.As{}, sh.Script("true"))
	if check(err); !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v\nlacks %s", err, want)
	}
}

// A profile that waits, and a sudo that hangs, end with what was waited for; a
// person who thinks of the password is not late.
func TestShellThatNeverComes(t *testing.T) {
	run := func(h says, as host.As, within time.Duration, pw framed.Password) error {
		login := says{ready: "READY 1000\n", out: "NONCE P 1\nNONCE 0\n", err: "NONCE\n"}
		c := framed.New("db1", func(ctx context.Context, command string) (framed.Stream, error) {
			if as.Login() || strings.Contains(command, "sudo") {
				return h.start(ctx, command)
			}
			return login.start(ctx, command)
		}, pw)
		defer c.Close()
		c.Within = within
		_, err := c.Shell(t.Context(), as)
		return err
	}
	err := run(says{ready: "who are you? "}, host.As{}, 10*time.Millisecond, nil)
	if want := "db1: the login shell did not start /bin/sh within 10ms"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	pw := func(context.Context, host.As, int) (secret.Sealed, error) { return secret.New([]byte("pw")), nil }
	err = run(says{asks: "PROMPT"}, host.As{User: "app"}, time.Second, pw)
	if want := "db1: sudo to app: refused (nothing for 1s)"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	slow := func(ctx context.Context, as host.As, wrong int) (secret.Sealed, error) {
		time.Sleep(3500 * time.Millisecond)
		return pw(ctx, as, wrong)
	}
	if err := run(says{ready: "READY 5\n", asks: "PROMPT"}, host.As{User: "app"}, 3*time.Second, slow); err != nil {
		t.Errorf("a slow typist: %v", err)
	}
}

// FuzzFrames: whatever the host prints, a frame ends with an answer that its
// own marks enclose, or with an error; never with a panic or a hang.
func FuzzFrames(f *testing.F) {
	f.Add("READY 0 setsid\n", good, goodErr)
	f.Add("hi\nREADY 0\n", "NONCE P \nNONCE P 1\nNONCE 0\nNONCE 1\n", "NONCE")
	f.Add("READY -1 x y\n", "NONCE NONCE P NONCE 99999999999999999999\n", "NONCE\nNONCE\n")
	f.Fuzz(func(t *testing.T, ready, out, errs string) {
		got := once(t, says{ready: ready + "\nREADY 0\n", out: out, err: errs, cut: true})
		if strings.Contains(got, context.DeadlineExceeded.Error()) {
			t.Fatal("it hangs")
		}
		if !strings.HasPrefix(got, "error ") && (!strings.Contains(out, "NONCE P ") || !strings.Contains(errs, "NONCE\n")) {
			t.Fatalf("an answer without marks: %s", got)
		}
	})
}
