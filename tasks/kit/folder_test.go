package kit_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/kit"
	"remoterun/tasks/tasktest"
)

// TestFoldersPutInPlace: whatever stands where a folder of a stream goes, what is made
// has the same names, modes and texts: folders whose name is free come by one rename,
// others are gone into.
func TestFoldersPutInPlace(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{
		{Typeflag: tar.TypeDir, Name: "d/", Mode: 0o750}, {Typeflag: tar.TypeDir, Name: "d/e/", Mode: 0o750}, {Typeflag: tar.TypeDir, Name: "d/empty/", Mode: 0o750},
		{Typeflag: tar.TypeReg, Name: "d/e/f", Mode: 0o640}, {Typeflag: tar.TypeReg, Name: "d/g", Mode: 0o640}, {Typeflag: tar.TypeReg, Name: "top", Mode: 0o640}, {Typeflag: tar.TypeReg, Name: kit.EndMark, Mode: 0o600},
	} {
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(h.Name))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(h.Name)[:h.Size]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	const all = "d drwxr-x---, d/e drwxr-x---, d/e/f -rw-r-----, d/empty drwxr-x---, d/g -rw-r-----, top -rw-r-----"
	sgid := strings.ReplaceAll(all, "drwx", "dgrwx")
	for _, c := range []struct{ name, before, mode, want string }{
		{"a place that is not there", ":", "0750", all},
		{"an empty one", "mkdir p", "0750", all},
		{"one whose group is inherited", "mkdir p; chmod 2755 p", "0750", sgid},
		{"folders that get a mode of their own", "mkdir p", "2750", sgid},
		{"the folder is there", "mkdir -p p/d/e; chmod 700 p/d p/d/e; echo x >p/d/mine; chmod 600 p/d/mine", "0750",
			"d drwx------, d/e drwx------, d/e/f -rw-r-----, d/empty drwxr-x---, d/g -rw-r-----, d/mine -rw-------, top -rw-r-----"},
		{"a link to a folder", "mkdir p q; ln -s ../q p/d", "0750", "d Lrwxrwxrwx, top -rw-r-----"},
		{"a file", "mkdir p; echo x >p/d", "0750", "mkdir: "},
		{"a link to nothing", "mkdir p; ln -s nothing p/d", "0750", "is a link to nothing"},
	} {
		tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
			dir := t.TempDir()
			s, err := h.Conn.Shell(t.Context(), host.As{})
			if err != nil {
				t.Fatal(err)
			}
			if out, err := s.Run(t.Context(), sh.User("umask 022; cd $1; "+c.before, dir)); err != nil || out.Status != 0 {
				t.Fatal(out, err)
			}
			u := kit.Unpacked{Path: dir + "/p", Folders: kit.Change{Mode: c.mode}, FileMode: "0640"}
			out, err := s.Run(t.Context(), u.Unpack(sh.Bytes(b.Bytes())))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(c.want, "d ") {
				if out.Status == 0 || !strings.Contains(string(out.Stderr), c.want) {
					t.Errorf("%s: status %d, %q", c.name, out.Status, out.Stderr)
				}
				return
			}
			want := c.want
			if c.mode == "0750" && strings.Contains(t.Name(), "busybox") {
				want = strings.ReplaceAll(want, "dgrwx", "drwx") // its chmod takes the bit away
			}
			if got := listed(t, dir+"/p"); out.Status != 0 || got != want {
				t.Errorf("%s: status %d, %s\n%s\nnot\n%s", c.name, out.Status, out.Stderr, got, want)
			}
			if got := tasktest.ReadFile(t, dir+"/p/d/e/f"); got != "d/e/f" {
				t.Errorf("%s: %q", c.name, got)
			}
		})
	}
}

// listed is what stands below a folder, with modes.
func listed(t *testing.T, dir string) string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		st, err := os.Lstat(p)
		out = append(out, fmt.Sprint(strings.TrimPrefix(p, dir+"/"), " ", st.Mode()))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, ", ")
}
