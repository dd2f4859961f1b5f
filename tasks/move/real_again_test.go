//go:build linux

package move

import "testing"

// TestRealAgain: a move after one that was taken back, on an old server whose
// statistics are others by then: it plans otherwise, and the proof finds the same.
func TestRealAgain(t *testing.T) {
	l := newLab(t, 16, 17)
	l.ok(allPhases()...)
	l.nothingLost()
	l.sh(`cd "$1" && docker compose down -t 5 2>&1; docker compose up -d --wait 2>&1`, l.dir)
	l.more()
	l.ok("rollback")
	l.more()
	l.ok(allPhases()...)
	l.nothingLost()
}
