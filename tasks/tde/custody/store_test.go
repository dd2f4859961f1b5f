package custody

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/seal"
	"remoterun/tasks/tde/tdetest"
)

// sealed makes generation n of a keyring for web1 that follows prev.
func sealedAt(t testing.TB, n int, k seal.Keyring, prev ...seal.StoredCopy) seal.StoredCopy {
	t.Helper()
	m := tdetest.TestManifest("web1", n)
	for _, p := range prev {
		m.Previous = append(m.Previous, p.Link())
	}
	s := tdetest.TestSealer()
	s.Random = tdetest.NewStream("salt " + strings.Join(m.Previous, "") + string(rune('0'+n)) + string(rune('a'+k.Len())))
	c, m, err := s.Seal(t.Context(), k, tdetest.Passphrase("p"), m)
	if err != nil {
		t.Fatal(err)
	}
	return seal.StoredCopy{Copy: c, Manifest: m, Name: c.Name(m)}
}

func commit(t testing.TB, s Store, copies ...seal.StoredCopy) {
	t.Helper()
	for _, c := range copies {
		if _, err := s.Commit(c.Copy, c.Manifest); err != nil {
			t.Fatal(err)
		}
	}
}

func tipNames(t testing.TB, s Store) (string, error) {
	t.Helper()
	shelf, err := s.Load(tdetest.TestSealer(), "sync", "web1")
	if err != nil {
		return "", err
	}
	tips, err := shelf.Tips()
	return strings.Join(seal.Names(tips), " "), err
}

func TestStoreKeepsTheNewest(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	if got, err := tipNames(t, s); got != "" || err != nil {
		t.Fatalf("empty: %q %v", got, err)
	}
	one := sealedAt(t, 1, tdetest.KeyringOf(t, 128, "a"))
	two := sealedAt(t, 2, tdetest.KeyringOf(t, 128, "a", "b"), one)
	commit(t, s, one)
	commit(t, s, one, two)
	if got, err := tipNames(t, s); got != two.Name || err != nil {
		t.Errorf("tip %q %v, want %s", got, err, two.Name)
	}
	head, err := os.ReadFile(filepath.Join(s.Folder("sync", "web1"), HeadFile))
	if err != nil || string(head) != two.Name+" "+two.Link()+"\n" {
		t.Errorf("HEAD %q %v", head, err)
	}
	commit(t, s, one)
	if again, _ := os.ReadFile(filepath.Join(s.Folder("sync", "web1"), HeadFile)); string(again) != string(head) {
		t.Error("HEAD went backward")
	}
	clash := two
	clash.Enc = append([]byte{}, two.Enc...)
	clash.Enc[50] ^= 1
	if _, err := s.Commit(seal.Copy{Enc: clash.Enc, Tag: two.Tag, Manifest: two.Copy.Manifest}, two.Manifest); err == nil {
		t.Error("a file was overwritten")
	}
}

