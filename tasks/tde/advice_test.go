//go:build linux

package tde

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/status"
	"remoterun/tasks/tde/target"
	"remoterun/tasks/tde/unlock"
)

// advised is what a message says to type.
var advised = regexp.MustCompile(`remoterun (key import|setup|unlock) web1( --yes)?`)

// constantsOf are the values of a package's text constants whose names begin so:
// what is added there without a case here fails.
func constantsOf(t *testing.T, folder, prefix string) []string {
	t.Helper()
	pkgs, err := parser.ParseDir(token.NewFileSet(), folder, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, p := range pkgs {
		ast.Inspect(p, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok {
				for i, name := range v.Names {
					if lit, ok := at(v.Values, i).(*ast.BasicLit); ok && lit.Kind == token.STRING && strings.HasPrefix(strings.ToLower(name.Name), prefix) {
						s, _ := strconv.Unquote(lit.Value)
						out = append(out, s)
					}
				}
			}
			return true
		})
	}
	return out
}

func at(l []ast.Expr, i int) ast.Expr {
	if i < len(l) {
		return l[i]
	}
	return nil
}

// TestAdviceAboutSealedCopies: whatever is wrong with the laptop's or the server's
// sealed copies, typing what the refusal says makes it right.
func TestAdviceAboutSealedCopies(t *testing.T) {
	server := func(script string) func(*testing.T, *ns, string) {
		return func(t *testing.T, n *ns, _ string) { n.sh(t, "cd /var/lib/remoterun/sync && "+script) }
	}
	laptop := func(f func(*testing.T, string)) func(*testing.T, *ns, string) {
		return func(t *testing.T, _ *ns, folder string) { f(t, folder) }
	}
	seenStates := map[string]bool{}
	const flip = `for f in *.%s; do printf '\001' | dd of=$f bs=1 seek=20 conv=notrunc 2>/dev/null; done`
	for name, c := range map[string]struct {
		spoil func(*testing.T, *ns, string)
		state custody.CopyState
	}{
		"nothing anywhere":                  {func(t *testing.T, n *ns, f string) { _ = os.RemoveAll(f); n.sh(t, "rm -r /var/lib/remoterun/sync") }, custody.CopiesNone},
		"nothing is wrong":                  {func(*testing.T, *ns, string) {}, custody.CopiesEqual},
		"the server's is gone":              {server("rm *"), custody.CopyMissing},
		"one of the server's files is gone": {server("rm *.tag"), custody.CopyMissing},
		"the laptop's are gone":             {laptop(func(t *testing.T, f string) { _ = os.RemoveAll(f) }), custody.CopyServer},
		"the server's .enc is flipped":      {server(strings.ReplaceAll(flip, "%s", "enc")), custody.CopyDiffers},
		"the server's .tag is flipped":      {server(strings.ReplaceAll(flip, "%s", "tag")), custody.CopyDiffers},
		"the server's .json is flipped":     {server(strings.ReplaceAll(flip, "%s", "json")), custody.CopyDiffers},
		"the laptop's .enc is flipped":      {laptop(func(t *testing.T, f string) { replace(t, f, ".enc", "Salted__", "salted__") }), custody.CopyDamaged},
		"the laptop's .json is flipped":     {laptop(func(t *testing.T, f string) { replace(t, f, ".json", "anna", "emma") }), custody.CopyDamaged},
		"the laptop's .enc is gone":         {laptop(func(t *testing.T, f string) { glob(t, f, "*.enc") }), custody.CopyDamaged},
		"HEAD without files":                {laptop(func(t *testing.T, f string) { glob(t, f, "0*") }), custody.CopyDamaged},
		"files without HEAD":                {laptop(func(t *testing.T, f string) { glob(t, f, "HEAD") }), custody.CopiesEqual},
		"the server is newer":               {nil, custody.CopyNewer},
		"no copy on the server":             {nil, custody.CopyNoServer},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNS(t, false)
			w := n.conn(t, "web1")
			d := testDeps(t, knows(strong))
			setUp(t, d, w)
			folder := d.Store("keys").Folder("sync", "web1")
			args := []any{}
			switch {
			case c.state == custody.CopyNewer: // another laptop went on from here
				other := again(t, d, knows(strong))
				dir := t.TempDir()
				other.Dir = func() string { return dir }
				if err := os.CopyFS(filepath.Join(dir, "keys", "sync@web1"), os.DirFS(folder)); err != nil {
					t.Fatal(err)
				}
				next(t, other)
				changed(t, true, keyring(t, other, w, "push"))
			case c.state == custody.CopyNoServer:
				n.sh(t, "rm -r /var/lib/remoterun/sync")
				args = []any{"server_copy", value.Bool(false), "second_copy", value.String(t.TempDir())}
				changed(t, true, keyring(t, d, w, "push", args...))
			default:
				c.spoil(t, n, folder)
			}
			d = again(t, d, knows(strong))
			r := firstRefusal(t, d, w, args)
			for range 4 {
				if r.Msg == "" {
					return
				}
				said := advised.FindStringSubmatch(r.Msg)
				if said == nil {
					t.Fatalf("it says nothing that can be typed: %s", r.Msg)
				}
				d = again(t, d, knows(strong))
				d.Yes = said[2] != ""
				before := r
				if said[1] == "key import" {
					r = keyring(t, d, w, "import")
				} else {
					r = setupAgain(t, d, w, args)
				}
				if r.Failed && r.Msg == before.Msg {
					t.Fatalf("a circle: %s", r.Msg)
				}
				d = again(t, d, knows(strong))
				if d.Yes = false; !r.Failed {
					r = firstRefusal(t, d, w, args)
				}
			}
			t.Errorf("not even four times: %s", r.Msg)
		})
		seenStates[string(c.state)] = true
	}
	for _, s := range constantsOf(t, "custody", "cop") {
		if !seenStates[s] {
			t.Errorf("state %q of sealed copies has no case here", s)
		}
	}
}

