//go:build linux

package tde

import (
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/tasks/tde/status"
	"remoterun/tasks/tde/target"
	"remoterun/tasks/tde/unlock"
	"remoterun/tasks/tde/verify"
)

// wild is a compose project as people write them, and what comes of it: unlocked
// and verified, or a refusal with these words and nothing done.
type wild struct {
	name  string
	files map[string]string // @IMAGE@ and @PROJECT@ are filled in
	args  []any
	// before runs once the files are there.
	before func(l *lab)
	login  [2]string // user and password that an app logs in with
	refuse []string
	yes    bool // --yes
	check  func(l *lab)
}

// TestRealWildComposeFiles takes each from an empty volume to verified.
func TestRealWildComposeFiles(t *testing.T) {
	for _, c := range append(wildOnes(), wildRefused()...) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := needLab(t)
			l.must(os.Remove(filepath.Join(l.dir, "compose.yaml")))
			for name, text := range c.files {
				l.must(os.MkdirAll(filepath.Dir(filepath.Join(l.dir, name)), 0o755))
				l.write(name, strings.NewReplacer("@IMAGE@", l.image, "@PROJECT@", l.project).Replace(text))
			}
			l.d.Yes = c.yes
			if c.before != nil {
				c.before(l)
			}
			c.run(t, l)
		})
	}
}

func (c wild) run(t *testing.T, l *lab) {
	t.Helper()
	l.push()
	init := append([]any{"image", l.image}, c.args...)
	if c.refuse != nil {
		l.refused(target.New(l.d), init, c.refuse...)
		if out := l.sh("docker volume ls -q --filter name=" + l.project + "_tde; ls " + l.dir + " | grep override"); strings.TrimSpace(strings.Split(out, "(exit")[0]) != "" && c.files["compose.override.yaml"] == "" {
			t.Errorf("something was made: %s", out)
		}
		return
	}
	l.ok(target.New(l.d), init...)
	l.push()
	l.ok(unlock.New(l.d), append([]any{"timeout", 40}, c.args...)...)
	if got := l.ok(unlock.New(l.d), c.args...); got.Changed || len(got.Warnings) > 0 {
		t.Errorf("a second unlock: changed %v, %v", got.Changed, got.Warnings)
	}
	// An ordinary start by hand, later, changes nothing of the database.
	id := l.containerOf(c.args)
	if out := l.sh("cd " + l.dir + " && docker compose up -d --pull never 2>&1"); strings.Contains(out, "exit status") {
		t.Errorf("docker compose up: %s", out)
	}
	if now := l.containerOf(c.args); now != id {
		t.Errorf("docker compose up made another container: %q, %q", id, now)
	}
	l.sqlAs(c, "CREATE TABLE rows_of_mine AS SELECT g FROM generate_series(1, 100) g")
	got := l.run(verify.New(l.d), c.args...)
	if got.Failed {
		t.Errorf("verify: %s", got.Msg)
	}
	if st := l.run(status.New(l.d), c.args...); !strings.HasPrefix(st.Msg, "unlocked: ") || len(st.Warnings) > 0 {
		t.Errorf("status: %s %v", st.Msg, st.Warnings)
	}
	if c.check != nil {
		c.check(l)
	}
}

// containerOf is the container of the service that args name.
func (l *lab) containerOf(args []any) string {
	service := "postgres"
	for i := 0; i < len(args); i += 2 {
		if args[i] == "service" {
			service = args[i+1].(string)
		}
	}
	return strings.TrimSpace(l.sh("docker ps -aq --filter label=com.docker.compose.project=" + l.project + " --filter label=com.docker.compose.service=" + service))
}

// sqlAs logs in as an app does, over TCP with a password.
func (l *lab) sqlAs(c wild, sql string) {
	l.t.Helper()
	user, password, _ := strings.Cut(c.login[0], " ")
	if password == "" {
		password = c.login[1]
	}
	out := l.sh("docker exec -e PGPASSWORD='" + password + "' " + l.containerOf(c.args) + ` sh -c 'psql -XAtq -v ON_ERROR_STOP=1 -h "$(case $(cat /proc/1/cmdline) in *127.0.0.1*) echo 127.0.0.1;; *) hostname -i | cut -d" " -f1;; esac)" -p "$(case $(tr "\0" " " </proc/1/cmdline) in *port=5433*) echo 5433;; *54391*) echo 54391;; *) echo 5432;; esac)" -U ` + user + ` -d app -c "` + sql + `"' 2>&1`)
	if strings.Contains(out, "exit status") {
		l.t.Errorf("login of %s: %s", user, out)
	}
}

