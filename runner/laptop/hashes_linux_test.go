package laptop

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// hashesOf lists a tree and returns name, hash, and whether the file was read.
func hashesOf(t *testing.T, dir string, kept *Hashes) map[string]string {
	t.Helper()
	in := &Inputs{Files: NewFiles(&counting{}, kept), Dirs: []string{dir}}
	all, err := in.Tree("files", "tree")
	if err != nil {
		t.Fatal(err)
	}
	if err := kept.Save(); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, i := range all {
		if i.Kind == 'f' {
			out[i.Name] = i.SHA256[:8]
		}
	}
	return out
}

// TestHashesAreKept: a file that is as it was is not read in the next run; one that
// was written to is, whatever its size and time say; and what others may have
// written is not believed.
func TestHashesAreKept(t *testing.T) {
	dir := t.TempDir()
	keep := dir + "/state/hashes"
	old := time.Now().Add(-time.Hour)
	for _, name := range []string{"a", "b", "sub/c"} {
		write(t, dir+"/files/tree/"+name, "text of "+name)
	}
	first := hashesOf(t, dir, OpenHashes(keep))
	if _, err := os.Stat(keep); err == nil {
		t.Error("what was written just now was kept: it may be written to again within the same tick")
	}
	later := OpenHashes(keep)
	later.clock = func() time.Time { return time.Now().Add(2 * settled) }
	if again := hashesOf(t, dir, later); fmt.Sprint(again) != fmt.Sprint(first) {
		t.Errorf("%v, first %v", again, first)
	}
	text, err := os.ReadFile(keep)
	if err != nil || strings.Count(string(text), "\n") != 4 {
		t.Fatalf("%q %v", text, err)
	}
	lie := strings.ReplaceAll(string(text), first["a"], "00000000")
	put := func(text string, mode os.FileMode) map[string]string {
		t.Helper()
		if err := os.WriteFile(keep, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(keep, mode); err != nil {
			t.Fatal(err)
		}
		return hashesOf(t, dir, OpenHashes(keep))
	}
	if got := put(lie, 0o600); got["a"] != "00000000" {
		t.Error("the file was read although its hash is kept")
	}
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
	}{"others may write it": {lie, 0o666}, "another format": {"x" + lie, 0o600}, "garbage": {"hashes of laptop files, 1\n" + strings.Repeat("/ x\n", 3), 0o600}, "cut": {lie[:len(lie)/8], 0o600}} {
		if got := put(c.text, c.mode); fmt.Sprint(got) != fmt.Sprint(first) {
			t.Errorf("%s: %v", name, got)
		}
	}
	_ = os.Remove(keep)
	if err := os.Symlink(dir+"/lie", keep); err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/lie", lie)
	if got := hashesOf(t, dir, OpenHashes(keep)); fmt.Sprint(got) != fmt.Sprint(first) {
		t.Errorf("a link was followed: %v", got)
	}
	_ = os.Remove(keep)
	put(string(text), 0o600)
	st, _ := os.Stat(dir + "/files/tree/a")
	write(t, dir+"/files/tree/a", "text of x")
	if err := os.Chtimes(dir+"/files/tree/a", old, st.ModTime()); err != nil {
		t.Fatal(err)
	}
	if got := hashesOf(t, dir, OpenHashes(keep)); got["a"] == first["a"] || got["b"] != first["b"] {
		t.Errorf("a file with its old size and time: %v, first %v", got, first)
	}
}
