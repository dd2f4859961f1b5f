//go:build linux

package move

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/tasks/compose"
)

// TestRealApplyEdit: the compose file itself gets the new cluster, so that a deploy
// with -f starts it, too; rollback takes it out byte by byte, and what a checkout
// has taken out before is no hindrance.
func TestRealApplyEdit(t *testing.T) {
	for name, checkout := range map[string]bool{"as it was edited": false, "after a checkout": true} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, 16, 17)
			l.apply = "edit"
			file := filepath.Join(l.dir, "compose.yaml")
			was, err := os.ReadFile(file)
			l.must(err)
			is := func() string { text, _ := os.ReadFile(file); return string(text) }
			l.ok(allPhases()...)
			l.nothingLost()
			if text := is(); !strings.Contains(text, compose.Mark) || compose.StripOurs(text) != string(was) {
				t.Errorf("the file is\n%s", text)
			}
			if l.try(`ls "$1"/*override*`, l.dir) == nil {
				t.Error("there is an override file")
			}
			l.sh(`cd "$1" && docker compose down -t 5 2>&1; docker compose -f compose.yaml up -d --wait 2>&1`, l.dir)
			if v := l.version(); v != "17" {
				t.Errorf("a deploy with -f starts %s", v)
			}
			l.more()
			if checkout {
				l.write("compose.yaml", string(was))
			}
			l.ok("rollback")
			if v := l.version(); v != "16" || is() != string(was) {
				t.Errorf("after rollback the server is %s, the file\n%s", v, is())
			}
			l.more()
		})
	}
}

// TestRealApplyPrint: the cut-over waits until the lines are there; rollback says
// which are to be taken out again. No file is touched by either.
func TestRealApplyPrint(t *testing.T) {
	l := newLab(t, 16, 17)
	l.apply = "print"
	l.ok("preflight", "backup", "freeze", "target", "copy", "proof")
	l.said = nil
	l.refused("cut_over", "save the lines that are shown as "+l.dir+"/compose.override.yaml", "the same command goes on")
	if list, _ := filepath.Glob(l.dir + "/*override*"); len(list) > 0 {
		t.Errorf("files were written: %v", list)
	}
	_, lines, _ := strings.Cut(strings.Join(l.said, "\n"), "compose.override.yaml:\n")
	l.write("compose.override.yaml", lines)
	l.ok("cut_over", "smoke")
	l.nothingLost()
	if v := l.version(); v != "17" {
		t.Errorf("the server is %s", v)
	}
	l.said = nil
	l.refused("rollback", "take the lines of the overlay out of "+l.dir+"/compose.override.yaml", "the same command goes on")
	if said := strings.Join(l.said, "\n"); !strings.Contains(said, "-# remoterun: these lines") {
		t.Errorf("the way back is not shown:\n%s", said)
	}
	l.must(os.Remove(l.dir + "/compose.override.yaml"))
	l.ok("rollback")
	if v := l.version(); v != "16" {
		t.Errorf("after rollback the server is %s", v)
	}
	l.more()
}