func wildOnes() []wild {
	base := [2]string{"sync", "pw"}
	one := func(name, service string) wild {
		return wild{name: name, login: base, files: map[string]string{"compose.yaml": "name: @PROJECT@\nservices:\n  postgres:\n    image: @IMAGE@\n    environment: {POSTGRES_USER: sync, POSTGRES_PASSWORD: pw, POSTGRES_DB: app}\n    volumes: ['data:/var/lib/postgresql/data']\n" + service + "volumes: {data: {}}\n"}}
	}
	return []wild{
		{name: "the sync server", login: [2]string{"sync", "a$b"}, files: map[string]string{
			".env": "COMPOSE_PROJECT_NAME=@PROJECT@\nDB_PASSWORD='a$b'\n",
			"docker-compose.yml": `version: "3.8"
services:
  postgres:
    image: postgres:16-alpine
    container_name: @PROJECT@-db
    restart: unless-stopped
    environment:
      - POSTGRES_USER=sync
      - POSTGRES_PASSWORD=${DB_PASSWORD:?set it}
      - POSTGRES_DB=app
    volumes:
      - postgres_data:/var/lib/postgresql/data
    healthcheck:
      test: ["CMD-SHELL", "pg_isready -U sync -d app"]
      interval: 1s
      timeout: 5s
      retries: 5
    networks: [backend]
  server: {image: @IMAGE@, restart: unless-stopped, stop_grace_period: 0s, entrypoint: [sh, -c, 'exec sleep 600'], depends_on: {postgres: {condition: service_healthy}}, networks: [backend, web], environment: {DATABASE_URL: "postgres://sync:${DB_PASSWORD}@postgres/app"}}
  caddy: {image: @IMAGE@, stop_grace_period: 0s, entrypoint: [sh, -c, 'exec sleep 600'], depends_on: [server], networks: [web], ports: ["127.0.0.1::80"]}
networks: {backend: {internal: true}, web: {}}
volumes: {postgres_data: {}}
`}},
		{name: "env_file, and a price with dollars", login: [2]string{"sync", "x"}, files: map[string]string{
			"db.env":       "POSTGRES_USER=sync\nPOSTGRES_DB=app\nPOSTGRES_PASSWORD=x\nPRICE=5$$\n",
			"compose.yaml": "name: @PROJECT@\nservices:\n  postgres:\n    image: @IMAGE@\n    env_file: [db.env]\n    command: postgres -c 'log_line_prefix=$$%m '\n    labels: {price: '5$$'}\n    volumes: ['data:/data/db']\nvolumes: {data: {}}\n",
		}},
		one("limits and a longer grace", "    init: true\n    stop_grace_period: 3m\n    shm_size: 128m\n    cap_drop: [ALL]\n    security_opt: ['no-new-privileges:true']\n    deploy: {resources: {limits: {cpus: '1', memory: 512M}}}\n    logging: {driver: json-file, options: {max-size: 1m}}\n"),
		one("a read-only root", "    read_only: true\n    tmpfs: [/tmp, /run, /var/run/postgresql]\n"),
		one("a user by number", "    user: '26:26'\n"),
		one("ports, and an address of its own", "    ports: ['127.0.0.1::5432']\n    networks: {n: {aliases: [db]}}\n    extra_hosts: ['x:127.0.0.1']\nnetworks: {n: {}}\n"),
		{name: "another service, another superuser of our name", args: []any{"service", "db"}, login: [2]string{"remoterun", "mine"}, files: map[string]string{
			"compose.yaml": "name: @PROJECT@\nservices:\n  postgres: {image: @IMAGE@, environment: {POSTGRES_PASSWORD: plain}, volumes: ['other:/data/db']}\n  db:\n    image: @IMAGE@\n    environment: {POSTGRES_USER: remoterun, POSTGRES_PASSWORD: mine, POSTGRES_DB: app}\n    volumes: ['data:/data/db']\nvolumes: {data: {}, other: {}}\n",
		}},
		{name: "PGDATA in a folder below a volume of another place", login: base, files: map[string]string{
			"compose.yaml": "name: @PROJECT@\nservices:\n  postgres:\n    image: @IMAGE@\n    environment: {POSTGRES_USER: sync, POSTGRES_PASSWORD: pw, POSTGRES_DB: app, PGDATA: /pgvolume/data}\n    volumes: ['data:/pgvolume']\nvolumes: {data: {}}\n",
		}, check: func(l *lab) {
			if out := l.sh("docker inspect -f '{{range .Mounts}}{{.Destination}} {{end}}' " + l.container()); strings.Contains(out, "/pgvolume") {
				l.t.Errorf("the old volume is still mounted: %s", out)
			}
		}},
		{name: "profiles", login: base, files: map[string]string{
			"compose.yaml": "name: @PROJECT@\nservices:\n  app: {image: @IMAGE@, stop_grace_period: 0s, entrypoint: [sh, -c, 'exec sleep 600']}\n  postgres:\n    profiles: [db]\n    image: @IMAGE@\n    environment: {POSTGRES_USER: sync, POSTGRES_PASSWORD: pw, POSTGRES_DB: app}\n    volumes: ['data:/data/db']\nvolumes: {data: {}}\n",
		}},
		{name: "extends", login: base, files: map[string]string{
			"common.yaml":  "services:\n  pg:\n    image: @IMAGE@\n    environment: {POSTGRES_USER: sync, POSTGRES_PASSWORD: pw}\n    restart: always\n",
			"compose.yaml": "name: @PROJECT@\nx-env: &env {POSTGRES_DB: app}\nservices:\n  postgres:\n    extends: {file: common.yaml, service: pg}\n    environment:\n      <<: *env\n    volumes: ['data:/data/db']\nvolumes: {data: {}}\n",
		}},
		{name: "include", login: base, files: map[string]string{
			"db/compose.yaml": "services:\n  postgres:\n    image: @IMAGE@\n    environment: {POSTGRES_USER: sync, POSTGRES_PASSWORD: pw, POSTGRES_DB: app}\n    volumes: ['data:/data/db']\nvolumes: {data: {}}\n",
			"compose.yaml":    "name: @PROJECT@\ninclude: [db/compose.yaml]\nservices:\n  app: {image: @IMAGE@, stop_grace_period: 0s, entrypoint: [sh, -c, 'exec sleep 600']}\n",
		}},
		{name: "an override that gives way", yes: true, login: base, files: map[string]string{
			"compose.yaml":          "name: @PROJECT@\nservices:\n  postgres:\n    image: postgres:16-alpine\n    environment: {POSTGRES_USER: sync, POSTGRES_PASSWORD: pw}\n    volumes: ['data:/var/lib/postgresql/data']\nvolumes: {data: {}}\n",
			"compose.override.yaml": "services:\n  postgres:\n    command: postgres -c work_mem=3MB\n    environment:\n      POSTGRES_DB: app\n      POSTGRES_HOST_AUTH_METHOD: md5\n      TZ: Europe/Berlin\n    ports: ['127.0.0.1::5432']\n",
		}, check: func(l *lab) {
			if got := l.sql("app", "SHOW work_mem") + l.sh("docker exec "+l.container()+" printenv TZ; docker port "+l.container()); !strings.HasPrefix(got, "3MBEurope/Berlin\n5432/tcp -> 127.0.0.1:") {
				l.t.Errorf("what the override says besides: %s", got)
			}
		}},
		one("another port", "    command: ['postgres', '-c', 'port=5433']\n"),
		one("the host's network, and another port", "    network_mode: host\n    command: postgres -p 54391 -c listen_addresses=127.0.0.1\n"),
		{name: "a password file that is mounted", login: [2]string{"sync", "from a file"}, files: map[string]string{
			"pw":           "from a file\n",
			"compose.yaml": "name: @PROJECT@\nservices:\n  postgres:\n    image: @IMAGE@\n    environment: {POSTGRES_USER: sync, POSTGRES_PASSWORD_FILE: /etc/pw, POSTGRES_DB: app}\n    volumes: ['data:/data/db', './pw:/etc/pw:ro']\nvolumes: {data: {}}\n",
		}},
		{name: "a configuration file", login: base, files: map[string]string{
			"postgresql.conf": "listen_addresses = '*'\nwork_mem = 7MB\nshared_preload_libraries = 'pg_stat_statements'\n",
			"compose.yaml":    "name: @PROJECT@\nservices:\n  postgres:\n    image: @IMAGE@\n    command: ['postgres', '-c', 'config_file=/etc/postgresql.conf', '-c', 'shared_preload_libraries=pg_stat_statements']\n    environment: {POSTGRES_USER: sync, POSTGRES_PASSWORD: pw, POSTGRES_DB: app}\n    volumes: ['data:/data/db', './postgresql.conf:/etc/postgresql.conf:ro']\nvolumes: {data: {}}\n",
		}},
		{name: "scripts of all kinds", login: base, files: map[string]string{
			"init/1.sql":   "CREATE TABLE one (a int);",
			"init/3.sh":    "echo 'CREATE TABLE three (a int)' | psql -v ON_ERROR_STOP=1 -U \"$POSTGRES_USER\" -d \"$POSTGRES_DB\"",
			"four.sql":     "CREATE TABLE four (a int);",
			"compose.yaml": "name: @PROJECT@\nservices:\n  postgres:\n    image: @IMAGE@\n    environment: {POSTGRES_USER: sync, POSTGRES_PASSWORD: pw, POSTGRES_DB: app}\n    configs: [{source: four, target: /docker-entrypoint-initdb.d/4.sql}]\n    volumes: ['data:/data/db', './init:/docker-entrypoint-initdb.d']\nconfigs: {four: {file: ./four.sql}}\nvolumes: {data: {}}\n",
		}, before: func(l *lab) {
			f, err := os.Create(filepath.Join(l.dir, "init", "2.sql.gz"))
			l.must(err)
			z := gzip.NewWriter(f)
			_, _ = z.Write([]byte("CREATE TABLE two (a int);"))
			l.must(z.Close())
			l.must(f.Close())
			l.sh("chmod -R a+rX " + l.dir)
		}, check: func(l *lab) {
			if got := l.sql("app", "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relname IN ('one', 'two', 'three', 'four') AND pg_tde_is_encrypted(oid)"); got != "four one three two" {
				l.t.Errorf("made by scripts: %s", got)
			}
		}},
	}
}

