package kit

import (
	"testing"

	"remoterun/runner/host"
)

// TestTextOfNoFile: a folder's owner puts a link to root's files in its place
// between two looks. What was read then is not the text of the file that is written.
func TestTextOfNoFile(t *testing.T) {
	const path, none = "/home/a/conf", "-\nstat: cannot statx '/home/a/conf': No such file or directory\n"
	for _, c := range []struct {
		look, want string
		create     bool
	}{{none, "", true}, {none, "", false}, {"-\n81a4 0 0\nroot\nroot\n", "root's own\n", true}, {"-\n81a4 0 0\nroot\nroot\n", "root's own\n", false}} {
		at, err := TextOf(host.NewSeen(map[string]host.Answer{
			LookAt(path, "", false).Q.Key(): {Stdout: []byte(c.look)},
			Content(path).Key():             {Stdout: []byte("root's own\n")},
		}), path, c.create)
		if err != nil || string(at.Old) != c.want || string(at.Write().Old) != c.want || at.There() != (c.want != "") || at.Unread {
			t.Errorf("%q: the text is %q, %v", c.look, at.Old, err)
		}
	}
}
