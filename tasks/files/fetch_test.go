package files_test

import (
	"bytes"
	"os"
	"testing"

	"remoterun/tasks/files"
	"remoterun/tasks/tasktest"
)

// TestFetchOfAnySize: a file larger than what a command may print arrives whole,
// and so do files that end where a piece does.
func TestFetchOfAnySize(t *testing.T) {
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		dir := t.TempDir()
		for _, size := range []int{0, 4<<20 - 1, 4 << 20, 4<<20 + 1, 100<<20 + 7} {
			data := bytes.Repeat([]byte("0123456789abcdef\x00\xff\n"), size/19+1)[:size]
			if err := os.WriteFile(dir+"/big", data, 0o600); err != nil {
				t.Fatal(err)
			}
			_ = os.Remove(dir + "/here")
			h.In = &tasktest.Inputs{Dir: dir}
			tasktest.Must(t, h, files.Fetch(), tasktest.Args(t, "{src: "+dir+"/big, dest: "+dir+"/here, flat: yes}"))
			if got := tasktest.ReadFile(t, dir+"/here"); got != string(data) {
				t.Errorf("%d bytes arrived of %d", len(got), size)
			}
		}
	})
}