// TestRealFailingScript: a script that fails is told with its own words; once it
// is mended the same command makes the cluster anew.
func TestRealFailingScript(t *testing.T) {
	l := needLab(t)
	l.must(os.Mkdir(filepath.Join(l.dir, "init"), 0o755))
	l.compose("environment: {POSTGRES_USER: sync, POSTGRES_PASSWORD: pw, POSTGRES_DB: app}")
	text, err := os.ReadFile(filepath.Join(l.dir, "compose.yaml"))
	l.must(err)
	l.write("compose.yaml", strings.Replace(string(text), `["data:/data/db"]`, `["data:/data/db", "./init:/docker-entrypoint-initdb.d"]`, 1))
	l.push()
	for name, bad := range map[string]struct{ script, says string }{
		"1.sql": {"CREATE TABLE t (a int); SELECT * FROM nothing_there;", "nothing_there"},
		"2.sh":  {"echo this is what it says >&2; exit 3", "this is what it says"},
	} {
		l.write("init/"+name, bad.script)
		if got := l.run(target.New(l.d), "image", l.image); !got.Failed || !strings.Contains(got.Msg, bad.says) || !strings.Contains(got.Msg, name) {
			t.Errorf("%s: %+v", name, got.Result)
		}
		l.state(status.StateBegun)
		l.must(os.Remove(filepath.Join(l.dir, "init", name)))
	}
	l.ok(target.New(l.d), "image", l.image)
	l.push()
	l.ok(unlock.New(l.d))
	if got := l.sql("app", "SELECT count(*) FROM pg_class WHERE relname = 't'"); got != "0" {
		t.Errorf("the first try's table is still there: %s", got)
	}
}