// firstRefusal is what unlock's and setup's custody half refuse, in that order.
func firstRefusal(t *testing.T, d custody.Deps, w host.Writer, args []any) play.Result {
	t.Helper()
	if r := keyring(t, d, w, "open"); r.Failed {
		return r
	}
	return setupAgain(t, again(t, d, knows(strong)), w, args)
}

func setupAgain(t *testing.T, d custody.Deps, w host.Writer, args []any) play.Result {
	t.Helper()
	for _, action := range []string{"make", "seal", "push"} {
		more := []any{}
		if action != "seal" {
			more = args
		}
		if r := keyring(t, d, w, action, more...); r.Failed {
			return r
		}
	}
	return play.Result{}
}

// next seals a generation more, with one key more.
func next(t *testing.T, d custody.Deps) {
	t.Helper()
	o, err := d.Open(t.Context(), d.Store("keys"), "sync", "web1")
	if err != nil {
		t.Fatal(err)
	}
	if o.Keyring, err = o.Keyring.Append("another", 128, d.Random); err != nil {
		t.Fatal(err)
	}
	if _, err := d.NextGeneration(t.Context(), d.Store("keys"), o, o.Passphrase); err != nil {
		t.Fatal(err)
	}
}

func glob(t *testing.T, folder, pattern string) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(folder, pattern))
	if err != nil || len(list) == 0 {
		t.Fatalf("nothing to remove: %v", err)
	}
	for _, f := range list {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
}

// typed does what a message says to type, as the shipped playbooks do.
func (l *lab) typed(command string) {
	l.t.Helper()
	switch {
	case strings.Contains(command, "unlock"):
		l.push()
		l.ok(target.New(l.d), "image", l.image)
		l.ok(unlock.New(l.d))
	case strings.Contains(command, "setup"):
		for _, action := range []string{"make", "seal", "push"} {
			l.key(action)
		}
	}
}

// adviceTyped are the states whose advice TestRealAdviceOfStates types, in its order.
var adviceTyped = []string{"empty", status.StateBegun, status.StateUnlocked, status.StateLocked, status.StateStopped, status.StateAstray, "failed", "gone"}

// adviceBeyond are those that typing cannot make better here, and why.
var adviceBeyond = map[string]string{
	status.StatePlain: "migrate is another verb's work",
	"starting":        "time alone helps; the log is shown",
	"loaded":          "no database is here to use the key",
	"moving":          "the verbs that it names are typed at every phase by TestMoveFaults",
}

// TestEveryStateHasAdvice needs no server, so that a new state is missed at once
// and not only where an image is.
func TestEveryStateHasAdvice(t *testing.T) {
	states := constantsOf(t, "status", "state")
	if len(states) < 10 {
		t.Fatalf("only %q are found", states)
	}
	for _, s := range states {
		if !slices.Contains(adviceTyped, s) && adviceBeyond[s] == "" {
			t.Errorf("state %q has no case here", s)
		}
	}
}

