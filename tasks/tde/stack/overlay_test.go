package stack

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/hosttest"
	"remoterun/runner/hosttest/sshd"
	"remoterun/runner/hosttest/sshtest"
	"remoterun/runner/local"
	"remoterun/tasks/compose"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/pgtde"
)

func baseService(t *testing.T, js string) compose.Service {
	t.Helper()
	var s compose.Service
	if err := json.Unmarshal([]byte(js), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func testOverlay(t *testing.T, js string) Overlay {
	return Overlay{
		Project: "p", Service: "postgres", Image: "img@sha256:1", Pgdata: "/data/db", Extension: pgtde.PgTDE, Cipher: "aes_128",
		RAMDir: "/run/remoterun/p/keyring", Volume: "p_tde", Base: baseService(t, js),
	}
}

func TestOverlayCommand(t *testing.T) {
	for name, c := range map[string]struct {
		command string
		cipher  string
		want    string
		ext     pgtde.Extension // pg_tde unless another is given
	}{
		"none":                   {`null`, "", "postgres -c shared_preload_libraries=pg_tde -c pg_tde.wal_encrypt=on", ""},
		"options are kept":       {`["postgres","-c","max_connections=200","-B","1GB"]`, "", "postgres -c max_connections=200 -B 1GB -c shared_preload_libraries=pg_tde -c pg_tde.wal_encrypt=on", ""},
		"options alone":          {`["-c","fsync=on"]`, "", "postgres -c fsync=on -c shared_preload_libraries=pg_tde -c pg_tde.wal_encrypt=on", ""},
		"libraries are kept":     {`["postgres","-cshared_preload_libraries='pg_stat_statements, auto_explain'"]`, "", "postgres -c shared_preload_libraries=pg_stat_statements,auto_explain,pg_tde -c pg_tde.wal_encrypt=on", ""},
		"long options":           {`["postgres","--shared-preload-libraries=a","--work-mem=1MB"]`, "", "postgres --work-mem=1MB -c shared_preload_libraries=a,pg_tde -c pg_tde.wal_encrypt=on", ""},
		"off is overruled":       {`["postgres","-c","pg_tde.wal_encrypt=off","-c","default_table_access_method=heap"]`, "", "postgres -c shared_preload_libraries=pg_tde -c pg_tde.wal_encrypt=on", ""},
		"aes_256":                {`null`, "aes_256", "postgres -c shared_preload_libraries=pg_tde -c pg_tde.wal_encrypt=on -c pg_tde.cipher=aes_256", ""},
		"the fork":               {`["postgres","-c","shared_preload_libraries=a,pg_tde","-c","open_pg_tde.data-cipher=aes_xts","-c","pg_tde.cipher=aes_256"]`, "aes_128", "postgres -c pg_tde.cipher=aes_256 -c shared_preload_libraries=a,open_pg_tde -c open_pg_tde.wal_encrypt=on", pgtde.OpenPgTDE},
		"aes_256 of the fork":    {`null`, "aes_256", "postgres -c shared_preload_libraries=open_pg_tde -c open_pg_tde.wal_encrypt=on -c open_pg_tde.cipher=aes_256 -c open_pg_tde.data_cipher=aes_256_xts", pgtde.OpenPgTDE},
		"a program of their own": {`["/wrapper.sh","postgres"]`, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := testOverlay(t, `{"command":`+c.command+`}`)
			o.Cipher = c.cipher
			if c.ext != "" {
				o.Extension = c.ext
			}
			got, err := o.command()
			var no *guard.Refusal
			if c.want == "" {
				if !errors.As(err, &no) {
					t.Errorf("%v %v", got, err)
				}
			} else if err != nil || strings.Join(got.flat(), " ") != c.want {
				t.Errorf("got %s, %v\nwant %s", strings.Join(got.flat(), " "), err, c.want)
			}
		})
	}
}

// TestOverlayKeepsVariables has compose read base and overlay before and after a
// change of .env: what is carried over follows it as the base alone does.
func TestOverlayKeepsVariables(t *testing.T) {
	if exec.Command("docker", "compose", "version").Run() != nil {
		hosttest.Missing(t, "docker compose v2")
	}
	const mounts = `
    volumes:
    - old:/var/lib/postgresql/data
    - "${INIT:-./init}:/docker-entrypoint-initdb.d:ro"
    - {type: bind, source: "${CONF:-./conf}", target: "/etc/${NAME:-conf}"}
    - "./plain:/plain$$x"`
	for name, c := range map[string]struct {
		command string
		frozen  string
	}{
		"in a text":            {`postgres -c effective_cache_size=${CACHE:-1GB} -c 'work_mem=1$$MB'`, ""},
		"in a list":            {`["postgres", "-c", "effective_cache_size=${CACHE:-1GB}", "-p", "5433"]`, ""},
		"blanks in a default":  {`postgres -c "log_line_prefix=%m ${PREFIX:-a b} " -c port=5433`, ""},
		"several options":      {`postgres ${OPTIONS} -c "a.b=it's" -c c.d="${CACHE:-1 GB}"`, ""},
		"no options yet":       {`postgres ${NONE:-} -c a.b=c`, ""},
		"short form":           {`postgres -c effective_cache_size=$CACHE`, ""},
		"nested":               {`postgres -c effective_cache_size=${CACHE:-${OTHER:-2GB}}`, ""},
		"libraries":            {`postgres -c shared_preload_libraries=${LIBS:-pg_stat_statements}`, ""},
		"maybe no libraries":   {`postgres -c shared_preload_libraries=${NONE}`, "shared_preload_libraries=${NONE}"},
		"a flag's name":        {`postgres ${FLAG:--c} work_mem=5MB`, ""},
		"one that must be set": {`postgres ${OPTIONS:?say it} -c a.b=c`, ""},
		"if it is set":         {`postgres -c a.b=c ${CACHE+-c work_mem=5MB}`, ""},
		"if it is not empty":   {`postgres -c a.b=c ${CACHE:+-c work_mem=5MB} -B 1MB`, ""},
		"in a word, if set":    {`["postgres", "-c", "work_mem=5${PREFIX:+0}MB"]`, ""},
		"nested, bare":         {`postgres -c effective_cache_size=${CACHE:-$OPTION_B}x`, ""},
		"nested twice":         {`postgres -c effective_cache_size=${CACHE:-${OTHER:-${THIRD:-3GB}}}`, ""},
		"nested, required":     {`postgres ${NONE:-${OPTIONS:?say it}} -c a.b=c`, ""},
		"without a colon":      {`postgres -c effective_cache_size=${CACHE-4GB}`, ""},
		"dollars beside it":    {`postgres -c "a.b=$$x${PREFIX:-y}$$"`, ""},
		"folded":               {">\n      postgres\n      -c effective_cache_size=${CACHE:-1GB}\n\n      -c work_mem=1MB\n", ""},
		"folded, stripped":     {">-\n      postgres\n        -c effective_cache_size=${CACHE:-1GB}", ""},
		"literal":              {"|\n      postgres -c effective_cache_size=${CACHE:-1GB} \\\n        -c work_mem=1MB\n", ""},
		"a list of folded":     {"\n      - postgres\n      - -c\n      - >-\n        effective_cache_size=${CACHE:-1GB}\n", ""},
		"escapes":              {`"postgres -c effective_cache_size=${CACHE:-1GB} -c \"log_line_prefix=%m\\t\""`, ""},
		"words in a default":   {`["postgres", "-c", "log_line_prefix=${PREFIX:-a b} x"]`, ""},
		"the setting's name":   {`postgres -c ${SETTING:-work_mem}=5MB`, ""},
		"two in one word":      {`postgres -c effective_cache_size=${PREFIX:-1}${UNIT:-GB}`, ""},
		"the whole command":    {`${CMD:-postgres -c work_mem=1MB}`, ""},
		"the program":          {`${CMD:-postgres} -c work_mem=1MB`, ""},
		"all with ours in it":  {`${CMD:-postgres -c shared_preload_libraries=a}`, "${CMD:-postgres -c shared_preload_libraries=a}"},
		"options with ours":    {`postgres ${OPTS:--c shared_preload_libraries=a -B} 1MB`, "${OPTS:--c shared_preload_libraries=a -B}"},
		"all with theirs":      {`${CMD:-postgres -c pg_tde.wal_encrypt=off}`, "${CMD:-postgres -c pg_tde.wal_encrypt=off}"},
	} {
		t.Run(name, func(t *testing.T) {
			keepsVariables(t, map[string]string{"compose.yaml": "name: p\nservices:\n  postgres:\n    image: postgres:16\n    command: " + c.command + mounts + "\nvolumes: {old: {}}\n"}, c.frozen)
		})
	}
}

// TestOverlayKeepsVariablesOfShapes is TestOverlayKeepsVariables for what stands
// elsewhere than in the service itself: anchors, merges, other files.
func TestOverlayKeepsVariablesOfShapes(t *testing.T) {
	if exec.Command("docker", "compose", "version").Run() != nil {
		hosttest.Missing(t, "docker compose v2")
	}
	const service = "name: p\nservices:\n  postgres:\n    image: postgres:16\n"
	const old = "\nvolumes: {old: {}}\n"
	for name, files := range map[string]map[string]string{
		"an anchor": {"compose.yaml": "x-cmd: &cmd postgres -c effective_cache_size=${CACHE:-1GB}\nx-vols: &vols\n- old:/var/lib/postgresql/data\n- ${INIT:-./init}:/i\n" +
			service + "    command: *cmd\n    volumes: *vols" + old},
		"an anchored word": {"compose.yaml": "x-cache: &cache effective_cache_size=${CACHE:-1GB}\nx-init: &init '${INIT:-./init}:/i:ro'\n" +
			service + "    command: [postgres, -c, *cache]\n    volumes: ['old:/var/lib/postgresql/data', *init]" + old},
		"a merge": {"compose.yaml": "x-db: &db\n  command: postgres -c effective_cache_size=${CACHE:-1GB}\n  volumes: ['old:/var/lib/postgresql/data', '${INIT:-./init}:/i']\n" +
			service + "    <<: *db" + old},
		"two merges": {"compose.yaml": "x-a: &a {command: ['postgres', '-c', 'effective_cache_size=${CACHE:-1GB}']}\nx-b: &b\n  command: postgres\n  volumes: ['old:/var/lib/postgresql/data', '${INIT:-./init}:/i']\n" +
			service + "    <<: [*a, *b]" + old},
		"a merged mount": {"compose.yaml": "x-m: &m {type: bind, source: '${CONF:-./conf}', read_only: true}\n" +
			service + "    command: postgres\n    volumes: ['old:/var/lib/postgresql/data', {<<: *m, target: '/etc/${NAME:-x}'}]" + old},
		"extends here":        {"compose.yaml": "name: p\nservices:\n  base:\n    image: postgres:16\n    command: postgres -c effective_cache_size=${CACHE:-1GB}\n    volumes: ['old:/var/lib/postgresql/data', '${INIT:-./init}:/i']\n  postgres:\n    extends: {service: base}" + old},
		"extends here, short": {"compose.yaml": "name: p\nservices:\n  base:\n    image: postgres:16\n    command: postgres -c effective_cache_size=${CACHE:-1GB}\n    volumes: ['old:/var/lib/postgresql/data']\n  postgres:\n    extends: base\n    volumes: ['${INIT:-./init}:/i']" + old},
		"extends another file": {"compose.yaml": "name: p\nservices:\n  postgres:\n    extends: {file: common/db.yaml, service: db}" + old,
			"common/db.yaml": "services:\n  db:\n    image: postgres:16\n    command: postgres -c effective_cache_size=${CACHE:-1GB}\n    volumes: ['old:/var/lib/postgresql/data', '${INIT:-/i0}:/i']\n"},
		"included": {"compose.yaml": "name: p\ninclude: [db/compose.yaml]\nservices: {app: {image: app}}\n",
			"db/compose.yaml": "services:\n  postgres:\n    image: postgres:16\n    command: postgres -c effective_cache_size=${CACHE:-1GB}\n    volumes: ['old:/var/lib/postgresql/data', '${INIT:-/i0}:/i']" + old},
		"numbers in a list":    {"compose.yaml": service + "    command: [postgres, -p, '5433', -c, 'a.b=${PREFIX:-1}']\n    volumes: ['old:/var/lib/postgresql/data']" + old},
		"a variable target":    {"compose.yaml": service + "    command: postgres\n    volumes: ['old:/var/lib/postgresql/data', './i:${INIT:-/i}', './x:/y/$NAME']" + old},
		"mode of a mount":      {"compose.yaml": service + "    command: postgres\n    volumes: ['old:/var/lib/postgresql/data', '${INIT:-./i}:/i:ro,z', {type: tmpfs, target: '/${NAME:-t}', tmpfs: {size: 1000}}]" + old},
		"two variable targets": {"compose.yaml": service + "    command: postgres\n    volumes: ['old:${DATA:-/var/lib/postgresql/data}', './a:${INIT:-/a}', './b:${CONF:-/b}', './c:/${NAME:-c}/']" + old},
		"a volume's name":      {"compose.yaml": service + "    command: postgres\n    volumes: ['old:/var/lib/postgresql/data', {type: volume, source: '${NAME:-v}', target: /i}]\nvolumes: {old: {}, v: {}, n: {}}\n"},
		"a path in parts":      {"compose.yaml": service + "    command: postgres\n    volumes: ['old:/var/lib/postgresql/data', './a/${NAME:-x}/../y/:/i', '../up/$PREFIX:/j', '~/h/${NAME:-z}:/k']" + old},
		"the data itself":      {"compose.yaml": service + "    command: postgres\n    volumes: ['${INIT:-old}:/var/lib/postgresql/data', '${CONF:-./conf}:/c']" + old},
		"stop_grace_period":    {"compose.yaml": service + "    stop_grace_period: ${GRACE:-2m}\n    command: postgres\n    volumes: ['old:/var/lib/postgresql/data']" + old},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			frozen := map[string]string{"extends another file": "common/db.yaml", "included": "db/compose.yaml", "a path in parts": "the mount at /i"}[name]
			keepsVariables(t, files, frozen)
		})
	}
}

