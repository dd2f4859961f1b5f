package compose

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"remoterun/runner/hosttest"
)

// edition is an addition as the encrypted database has it.
func edition() Addition {
	return Addition{Service: "db", Volumes: []string{"p_new"}, Lines: []string{
		`image: "new:1"`, "pull_policy: never", "build: !reset null", "command:", `  - "postgres"`, `  - "-c"`, `  - "work_mem=${MEM:-1MB}"`,
		"environment:", `  PGDATA: "/data/db"`, `  POSTGRES_PASSWORD: ""`,
		"volumes: !override", `  - {type: volume, source: p_new, target: "/data/db"}`, "  - {\"type\":\"bind\",\"source\":\"/srv\",\"target\":\"/kept\"}",
		"ulimits:", "  core: 1", "  memlock: {soft: 8388608, hard: 8388608}", "stop_signal: SIGINT", "stop_grace_period: 60s",
	}}
}

// shapes are compose files as people write them: all have service db, which keeps
// the variable MINE.
var shapes = map[string]string{
	"plain":                 "services:\n  db:\n    image: postgres:16\n    environment:\n      MINE: \"a: b\" # why\n      POSTGRES_PASSWORD: x\n    volumes:\n      - data:/var/lib/postgresql/data\n  app:\n    image: app\nvolumes:\n  data:\n",
	"list of environment":   "services:\n  db:\n    image: postgres:16\n    environment:\n    - \"MINE=a: b\"\n\n    # a comment\n    - POSTGRES_PASSWORD=x\n    command: >\n      postgres\n      -c work_mem=1MB\n\n    volumes: [\"data:/var/lib/postgresql/data\"]\n\n# the application\n  app:\n    image: app\nvolumes: {data: {}}\n",
	"flow values":           "services:\n  db:\n    image: 'postgres:16'\n    environment: {MINE: \"a: b\", POSTGRES_PASSWORD: 'it''s'}\n    command: [\"postgres\",\n      \"-c\", \"work_mem=1MB\"]\n    ulimits: {nofile: 5, memlock: 3}\nvolumes: {}\n",
	"flow list":             "services:\n  db:\n    image: postgres:16\n    environment: [\"MINE=a: b\", POSTGRES_PASSWORD=x,\n       'OTHER=${B:-c}']\n",
	"service on one line":   "services:\n  db: {image: postgres:16, environment: {MINE: 'a: b', POSTGRES_PASSWORD: x}, labels: [a=b, \"c=d\"], ports: [\"5432\"]}\n  app: {image: app}\n",
	"services on one line":  "services: {db: {image: 'postgres:16', environment: [\"MINE=a: b\"]}, app: {image: app, command: [sh, -c, \"echo '}'\"]}}\nvolumes: {data: {}}",
	"one line over several": "services: {\n  db: {\n    image: postgres:16,\n    environment: { MINE: 'a: b',\n       POSTGRES_PASSWORD: x },\n    labels: {a: \"b,\n     c\"}\n  },\n  app: { image: app }\n}\n",
	"crlf":                  "services:\r\n  db:\r\n    image: postgres:16\r\n    environment:\r\n      MINE: 'a: b'\r\n      POSTGRES_PASSWORD: x\r\n  app:\r\n    image: app\r\n",
	"no newline at the end": "services:\n  app:\n    image: app\n  db:\n    image: postgres:16\n    environment:\n      POSTGRES_PASSWORD: x\n      MINE: 'a: b'",
	"last key without end":  "volumes:\n  data:\nservices:\n  db:\n    environment: {MINE: 'a: b'}\n    image: postgres:16",
	"tabs in comments":      "#\tabove\nservices:\t# tab\n  # a\tb\n  db:\t\n    image: postgres:16\t# c\n    environment:\n      #\tx\n      MINE: 'a: b'\n",
	"other indents":         "version: \"3.8\"\nservices:\n    app:\n        image: app\n    \"db\":\n        image: postgres:16\n        environment:\n            - \"MINE=a: b\"\n        volumes:\n        - data:/x\nvolumes:\n    data: {name: other}\n",
	"build":                 "services:\n  db:\n    build:\n      context: .\n      args: {A: b}\n    environment:\n      MINE: 'a: b'\n",
	"anchors of others":     "x-log: &log\n  driver: json-file\nservices:\n  db:\n    <<: &rest {restart: always}\n    image: postgres:16\n    logging: *log\n    environment:\n      MINE: 'a: b'\n  app:\n    <<: *rest\n    image: app\n    logging: *log\n",
	"environment an alias":  "x-env: &env\n  MINE: 'a: b'\n  POSTGRES_PASSWORD: x\nservices:\n  db:\n    image: postgres:16\n    environment: *env\n  app:\n    image: app\n    environment: *env\n",
	"environment merged":    "x-env: &env\n  MINE: 'a: b'\n  POSTGRES_PASSWORD: x\nservices:\n  db:\n    image: postgres:16\n    environment:\n      <<: *env\n      MORE: c\n  app:\n    image: app\n    environment: *env\n",
	"alias on one line":     "x-env: &env {MINE: 'a: b'}\nservices:\n  db: {image: postgres:16, environment: *env, depends_on: [app]}\n  app: {image: app, environment: *env}\n",
	"service merged":        "x-base: &base\n  image: postgres:15\n  command: [postgres]\n  restart: always\nservices:\n  db:\n    <<: *base\n    environment: {MINE: 'a: b'}\n",
	"literal texts":         "services:\n  db:\n    image: postgres:16\n    labels:\n      a: |\n        # no comment\n        text\n    command: |\n      postgres\n        # neither\n    environment:\n      MINE: 'a: b'\n      POSTGRES_PASSWORD: >-\n        x\n        y\n      OTHER: \"one\n        two\"\n",
	"document marks":        "---\nservices:\n  db:\n    image: postgres:16\n    environment:\n      MINE: 'a: b'\n...\n",
	"comments everywhere":   "# head\n\nservices: # s\n  # before\n  db: # d\n    # first\n    image: postgres:16 # i\n    # behind\n    environment: # e\n      # inner\n      MINE: 'a: b'\n      # last\n# outer\n  # next\n  app:\n    image: app\n# end",
	"extends":               "services:\n  db:\n    extends: {file: common.yml, service: base}\n    environment:\n      MINE: 'a: b'\nvolumes:\n\n  old:\n",
	"nulls":                 "services:\n  db:\n    image: postgres:16\n    command:\n    environment:\n      MINE: 'a: b'\n      POSTGRES_PASSWORD:\nvolumes: {} # none\n",
	"long mounts":           "services:\n  db:\n    image: postgres:16\n    environment: {MINE: 'a: b'}\n    volumes:\n    - type: volume\n      source: data\n      target: /var/lib/postgresql/data\n    - ./x:/y\n    healthcheck:\n      test: [\"CMD\", \"pg_isready\"]\nvolumes:\n  data:\n    driver: local\n",
}

