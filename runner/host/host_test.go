package host_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

func TestProbeKeysDiffer(t *testing.T) {
	seen := map[string]int{}
	for i, p := range []host.Probe{
		host.NewProbe("a"), host.NewProbe("a", ""), host.NewProbe("a", "", ""), host.NewProbe("a", "b"), host.NewProbe("a", "b", "c"),
		host.NewProbe("a", "b c"), host.NewProbe("a").WithStdin("b"), host.NewProbe("a", "b").WithStdin("b"), host.NewProbe("ab"),
	} {
		if j, ok := seen[p.Key()]; ok {
			t.Errorf("probes %d and %d have one key", i, j)
		}
		seen[p.Key()] = i
	}
	if a, b := host.NewProbe("a", "b").Key(), host.NewProbe("a", "b").Wide().Plain().Key(); a != b {
		t.Error("how a probe is used changes which question it is")
	}
}

func TestSeenTellsWhatIsMissingAndWhatWasRead(t *testing.T) {
	a, b, c := host.NewProbe("a"), host.NewProbe("b"), host.NewProbe("c")
	s := host.NewSeen(map[string]host.Answer{b.Key(): {Stdout: []byte("5")}})
	var need *host.ErrNeed
	if err := host.All(s, c, b, a); !errors.As(err, &need) || len(need.Questions) != 2 || need.Questions[0].Key() != c.Key() {
		t.Fatalf("missing: %v", err)
	}
	if err := host.All(s, b); err != nil {
		t.Errorf("all is known, but %v", err)
	}
	length := host.Fact[int]{Q: b, Parse: func(a host.Answer) (int, error) { return len(a.Stdout), nil }}
	if n, err := host.Get(s, length); n != 1 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	length.Q = a
	if _, err := host.Get(s, length); !errors.As(err, &need) || need.Questions[0].Key() != a.Key() {
		t.Errorf("error %v", err)
	}
	var keys []string
	for _, q := range s.Rests() {
		keys = append(keys, q.Key())
	}
	if got, want := strings.Join(keys, ","), strings.Join([]string{a.Key(), b.Key(), c.Key()}, ","); got != want {
		t.Errorf("rests on %q, want %q", got, want)
	}
}

func TestCanonicalKeepsAnswersApart(t *testing.T) {
	for _, pair := range [][2][]host.Answer{
		{{{Stdout: []byte("a")}, {Stdout: []byte("b")}}, {{Stdout: []byte("b")}, {Stdout: []byte("a")}}},
		{{{Stdout: []byte("a"), Status: 1}}, {{Stdout: []byte("a")}}},
		{{{Stdout: []byte("a\n")}}, {{Stdout: []byte("a")}}},
		{{{Stdout: []byte("a")}}, {{Stdout: []byte("a")}, {}}},
	} {
		if host.Digest(pair[0]) == host.Digest(pair[1]) {
			t.Errorf("%q and %q have one digest", host.Canonical(pair[0]), host.Canonical(pair[1]))
		}
	}
	if got := string(host.Canonical([]host.Answer{{Stdout: []byte("x"), Status: 3}, {}})); got != "x\n3\n\n0\n" {
		t.Errorf("canonical %q: the shell's own printf says \"x\\n3\\n\\n0\\n\"", got)
	}
}

// conn counts what it is asked for; each shell answers with its name.
type conn struct {
	host.Conn
	name   string
	status int
	err    error
	closed *int
}

func (c conn) Shell(context.Context, host.As) (host.Shell, error) { return shell{conn: c}, c.err }
func (c conn) Close() error                                       { *c.closed++; return nil }
func (c conn) Exec(context.Context, host.As, sh.Cmd) (host.Output, error) {
	return host.Output{Stdout: []byte("a channel of its own")}, nil
}

type shell struct {
	host.Shell
	conn conn
}

func (s shell) Run(context.Context, sh.Cmd) (host.Output, error) {
	return host.Output{Stdout: []byte(s.conn.name), Status: s.conn.status}, nil
}

// Secrets and streams never share the framed shell with anything.
func TestWhatGoesOverItsOwnChannel(t *testing.T) {
	w := &host.Worker{Conn: conn{name: "framed", closed: new(int)}}
	secretly := sh.Script("cat")
	secretly.Secret = true
	gated := sh.Script("cat")
	gated.Gated = true
	for name, c := range map[string]struct {
		cmd  sh.Cmd
		want string
	}{
		"small":  {sh.Script("cat").With(sh.Bytes("x")), "framed"},
		"1 MiB":  {sh.Script("cat").With(sh.Bytes(make([]byte, 1<<20))), "framed"},
		"more":   {sh.Script("cat").With(sh.Bytes(make([]byte, 1<<20+1))), "a channel of its own"},
		"secret": {secretly, "a channel of its own"},
		"gated":  {gated, "a channel of its own"},
	} {
		if out, err := w.Run(t.Context(), c.cmd); err != nil || string(out.Stdout) != c.want {
			t.Errorf("%s: %q %v, want %s", name, out.Stdout, err, c.want)
		}
	}
}

func TestRedial(t *testing.T) {
	ready := host.NewProbe("ready")
	closed := 0
	old := conn{name: "old", closed: &closed}
	w := &host.Worker{Host: "db1", Conn: old, Kept: &host.Kept{}}
	if err := w.Redial(t.Context(), ready, time.Minute); err == nil || err.Error() != "this connection cannot be made anew" {
		t.Errorf("error %v", err)
	}
	w.Dialing = func(context.Context) (host.Conn, error) { return conn{name: "new", closed: new(int)}, nil }
	if err := w.Redial(t.Context(), ready, time.Minute); err != nil {
		t.Fatal(err)
	}
	if out, _ := w.Run(t.Context(), sh.Script("x")); string(out.Stdout) != "new" || closed != 1 {
		t.Errorf("%q answers, the old one was closed %d times", out.Stdout, closed)
	}
	for name, dial := range map[string]func(context.Context) (host.Conn, error){
		"never there": func(context.Context) (host.Conn, error) { return nil, errors.New("refused") },
		"not ready":   func(context.Context) (host.Conn, error) { return conn{status: 1, closed: new(int)}, nil },
	} {
		w.Dialing = dial
		if err := w.Redial(t.Context(), ready, time.Millisecond); err == nil || err.Error() != "db1 did not come back within 1ms" {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

type closer func()

func (c closer) Close() error { c(); return nil }

func TestKept(t *testing.T) {
	var k host.Kept
	made, closed := 0, 0
	get := func(key string) {
		t.Helper()
		if _, err := k.Get(key, func() (io.Closer, error) { made++; return closer(func() { closed++ }), nil }); err != nil {
			t.Fatal(err)
		}
	}
	get("a")
	get("a")
	get("b")
	if _, err := k.Get("c", func() (io.Closer, error) { return nil, errors.New("refused") }); err == nil {
		t.Error("what could not be made was kept")
	}
	k.Drop("a")
	k.Drop("a")
	k.Drop("c")
	if made != 2 || closed != 1 {
		t.Errorf("made %d, closed %d", made, closed)
	}
	get("a")
	if err := k.Close(); err != nil || made != 3 || closed != 3 {
		t.Errorf("made %d, closed %d, %v", made, closed, err)
	}
}
