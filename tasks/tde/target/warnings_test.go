package target

import (
	"encoding/json"
	"strings"
	"testing"

	"remoterun/tasks/compose"
	"remoterun/tasks/tde/pgtde"
	"remoterun/tasks/tde/stack"
)

// TestOverlayWarnings: what the overlay cannot keep is said, with the file to edit.
func TestOverlayWarnings(t *testing.T) {
	f := fresh{args: initArgs{Cipher: "aes_128"}, image: &compose.Image{}, pinName: "img", written: compose.Written{Command: []string{"postgres", "-c", "shared_preload_libraries=$LIBS"}, Unread: []string{"common/db.yaml"}}}
	f.Service, f.Extension = "db", string(pgtde.PgTDE)
	if err := json.Unmarshal([]byte(`{"command": ["postgres", "-c", "shared_preload_libraries=a"]}`), &f.Spec); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(f.overlayWarnings(stack.Landing{Path: "/srv/compose.override.yaml"}), "\n")
	const want = "service db keeps the value that shared_preload_libraries=$LIBS has now: after a change of it, edit /srv/compose.override.yaml\n" +
		"service db is also in common/db.yaml: variables in its command and volumes there keep the values that they have now; after a change of one, edit /srv/compose.override.yaml"
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
