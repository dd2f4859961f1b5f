package repos

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/local"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// TestGitSecretLogin: a login that stands in a vaulted address reaches the server,
// with signs that are encoded in addresses, and no name or address of git's has it.
func TestGitSecretLogin(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	const sha = "0123456789012345678901234567890123456789"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, pw, ok := r.BasicAuth()
		switch {
		case !ok || user != "ü" || pw != "a/b'c $x%":
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/x.git/info/refs":
			_, _ = w.Write([]byte(sha + "\trefs/heads/main\n"))
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	address := "http://%C3%BC:a%2Fb%27c%20$x%25@" + strings.TrimPrefix(s.URL, "http://") + "/x.git"
	a := gitArgs{Repo: kit.Text{S: address, Marks: value.Masked}, Version: "main"}
	if got := a.repo(); got != s.URL+"/x.git" {
		t.Errorf("git is told %s", got)
	}
	c := local.New("db1", nil, local.Options{})
	defer func() { _ = c.Close() }()
	w := &host.Worker{Host: "db1", Conn: c, Kept: &host.Kept{}}
	_, err := planOf(a)
	need, ok := err.(*host.ErrNeed)
	if !ok || len(need.Questions) != 1 {
		t.Fatalf("it asks %v", err)
	}
	ans, err := need.Questions[0].Ask(t.Context(), w)
	if err != nil || ans.Status != 0 || !strings.Contains(string(ans.Stdout), sha+"\trefs/heads/main") {
		t.Errorf("%+v, %v: %s", ans.Status, err, ans.Stdout)
	}
	if a.Repo.Marks = 0; a.repo() != address {
		t.Errorf("an address that is no secret is given as it is: %s", a.repo())
	}
}

func planOf(a gitArgs) (string, error) {
	sha, _, _, err := a.wanted(host.NewSeen(nil))
	return sha, err
}
