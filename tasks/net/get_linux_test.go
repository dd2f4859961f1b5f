package net_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"remoterun/tasks/net"
	"remoterun/tasks/tasktest"
)

// clients are hosts by the program that fetches.
func clients(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{"curl": nil, "busybox": tasktest.Shells(t)["busybox"]}
	real, err := exec.LookPath("wget")
	if err != nil {
		t.Fatal("GNU's wget is not installed: hosts without curl cannot be tested")
	}
	dir := t.TempDir()
	for _, d := range filepath.SplitList("/usr/bin:/bin") {
		all, _ := filepath.Glob(d + "/*")
		for _, p := range all {
			if n := filepath.Base(p); n != "curl" && n != "busybox" {
				_ = os.Symlink(p, dir+"/"+n)
			}
		}
	}
	_ = os.Remove(dir + "/wget")
	_ = os.Symlink(real, dir+"/wget")
	out["wget"] = []string{"PATH=" + dir, "HOME=" + t.TempDir()}
	return out
}

// server has a file, a page, a place that moved, a door, and an echo.
func server(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	made := time.Now().Add(-time.Hour)
	mux.HandleFunc("/f.bin", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Disposition", `attachment; filename="../real.bin"`)
		http.ServeContent(w, r, "f.bin", made, strings.NewReader("hello\x00\x01"))
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/page.gz?x=1", http.StatusFound) })
	mux.HandleFunc("/page.gz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<html>log in</html>")
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, "half")
	})
	mux.HandleFunc("/echo", echo)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// TestGetURLByEveryProgram: curl, GNU's wget and busybox's give the same.
func TestGetURLByEveryProgram(t *testing.T) {
	s := server(t)
	for name, env := range clients(t) {
		t.Run(name, func(t *testing.T) {
			h := tasktest.NewHost(t, env)
			dir := t.TempDir()
			get := func(url, dest, more string) tasktest.Outcome {
				t.Helper()
				o, err := tasktest.Apply(t.Context(), h, net.GetURL(), tasktest.Args(t, fmt.Sprintf("{url: %q, dest: %q%s}", url, dest, more)), false)
				if err != nil {
					t.Fatal(err)
				}
				return o
			}
			o := get(s.URL+"/f.bin", dir+"/f", "")
			if !o.Result.Changed || tasktest.ReadFile(t, dir+"/f") != "hello\x00\x01" {
				t.Errorf("%+v", o.Result)
			}
			if o := get(s.URL+"/f.bin", dir+"/f", ""); o.Result.Changed || o.Result.Failed || name == "curl" && len(o.Steps) > 0 {
				t.Errorf("again: %+v %q", o.Result, o.Steps)
			}
			if get(s.URL+"/f.bin", dir, ""); tasktest.ReadFile(t, dir+"/real.bin") != "hello\x00\x01" {
				t.Error("the server's name was not taken")
			}
			o = get(s.URL+"/moved", dir, "")
			if got := tasktest.Dig(o.Result.Data, "dest"); got != "'"+dir+"/page.gz'" {
				t.Errorf("moved: %s %+v", got, o.Result)
			}
			o = get(s.URL+"/page.gz", dir+"/page", "")
			if len(o.Result.Warnings) != 1 {
				t.Errorf("no warning of a page: %+v", o.Result)
			}
			for _, bad := range []string{s.URL + "/none", s.URL + "/cut", "http://127.0.0.1:1/x"} {
				o := get(bad, dir+"/bad", "")
				if _, err := os.Stat(dir + "/bad"); err == nil || !o.Result.Failed {
					t.Errorf("%s: %+v, %v", bad, o.Result, err)
				}
			}
			if left, _ := filepath.Glob(dir + "/.remoterun*"); left != nil {
				t.Errorf("left: %v", left)
			}
		})
	}
}
