//go:build linux

package main

import (
	"strings"
	"testing"
)

// TestLostLogin: unlock makes the login of its modules anew when the password is
// lost or does not fit, once.
func TestLostLogin(t *testing.T) {
	r := newRigs(t, "quebec")[0]
	r.unlocked(t)
	for name, do := range map[string]string{
		"another password": `echo wrong >"$4/sql-password"`,
		"no password":      `rm "$4/sql-password"`,
	} {
		t.Run(name, func(t *testing.T) {
			r.on(t, do)
			r.run(t, "unlock", r.Name).want(t, exitOK, "login of role remoterun made anew")
			r.run(t, "unlock", r.Name).want(t, exitOK, "changed=0")
			r.run(t, "status", r.Name).want(t, exitOK, "unlocked: ")
		})
	}
	t.Run("nobody is let in", func(t *testing.T) {
		r.on(t, `docker exec -u 26 "$1-postgres-1" sh -c 'printf "local all all reject\nhost all all all reject\n" >"$PGDATA"/pg_hba.conf'
docker kill -s HUP "$1-postgres-1"`)
		said := r.run(t, "unlock", r.Name)
		said.want(t, exitRefused, "neither it nor a superuser is let in without one", "1i local all remoterun trust", "then: remoterun unlock")
		_, advice, _ := strings.Cut(strings.Join(strings.Fields(said.out+said.err), " "), "; docker exec ")
		advice, _, ok := strings.Cut(advice, " on the host, then: ")
		if !ok {
			t.Fatalf("no way out: %s", said.out+said.err)
		}
		r.on(t, "docker exec "+advice)
		r.run(t, "unlock", r.Name).want(t, exitOK)
		r.run(t, "status", r.Name).want(t, exitOK, "unlocked: ")
	})
	r.clean(t)
}

// TestTwoServers: while a renamed project's server runs on the volume, neither status
// nor unlock offers a second one, and what they say helps.
func TestTwoServers(t *testing.T) {
	r := newRigs(t, "tango")[0]
	r.unlocked(t)
	r.on(t, `cd "$2"; docker compose stop postgres; docker compose -p "$1-new" up -d --no-deps postgres`)
	const why, out = "a server runs in container tango_app-new-postgres-1, which is not the service's", "docker stop tango_app-new-postgres-1 && docker rm tango_app-new-postgres-1 on the host"
	r.run(t, "status", r.Name).want(t, exitFailed, "failed: "+why, "next: "+out)
	r.run(t, "unlock", r.Name).want(t, exitRefused, why, out)
	r.on(t, `docker stop "$1-new-postgres-1" && docker rm "$1-new-postgres-1"`)
	r.run(t, "unlock", r.Name).want(t, exitOK)
	r.run(t, "status", r.Name).want(t, exitOK, "unlocked: ")
	r.on(t, `cd "$2"; docker network rm "$1-new_default" || :`)
	r.clean(t)
}