// keepsVariables compares base and overlay with the base alone, with and without a
// change of .env.
func keepsVariables(t *testing.T, files map[string]string, frozen string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, dir, name, []byte(text))
	}
	write(t, dir, ".env", []byte("OPTIONS=-c max_connections=50 -B 1GB\n"))
	base := compose.Project{Dir: dir, Files: []string{"compose.yaml"}}
	o := testOverlay(t, `{}`)
	overlaid := func() {
		t.Helper()
		o.Base, o.Written = composeConfig(t, dir).Services["postgres"], askHere(t, compose.Project{Dir: dir}.Written("postgres"))
		text, err := OverrideFile{}.With(o, false)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, "compose.override.yaml", []byte(text))
	}
	want := func() {
		t.Helper()
		alone := testOverlay(t, `{}`)
		alone.Base = askHere(t, base.Config()).Services["postgres"]
		words, _ := alone.command()
		now := composeConfig(t, dir).Services["postgres"]
		if !slices.Equal(now.Command, words.flat()) {
			t.Errorf("command\n%q, want\n%q", now.Command, words.flat())
		}
		if got, want := now.StopGrace, alone.Base.StopGrace; want != "" && got != want {
			t.Errorf("stop_grace_period %s, want %s", got, want)
		}
		for i, m := range alone.Base.Volumes[1:] {
			if i+2 >= len(now.Volumes) {
				t.Fatalf("mount %+v is not there", m)
			}
			if got := now.Volumes[i+2]; got.Source != m.Source || got.Target != m.Target || got.ReadOnly != m.ReadOnly || got.Type != m.Type {
				t.Errorf("mount %+v, want %+v", got, m)
			}
		}
	}
	overlaid()
	want()
	words, unread := o.Frozen()
	if got := strings.Join(append(words, unread...), " "); got != frozen {
		t.Errorf("frozen %q, want %q", got, frozen)
	}
	overlaid() // from itself
	if frozen != "" {
		return
	}
	write(t, dir, ".env", []byte("CACHE=3GB\nPREFIX=x\nOPTIONS=-c max_connections=70\nINIT=/abs\nCONF=./other\nNAME=n\nLIBS=auto_explain,x\nGRACE=5m\n"))
	want()
}