// TestEdited: of whatever shape the file is, every byte that is not ours stays, it
// comes out again as it was, and compose reads what was meant, and of all else
// what it read before.
func TestEdited(t *testing.T) {
	if exec.Command("docker", "compose", "version").Run() != nil {
		hosttest.Missing(t, "docker compose v2")
	}
	for name, text := range shapes {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "compose.yaml")
			put(t, filepath.Join(dir, "common.yml"), "services:\n  base:\n    image: postgres:15\n    build: .\n    volumes: [\"old:/old\"]\nvolumes: {old: {}}\n")
			put(t, file, text)
			before := config(t, dir)
			got, err := Source{Path: file, Text: text}.Edited(edition(), true)
			if err != nil {
				t.Fatal(err)
			}
			put(t, file, got)
			after := config(t, dir)
			if t.Failed() {
				t.Fatalf("of\n%s", got)
			}
			if why := Beside(before, after, edition()); why != "" {
				t.Errorf("changed: %s\n%s", why, got)
			}
			inForce(t, after, got)
			for _, l := range split(text) {
				if !strings.Contains(got, strings.TrimRight(strings.TrimLeft(l, " "), "\r\n")) {
					t.Errorf("line %q is not in it\n%s", l, got)
				}
			}
			if back := StripOurs(got); back != text {
				t.Errorf("it comes out as\n%q, was\n%q", back, text)
			}
			if again, err := (Source{Path: file, Text: got}).Edited(edition(), true); err != nil || again != got {
				t.Errorf("twice is not the same: %v\n%s", err, again)
			}
			patched(t, dir, text, got)
			patched(t, dir, got, text)
		})
	}
}

