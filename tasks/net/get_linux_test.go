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

// TestURIByEveryProgram: what is sent arrives as it is, by every program.
func TestURIByEveryProgram(t *testing.T) {
	s := server(t)
	for name, env := range clients(t) {
		t.Run(name, func(t *testing.T) {
			h := tasktest.NewHost(t, env)
			ask := func(args string) tasktest.Outcome {
				t.Helper()
				o, err := tasktest.Apply(t.Context(), h, net.URI(), tasktest.Args(t, strings.ReplaceAll(args, "URL", s.URL)), false)
				if err != nil {
					t.Fatal(err)
				}
				return o
			}
			want := func(o tasktest.Outcome, keys ...string) {
				t.Helper()
				for i := 0; i < len(keys); i += 2 {
					if got := tasktest.Dig(o.Result.Data, keys[i]); got != keys[i+1] {
						t.Errorf("%s is %s, want %s (%s)", keys[i], got, keys[i+1], o.Result.Msg)
					}
				}
			}
			o := ask(`{url: URL/echo, method: POST, body: "a\nb=\"c\"", headers: {X-A: 'q"q'}}`)
			want(o, "status", "200", "json.body", `'a\nb="c"'`, "json.method", "'POST'", "json.x", `'q"q'`, "cookies.a", "'b'")
			o = ask(`{url: URL/none}`)
			want(o, "status", "404")
			if !o.Result.Failed || !strings.HasPrefix(o.Result.Msg, "Status code was 404 and not [200]: HTTP Error 404: Not Found") {
				t.Errorf("it said %q", o.Result.Msg)
			}
			o = ask(`{url: URL/moved, return_content: yes}`)
			want(o, "status", "200", "redirected", "True", "content", "'<html>log in</html>'")
			o = ask(`{url: "http://127.0.0.1:1/", status_code: [200, -1]}`)
			want(o, "status", "-1")
			if o.Result.Failed {
				t.Error("a status that is allowed failed")
			}
			if name == "busybox" {
				return
			}
			o = ask(`{url: URL/echo, method: PUT, body: {k: [1]}, body_format: json, url_username: me, url_password: 'p w', force_basic_auth: yes}`)
			want(o, "json.method", "'PUT'", "json.user", "'me:p w'", "json.type", "'application/json'")
			o = ask(`{url: URL/moved, follow_redirects: none, status_code: 302}`)
			want(o, "status", "302", "redirected", "False")
		})
	}
}
