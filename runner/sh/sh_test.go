package sh

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// shells are the shells of this machine that a server may have as /bin/sh.
func shells(t testing.TB) [][]string {
	t.Helper()
	var out [][]string
	for _, argv := range [][]string{{"dash"}, {"bash", "--posix"}, {"busybox", "ash"}} {
		if _, err := exec.LookPath(argv[0]); err == nil {
			out = append(out, argv)
		}
	}
	if out == nil {
		t.Fatal("no shell at all")
	}
	return out
}

func TestQuoteIsShlexQuote(t *testing.T) {
	cases := map[string]string{
		"": "''", "a": "a", "a b": "'a b'", "it's": `'it'"'"'s'`, "$HOME": "'$HOME'", "a\nb": "'a\nb'",
		"%@_-+=:,./": "%@_-+=:,./", "é": "'é'", "\\": `'\'`, "~": "'~'", "*": "'*'", "!": "'!'", "-x": "-x", "#": "'#'", "`": "'`'",
	}
	for in, want := range cases {
		if got := Quote(in); got != want {
			t.Errorf("Quote(%q) = %s, want %s", in, got, want)
		}
	}
}

func FuzzQuoteAgainstRealShell(f *testing.F) {
	for _, s := range []string{"", "it's", "a\nb\n", "\\'\"$`!*", "-n", "é\xff\x01"} {
		f.Add(s)
	}
	list := shells(f)
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ContainsRune(s, 0) {
			t.Skip("no shell word holds NUL")
		}
		for _, argv := range list {
			got, err := exec.Command(argv[0], append(argv[1:], "-c", "printf '%s.' "+Quote(s))...).Output()
			if err != nil || string(got) != s+"." {
				t.Errorf("%v: %q became %q (%v)", argv, s, got, err)
			}
		}
	})
}

func TestSplit(t *testing.T) {
	cases := map[string][]string{
		`a "b c" 'd e' f\ g`: {"a", "b c", "d e", "f g"},
		`x='1 2' ""`:         {"x=1 2", ""},
		`"a\"b\c"`:           {`a"b\c`},
	}
	for in, want := range cases {
		got, ok := Split(in)
		if !ok || strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("Split(%s) = %q, %v", in, got, ok)
		}
	}
	if _, ok := Split(`a "b`); ok {
		t.Error("an open quote was accepted")
	}
}

func TestCheckNamesWhatNoShellTakes(t *testing.T) {
	for want, c := range map[string]Cmd{
		"argument 1 holds a NUL byte": Script("x", "a\x00b"),
		`environment variable "a-b" cannot be set: a name has letters, digits and _, a value no NUL byte`: {Env: []Var{{"a-b", "1"}}},
	} {
		if err := c.Check(); err == nil || err.Error() != want {
			t.Errorf("Check = %v, want %s", err, want)
		}
	}
}

// runBatch executes a batch in a real shell as the loop's child would.
func runBatch(t *testing.T, argv []string, dir string, b Batch) BatchResult {
	t.Helper()
	nonce := NewNonce()
	script, data, err := b.Render(nonce)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(argv[0], append(argv[1:], "-c", "eval \"$1\"", "sh", script)...)
	cmd.Dir = dir
	cmd.Stdin = bytes.NewReader(data)
	var out, errb bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errb
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s\n%s", argv, err, errb.String(), script)
	}
	res, err := b.Parse(nonce, Raw{Stdout: out.Bytes(), Stderr: errb.Bytes()})
	if err != nil {
		t.Fatalf("%v: %v\n%q", argv, err, out.String())
	}
	return res
}

func digest(answers ...Asked) [32]byte {
	h := sha256.New()
	for _, a := range answers {
		fmt.Fprintf(h, "%s\n%d\n", a.Stdout, a.Status)
	}
	return [32]byte(h.Sum(nil))
}

const (
	probeText Constant = `cat -- "$1" 2>/dev/null || exit 3`
	writeText Constant = `cat >"$1"; echo "wrote $1"; echo note >&2`
)

func TestChainRunsOnlyWhileAnswersHold(t *testing.T) {
	for _, argv := range shells(t) {
		t.Run(argv[0], func(t *testing.T) {
			dir := t.TempDir()
			absent := digest(Asked{Status: 3})
			link := func(name, data string) Link {
				probe := Script(probeText, name)
				return Link{Guard: []Cmd{probe}, Want: absent, Again: []Cmd{probe},
					Steps: []Cmd{Script(writeText, name).With(Bytes(data))}}
			}
			binary := "x\x00y\n\xff no newline"
			// The third link writes what the fourth's answers rest on.
			b := Batch{Chain: []Link{link("a", binary), link("b'c d", "2"), link("d", "3"), link("d", "4"), link("e", "5")},
				Ask: []Cmd{Script(probeText, "a"), Script(`printf '%s' "$1" | wc -c; cat`, "é").With(Bytes("on stdin"))}}
			res := runBatch(t, argv, dir, b)
			if res.Done != 3 || res.Stopped != StopGuard || len(res.Steps) != 3 {
				t.Fatalf("done %d, stopped %v, steps %d", res.Done, res.Stopped, len(res.Steps))
			}
			if got := res.Steps[1][0]; string(got.Stdout) != "wrote b'c d\n" || string(got.Stderr) != "note\n" || got.Status != 0 {
				t.Errorf("step = %v %q %d", got.Stdout, got.Stderr, got.Status)
			}
			if len(res.Again) != 1 || string(res.Again[0].Stdout) != "3" || res.Again[0].Status != 0 {
				t.Errorf("fresh answers = %v", res.Again)
			}
			if len(res.Asked) != 2 || string(res.Asked[0].Stdout) != binary || strings.TrimSpace(string(res.Asked[1].Stdout)) != "2\non stdin" {
				t.Errorf("asked = %v", res.Asked)
			}
		})
	}
}

func TestChainStopsAtAFailingStepAndSurvivesForeignText(t *testing.T) {
	for _, argv := range shells(t) {
		t.Run(argv[0], func(t *testing.T) {
			b := Batch{Chain: []Link{
				{Steps: []Cmd{User("exit 0"), User("cd /; umask 0; readonly N; x=1")}},
				{Steps: []Cmd{Script(`echo "$V"; pwd`).withEnv("V", "it's").in("/")}},
				{Steps: []Cmd{User("if then fi (")}},
				{Steps: []Cmd{User("touch never")}},
			}}
			dir := t.TempDir()
			res := runBatch(t, argv, dir, b)
			if res.Done != 2 || res.Stopped != StopStep {
				t.Fatalf("done %d stopped %v", res.Done, res.Stopped)
			}
			if got := string(res.Steps[1][0].Stdout); got != "it's\n/\n" {
				t.Errorf("env and dir: %q", got)
			}
			if st := res.Steps[2][0].Status; st == 0 {
				t.Error("a syntax error was a success")
			}
			if m, _ := filepath.Glob(filepath.Join(dir, "*")); m != nil {
				t.Errorf("a step behind the stop ran: %v", m)
			}
		})
	}
}

func (c Cmd) withEnv(k, v string) Cmd { c.Env = append(c.Env, Var{k, v}); return c }
func (c Cmd) in(dir string) Cmd       { c.Dir = dir; return c }

func TestLoopSurvivesLoginShells(t *testing.T) {
	loop := Loop()
	for _, bad := range []string{"'", "\n", "!", `\\`} {
		if strings.Contains(loop, bad) {
			t.Errorf("the loop holds %q", bad)
		}
	}
}
