//go:build linux

package tde

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/seal"
	"remoterun/tasks/tde/tdetest"
)

// kept are the places beside the laptop's folder that hold sealed copies, too.
var kept = []struct {
	name           string
	server, second bool
}{{"", true, false}, {" (second copy)", false, true}, {" (no other copy)", false, false}}

// TestColleague: whatever somebody does who can write the keys folder, it is noticed
// by unlock, and by status, which asks for no passphrase; and typing what is said leads
// back to the generation that was used, or, where no copy of it is left, to --yes.
func TestColleague(t *testing.T) {
	for i, c := range colleague {
		for j, k := range kept {
			if j != i%len(kept) && !c.everywhere {
				continue // each with one of them: what differs is the source
			}
			t.Run(c.name+k.name, func(t *testing.T) {
				t.Parallel()
				l := newColleagueLab(t, k.server)
				c.does(t, l.folder, l.then)
				if !k.server && !k.second {
					_ = os.RemoveAll(l.second)
				}
				r, state := l.look(t)
				if noticed := r.Failed || len(r.Warnings) > 0; noticed == c.harmless || (state == custody.CopiesEqual || state == custody.CopyNoServer) != (c.harmless || c.statusOf) {
					t.Errorf("unlock: %q %v; status: %s", r.Msg, r.Warnings, state)
				}
				said := l.typeWhatIsSaid(t)
				if lost := !k.server && !k.second && c.loses; l.generation(t) != 2 && !lost || strings.Contains(said, "--yes") && !lost && !c.junk {
					t.Errorf("generation %d after%s", l.generation(t), said)
				}
			})
		}
	}
}

// colleagueLab is a laptop that has opened generation 2 of a host's keyring.
type colleagueLab struct {
	d                    custody.Deps
	w                    host.Writer
	folder, then, second string
	args                 []any
}

func newColleagueLab(t *testing.T, server bool) *colleagueLab {
	t.Helper()
	l := &colleagueLab{d: testDeps(t, knows(strong)), w: newNS(t, false).conn(t, "web1"), second: t.TempDir(), then: filepath.Join(t.TempDir(), "then")}
	l.d.WitnessDir = filepath.Join(t.TempDir(), "seen")
	if !server {
		l.args = []any{"server_copy", value.Bool(false), "second_copy", value.String(l.second)}
	}
	for range 2 {
		if r := setupAgain(t, l.next(t), l.w, l.args); r.Failed {
			t.Fatal(r.Msg)
		}
		if l.folder == "" {
			l.folder = l.d.Store("keys").Folder("sync", "web1")
			if err := os.CopyFS(l.then, os.DirFS(l.folder)); err != nil {
				t.Fatal(err)
			}
			next(t, l.next(t))
		}
	}
	return l
}

// next is the next run of the program.
func (l *colleagueLab) next(t *testing.T) custody.Deps {
	l.d = again(t, l.d, knows(strong))
	return l.d
}

func (l *colleagueLab) look(t *testing.T) (play.Result, custody.CopyState) {
	t.Helper()
	r := keyring(t, l.next(t), l.w, "open")
	return r, copiesOf(t, l.next(t), l.w, l.args == nil).State
}

func (l *colleagueLab) generation(t *testing.T) int64 {
	t.Helper()
	n, _ := data(keyring(t, l.next(t), l.w, "open"), "generation").AsInt()
	return n
}

var movesAway = regexp.MustCompile(`mv (\S+) (\S+\.bad)`)

// typeWhatIsSaid types until nothing is refused any more, and returns what it typed.
func (l *colleagueLab) typeWhatIsSaid(t *testing.T) (typed string) {
	t.Helper()
	for range 5 {
		r, state := l.look(t)
		if !r.Failed {
			r = setupAgain(t, l.next(t), l.w, l.args)
		}
		for round := 0; r.Failed && round < 4; round++ {
			if m := movesAway.FindStringSubmatch(r.Msg); m != nil {
				if err := os.Rename(m[1], m[2]); err != nil {
					t.Fatal(err)
				}
			}
			said := advised.FindStringSubmatch(r.Msg)
			if said == nil {
				t.Fatalf("it says nothing that can be typed: %s", r.Msg)
			}
			typed += "; " + said[0]
			d, before := l.next(t), r.Msg
			d.Yes = said[2] != ""
			if said[1] == "key import" {
				r = keyring(t, d, l.w, "import", l.args...)
			} else {
				r = setupAgain(t, d, l.w, l.args)
			}
			if r.Failed && r.Msg == before {
				t.Fatalf("a circle: %s", r.Msg)
			}
		}
		if r, state = l.look(t); !r.Failed && len(r.Warnings) == 0 && (state == custody.CopiesEqual || state == custody.CopyNoServer) {
			return typed
		}
	}
	r, state := l.look(t)
	t.Fatalf("not even so%s: %s %v, status %s", typed, r.Msg, r.Warnings, state)
	return typed
}

