package lock

import (
	"strings"
	"testing"

	"remoterun/runner/host"
)

// FuzzListing: whatever a host says of a lock, reading it ends, and what is
// shown of it is three short lines of one line each.
func FuzzListing(f *testing.F) {
	for _, s := range []string{"free\n", "held\n", "held\nanna@one\n2026-01-01T00:00:00Z\nunlock\n", "held\n\n\n\n\n\n", "held\n\x1b[2Jroot\n", "held\n" + strings.Repeat("x", 1<<16), "held", "HELD\n", "held\r\nx\r\n"} {
		f.Add(s)
	}
	fact := Seen("/x")
	f.Fuzz(func(t *testing.T, text string) {
		e, err := fact.Parse(host.Answer{Stdout: []byte(text)})
		if err != nil || e == nil {
			if strings.HasPrefix(text, "held\n") {
				t.Fatalf("somebody holds it, and nobody is said: %v", err)
			}
			return
		}
		for _, s := range []string{e.Who, e.Since, e.Doing} {
			if s == "" || len(s) > 500 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Fatalf("shown: %q", s)
			}
		}
	})
}

// FuzzPlace: what a host says where its lock is, is used whole or refused.
func FuzzPlace(f *testing.F) {
	for _, s := range []string{"0\n/var/lib/remoterun/p/lock\n/run/remoterun-lock\n", "1000\n/home/a/.local/state/remoterun/p/lock\n", "", "0\n", "-1\n/x\n", "0\nrelative\n/run\n", "99999999999\n/x\n", "0\n/x\nrelative\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := placeOf(text)
		if err == nil && (!strings.HasPrefix(p.dir, "/") || p.pub != "" && !strings.HasPrefix(p.pub, "/") || strings.ContainsAny(p.dir+p.pub, "\n\x00") || p.uid < 0 || p.uid != 0 && p.pub != "") {
			t.Fatalf("%q became %+v", text, p)
		}
	})
}
