package kit

import (
	"testing"

	"remoterun/runner/host"
)

// TestTextOfNoFile: a folder's owner puts a link to root's files in its place
// between two looks. What was read then is not the text of the file that is written.
func TestTextOfNoFile(t *testing.T) {
	said := host.Answer{Stdout: []byte("root's own\n")}
	if got := (Look{}).Text(said); got != nil {
		t.Errorf("no file has the text %q", got)
	}
	if got := string(Look{Target: Info{Exists: true}}.Text(said)); got != "root's own\n" {
		t.Errorf("the file has the text %q", got)
	}
}
