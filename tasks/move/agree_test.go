package move

import (
	"strings"
	"testing"
)

// TestChangedLines: what differs is shown under the keys that it is in, and no
// secret.
func TestChangedLines(t *testing.T) {
	was := "name: p\nservices:\n  app:\n    image: a\n  db:\n    image: postgres:16\n    environment:\n      DATABASE_URL: postgres://u:pw@db\n      POSTGRES_PASSWORD: hush\n    volumes:\n      - data\n"
	is := "name: p\nservices:\n  app:\n    image: a\n  db:\n    image: postgres:17\n    environment:\n      DATABASE_URL: postgres://u:pw@db\n      PGDATA: /x\n      POSTGRES_PASSWORD: \"\"\n    volumes:\n      - new\n"
	want := "  services:\n    db:\n-     image: postgres:16\n+     image: postgres:17\n      environment:\n-       POSTGRES_PASSWORD: (not shown)\n+       PGDATA: /x\n+       POSTGRES_PASSWORD: (not shown)\n      volumes:\n-       - data\n+       - new"
	if got := strings.Join(changedLines(was, is), "\n"); got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
	if got := changedLines(was, was); got != nil {
		t.Errorf("no change: %q", got)
	}
}
