package kit_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/kit"
	"remoterun/tasks/tasktest"
)

// meddling runs commands, and does something once when the first bytes have come.
type meddling struct {
	host.Writer
	conn host.Conn
	do   func()
}

func (m *meddling) Run(ctx context.Context, c sh.Cmd) (host.Output, error) {
	return m.conn.Exec(ctx, host.As{}, c)
}

func (m *meddling) Progress(int64, int64) {
	if m.do != nil {
		m.do()
	}
	m.do = nil
}

// TestChangedWhileItIsFetched: what is written to while it is brought is no file that
// the host ever had: nothing is put in place, wherever the change was made. Without
// the check what came is taken.
func TestChangedWhileItIsFetched(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789abcdef"), 4<<20/16)
	into := func(at int64) func(f *os.File) {
		return func(f *os.File) { _, _ = f.WriteAt([]byte("x"), at) }
	}
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		for name, change := range map[string]func(f *os.File){
			"nothing": nil, "before what has come": into(0), "behind it": into(4<<20 - 1), "longer": into(5 << 20), "shorter": func(f *os.File) { _ = f.Truncate(3 << 20) },
		} {
			for _, check := range []bool{true, false} {
				dir := t.TempDir()
				if err := os.WriteFile(dir+"/far", text, 0o600); err != nil {
					t.Fatal(err)
				}
				m := &meddling{conn: h.Conn, do: func() {
					f, err := os.OpenFile(dir+"/far", os.O_WRONLY, 0)
					if err != nil {
						t.Error(err)
					} else if change != nil {
						change(f)
					}
					_ = f.Close()
				}}
				out, err := kit.Pull{From: dir + "/far", To: dir + "/near", Check: check}.Do(t.Context(), m)
				_, there := os.Stat(dir + "/near")
				fails := check && change != nil
				if err != nil || (out.Status != 0) != fails || (there != nil) != fails || fails && !strings.Contains(string(out.Stderr), "changed while it was fetched") {
					t.Errorf("%s, checked %v: status %d, %q, %v, %v", name, check, out.Status, out.Stderr, err, there)
				}
			}
		}
		out, err := kit.Pull{From: "/nowhere/at/all", To: t.TempDir() + "/near", Check: true}.Do(t.Context(), &meddling{conn: h.Conn})
		if err != nil || out.Status == 0 || !strings.Contains(string(out.Stderr), "/nowhere/at/all") {
			t.Errorf("a file that is not there: %+v %v", out, err)
		}
	})
}
