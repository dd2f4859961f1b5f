package custody

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/seal"
	"remoterun/tasks/tde/tdetest"
)

func opener(t *testing.T, dir string) func(s Store) error {
	t.Helper()
	return func(s Store) error {
		d := Deps{Prompter: &tdetest.Typist{Answers: map[string]string{"tde passphrase": "p"}}, Sealer: tdetest.TestSealer(), WitnessDir: dir}.Filled()
		defer d.Session.Close()
		_, err := d.Open(t.Context(), s, "sync", "web1")
		return err
	}
}

// TestWitness: a colleague who can write the keys folder puts genuine older files
// and an older HEAD back, in every way; this laptop has seen newer ones.
func TestWitness(t *testing.T) {
	one := sealedAt(t, 1, tdetest.KeyringOf(t, 128, "a"))
	two := sealedAt(t, 2, tdetest.KeyringOf(t, 128, "a", "b"), one)
	other := sealedAt(t, 2, tdetest.KeyringOf(t, 128, "a", "c"), one)
	for name, c := range map[string]struct {
		copies []seal.StoredCopy
		strip  []string
		want   string
	}{
		"as it was":               {[]seal.StoredCopy{one, two}, nil, ""},
		"rolled back":             {[]seal.StoredCopy{one}, nil, "rollback: this laptop has opened generation 2 before"},
		"rolled back, no HEAD":    {[]seal.StoredCopy{one}, []string{HeadFile}, "rollback: this laptop has opened generation 2 before"},
		"another second one":      {[]seal.StoredCopy{one, other}, nil, "another one than this laptop has opened before"},
		"both second ones":        {[]seal.StoredCopy{one, two, other}, nil, ""},
		"the first one is pruned": {[]seal.StoredCopy{two}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			state := t.TempDir()
			open := opener(t, state)
			before := Store{Dir: t.TempDir()}
			commit(t, before, one, two)
			for range 2 {
				if err := open(before); err != nil {
					t.Fatal(err)
				}
			}
			s := Store{Dir: t.TempDir()}
			commit(t, s, c.copies...)
			remove(t, s.Folder("sync", "web1"), c.strip...)
			err := open(s)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "remoterun key import web1")) {
				t.Errorf("%v, want %q", err, c.want)
			}
			var r *guard.Refusal
			if err != nil && !errors.As(err, &r) {
				t.Errorf("%T is no refusal", err)
			}
		})
	}
}

// TestWitnessOfBefore: a laptop that remembers a keyring and not whose it is (as it was
// noted before) notices a step back, and notes the rest.
func TestWitnessOfBefore(t *testing.T) {
	one := sealedAt(t, 1, tdetest.KeyringOf(t, 128, "a"))
	two := sealedAt(t, 2, tdetest.KeyringOf(t, 128, "a", "b"), one)
	state := t.TempDir()
	write(t, state, one.Manifest.KeyringID, []byte("2 "+two.Link()+"\n"))
	back, whole := Store{Dir: t.TempDir()}, Store{Dir: t.TempDir()}
	commit(t, back, one)
	commit(t, whole, one, two)
	if err := opener(t, state)(back); err == nil || !strings.Contains(err.Error(), "rollback: this laptop has opened generation 2 before") {
		t.Errorf("rolled back: %v", err)
	}
	if err := opener(t, state)(whole); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(filepath.Join(state, "sync@web1")); string(b) != one.Manifest.KeyringID+"\n" {
		t.Errorf("noted %q %v", b, err)
	}
}

// TestWitnessThatCannotBeWritten: keys open all the same, and it is said; what is noted
// there counts as before.
func TestWitnessThatCannotBeWritten(t *testing.T) {
	one := sealedAt(t, 1, tdetest.KeyringOf(t, 128, "a"))
	file := filepath.Join(t.TempDir(), "file")
	write(t, filepath.Dir(file), "file", nil)
	// No folder can be made below a file, nor where a link leads nowhere.
	link := filepath.Join(filepath.Dir(file), "link")
	if err := os.Symlink("nowhere/at/all", link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Join(file, "seen"), link} {
		s := Store{Dir: t.TempDir()}
		commit(t, s, one)

		d := Deps{Prompter: &tdetest.Typist{Answers: map[string]string{"tde passphrase": "p"}}, Sealer: tdetest.TestSealer(), WitnessDir: dir}.Filled()
		o, err := d.Open(t.Context(), s, "sync", "web1")
		if err != nil || !strings.Contains(o.Unnoted, "this laptop could not note that it has opened generation 1, so it would not notice a step back: ") {
			t.Fatalf("%v %q", err, o.Unnoted)
		}
		o.Keyring, err = o.Keyring.Append("b", 128, d.Random)
		if err == nil {
			_, err = d.NextGeneration(t.Context(), s, o, o.Passphrase)
		}
		if err != nil {
			t.Errorf("%s: %v", dir, err)
		}
		_ = d.Session.Close()
	}
}