// TestRealAdviceOfStates: for each state that status knows, what it says to type
// makes it better.
func TestRealAdviceOfStates(t *testing.T) {
	l := needLab(t)
	l.baseWith("./pg:/data/db")
	cases := map[string]func(){
		"empty": func() {},
		status.StateBegun: func() { // init was cut off behind its record
			l.push()
			_, _ = try(t, l.w, target.New(l.d), l.args("image", l.image), 3)
		},
		status.StateLocked:  func() { l.sh("docker stop " + l.container()); l.unmount() },
		status.StateStopped: func() { l.push(); l.sh("docker stop " + l.container()) },
		status.StateAstray:  func() { l.sh("cd " + l.dir + " && docker compose -f compose.yaml up -d; sleep 2") },
		"failed":            func() { l.sql("postgres", "ALTER ROLE remoterun PASSWORD 'lost'") },
		"gone": func() {
			l.sh("cd " + l.dir + " && docker compose down; docker volume rm " + l.project + "_tde; mv pg_tde away")
			t.Cleanup(func() {})
		},
		status.StateUnlocked: func() {},
	}
	for s := range cases {
		if !slices.Contains(adviceTyped, s) {
			t.Errorf("state %q is not in adviceTyped", s)
		}
	}
	for _, s := range adviceTyped {
		if s == status.StateBegun {
			l.sh("cd " + l.dir + " && docker compose down; docker volume rm " + l.project + "_tde; rm -rf pg_tde compose.override.yaml /var/lib/remoterun/" + l.project + "/init")
		}
		cases[s]()
		got := l.run(status.New(l.d))
		if is := value.Str(data(got.Result, "state")); is != s {
			t.Fatalf("state is %s, want %s: %s", is, s, got.Msg)
		}
		if s == status.StateUnlocked {
			continue
		}
		if s == "gone" { // nothing was in it: what is said for that case
			l.sh("rm /var/lib/remoterun/" + l.project + "/init")
			if !strings.Contains(got.Msg, "remove /var/lib/remoterun/"+l.project+"/init") {
				t.Errorf("gone says %s", got.Msg)
			}
		}
		for range 3 {
			next := advised.FindString(got.Msg)
			if next == "" {
				t.Fatalf("%s says nothing that can be typed: %s", s, got.Msg)
			}
			l.typed(next)
			if got = l.run(status.New(l.d)); value.Str(data(got.Result, "state")) == status.StateUnlocked {
				break
			}
		}
		if is := value.Str(data(got.Result, "state")); is != status.StateUnlocked || len(got.Warnings) > 0 {
			t.Errorf("%s came to %s: %s %v", s, is, got.Msg, got.Warnings)
		}
	}
}

// TestUnlocksWordsAreStates: the word that an unlock's refusal begins with is one of
// status's states, whose advice is typed above.
func TestUnlocksWordsAreStates(t *testing.T) {
	states := constantsOf(t, "status", "state")
	seen := 0
	for _, folder := range []string{"stack", "unlock"} {
		pkgs, err := parser.ParseDir(token.NewFileSet(), folder, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pkgs {
			ast.Inspect(p, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				f, ok := call.Fun.(*ast.SelectorExpr)
				if !ok || f.Sel.Name != "Refuse" && f.Sel.Name != "Failure" {
					return true
				}
				said := at(call.Args, map[string]int{"Refuse": 2}[f.Sel.Name])
				for sum, ok := said.(*ast.BinaryExpr); ok; sum, ok = said.(*ast.BinaryExpr) {
					said = sum.X
				}
				lit, ok := said.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					return true
				}
				text, _ := strconv.Unquote(lit.Value)
				word := regexp.MustCompile(`^([a-z]+): `).FindStringSubmatch(text)
				if word == nil {
					return true
				}
				if seen++; !slices.Contains(states, word[1]) && word[1] != "stale" { // of a container, and not of a database
					t.Errorf("%q begins with no state", text)
				}
				return true
			})
		}
	}
	if seen < 5 {
		t.Errorf("only %d are found", seen)
	}
}

// movesTyped are the states of a move, and the test in which the verbs that its
// messages name are typed there.
var movesTyped = map[string]string{
	"begun": "TestMoveFaults", "frozen": "TestMoveFaults", "made": "TestMoveFaults", "copied": "TestMoveFaults", "proved": "TestMoveFaults", "cut": "TestMoveFaults", "done": "TestMoveVerbs", "rolled": "TestMoveVerbs",
}

// TestEveryStateOfAMoveHasAdvice: a new state has to say in which test it is left.
func TestEveryStateOfAMoveHasAdvice(t *testing.T) {
	pkgs, err := parser.ParseDir(token.NewFileSet(), "../move", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile("../../cmd/remoterun/move_linux_test.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, p := range pkgs {
		ast.Inspect(p, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if id, ok := v.Type.(*ast.Ident); !ok || id.Name != "State" || len(v.Values) != 1 {
				return true
			}
			lit, ok := v.Values[0].(*ast.BasicLit)
			if !ok {
				return true
			}
			if state, _ := strconv.Unquote(lit.Value); state != "" {
				if seen++; movesTyped[state] == "" || !strings.Contains(string(tests), "func "+movesTyped[state]+"(") {
					t.Errorf("state %q of a move has no test", state)
				}
			}
			return true
		})
	}
	if seen != len(movesTyped) {
		t.Errorf("%d states are there, %d in the table", seen, len(movesTyped))
	}
}
