//go:build linux

package main

import "testing"

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
	r.clean(t)
}