func askHere[T any](t *testing.T, f host.Fact[T]) T {
	t.Helper()
	w := &host.Worker{Host: "here", Conn: local.New("here", nil, local.Options{}), Kept: &host.Kept{}}
	defer w.Conn.Close()
	v, err := guard.Ask(t.Context(), w, f)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestOverlayKeepsWhatIsTheUsers(t *testing.T) {
	const rest = "# by hand\nservices:\n  app:\n    image: app\n"
	o := testOverlay(t, `{}`)
	for name, c := range map[string]struct {
		file string
		want []string // lines that must be there, in order
		no   string   // a refusal with these words
	}{
		"no file":           {"", []string{compose.Mark, "services:", `  "postgres":`, "volumes:", "  p_tde:"}, ""},
		"ours":              {compose.Mark + "\nold: 1\n", []string{compose.Mark, "services:"}, ""},
		"another service":   {rest, []string{"# by hand", "services:", "  " + compose.Mark, `  "postgres":`, "  " + compose.End, "  app:", "volumes:", "  p_tde:"}, ""},
		"other keys of it":  {"services:\n  postgres:\n    ports: [\"5432\"]\n    labels:\n      a: b\n", []string{"services:", "  postgres:", "    " + compose.Mark, `    image: "img@sha256:1"`, "    " + compose.End, "    ports: [\"5432\"]", "volumes:"}, ""},
		"their own volumes": {"volumes:\n    mine: {}\nservices:\n    app: {}\n", []string{"volumes:", "    p_tde:", "    mine: {}", "services:", `    "postgres":`}, ""},
		"the same keys":     {"services:\n  postgres:\n    image: other\n    environment:\n      A: b\n", nil, "image, environment"},
		"on one line":       {"services:\n  postgres: {image: other}\n", nil, "something"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := OverrideFile{compose.OverrideFile{Path: "/srv/compose.override.yaml", Text: c.file}}.With(o, false)
			var no *guard.Refusal
			if c.no != "" {
				if !errors.As(err, &no) || !strings.Contains(err.Error(), c.no) || !strings.Contains(err.Error(), "/srv/compose.override.yaml") {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(got, "\n")
			for _, w := range c.want {
				i := slices.Index(lines, w)
				if i < 0 {
					t.Fatalf("no line %q behind the one before in\n%s", w, got)
				}
				lines = lines[i+1:]
			}
			again, err := OverrideFile{compose.OverrideFile{Path: "/srv/compose.override.yaml", Text: got}}.With(o, false)
			if err != nil || again != got {
				t.Errorf("twice is not the same: %v\n%s", err, again)
			}
		})
	}
}

// TestOverlayForCompose has compose itself read base and overlay.
func TestOverlayForCompose(t *testing.T) {
	if exec.Command("docker", "compose", "version").Run() != nil {
		hosttest.Missing(t, "docker compose v2")
	}
	for name, base := range map[string]string{
		"map":  "environment: {POSTGRES_PASSWORD: 'a$$b', X: y}",
		"list": "environment: [POSTGRES_PASSWORD=a$$b, X=y]",
	} {
		for over, text := range map[string]string{"alone": "", "beside nothing": "services: {}\nvolumes: {} # none\n", "beside theirs": "services:\n  postgres:\n    ports: ['9999:1']\n  app:\n    image: app2\n"} {
			t.Run(name+" "+over, func(t *testing.T) {
				dir := t.TempDir()
				write(t, dir, "compose.yaml", []byte("name: p\nservices:\n  app: {image: app}\n  postgres:\n    image: postgres:16-alpine\n    command: postgres -c 'work_mem=1$$MB'\n    ports: ['5432:5432']\n    volumes: ['old:/var/lib/postgresql/data', './init$$x:/docker-entrypoint-initdb.d:ro']\n    "+base+"\nvolumes: {old: {}}\n"))
				cfg := composeConfig(t, dir)
				o := testOverlay(t, `{}`)
				o.Base = cfg.Services["postgres"]
				out, err := OverrideFile{compose.OverrideFile{Text: text}}.With(o, false)
				if err != nil {
					t.Fatal(err)
				}
				write(t, dir, "compose.override.yaml", []byte(out))
				cfg = composeConfig(t, dir)
				s := cfg.Services["postgres"]
				if s.Image != "img@sha256:1" || s.Env("POSTGRES_PASSWORD") != "" || s.Env("X") != "y" || s.Env("PGDATA") != "/data/db" {
					t.Errorf("service %+v", s)
				}
				if got := strings.Join(s.Command, " "); got != "postgres -c work_mem=1$MB -c shared_preload_libraries=pg_tde -c pg_tde.wal_encrypt=on" {
					t.Errorf("command %s", got)
				}
				targets := []string{}
				for _, m := range s.Volumes {
					targets = append(targets, m.Type+" "+m.Target)
				}
				if strings.Join(targets, ", ") != "volume /data/db, bind /run/remoterun/p/keyring, bind /docker-entrypoint-initdb.d" {
					t.Errorf("mounts %v", targets)
				}
				if m := s.Volumes[2]; !strings.HasSuffix(m.Source, "/init$x") || !m.ReadOnly {
					t.Errorf("their mount %+v", m)
				}
				if cfg.VolumeName(s.Volumes[0]) != "p_tde" || string(cfg.Volumes["p_tde"].External) != "true" || !s.Volumes[1].ReadOnly {
					t.Errorf("our mounts %+v", s.Volumes)
				}
				if want := map[string]int{"alone": 1, "beside nothing": 1, "beside theirs": 2}[over]; len(s.Ports) != want {
					t.Errorf("%d ports", len(s.Ports))
				}
			})
		}
	}
}

func composeConfig(t *testing.T, dir string) compose.Config {
	t.Helper()
	w := &host.Worker{Host: "here", Conn: local.New("here", nil, local.Options{}), Kept: &host.Kept{}}
	defer w.Conn.Close()
	c, err := guard.Ask(t.Context(), w, compose.Project{Dir: dir}.Config())
	if err != nil {
		text, _ := os.ReadFile(filepath.Join(dir, "compose.override.yaml"))
		t.Fatalf("%v\n%s", err, text)
	}
	return c
}

// TestOverlayFollowsNoLinks: a user who owns the compose folder puts links where
// root writes.
func TestOverlayFollowsNoLinks(t *testing.T) {
	if os.Getuid() != 0 {
		hosttest.Missing(t, "root")
	}
	w, _ := sshtest.Worker(t, sshd.Config{Env: []string{"PATH=" + dockerThat(t, "exit 0") + ":" + os.Getenv("PATH")}})
	dir, state, victim := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("untouched"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, 1234, 1234); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "compose.override.yaml")
	// The shell's own number is not known beforehand; its range is small.
	pid := os.Getpid()
	for n := pid; n < pid+3000; n++ {
		for _, name := range []string{".remoterun.", ".remoterun.old."} {
			_ = os.Symlink(victim, file+name+strconv.Itoa(n))
		}
	}
	write := func() {
		out, err := w.Run(t.Context(), compose.Project{Dir: dir}.Write(state, file, "services: {}\n"))
		if err != nil || out.Status != 0 {
			t.Fatalf("status %d %v: %s", out.Status, err, out.Stderr)
		}
	}
	write()
	check := func(want os.FileMode) {
		t.Helper()
		st, err := os.Lstat(file)
		if err != nil || st.Mode() != want || st.Sys().(*syscall.Stat_t).Uid != 1234 {
			t.Errorf("%v %v", st, err)
		}
		if text, _ := os.ReadFile(victim); string(text) != "untouched" {
			t.Errorf("the file of another: %q", text)
		}
		if left, _ := os.ReadDir(state); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
	check(0o644)
	// The file itself is a link: its mode (0777) is not the file's.
	mine := filepath.Join(dir, "mine.yaml")
	_ = os.WriteFile(mine, []byte("x: y\n"), 0o640)
	_ = os.Chown(mine, 1234, 1234)
	_ = os.Remove(file)
	_ = os.Symlink(mine, file)
	write()
	check(0o640)
}

// dockerThat is a folder with a docker that runs a script.
func dockerThat(t *testing.T, script string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
