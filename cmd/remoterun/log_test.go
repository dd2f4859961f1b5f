package main

import (
	"strings"
	"testing"
)

// TestLog: what a run did, and that there was none.
func TestLog(t *testing.T) {
	projectDir(t, map[string]string{"hosts": "here ansible_connection=local\n"})
	env := map[string]string{"HOME": t.TempDir(), "XDG_STATE_HOME": t.TempDir()}
	say := func(want string, args ...string) string {
		t.Helper()
		out, errs, _ := runWith(t, env, nil, args...)
		if !strings.Contains(out+errs, want) {
			t.Errorf("%q does not say %q:\n%s%s", args, want, out, errs)
		}
		return out
	}
	say("no run has been noted in ", "log")
	say("pong", "run", "here", "-m", "ping")
	id, _, _ := strings.Cut(say("remoterun run here -m ping", "log"), " ")
	say("no step was run on any host", "log", id)
	say("CHANGED", "run", "here", "--", "true")
	runs := strings.Split(strings.TrimSpace(say("", "log")), "\n")
	id, _, _ = strings.Cut(runs[len(runs)-1], " ")
	say("here: command: run true [done]", "log", id)
	say("remoterun: log nothing: no run begins like that; remoterun log lists them, remoterun log last shows the newest", "log", "nothing")
	say("here: command: run true [done]", "log", "last")
	say("here: command: run true [done]", "log", id[:len(id)-1])
	say("2 runs begin like that: ", "log", id[:4])
}
