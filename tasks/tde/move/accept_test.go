package move

import (
	"strings"
	"testing"

	plain "remoterun/tasks/move"
	"remoterun/tasks/move/catalog"
)

// TestAccept: what encryption would say nothing about is refused before anything is
// changed, unless it was said that it may be so.
func TestAccept(t *testing.T) {
	large := []catalog.Database{{Name: "app", Container: catalog.Contents{Large: 3}}}
	for _, c := range []struct {
		a       args
		cluster catalog.Cluster
		want    string
	}{
		{args{}, catalog.Cluster{Version: 160001}, ""},
		{args{Steps: "two"}, catalog.Cluster{Version: 160001}, "database of sync: it is of PostgreSQL 16, the image of 17, and tde_steps is two; remoterun upgrade first (pg_image: one of PostgreSQL 17), migrate another day"},
		{args{Steps: "two"}, catalog.Cluster{Version: 170002}, ""},
		{args{}, catalog.Cluster{Version: 160001, Trusted: []string{"app"}}, "role app: it has no password, and pg_hba.conf lets it in from the network without one (trust): whoever reaches the port reads what is encrypted; ALTER ROLE ... PASSWORD"},
		{args{Trust: "accept"}, catalog.Cluster{Version: 160001, Trusted: []string{"app"}}, ""},
		{args{Large: "refuse"}, catalog.Cluster{Version: 160001, Databases: large}, "database app: it has 3 large objects, and the extension encrypts none; set tde_large_objects: accept"},
		{args{Large: "accept"}, catalog.Cluster{Version: 160001, Databases: large}, ""},
	} {
		c.a.Args = plain.Args{Stack: plain.Stack{Project: "sync"}}
		err := (&encrypted{a: c.a}).Accept(c.cluster, 17)
		switch {
		case err == nil && c.want != "":
			t.Errorf("%+v was not refused", c.cluster)
		case err != nil && (c.want == "" || !strings.HasPrefix(err.Error(), c.want)):
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}