// TestNewestIn: what is exported and verified from a host's folder is held against
// HEAD and this laptop's memory, as what unlock opens is.
func TestNewestIn(t *testing.T) {
	one := sealedAt(t, 1, tdetest.KeyringOf(t, 128, "a"))
	two := sealedAt(t, 2, tdetest.KeyringOf(t, 128, "a", "b"), one)
	side := sealedAt(t, 2, tdetest.KeyringOf(t, 128, "a", "c", "d"), one)
	state, whole := t.TempDir(), Store{Dir: t.TempDir()}
	commit(t, whole, one, two)
	if err := opener(t, state)(whole); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		copies []seal.StoredCopy
		strip  string
		want   string
	}{
		"whole":           {[]seal.StoredCopy{one, two}, "", ""},
		"rolled back":     {[]seal.StoredCopy{one}, "", "rollback: this laptop has opened generation 2 before, and the newest here is 1"},
		"newest gone":     {[]seal.StoredCopy{one, two}, two.Name + ".enc", "no such file"},
		"without HEAD":    {[]seal.StoredCopy{one}, HeadFile, "HEAD is gone, so nothing says"},
		"two newest ones": {[]seal.StoredCopy{one, two, side}, "", "2 generations stand side by side"},
		"nothing":         {nil, "", "there is no sealed keyring of sync@web1"},
	} {
		s := Store{Dir: t.TempDir()}
		if err := os.MkdirAll(s.Folder("sync", "web1"), 0o700); err != nil {
			t.Fatal(err)
		}
		commit(t, s, c.copies...)
		if c.strip != "" {
			remove(t, s.Folder("sync", "web1"), c.strip)
		}
		d := Deps{Sealer: tdetest.TestSealer(), WitnessDir: state}
		got, ok, err := d.NewestIn(s.Folder("sync", "web1"))
		if !ok || c.want == "" && (err != nil || got.Name != two.Name) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %s %v %v, want %q", name, got.Name, ok, err, c.want)
		}
	}
	if _, ok, err := (Deps{}).NewestIn(t.TempDir()); ok || err != nil {
		t.Errorf("a folder of another name: %v %v", ok, err)
	}
}

// TestTwoKeyringsInAFolder: on a laptop that has opened neither, the folder is moved
// away as it is said, and what the server has is taken.
func TestTwoKeyringsInAFolder(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	ours := sealedAt(t, 1, tdetest.KeyringOf(t, 128, "a"))
	m := tdetest.TestManifest("web1", 1)
	m.KeyringID = strings.Repeat("0e", 16)
	c, m, err := tdetest.TestSealer().Seal(t.Context(), tdetest.KeyringOf(t, 128, "x"), tdetest.Passphrase("p"), m)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, ours, seal.StoredCopy{Copy: c, Manifest: m})
	if err := opener(t, t.TempDir())(s); err == nil || !strings.Contains(err.Error(), "next: remoterun key import web1, which keeps the one that this laptop knows") {
		t.Errorf("open: %v", err)
	}
	d := Deps{Prompter: &tdetest.Typist{Answers: map[string]string{"tde passphrase": "p"}}, Sealer: tdetest.TestSealer(), WitnessDir: t.TempDir()}.Filled()
	defer d.Session.Close()
	_, err = d.Import(t.Context(), s, "sync", "web1", []seal.StoredCopy{ours})
	folder := s.Folder("sync", "web1")
	if err == nil || !strings.Contains(err.Error(), "this laptop has opened neither before; next: mv "+folder+" "+folder+".bad; then: remoterun key import web1") {
		t.Fatalf("import: %v", err)
	}
	if err := os.Rename(folder, folder+".bad"); err != nil {
		t.Fatal(err)
	}
	if o, err := d.Import(t.Context(), s, "sync", "web1", []seal.StoredCopy{ours}); err != nil || o.Manifest.KeyringID != ours.Manifest.KeyringID {
		t.Errorf("%v", err)
	}
}

// TestWitnessOfWhatIsMade: a generation that this laptop has sealed itself is
// remembered, though it was never opened here.
func TestWitnessOfWhatIsMade(t *testing.T) {
	state, s := t.TempDir(), Store{Dir: t.TempDir()}
	one := sealedAt(t, 1, tdetest.KeyringOf(t, 128, "a"))
	commit(t, s, one)
	d := Deps{Prompter: &tdetest.Typist{Answers: map[string]string{"tde passphrase": "p"}}, Sealer: tdetest.TestSealer(), WitnessDir: state}.Filled()
	defer d.Session.Close()
	o, err := d.Open(t.Context(), s, "sync", "web1")
	if err == nil {
		o.Keyring, err = o.Keyring.Append("b", 128, d.Random)
	}
	if err == nil {
		_, err = d.NextGeneration(t.Context(), s, o, o.Passphrase)
	}
	if err != nil {
		t.Fatal(err)
	}
	back := Store{Dir: t.TempDir()}
	commit(t, back, one)
	if err := opener(t, state)(back); err == nil || !strings.Contains(err.Error(), "this laptop has opened generation 2 before") {
		t.Errorf("%v", err)
	}
}

