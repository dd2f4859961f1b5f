package unlock

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/local"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/compose"
	"remoterun/tasks/tde/stack"
)

// engine is a docker that knows which containers of the project there are, and in
// whose "up" the service web comes to answer.
const engine = `#!/bin/sh
cd %[1]s
case "$*" in
*"config --services"*) cat active;;
*"config --format json"*) cat config;;
*" ps "*) ;;
*" up "*)
	echo "$*" >>calls
	[ ! -e noimage ] || { echo "Error response from daemon: No such image: x:1" >&2; exit 1; }
	case "$* " in *" web "*) touch answers;; esac;;
restart*) echo "$*" >>calls; touch answers;;
esac
`

// TestFirstUnlockStartsTheApp: an address that has to answer is not waited for where
// who answers was never started; one that somebody stopped stays at rest.
func TestFirstUnlockStartsTheApp(t *testing.T) {
	const (
		there   = "running"
		stopped = "exited"
		created = "created"
	)
	for name, c := range map[string]struct {
		has      map[string]string // services with a container, and its state
		active   string            // "" = db web job
		asked    []string          // tde_app_services
		answers  bool              // before anything is started
		noimage  bool
		calls    string // what docker was told, by its services
		failed   string // words of the failure
		started  string
		answered bool
	}{
		"nothing but the database":           {has: map[string]string{"db": there}, calls: "up job web", started: "['job', 'web']"},
		"the first start, and a proxy there": {has: map[string]string{"db": there}, answers: true, calls: "up job web", started: "['job', 'web']"},
		"a sidecar was started before":       {has: map[string]string{"db": there, "job": there}, calls: "up web", started: "['web']"},
		"another one is asked for":           {has: map[string]string{"db": there}, asked: []string{"job"}, calls: "up job; up web", started: "['job', 'web']"},
		"it answers already":                 {has: map[string]string{"db": there, "web": there}, answers: true, started: "[]"},
		"made and never started":             {has: map[string]string{"db": there, "job": there, "web": created}, calls: "restart web", started: "['web']"},
		"stopped on purpose":                 {has: map[string]string{"db": there, "job": there, "web": stopped}, failed: "services that do not run", started: "[]"},
		"of a profile that is off":           {has: map[string]string{"db": there}, active: "db job", calls: "up job", failed: "tde_app_services", started: "['job']"},
		"of a profile that is on":            {has: map[string]string{"db": there}, active: "db web", calls: "up web", started: "['web']"},
		"of a profile, and asked for":        {has: map[string]string{"db": there}, active: "db", asked: []string{"web"}, calls: "up web", started: "['web']"},
		"its image is not there":             {has: map[string]string{"db": there}, noimage: true, calls: "up job web", failed: "docker compose pull in", started: "[]"},
		"nothing but the database at all":    {has: map[string]string{"db": there}, active: "db", failed: "does not answer", started: "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, bin := t.TempDir(), t.TempDir()
			put := func(file, text string) {
				if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			put(bin+"/docker", fmt.Sprintf(engine, dir))
			if c.active == "" {
				c.active = "db job web"
			}
			put(dir+"/active", strings.ReplaceAll(c.active, " ", "\n")+"\n")
			put(dir+"/config", `{"name":"s","services":{"db":{},"job":{},"web":{"profiles":["p"]}}}`)
			for file, is := range map[string]bool{"answers": c.answers, "noimage": c.noimage} {
				if is {
					put(filepath.Join(dir, file), "")
				}
			}
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if _, err := os.Stat(dir + "/answers"); err != nil {
					w.WriteHeader(http.StatusBadGateway)
				}
			}))
			defer srv.Close()
			w := &host.Worker{Host: "here", Conn: local.New("here", nil, local.Options{Env: []string{"PATH=" + bin + ":" + os.Getenv("PATH")}}), Kept: &host.Kept{}}
			defer w.Conn.Close()
			u := unlocking{unlockArgs: unlockArgs{Stack: stack.Stack{Project: "p", Dir: dir, Service: "db"}, HealthURL: srv.URL, AppServices: c.asked, Timeout: 1}}
			got := run(t, w, u, site(t, u.Stack, c.has))
			var calls []string
			text, _ := os.ReadFile(dir + "/calls")
			for line := range strings.Lines(string(text)) {
				_, services, up := strings.Cut(strings.TrimSpace(line), " -- ")
				if !up {
					services = strings.TrimPrefix(strings.TrimSpace(line), "restart c-")
					calls = append(calls, "restart "+services)
					continue
				}
				calls = append(calls, "up "+services)
			}
			if all := strings.Join(calls, "; "); all != c.calls {
				t.Errorf("docker was told %q, want %q", all, c.calls)
			}
			if c.failed == "" && got.Failed || !strings.Contains(got.Msg, c.failed) || (c.failed != "") != got.Failed {
				t.Errorf("%+v, want %q", got, c.failed)
			}
			if v, _ := got.Data.Lookup("apps_restarted"); value.Repr(v) != c.started {
				t.Errorf("started %s, want %s", value.Repr(v), c.started)
			}
		})
	}
}

// site is the stack with these containers.
func site(t *testing.T, s stack.Stack, has map[string]string) stack.Site {
	t.Helper()
	v := stack.Site{Stack: s, Config: compose.Config{Services: map[string]compose.Service{"db": {}, "job": {}, "web": {}}}}
	for name, state := range has {
		var c compose.Container
		text := fmt.Sprintf(`{"Id": "c-%s", "Name": "/s-%[1]s-1", "State": {"Status": %[2]q, "Running": %[3]v}, "HostConfig": {"RestartPolicy": {"Name": "unless-stopped"}}, "Config": {"Labels": {"com.docker.compose.service": %[1]q}}}`, name, state, state == "running")
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			t.Fatal(err)
		}
		v.All = append(v.All, c)
	}
	return v
}

// run plans what is left to do behind the database's start, and does it.
func run(t *testing.T, w *host.Worker, u unlocking, v stack.Site) play.Result {
	t.Helper()
	active := u.Compose().Active()
	a, err := active.Q.Ask(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	p, err := u.others(host.NewSeen(map[string]host.Answer{active.Q.Key(): a}), v, play.Result{Data: value.NewMap()})
	if err != nil {
		t.Fatal(err)
	}
	var ran []host.Output
	for _, s := range p.Steps {
		if strings.HasPrefix(s.Describe(), "wait until web is healthy") {
			continue // of a container that this engine does not show
		}
		o, err := s.Do(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		if ran = append(ran, o); o.Status != 0 {
			break
		}
	}
	res, err := p.Finish(ran)
	if err != nil {
		t.Fatal(err)
	}
	return res
}