func wildRefused() []wild {
	with := func(name, service, rest string, before func(*lab), refuse ...string) wild {
		return wild{name: name, before: before, refuse: refuse, files: map[string]string{"compose.yaml": "name: @PROJECT@\nservices:\n  postgres:\n    image: @IMAGE@\n    environment: {POSTGRES_USER: sync, POSTGRES_PASSWORD: pw, POSTGRES_DB: app}\n" + service + rest}}
	}
	plain := func(dir string) func(*lab) {
		return func(l *lab) {
			l.must(os.MkdirAll(filepath.Join(l.dir, dir, "global"), 0o700))
			l.write(dir+"/PG_VERSION", "16\n")
			l.write(dir+"/global/pg_control", "x")
		}
	}
	const migrate = "this database is not encrypted: use migrate"
	return []wild{
		with("a folder with a plain cluster", "    volumes: ['./pg:/var/lib/postgresql/data']\n", "", plain("pg"), migrate, "/pg"),
		with("a volume with driver options over a plain cluster", "    volumes: ['data:/var/lib/postgresql/data']\n", "volumes: {data: {driver: local, driver_opts: {type: none, o: bind, device: '${PWD}/disk'}}}\n", plain("disk"), migrate, "/disk"),
		with("the same, made before and at rest", "    volumes: ['data:/var/lib/postgresql/data']\n", "volumes: {data: {driver: local, driver_opts: {type: none, o: bind, device: '${PWD}/disk'}}}\n", func(l *lab) {
			plain("disk")(l)
			l.sh("docker volume create --label x=y -o type=none -o o=bind -o device=" + l.dir + "/disk " + l.project + "_data")
		}, migrate, "/disk"),
		with("a user whom the image does not know", "    user: '1000:1000'\n    volumes: ['data:/data/db']\n", "volumes: {data: {}}\n", nil, "it runs as user 1000", "no name"),
		with("a network disk that cannot be seen", "    volumes: ['data:/var/lib/postgresql/data']\n", "volumes: {data: {driver: local, driver_opts: {type: nfs, o: 'addr=192.0.2.1', device: ':/pg'}}}\n", nil, "volume", "cannot be seen"),
		with("an entrypoint of its own", "    entrypoint: [/wrapper.sh, postgres]\n    volumes: ['data:/data/db']\n", "volumes: {data: {}}\n", nil, "its entrypoint is", "/wrapper.sh"),
		with("scripts in a text of the compose file", "    configs: [{source: s, target: /docker-entrypoint-initdb.d/1.sql}]\n    volumes: ['data:/data/db']\n", "configs: {s: {content: 'CREATE TABLE a (b int)'}}\nvolumes: {data: {}}\n", nil, "docker-entrypoint-initdb.d/1.sql", "file:"),
		with("a password from the shell's environment", "    secrets: [pw]\n    volumes: ['data:/data/db']\n", "secrets: {pw: {environment: HOME}}\nvolumes: {data: {}}\n", func(l *lab) {
			text, err := os.ReadFile(l.dir + "/compose.yaml")
			l.must(err)
			l.write("compose.yaml", strings.Replace(string(text), "POSTGRES_PASSWORD: pw", "POSTGRES_PASSWORD_FILE: /run/secrets/pw", 1))
		}, "POSTGRES_PASSWORD_FILE is /run/secrets/pw", "file:"),
		{name: "an override that clashes", refuse: []string{"it sets command, environment of service postgres itself", "--yes"}, files: map[string]string{
			"compose.yaml":          "name: @PROJECT@\nservices:\n  postgres:\n    image: @IMAGE@\n    environment: {POSTGRES_USER: sync, POSTGRES_PASSWORD: pw, POSTGRES_DB: app}\n    volumes: ['data:/data/db']\nvolumes: {data: {}}\n",
			"compose.override.yaml": "services:\n  postgres:\n    command: postgres -c work_mem=3MB\n    environment:\n      TZ: UTC\n    ports: ['127.0.0.1::5432']\n",
		}},
	}
}