func copiesOf(t *testing.T, d custody.Deps, w host.Writer, kept bool) custody.CopiesView {
	t.Helper()
	answers := map[string]host.Answer{}
	for range 5 {
		v, err := d.CopiesOf(host.NewSeen(answers), "keys", "sync", "web1", kept)
		need, ok := err.(*host.ErrNeed)
		if !ok {
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		for _, q := range need.Questions {
			a, err := q.Ask(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			answers[q.Key()] = a
		}
	}
	return custody.CopiesView{}
}

func newest(t *testing.T, folder, suffix string) string {
	t.Helper()
	l, _ := filepath.Glob(filepath.Join(folder, "000002-*"+suffix))
	return l[0]
}

// colleague is what somebody who can write the keys folder does to it; then is the
// folder as it was at generation 1.
var colleague = []struct {
	name       string
	harmless   bool // opens as it is
	statusOf   bool // a folder that is gone is none to status, or HEAD alone is behind
	loses      bool // generation 2 is gone from the folder
	junk       bool // only --yes sets aside what nobody has another copy of
	everywhere bool // with each kind of other copy
	does       func(t *testing.T, folder, then string)
}{
	{name: "HEAD deleted", everywhere: true, junk: true, does: func(t *testing.T, f, _ string) { glob(t, f, "HEAD") }},
	{name: "HEAD set back", statusOf: true, does: func(t *testing.T, f, then string) { copyFile(t, filepath.Join(then, "HEAD"), filepath.Join(f, "HEAD")) }},
	{name: "newest deleted", loses: true, everywhere: true, does: func(t *testing.T, f, _ string) { glob(t, f, "000002-*") }},
	{name: "newest deleted and HEAD", loses: true, everywhere: true, does: func(t *testing.T, f, _ string) { glob(t, f, "000002-*"); glob(t, f, "HEAD") }},
	{name: "newest deleted, HEAD set back", loses: true, everywhere: true, does: func(t *testing.T, f, then string) {
		glob(t, f, "000002-*")
		copyFile(t, filepath.Join(then, "HEAD"), filepath.Join(f, "HEAD"))
	}},
	{name: "only newest's json deleted, HEAD set back", loses: true, does: func(t *testing.T, f, then string) {
		glob(t, f, "000002-*.json")
		copyFile(t, filepath.Join(then, "HEAD"), filepath.Join(f, "HEAD"))
	}},
	{name: "HEAD empty", junk: true, does: func(t *testing.T, f, _ string) { write(t, f, "HEAD", nil) }},
	{name: "HEAD in CRLF", harmless: true, does: func(t *testing.T, f, _ string) { crlf(t, filepath.Join(f, "HEAD")) }},
	{name: "manifests in CRLF", harmless: true, does: func(t *testing.T, f, _ string) {
		l, _ := filepath.Glob(f + "/*.json")
		for _, x := range l {
			crlf(t, x)
		}
	}},
	{name: "all text in CRLF", harmless: true, does: func(t *testing.T, f, _ string) {
		l, _ := filepath.Glob(f + "/*")
		for _, x := range l {
			if filepath.Ext(x) != ".enc" {
				crlf(t, x)
			}
		}
	}},
	{name: "HEAD in conflict", harmless: true, does: func(t *testing.T, f, then string) {
		a, _ := os.ReadFile(filepath.Join(then, "HEAD"))
		b, _ := os.ReadFile(filepath.Join(f, "HEAD"))
		write(t, f, "HEAD", []byte("<<<<<<< HEAD\n"+string(a)+"=======\n"+string(b)+">>>>>>> theirs\n"))
	}},
	{name: "HEAD with huge number", junk: true, everywhere: true, does: func(t *testing.T, f, _ string) {
		write(t, f, "HEAD", []byte("999999-01234567 "+strings.Repeat("ab", 32)+"\n"))
	}},
	{name: "HEAD names seven digits", junk: true, does: func(t *testing.T, f, _ string) {
		write(t, f, "HEAD", []byte("0000002-01234567 "+strings.Repeat("ab", 32)+"\n"))
	}},
	{name: "files with leading zeros and huge numbers beside", harmless: true, does: func(t *testing.T, f, _ string) {
		for _, s := range []string{".json", ".enc", ".tag"} {
			copyFile(t, newest(t, f, s), filepath.Join(f, "0000003-01234567"+s))
			copyFile(t, newest(t, f, s), filepath.Join(f, "99999999999999999999-01234567"+s))
		}
	}},
	{name: "first renamed to a third", junk: true, everywhere: true, does: func(t *testing.T, f, then string) {
		for _, s := range []string{".json", ".enc", ".tag"} {
			l, _ := filepath.Glob(filepath.Join(f, "000001-*"+s))
			copyFile(t, l[0], filepath.Join(f, "000003-"+filepath.Base(l[0])[7:]))
		}
	}},
	{name: "HEAD a link to a device", junk: true, does: func(t *testing.T, f, _ string) { linkTo(t, "/dev/zero", filepath.Join(f, "HEAD")) }},
	{name: "enc a link to a device", loses: true, does: func(t *testing.T, f, _ string) { linkTo(t, "/dev/zero", newest(t, f, ".enc")) }},
	{name: "json a link that leads nowhere", loses: true, does: func(t *testing.T, f, _ string) { linkTo(t, "nowhere", newest(t, f, ".json")) }},
	{name: "json is a folder", loses: true, does: func(t *testing.T, f, _ string) { p := newest(t, f, ".json"); os.Remove(p); os.Mkdir(p, 0o700) }},
	{name: "HEAD is a folder", junk: true, does: func(t *testing.T, f, _ string) { p := filepath.Join(f, "HEAD"); os.Remove(p); os.Mkdir(p, 0o700) }},
	{name: "HEAD is a pipe", junk: true, does: func(t *testing.T, f, _ string) {
		p := filepath.Join(f, "HEAD")
		os.Remove(p)
		_ = unix.Mkfifo(p, 0o600)
	}},
	{name: "tag is a pipe", loses: true, does: func(t *testing.T, f, _ string) { p := newest(t, f, ".tag"); os.Remove(p); _ = unix.Mkfifo(p, 0o600) }},
	{name: "the folder is a file", loses: true, does: func(t *testing.T, f, _ string) { os.RemoveAll(f); os.WriteFile(f, nil, 0o600) }},
	{name: "the folder is a link that leads nowhere", loses: true, does: func(t *testing.T, f, _ string) { os.RemoveAll(f); os.Symlink("nowhere", f) }},
	{name: "everything deleted", loses: true, everywhere: true, does: func(t *testing.T, f, _ string) { os.RemoveAll(f) }},
	{name: "everything in it deleted", loses: true, does: func(t *testing.T, f, _ string) { os.RemoveAll(f); os.Mkdir(f, 0o700) }},
	{name: "an earlier keyring's folder", loses: true, everywhere: true, does: func(t *testing.T, f, _ string) { _ = os.RemoveAll(f); earlier(t, f) }},
	{name: "an earlier keyring's files beside", junk: true, does: func(t *testing.T, f, _ string) { glob(t, f, "HEAD"); earlier(t, f) }},
	{name: "half a file in place", loses: true, does: func(t *testing.T, f, _ string) { _ = os.Truncate(newest(t, f, ".enc"), 100) }},
	{name: "json truncated to nothing", loses: true, everywhere: true, does: func(t *testing.T, f, _ string) { _ = os.Truncate(newest(t, f, ".json"), 0) }},
}

// earlier puts a keyring into the folder that the same passphrase opens, of the same
// project and host before it was set up anew.
func earlier(t *testing.T, folder string) {
	t.Helper()
	d := testDeps(t, knows(strong))
	k, err := seal.Keyring{}.Append("sync-earlier", 128, d.Random)
	for range 3 {
		o, open := d.Session.Opened("sync", "web1")
		if !open {
			o = custody.Opened{Project: "sync", Host: "web1", Keyring: k, Unsealed: true, Manifest: seal.Manifest{KeyringID: strings.Repeat("0e", 16), Project: "sync", Host: "web1"}}
		}
		if err == nil {
			_, err = d.NextGeneration(t.Context(), d.Store("keys"), o, tdetest.Passphrase(strong))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	list, _ := filepath.Glob(filepath.Join(d.Store("keys").Folder("sync", "web1"), "*"))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		copyFile(t, f, filepath.Join(folder, filepath.Base(f)))
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func linkTo(t *testing.T, to, at string) {
	t.Helper()
	os.Remove(at)
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}

func crlf(t *testing.T, f string) {
	t.Helper()
	b, _ := os.ReadFile(f)
	if err := os.WriteFile(f, bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}
