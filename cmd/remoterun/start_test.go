package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
)

// initLine is one line of GODEBUG=inittrace=1.
var initLine = regexp.MustCompile(`(?m)^init (\S+) @.* ms, ([0-9.e+-]+) ms clock, (\d+) bytes, (\d+) allocs$`)

// TestNothingIsDoneBeforeMain: every command pays for what packages do when the
// program starts. This test program holds all of them (and some of its own). Time
// is the least of several runs, for the machine may be busy; memory is exact.
func TestNothingIsDoneBeforeMain(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	least, bytesOf := map[string]float64{}, map[string]int{}
	for range 7 {
		cmd := exec.Command(self, "-test.run=^$")
		cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
		var errs bytes.Buffer
		cmd.Stderr = &errs
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s", err, errs.String())
		}
		for _, m := range initLine.FindAllStringSubmatch(errs.String(), -1) {
			ms, _ := strconv.ParseFloat(m[2], 64)
			if old, ok := least[m[1]]; !ok || ms < old {
				least[m[1]] = ms
			}
			bytesOf[m[1]], _ = strconv.Atoi(m[3])
		}
	}
	if _, ok := least["remoterun/playbooks/jinja/builtin"]; !ok || len(least) < 30 {
		t.Fatalf("only %d packages were seen", len(least))
	}
	total := 0
	for name, ms := range least {
		if total += bytesOf[name]; ms > 1 {
			t.Errorf("%s takes %.2g ms before main (%d bytes), at most 1", name, ms, bytesOf[name])
		}
	}
	if total > 1<<20 {
		t.Errorf("%d bytes are filled before main, at most 1 MiB", total)
	}
	t.Logf("%d packages, %d bytes", len(least), total)
}