// A commit that is cut after any of its renames leaves the old state or the
// new one, and the same commit again finishes it.
func TestCommitCutAnywhere(t *testing.T) {
	one := sealedAt(t, 1, tdetest.KeyringOf(t, 128, "a"))
	two := sealedAt(t, 2, tdetest.KeyringOf(t, 128, "a", "b"), one)
	full := Store{Dir: t.TempDir()}
	commit(t, full, one, two)
	for cut, want := range []string{one.Name, one.Name, two.Name} {
		s := Store{Dir: t.TempDir()}
		commit(t, s, one)
		for _, suffix := range []string{".enc", ".tag", ".json"}[:cut+1] {
			b, err := os.ReadFile(filepath.Join(full.Folder("sync", "web1"), two.Name+suffix))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(s.Folder("sync", "web1"), two.Name+suffix), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(s.Folder("sync", "web1"), ".tmp-x"), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := tipNames(t, s); got != want || err != nil {
			t.Errorf("cut after %d files: tip %q %v, want %s", cut+1, got, err, want)
		}
		commit(t, s, two)
		if got, err := tipNames(t, s); got != two.Name || err != nil {
			t.Errorf("finished: tip %q %v", got, err)
		}
		if left, _ := filepath.Glob(filepath.Join(s.Folder("sync", "web1"), ".tmp-*")); left != nil {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestStoreRefuses(t *testing.T) {
	one := sealedAt(t, 1, tdetest.KeyringOf(t, 128, "a"))
	two := sealedAt(t, 2, tdetest.KeyringOf(t, 128, "a", "b"), one)
	side := sealedAt(t, 2, tdetest.KeyringOf(t, 128, "a", "c", "d"), one)
	for name, c := range map[string]struct {
		spoil func(t *testing.T, folder string)
		want  string
	}{
		"newest removed": {func(t *testing.T, f string) { remove(t, f, two.Name+".enc", two.Name+".json", two.Name+".tag") }, "rollback: HEAD is generation 2"},
		"all removed": {func(t *testing.T, f string) {
			remove(t, f, two.Name+".json", one.Name+".json")
		}, "rollback: HEAD is generation 2"},
		"head removed":        {func(t *testing.T, f string) { remove(t, f, HeadFile) }, "HEAD is gone"},
		"head without a line": {func(t *testing.T, f string) { write(t, f, HeadFile, []byte("<<<<<<< ours\n")) }, "HEAD cannot be read (it names no generation)"},
		"tag removed":         {func(t *testing.T, f string) { remove(t, f, two.Name+".tag") }, two.Name + ".tag"},
		"bit flipped": {func(t *testing.T, f string) {
			write(t, f, two.Name+".enc", tdetest.FlipAt(two.Enc, 70))
		}, "not the one that the manifest describes"},
		"renamed": {func(t *testing.T, f string) {
			for _, s := range []string{".enc", ".tag", ".json"} {
				if err := os.Rename(filepath.Join(f, one.Name+s), filepath.Join(f, "000007-"+one.Name[7:]+s)); err != nil {
					t.Fatal(err)
				}
			}
		}, "by its manifest it is " + one.Name},
		"another host's": {func(t *testing.T, f string) {
			if err := os.Rename(f, filepath.Join(filepath.Dir(f), "sync@web2")); err != nil {
				t.Fatal(err)
			}
		}, "keyring of sync@web1, not of sync@web2"},
	} {
		t.Run(name, func(t *testing.T) {
			s := Store{Dir: t.TempDir()}
			commit(t, s, one, two)
			c.spoil(t, s.Folder("sync", "web1"))
			hostname := "web1"
			if strings.Contains(name, "host") {
				hostname = "web2"
			}
			shelf, err := s.Load(tdetest.TestSealer(), "sync", hostname)
			if err == nil {
				_, err = shelf.Tips()
			}
			var r *guard.Refusal
			if !errors.As(err, &r) || !strings.Contains(err.Error(), c.want) || r.WayOut == "" {
				t.Errorf("%v, want a refusal with %q", err, c.want)
			}
		})
	}
	t.Run("two side by side", func(t *testing.T) {
		s := Store{Dir: t.TempDir()}
		commit(t, s, one, two, side)
		shelf, err := s.Load(tdetest.TestSealer(), "sync", "web1")
		if err != nil {
			t.Fatal(err)
		}
		if tips, err := shelf.Tips(); len(tips) != 2 || err != nil {
			t.Errorf("%d tips %v", len(tips), err)
		}
		if _, _, err := shelf.Newest(); err == nil || !strings.Contains(err.Error(), "side by side") {
			t.Errorf("Newest: %v", err)
		}
	})
}

func remove(t *testing.T, folder string, names ...string) {
	t.Helper()
	for _, n := range names {
		if err := os.Remove(filepath.Join(folder, n)); err != nil {
			t.Fatal(err)
		}
	}
}

func write(t *testing.T, folder, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}