// inForce holds what compose reads against the addition.
func inForce(t *testing.T, config []byte, text string) {
	t.Helper()
	c, err := ParseConfig(string(config))
	if err != nil {
		t.Fatal(err)
	}
	s := c.Services["db"]
	var mounts []string
	for _, m := range s.Volumes {
		mounts = append(mounts, m.Target)
	}
	if s.Image != "new:1" || s.Builds() || s.Env("MINE") != "a: b" || s.Env("PGDATA") != "/data/db" || s.Env("POSTGRES_PASSWORD") != "" || s.StopSignal != "SIGINT" ||
		!slices.Equal(s.Command, []string{"postgres", "-c", "work_mem=1MB"}) || strings.Join(mounts, " ") != "/data/db /kept" || c.Volumes["p_new"].Name != "p_new" {
		t.Errorf("service %+v, mounts %v\n%s", s, mounts, text)
	}
}

// patched has the program patch make one file of the other.
func patched(t *testing.T, dir, from, to string) {
	t.Helper()
	program, err := exec.LookPath("patch")
	if err != nil {
		hosttest.Missing(t, "patch")
	}
	file := filepath.Join(dir, "p.yaml")
	put(t, file, from)
	cmd := exec.Command(program, "-p0", "--binary", "-d", dir)
	cmd.Stdin = strings.NewReader(Diff("p.yaml", from, to))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("patch: %v: %s\n%s", err, out, Diff("p.yaml", from, to))
	}
	if got, _ := os.ReadFile(file); string(got) != to {
		t.Errorf("patch makes\n%s\nwant\n%s", got, to)
	}
}

// TestEditedRefuses: what cannot be edited so that all else means the same is left
// alone, with the reason.
func TestEditedRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, why string }{
		"an anchored service":     {"services:\n  db: &db\n    image: a\n  app:\n    <<: *db\n", "take service db over (*db)"},
		"an alias for a service":  {"x-db: &db\n  image: a\nservices:\n  db: *db\n", "made of another part"},
		"an anchored environment": {"services:\n  db:\n    image: a\n    environment: &e\n      A: b\n  app:\n    image: b\n    environment: *e\n", "take environment of the service over (*e)"},
		"an anchored mount":       {"services:\n  db:\n    image: a\n    volumes:\n      - &m data:/d\n  app:\n    image: b\n    volumes: [*m]\nvolumes: {data: {}}\n", "take volumes of the service over (*m)"},
		"a merged environment":    {"x-b: &b\n  environment: {A: b}\nservices:\n  db:\n    <<: *b\n    image: a\n", "environment of the service comes from another part"},
		"an aliased list":         {"x-e: &e [A=b]\nservices:\n  db:\n    image: a\n    environment: *e\n", "environment of the service is not understood"},
		"extended in the file":    {"services:\n  db:\n    image: a\n  other:\n    extends: {service: db}\n", "service other extends service db"},
		"extended by name":        {"services:\n  db:\n    image: a\n  other:\n    extends: db\n", "service other extends service db"},
		"JSON":                    {`{"services": {"db": {"image": "a"}}}`, "not written as a block"},
		"two documents":           {"services:\n  db:\n    image: a\n---\nservices: {}\n", "more than one document"},
		"no YAML":                 {"services: [\n", "cannot be read"},
		"comments in a flow":      {"services:\n  db: {image: a, # why\n    labels: [x]}\n", "not understood"},
		"old line ends":           {"services:\r  db:\r    image: a\r", "line ends"},
		"volumes elsewhere":       {"x-v: &v {data: {}}\nservices:\n  db:\n    image: a\nvolumes: *v\n", "its volumes are made of another part"},
		"not there":               {"services:\n  app:\n    image: a\n", "service db is not in it"},
		"an explicit key":         {"services:\n  ? db\n  : image: a\n", "not edited line by line"},
		"a byte order mark":       {"\ufeffservices:\n  db:\n    image: a\n", "not edited line by line"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Source{Path: "/srv/compose.yaml", Text: c.text}.Edited(edition(), true)
			var no *Clash
			if !errors.As(err, &no) || !strings.Contains(err.Error(), c.why) || no.Object != "/srv/compose.yaml" || !strings.Contains(err.Error(), byHand) {
				t.Errorf("error %v\n%s", err, got)
			}
		})
	}
	if _, err := (Source{Path: "/f", Text: "services:\n  db:\n    image: a\n", Link: true}).Edited(edition(), true); err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("a link: %v", err)
	}
}