// TestWitnessBelievesNoForgery: what no passphrase opened raises no generation.
func TestWitnessBelievesNoForgery(t *testing.T) {
	state := t.TempDir()
	one := sealedAt(t, 1, tdetest.KeyringOf(t, 128, "a"))
	s := Store{Dir: t.TempDir()}
	commit(t, s, one)
	d := Deps{Prompter: &tdetest.Typist{Answers: map[string]string{"tde passphrase": "wrong"}}, Sealer: tdetest.TestSealer(), WitnessDir: state}.Filled()
	if _, err := d.Open(t.Context(), s, "sync", "web1"); err == nil {
		t.Fatal("opened")
	}
	if list, _ := os.ReadDir(state); len(list) > 0 {
		t.Errorf("remembered %v", list)
	}
	if err := os.WriteFile(filepath.Join(state, one.Manifest.KeyringID), []byte("99999999 x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := opener(t, state)(s); err == nil || !strings.Contains(err.Error(), "not the one line") {
		t.Errorf("a damaged witness: %v", err)
	}
}

// TestHeadLost: a folder without HEAD is spoken of, also with one generation.
func TestHeadLost(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	commit(t, s, sealedAt(t, 1, tdetest.KeyringOf(t, 128, "a")))
	remove(t, s.Folder("sync", "web1"), HeadFile)
	shelf, err := s.Load(tdetest.TestSealer(), "sync", "web1")
	if err != nil {
		t.Fatal(err)
	}
	if err := shelf.HeadLost("web1"); err == nil || !strings.Contains(err.Error(), "remoterun setup web1") {
		t.Errorf("%v", err)
	}
}

// TestDamagedIsMended: a flipped byte, a file that is gone, a HEAD without files:
// the right copy from elsewhere takes their place, and the wrong one is kept.
func TestDamagedIsMended(t *testing.T) {
	one := sealedAt(t, 1, tdetest.KeyringOf(t, 128, "a"))
	two := sealedAt(t, 2, tdetest.KeyringOf(t, 128, "a", "b"), one)
	for name, break_ := range map[string]func(folder string){
		"enc":      func(f string) { write(t, f, two.Name+".enc", tdetest.FlipAt(two.Enc, 40)) },
		"manifest": func(f string) { write(t, f, two.Name+".json", tdetest.FlipAt(two.Copy.Manifest, 40)) },
		"tag":      func(f string) { write(t, f, two.Name+".tag", []byte("x")) },
		"gone":     func(f string) { remove(t, f, two.Name+".enc") },
		"all gone": func(f string) { remove(t, f, two.Name+".enc", two.Name+".tag", two.Name+".json") },
		"nothing left": func(f string) {
			for _, c := range []seal.StoredCopy{one, two} {
				remove(t, f, c.Name+".enc", c.Name+".tag", c.Name+".json")
			}
		},
		"HEAD gone": func(f string) { remove(t, f, HeadFile) },
	} {
		t.Run(name, func(t *testing.T) {
			s := Store{Dir: t.TempDir()}
			commit(t, s, one, two)
			break_(s.Folder("sync", "web1"))
			err := opener(t, "")(s)
			if err == nil || !strings.Contains(err.Error(), "remoterun key import web1") {
				t.Fatalf("%v", err)
			}
			d := Deps{Prompter: &tdetest.Typist{Answers: map[string]string{"tde passphrase": "p"}}, Sealer: tdetest.TestSealer()}.Filled()
			if _, err := d.Import(t.Context(), s, "sync", "web1", []seal.StoredCopy{one, two}); err != nil {
				t.Fatal(err)
			}
			if err := opener(t, "")(s); err != nil {
				t.Errorf("after the import: %v", err)
			}
		})
	}
}

// FuzzServerList: whatever a host says it holds, and says of sizes, ends in an
// answer or an error.
func FuzzServerList(f *testing.F) {
	sum := strings.Repeat("ab", 32)
	f.Add("9223372036854775807 9223372036854775807 2\nabc", sum+" 000001-abababab.enc\nend\n")
	f.Add("1 1 1\nabc", sum+" 000001-abababab.enc\n"+sum+" 000001-abababab.tag\n"+sum+" 000001-abababab.json\nend\n")
	f.Add("-1 2 2\nabc", "end\n")
	f.Add("18446744073709551615 1 1\n", "x\nend\n")
	f.Fuzz(func(t *testing.T, read, list string) {
		line, rest, _ := strings.Cut(read, "\n")
		if files, ok := splitSizes(line, rest); ok && len(files[0])+len(files[1])+len(files[2]) != len(rest) {
			t.Error("bytes were lost")
		}
		sc := ServerCopy{Copies: map[string]map[string]string{}}
		if sc.parse(host.Answer{Stdout: []byte(list)}) != nil {
			return
		}
		for name, sums := range sc.Copies {
			if len(sums) != 3 || len(name) != 15 {
				t.Errorf("%s: %v", name, sums)
			}
		}
		_, _ = ShelfInfo{}.Compare(sc)
	})
}
