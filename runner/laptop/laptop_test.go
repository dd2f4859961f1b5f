package laptop

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/playbooks/jinja"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/runner/vars"
)

// counting is a loader that counts what it reads.
type counting struct {
	play.Loader
	reads int
	vault bool
}

func (d *counting) Read(path string) ([]byte, bool, error) {
	d.reads++
	data, err := os.ReadFile(path)
	return data, d.vault, err
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
}

// TestFindFiles: the folder of the kind before the folder itself, the first folder
// before the next; what is nowhere says where it was looked for.
func TestFindFiles(t *testing.T) {
	dir := t.TempDir()
	role, book := dir+"/role", dir+"/book"
	for _, p := range []string{role + "/files/a", role + "/a", book + "/files/a", book + "/b", role + "/templates/t", book + "/files/t"} {
		write(t, p, p)
	}
	for _, c := range []struct{ kind, name, want string }{
		{"files", "a", role + "/files/a"}, {"vars", "a", role + "/a"}, {"files", "b", book + "/b"}, {"files", "t", book + "/files/t"}, {"templates", "t", role + "/templates/t"},
		{"files", book + "/b", book + "/b"}, {"files", "../book/b", book + "/b"},
	} {
		if got, err := Find([]string{"", role, book}, c.kind, c.name); filepath.Clean(got) != c.want || err != nil {
			t.Errorf("%s %s: %s %v", c.kind, c.name, got, err)
		}
	}
	for name, want := range map[string]string{
		"none":        "there is no file none on the laptop (looked for " + role + "/files/none, " + role + "/none)",
		dir + "/none": dir + "/none: there is no such file on the laptop",
	} {
		if _, err := Find([]string{role, role}, "files", name); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if Abs("/a", "b/c") != "/a/b/c" || Abs("/a", "/b") != "/b" {
		t.Error("relative paths are in the folder, others are not")
	}
}

// TestFilesAreReadOnce for all hosts, and anew when they have changed.
func TestFilesAreReadOnce(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/files/a", "one")
	d := &counting{}
	in := &Inputs{Files: NewFiles(d, nil), Dirs: []string{dir}, PlayDir: dir, For: "h1"}
	first, err := in.File("files", "a")
	if err != nil || first.SHA1 != "fe05bcdcdc4928012781a5f1a2a77cbb5398e106" || first.Mode != 0o640 || first.Kind != 'f' {
		t.Errorf("%+v %v", first, err)
	}
	again, _ := in.File("files", "files/a")
	if d.reads != 1 || again.Name != "files/a" || again.SHA256 != first.SHA256 {
		t.Errorf("read %d times, %s", d.reads, again.Name)
	}
	write(t, dir+"/files/a", "other")
	if now, _ := in.File("files", "a"); d.reads != 2 || now.SHA256 == first.SHA256 {
		t.Errorf("read %d times: what changed is not seen", d.reads)
	}
	if folder, _ := in.File("files", dir); folder.Kind != 'd' {
		t.Errorf("%c", folder.Kind)
	}
	d.vault = true
	write(t, dir+"/files/v", "x")
	if v, _ := in.File("files", "v"); !v.Secret {
		t.Error("what came from a vault is no secret")
	}
	if dest, _ := in.Dest("out"); dest != dir+"/out" || in.Host() != "h1" {
		t.Error(dest)
	}
}

// TestLargeFilesStayOnTheDisk: they are hashed and not kept, and what is read later
// is what was hashed or an error.
func TestLargeFilesStayOnTheDisk(t *testing.T) {
	dir := t.TempDir()
	d := &counting{}
	in := &Inputs{Files: NewFiles(d, nil), Dirs: []string{dir}}
	text := strings.Repeat("0123456789abcdef", maxHeld/16+1)
	write(t, dir+"/files/a", text)
	a, err := in.File("files", "a")
	if want := input("", "", []byte(text)); err != nil || a.SHA256 != want.SHA256 || a.SHA1 != want.SHA1 || a.Mode != 0o640 || d.reads != 0 {
		t.Fatalf("%+v, %d reads, %v", a, d.reads, err)
	}
	if b, err := a.Data.Bytes(); err != nil || string(b) != text || a.Data.Size() != int64(len(text)) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	r, err := a.Data.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	write(t, dir+"/files/a", text+"more")
	if _, err := io.Copy(io.Discard, r); err == nil || err.Error() != dir+"/files/a changed since it was hashed: run it again" {
		t.Errorf("what changed while it was read: %v", err)
	}
	if _, err := a.Data.Open(); err == nil {
		t.Error("what changed since it was hashed was opened")
	}
	if now, err := in.File("files", "a"); err != nil || now.SHA256 == a.SHA256 {
		t.Errorf("what changed is not seen: %v", err)
	}
	write(t, dir+"/files/v", vaultHeader+";1.1;AES256\n"+text)
	if _, err := in.File("files", "v"); err != nil || d.reads != 1 {
		t.Errorf("a vault was read %d times by the loader: %v", d.reads, err)
	}
	in.Files.room = 10
	write(t, dir+"/files/s", "0123456789")
	write(t, dir+"/files/z", "more than there is room for")
	for _, name := range []string{"s", "z"} {
		if _, err := in.File("files", name); err != nil {
			t.Error(err)
		}
	}
	if d.reads != 2 {
		t.Errorf("%d reads: small files are kept up to a bound", d.reads)
	}
}

func TestTree(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/files/tree/b/c", "x")
	write(t, dir+"/files/tree/a", "y")
	if err := os.Symlink("a", dir+"/files/tree/l"); err != nil {
		t.Fatal(err)
	}
	in := &Inputs{Files: NewFiles(&counting{}, nil), Dirs: []string{dir}}
	all, err := in.Tree("files", "tree")
	var got []string
	for _, i := range all {
		got = append(got, i.Name+" "+string(i.Kind)+" "+i.Link)
	}
	if text := strings.Join(got, ", "); err != nil || text != "a f , b d , b/c f , l l a" {
		t.Errorf("%s %v", text, err)
	}
}

// TestTemplates are rendered with the task's variables; their marks and the vault
// make a secret; ahead of the turn what may change is left.
func TestTemplates(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/templates/t", "x is {{ x }}\n")
	write(t, dir+"/templates/now", "{{ now() }}")
	expr := jinja.New(jinja.Options{})
	scope := vars.New(none{}, expr, nil, value.MapOf("x", value.Int(1))).Scope(t.Context(), "h1", vars.Frame{Magic: value.NewMap()}, false)
	in := &Inputs{Files: NewFiles(&counting{}, nil), Expr: expr, Scope: scope, Dirs: []string{dir}}
	for _, c := range []struct {
		name   string
		extra  *value.Map
		want   string
		secret bool
	}{
		{"plain", nil, "x is 1\n", false},
		{"a variable for it alone", value.MapOf("y", value.Int(2)), "x is 1\n", false},
		{"options for it alone", value.MapOf("#jinja2", value.String("keep_trailing_newline: false")), "x is 1", false},
	} {
		out, err := in.Template(t.Context(), "t", c.extra)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if text, _ := out.Data.Bytes(); strings.TrimSuffix(string(text), "\n") != strings.TrimSuffix(c.want, "\n") || out.Secret != c.secret || out.Mode != 0o640 {
			t.Errorf("%s: %q %+v", c.name, text, out)
		}
	}
	in.Ahead = true
	if _, err := in.Template(t.Context(), "now", nil); !errors.Is(err, vars.ErrPending) {
		t.Errorf("what is rendered anew each time was rendered ahead: %v", err)
	}
	if _, err := in.Template(t.Context(), "t", nil); err != nil {
		t.Error(err)
	}
	in.Changing = true
	for name, err := range map[string]error{
		"template": second(in.Template(t.Context(), "t", nil)), "file": second(in.File("templates", "t")), "tree": second(in.Tree("templates", ".")),
	} {
		if !errors.Is(err, vars.ErrPending) {
			t.Errorf("%s was read ahead in a play that changes the laptop: %v", name, err)
		}
	}
	if b := in.Bytes("x", value.MarkedString("s", value.Masked)); !b.Secret || b.Data.Size() != 1 {
		t.Errorf("%+v", b)
	}
}

func second[T any](_ T, err error) error { return err }

// none is an inventory of nothing.
type none struct{ play.Inventory }

func (none) Layers(string) ([]play.Layer, error) { return nil, nil }
func (none) Groups() *value.Map                  { return value.NewMap() }
func (none) GroupsOf(string) []string            { return nil }
func (none) Hosts(string) ([]string, error)      { return nil, nil }
func (none) Dir() string                         { return "" }
func (none) Sources() []string                   { return nil }