// TestHolder: which of several files is edited, and why.
func TestHolder(t *testing.T) {
	db := func(more string) string { return "services:\n  db:\n    " + more + "\n" }
	for name, c := range map[string]struct {
		texts    []string
		file     string
		why, bad string
	}{
		"one":                  {[]string{db("image: a")}, "0", "the first that has service db", ""},
		"others beside it":     {[]string{"services:\n  app: {image: b}\n", db("image: a"), db("ports: [\"1\"]")}, "1", "the first that has service db", ""},
		"a later one sets it":  {[]string{db("image: a"), db("image: b"), db("labels: {a: b}")}, "1", "the last that sets image of service db", ""},
		"ours is taken out":    {[]string{db("image: a"), Mark + "\n" + db("image: b") + End + "\n"}, "0", "the first", ""},
		"included":             {[]string{"include: [other.yaml]\n"}, "", "", "none of the compose files that are read has it"},
		"one cannot be read":   {[]string{db("image: a"), "services: [\n"}, "", "", "cannot be read"},
		"services is no block": {[]string{"services: text\n", db("image: a")}, "1", "the first", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var sources []Source
			for i, text := range c.texts {
				sources = append(sources, Source{Path: string(rune('0' + i)), Text: text})
			}
			got, why, err := Holder(sources, edition())
			if c.bad != "" {
				if err == nil || !strings.Contains(err.Error(), c.bad) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil || got.Path != c.file || !strings.Contains(why, c.why) {
				t.Errorf("%s, %s, %v", got.Path, why, err)
			}
		})
	}
}

// TestBeside: what an edit must not change is seen.
func TestBeside(t *testing.T) {
	const was = `{"services":{"db":{"image":"a","ports":[1],"environment":{"A":"b","PGDATA":"x"},"volumes":[{"type":"volume","source":"old","target":"/d"}]},"app":{"image":"b"}},"volumes":{"v":{},"old":{}}}`
	for now, want := range map[string]string{
		`{"services":{"db":{"image":"c","ports":[1],"environment":{"A":"b","PGDATA":"y"}},"app":{"image":"b"}},"volumes":{"v":{},"p_new":{}}}`: "", // that mount's volume is used no more
		`{"services":{"db":{"image":"a","ports":[2],"environment":{"A":"b"}},"app":{"image":"b"}},"volumes":{"v":{}}}`:                         "ports of service db",
		`{"services":{"db":{"image":"a","ports":[1],"environment":{"A":"c"}},"app":{"image":"b"}},"volumes":{"v":{}}}`:                         "environment A of service db",
		`{"services":{"db":{"image":"a","ports":[1],"environment":{"A":"b"}},"app":{"image":"c"}},"volumes":{"v":{}}}`:                         "service app",
		`{"services":{"db":{"image":"a","ports":[1],"environment":{"A":"b"}}},"volumes":{"v":{}}}`:                                             "service app",
		`{"services":{"db":{"image":"a","ports":[1],"environment":{"A":"b"}},"app":{"image":"b"}},"volumes":{}}`:                               "volume v",
		`{"services":{"db":{"image":"a","ports":[1],"environment":{"A":"b"}},"app":{"image":"b"}},"volumes":{"v":{}},"networks":{"n":{}}}`:     "networks",
		`no JSON`: "what compose prints",
	} {
		if got := Beside([]byte(was), []byte(now), edition()); got != want {
			t.Errorf("%s: %q, want %q", now, got, want)
		}
	}
}

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func config(t *testing.T, dir string) []byte {
	t.Helper()
	cmd := exec.Command("docker", "compose", "config", "--format", "json")
	cmd.Dir = dir
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("compose: %v: %s", err, said.String())
	}
	return out
}

// FuzzEdited: whatever the host's file is, it is refused, or comes out again byte by
// byte.
func FuzzEdited(f *testing.F) {
	for _, text := range shapes {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = StripOurs(text)
		got, err := Source{Path: "f", Text: text}.Edited(edition(), len(text)%2 == 0)
		if err == nil && StripOurs(got) != text {
			t.Errorf("%q comes out as %q", text, StripOurs(got))
		}
	})
}
