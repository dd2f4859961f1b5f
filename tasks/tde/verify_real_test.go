//go:build linux

package tde

import (
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/hosttest"
	"remoterun/runner/hosttest/sshd"
	"remoterun/runner/hosttest/sshtest"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/memory"
	"remoterun/tasks/tde/pgtde"
	"remoterun/tasks/tde/seal"
	"remoterun/tasks/tde/target"
	"remoterun/tasks/tde/verify"
)

// broken is one thing that is wrong, and the check that has to find it.
type broken struct {
	name string
	do   func()
	undo func()
	// check fails, with these words in its evidence or details.
	check string
	words []string
	// full is set where the search of disk and WAL has to find it.
	full bool
	args []any
	w    *host.Worker // nil = the lab's own
	// typed is what the check says to type, where that is the whole way out.
	typed string
}

// TestRealVerifyCanFail breaks reality, one thing at a time, and wants the right
// check to fail and to say why; and a good database to pass before and after.
func TestRealVerifyCanFail(t *testing.T) {
	l := unlocked(t)
	l.sql("app", "CREATE TABLE t AS SELECT g AS a, repeat('row ' || g, 10) AS b FROM generate_series(1,5000) g; CREATE INDEX ON t (b)")
	l.good(t, "at the start", l.w)
	l.good(t, "with busybox's programs", l.busybox(t))
	for _, part := range []struct {
		name string
		of   func(*lab) []broken
	}{
		{"relations", brokenRelations}, {"custody", brokenCustody}, {"disk", brokenDisk}, {"questions", brokenQuestions},
		{"keys", brokenKeys}, {"container", brokenContainer}, {"cipher", brokenCipher}, {"wal", brokenWAL},
	} {
		t.Run(part.name, func(t *testing.T) {
			outer := l.t
			l.t = t
			defer func() { l.t = outer }()
			for _, b := range part.of(l) {
				t.Run(b.name, func(t *testing.T) { l.fails(t, b) })
			}
			l.good(t, "after "+part.name, l.w)
		})
	}
}

// good wants every check ok.
func (l *lab) good(t *testing.T, when string, w *host.Worker) {
	t.Helper()
	got := drive(t, w, verify.New(l.d), l.args())
	for _, c := range data(got.Result, "checks").Items() {
		m, _ := c.AsMap()
		st, _ := m.Lookup("status")
		if s := value.Str(st); s != verify.CheckOK && s != verify.CheckPlain {
			t.Errorf("%s: not ok: %s", when, value.Repr(c))
		}
	}
	if got.Failed || len(data(got.Result, "checks").Items()) == 0 {
		t.Fatalf("%s: %s", when, got.Msg)
	}
}

// busybox is a worker whose programs are busybox's where it has them.
func (l *lab) busybox(t *testing.T) *host.Worker {
	t.Helper()
	prog, err := exec.LookPath("busybox")
	if err != nil {
		hosttest.Missing(t, "busybox")
	}
	dir := t.TempDir()
	for _, name := range []string{"grep", "find", "tr", "od", "stat", "head", "wc", "sort", "sha256sum", "dd", "readlink", "id", "cut"} {
		l.must(os.Symlink(prog, filepath.Join(dir, name)))
	}
	w, _ := sshtest.Worker(t, sshd.Config{Env: []string{"PATH=" + dir + ":" + os.Getenv("PATH")}})
	return w
}

// fails breaks one thing and verifies.
func (l *lab) fails(t *testing.T, b broken) {
	t.Helper()
	outer := l.t
	l.t = t
	defer func() { l.t = outer }()
	b.do()
	if b.undo != nil {
		defer b.undo()
	}
	w := l.w
	if b.w != nil {
		w = b.w
	}
	got := drive(t, w, verify.New(l.d), l.args(append([]any{"quick", !b.full}, b.args...)...))
	if !got.Failed || !strings.Contains(got.Msg, b.check) {
		t.Errorf("the task does not fail with %q: failed=%v %s", b.check, got.Failed, got.Msg)
	}
	found := ""
	for _, c := range data(got.Result, "checks").Items() {
		m, _ := c.AsMap()
		if name, _ := m.Lookup("name"); value.Str(name) == b.check {
			found = value.Repr(c)
		}
	}
	if !strings.Contains(found, "'status': 'failed'") {
		t.Errorf("check %q: %s", b.check, found)
	}
	for _, word := range b.words {
		if !strings.Contains(found, word) {
			t.Errorf("check %q does not say %q: %s", b.check, word, found)
		}
	}
	if b.check == "relations" {
		l.mended(t, got.Result)
	}
	if b.typed == "the key provider's" {
		l.changedBack(found)
		b.typed = "remoterun unlock web1"
	}
	if b.typed != "" {
		l.helped(t, b)
	}
}

// changedBack types what stands in the way out of the key provider's check.
func (l *lab) changedBack(found string) {
	l.t.Helper()
	first := regexp.MustCompile(`On the host: (.*?\))\. In psql: (SELECT .*?\)), or`).FindStringSubmatch(found)
	last := regexp.MustCompile(`On the host: (docker restart [^;]*);`).FindStringSubmatch(found)
	if first == nil || last == nil {
		l.t.Fatalf("there is nothing to type in %s", found)
	}
	unquoted := strings.NewReplacer(`\'`, `'`)
	l.do(unquoted.Replace(first[1]))()
	l.sql("postgres", strings.Replace(unquoted.Replace(first[2]), "its name", "remoterun", 1))
	l.do(last[1])()
	l.ready()
	l.do("rm " + l.volumeDir() + "/ring")() // as the check for keyrings on disk says
}

// helped types what the check says to do, and wants it ok then.
func (l *lab) helped(t *testing.T, b broken) {
	t.Helper()
	if compose, ok := strings.CutPrefix(b.typed, "docker compose"); ok {
		l.do("cd " + l.dir + " && docker compose" + compose + " >/dev/null 2>&1")()
	} else {
		l.typed(b.typed)
	}
	l.ready()
	got := drive(t, l.fresh(), verify.New(l.d), l.args(append([]any{"quick", !b.full}, b.args...)...))
	if got.Failed {
		t.Errorf("after %s: %s", b.typed, got.Msg)
	}
}

// mended types the SQL that the list of relations says, until nothing is plain.
func (l *lab) mended(t *testing.T, got play.Result) {
	t.Helper()
	for range 3 {
		typed := 0
		for _, c := range data(got, "checks").Items() {
			m, _ := c.AsMap()
			details, _ := m.Lookup("details")
			for _, d := range details.Items() {
				where, sql, ok := strings.Cut(value.Str(d), ": ")
				if database, then := strings.CutPrefix(where, "then, in database "); ok && then {
					sql, _, _ = strings.Cut(sql, "; and verify again")
					for _, one := range strings.Split(sql, ";") {
						l.sql(database, one)
					}
					typed++
				}
			}
		}
		if typed == 0 {
			t.Errorf("nothing is said that could be typed: %s", value.Repr(data(got, "checks")))
		}
		if got = drive(t, l.w, verify.New(l.d), l.args("quick", true)).Result; !got.Failed {
			return
		}
	}
	t.Errorf("what was typed did not help: %s", got.Msg)
}

func (l *lab) do(script string) func() {
	return func() {
		l.t.Helper()
		if out := l.sh("set -e\n" + script + "\necho went well"); !strings.HasSuffix(out, "went well\n") {
			l.t.Fatalf("%s: %s", script, out)
		}
	}
}

func (l *lab) query(database, sql string) func() {
	return func() { l.t.Helper(); l.sql(database, sql) }
}

func (l *lab) volumeDir() string {
	return strings.TrimSpace(l.sh("docker volume inspect -f {{.Mountpoint}} " + l.project + "_tde"))
}

func brokenRelations(l *lab) []broken {
	drop := func(what string) func() { return l.query("app", "DROP "+what+" CASCADE") }
	const check = "relations"
	return []broken{
		{name: "a plain heap table", do: l.query("app", "CREATE TABLE bad (a int) USING heap"), undo: drop("TABLE bad"), check: check, words: []string{"app.bad (table"}},
		{name: "a plain table in another database that lacks the extension", do: func() {
			l.sql("postgres", "CREATE DATABASE bare TEMPLATE template0")
			l.sql("bare", "CREATE TABLE hidden (a int) USING heap")
		}, undo: l.query("postgres", "DROP DATABASE bare WITH (FORCE)"), check: check, words: []string{"bare.hidden"}},
		{name: "a plain table in a database that takes no connections", do: func() {
			l.sql("postgres", "CREATE DATABASE closed TEMPLATE template0")
			l.sql("closed", "CREATE TABLE hidden USING heap AS SELECT 1 AS a; CHECKPOINT")
			l.sql("postgres", "ALTER DATABASE closed ALLOW_CONNECTIONS false")
		}, undo: l.query("postgres", "DROP DATABASE closed WITH (FORCE)"), check: check, words: []string{"closed: base/", "a plain file"}},
		{name: "CREATE SCHEMA with a table: its access method says tde_heap", do: l.query("app", "CREATE SCHEMA s CREATE TABLE trap (a text)"), undo: drop("SCHEMA s"), check: check, words: []string{"app.s.trap"}},
		{name: "event triggers off", do: l.query("app", "SET event_triggers = off; CREATE TABLE trap (a text) USING tde_heap; CREATE INDEX trap_i ON trap (a)"),
			undo: drop("TABLE trap"), check: check, words: []string{"app.trap (table", "trap_i (index", "(TOAST"}},
		{name: "a materialized view", do: l.query("app", "CREATE MATERIALIZED VIEW mv USING heap AS SELECT * FROM t"), undo: drop("MATERIALIZED VIEW mv"), check: check, words: []string{"app.mv (materialized view"}},
		{name: "an index alone, on a partition, and names that need quotes", do: func() {
			l.sql("app", `CREATE SCHEMA "S s"; CREATE TABLE "S s".parted (k int, "T t" text) PARTITION BY RANGE (k); CREATE TABLE "S s"."P p" PARTITION OF "S s".parted FOR VALUES FROM (1) TO (9); CREATE VIEW "S s".seen AS SELECT * FROM "S s".parted`)
			l.sql("app", `SET event_triggers = off; CREATE INDEX alone ON "S s"."P p" ("T t")`)
		}, undo: drop(`SCHEMA "S s"`), check: check, words: []string{"alone (index"}},
		{name: "the index of a TOAST table after VACUUM FULL", do: func() {
			l.sql("app", "CREATE TABLE toasted (a text)")
			l.sql("app", "VACUUM FULL toasted")
		}, undo: drop("TABLE toasted"), check: check, words: []string{"pg_toast_", "(index"}},
	}
}

// brokenCustody is about the key: its file, its mount, its copies.
func brokenCustody(l *lab) []broken {
	ring, state := filepath.Join(l.ram(), memory.KeyringFile), "/var/lib/remoterun/"+l.project
	swaps := filepath.Join(l.t.TempDir(), "swaps")
	l.must(os.WriteFile(swaps, []byte("Filename Type Size Used Priority\n/dev/vdb partition 1048572 0 -2\n"), 0o600))
	swapped, _ := sshtest.Worker(l.t, sshd.Config{Shell: []string{"unshare", "-m", "/bin/sh", "-c", `mount --bind ` + swaps + ` /proc/swaps; shift; exec /bin/sh -c "$1"`, "sh"}})
	const file, copies = "keyring file", "sealed copies"
	return []broken{
		{name: "mode", do: l.do("chmod 440 " + ring), undo: l.do("chmod 400 " + ring), check: file, words: []string{"mode 0440"}, typed: "remoterun unlock web1"},
		{name: "owner", do: l.do("chown 0 " + ring), undo: l.do("chown 26 " + ring), check: file, words: []string{"owner 0", "owner is 26"}, typed: "remoterun unlock web1"},
		{name: "folder that others write to", do: l.do("chmod 777 " + l.ram()), undo: l.do("chmod 711 " + l.ram()), check: file, words: []string{"mode 0777"}},
		{name: "a copy beside it", do: l.do("cp " + ring + " " + ring + ".bak"), undo: l.do("rm " + ring + ".bak"), check: file, words: []string{"keyring.bak lies beside"}},
		{name: "other bytes than the sealed ones", do: l.do("cp -p " + ring + " /dev/shm/" + l.project + " && cat " + ring + " " + ring + " >" + ring + ".x; cat " + ring + ".x >" + ring + "; rm " + ring + ".x"),
			undo: l.do("cat /dev/shm/" + l.project + " >" + ring + "; rm /dev/shm/" + l.project), check: file, words: []string{"the same as the sealed one: no"}, typed: "remoterun unlock web1"},
		{name: "no keyring", do: l.do("mv " + ring + " /dev/shm/" + l.project), undo: l.do("mv /dev/shm/" + l.project + " " + ring), check: file, words: []string{"no keyring in RAM"}, typed: "remoterun unlock web1"},
		{name: "no keyring, by the server's word", do: l.do("mv " + ring + " /dev/shm/" + l.project), undo: l.do("mv /dev/shm/" + l.project + " " + ring), check: "keys", words: []string{"default: ", "not found in key provider"}, typed: "remoterun unlock web1"},
		{name: "no mount", do: l.do("mount --move " + l.ram() + " /mnt"), undo: l.do("umount /mnt"), check: "memory", words: []string{"not a mount in RAM"}, typed: "remoterun unlock web1"},
		{name: "swap", do: func() {}, check: "memory", words: []string{"weak", "/dev/vdb"}, w: swapped},
		{name: "server copy changed", do: l.do("for f in " + state + "/*.tag; do cp $f $f.x; printf x | dd of=$f conv=notrunc bs=1 2>/dev/null; done"),
			undo: l.do("for f in " + state + "/*.tag; do mv $f.x $f; done"), check: copies, words: []string{"server differs"}},
		{name: "server copy gone", do: l.do("mv " + state + " " + state + ".x; mkdir " + state + "; cp " + state + ".x/sql-password " + state), undo: l.do("rm -r " + state + "; mv " + state + ".x " + state), check: copies, words: []string{"laptop only"}},
		{name: "server copy that should not be kept", do: func() {}, check: copies, words: []string{"the host holds 000001-"}, args: []any{"server_copy", false}},
		{name: "laptop copy gone", do: func() { l.must(os.Rename(l.d.Path("keys"), l.d.Path("keys.x"))) }, undo: func() { l.must(os.Rename(l.d.Path("keys.x"), l.d.Path("keys"))) }, check: copies, words: []string{"server only"}},
	}
}

func brokenDisk(l *lab) []broken {
	ring, data := filepath.Join(l.ram(), memory.KeyringFile), l.volumeDir()
	own := data + "/" + string(l.ext)
	const strays, bytes = "no keyring on disk", "no key on disk"
	table := data + "/" + l.sql("app", "SELECT pg_relation_filepath('t')")
	blind := l.t.TempDir()
	l.must(os.WriteFile(filepath.Join(blind, "grep"), []byte("#!/bin/sh\ncase \"$*\" in *-lF*) exit 1;; esac\nexec /bin/grep \"$@\"\n"), 0o755))
	blinded, _ := sshtest.Worker(l.t, sshd.Config{Env: []string{"PATH=" + blind + ":" + os.Getenv("PATH")}})
	deaf := l.t.TempDir()
	l.must(os.WriteFile(filepath.Join(deaf, "grep"), []byte("#!/bin/sh\ncase \"$*\" in *-qF*/proc/self/fd/3*) exit 1;; esac\nexec /bin/grep \"$@\"\n"), 0o755))
	blindedFully, _ := sshtest.Worker(l.t, sshd.Config{Env: []string{"PATH=" + deaf + ":" + os.Getenv("PATH")}})
	again := func() {
		l.sql("postgres", "ALTER ROLE remoterun RESET event_triggers")
		l.sql("postgres", "DROP TABLE remoterun.verify_rows")
	}
	page := `printf '\000\000\000\000\000\000\000\000\000\000\000\000\050\000\140\037\000\040\004\040' | dd of=` + table + ` conv=notrunc bs=1 2>/dev/null`
	return []broken{
		{name: "keyring copied", do: l.do("cp " + ring + " " + data + "/base/harmless"), undo: l.do("rm " + data + "/base/harmless"), check: strays, words: []string{"base/harmless"}},
		{name: "keyring inside another file", do: l.do("{ echo archive; cat " + ring + "; echo; } >" + data + "/global/x.tar"), undo: l.do("rm " + data + "/global/x.tar"), check: strays, words: []string{"global/x.tar"}},
		{name: "keyring among the extension's files", do: l.do("cp " + ring + " " + own + "/backup"), undo: l.do("rm " + own + "/backup"), check: strays, words: []string{l.own("pg_tde/backup")}},
		{name: "a name that tells", do: l.do("echo x >" + data + "/my-keyring.old"), undo: l.do("rm " + data + "/my-keyring.old"), check: strays, words: []string{"my-keyring.old"}},
		{name: "keyring behind a big file's end", do: l.do("{ head -c 3M /dev/urandom; cat " + ring + "; } >" + data + "/base/big"), undo: l.do("rm " + data + "/base/big"), check: bytes, words: []string{"base/big holds a key"}, full: true},
		{name: "the bytes of the key alone, in a big file", do: l.do("{ head -c 3M /dev/urandom; tail -c +257 " + ring + " | head -c 16; head -c 3M /dev/urandom; } >" + data + "/base/1/99999"), undo: l.do("rm " + data + "/base/1/99999"), check: bytes, words: []string{"base/1/99999 holds a key's bytes"}, full: true},
		{name: "the same, by busybox's programs", do: l.do("{ head -c 3M /dev/urandom; tail -c +257 " + ring + " | head -c 16; head -c 3M /dev/urandom; } >" + data + "/base/1/99999"), undo: l.do("rm " + data + "/base/1/99999"), check: bytes, words: []string{"base/1/99999 holds a key's bytes"}, full: true, w: l.busybox(l.t)},
		{name: "the key in hex", do: l.do("{ head -c 3M /dev/zero; tail -c +257 " + ring + " | head -c 16 | od -An -v -tx1 | tr -d ' \n' | tr a-f A-F; } >" + data + "/global/dump.txt"), undo: l.do("rm " + data + "/global/dump.txt"), check: bytes, words: []string{"global/dump.txt"}, full: true},
		{name: "another keyring's record in a big file", do: l.do("{ head -c 3M /dev/zero; head -c 256 " + ring + "; head -c 36 /dev/urandom; } >" + data + "/base/big"), undo: l.do("rm " + data + "/base/big"), check: bytes, words: []string{"base/big holds a key's name"}, full: true},
		{name: "a search for the key that finds nothing", do: func() {}, check: bytes, words: []string{"does not even find the keyring in RAM"}, full: true, w: blindedFully},
		{name: "a search that finds nothing", do: func() {}, check: strays, words: []string{"does not even find the extension's own key files"}, w: blinded},
		{name: "a search that does not find the control", do: func() {}, check: "rows on disk", words: []string{"did not find the control"}, full: true, w: blinded},
		{name: "the same, for the WAL", do: func() {}, check: "wal on disk", words: []string{"did not find the control"}, full: true, w: blinded},
		{name: "a control that cannot be written", do: l.do("mkdir " + data + "/../" + verify.ControlName), undo: l.do("rmdir " + data + "/../" + verify.ControlName), check: "query", words: []string{"the search did not run"}, full: true},
		{name: "a plain page under an encrypted table", do: l.do("head -c 20 " + table + " >/dev/shm/page; " + page), undo: l.do("dd if=/dev/shm/page of=" + table + " conv=notrunc 2>/dev/null; rm /dev/shm/page"),
			check: "pages on disk", words: []string{"app.t: "}},
		{name: "plain rows of ours", do: l.query("postgres", "ALTER ROLE remoterun SET event_triggers = off"), undo: again,
			check: "rows on disk", words: []string{"2 files hold", "base/"}, full: true, w: l.fresh()},
		{name: "plain rows of ours, by busybox's programs", do: l.query("postgres", "ALTER ROLE remoterun SET event_triggers = off"), undo: again,
			check: "rows on disk", words: []string{"2 files hold", "base/"}, full: true, w: l.busybox(l.t)},
		{name: "plain rows of ours, by the extension's word", do: l.query("postgres", "ALTER ROLE remoterun SET event_triggers = off"), undo: again,
			check: "query", words: []string{"encrypted: no"}, full: true, w: l.fresh()},
		{name: "plain rows of ours, by entropy", do: l.query("postgres", "ALTER ROLE remoterun SET event_triggers = off"), undo: again,
			check: "entropy", words: []string{"heap "}, full: true, w: l.fresh()},
	}
}

// fresh is a worker with database sessions of its own.
func (l *lab) fresh() *host.Worker {
	w, _ := sshtest.Worker(l.t, sshd.Config{})
	return w
}

func brokenQuestions(l *lab) []broken {
	rename := func(from, to string) func() {
		return l.query("postgres", "ALTER FUNCTION pg_catalog."+from+"() RENAME TO "+to)
	}
	other := func(fn string) broken {
		return broken{do: rename(fn, fn+"_x"), undo: rename(fn+"_x", fn)}
	}
	refuse := func(name, fn, check string) broken {
		b := other(fn)
		b.name, b.check, b.words = name, check, []string{"does not exist"}
		return b
	}
	password := "/var/lib/remoterun/" + l.project + "/sql-password"
	return []broken{
		refuse("providers are not told", "pg_tde_list_all_global_key_providers", "key provider"),
		refuse("keys are not told", "pg_tde_default_key_info", "keys"),
		refuse("the wanted key cannot be compared", "pg_tde_default_key_info", "wanted key"),
		refuse("without keys no relations", "pg_tde_default_key_info", "relations"),
		refuse("no version", "pg_tde_version", "library"),
		{name: "our table is a view", do: l.query("postgres", "DROP TABLE remoterun.verify_rows; CREATE VIEW remoterun.verify_rows AS SELECT 1"), undo: l.query("postgres", "DROP VIEW remoterun.verify_rows"),
			check: "query", words: []string{"the search did not run", "is not a table"}, full: true},
		{name: "nobody is let in", do: l.do("mv " + password + " " + password + ".x; echo wrong >" + password), undo: l.do("mv " + password + ".x " + password), check: "server", words: []string{"password"}, w: l.fresh()},
	}
}

// brokenKeys puts one scope after the other on a key that the sealed keyring
// does not hold.
func brokenKeys(l *lab) []broken {
	o, _ := l.d.Session.Opened(l.project, "web1")
	first, _ := o.Keyring.Last()
	second := l.project + "-second"
	ring, err := o.Keyring.Append(second, pgtde.CipherBits(l.cipher), l.d.Random)
	l.must(err)
	file := filepath.Join(l.ram(), memory.KeyringFile)
	put := func(k seal.Keyring) {
		l.must(k.Use(func(b []byte) error { return os.WriteFile(file+".new", b, 0o400) }))
		l.must(os.Chown(file+".new", 26, 26))
		l.must(os.Rename(file+".new", file))
	}
	set := func(fn, db string, key string) { l.sql(db, fmt.Sprintf("SELECT %s('%s','remoterun')", fn, key)) }
	on := func(name, fn, db, scope, check string, words ...string) broken {
		return broken{name: name, do: func() { put(ring); set(fn, db, second) },
			undo: func() {
				set(fn, db, first.Name)
				set("pg_tde_set_server_key_using_global_key_provider", "postgres", first.Name)
				put(o.Keyring)
			}, check: check, words: append([]string{scope}, words...)}
	}
	const def, server, db = "pg_tde_set_default_key_using_global_key_provider", "pg_tde_set_server_key_using_global_key_provider", "pg_tde_set_key_using_global_key_provider"
	return []broken{
		on("one database", db, "app", "app is on "+second, "wanted key", "1 of them another"),
		on("the server", server, "postgres", "server is on "+second, "wanted key", "1 of them another"),
		on("the default", def, "postgres", "default is on "+second, "wanted key"),
		on("a key that the sealed copies lack", db, "app", second+": missing", "key headers"),
	}
}

// recreate makes the container anew with more compose text for its service. It
// is removed first: compose's own recreation leaves the volumes of the image's
// other folders behind.
func (l *lab) recreate(more ...string) func() {
	return func() {
		l.t.Helper()
		text := "services:\n  postgres:\n"
		files := "-f compose.yaml -f compose.override.yaml"
		for _, m := range more {
			text += "    " + l.own(m) + "\n"
		}
		if len(more) > 0 {
			l.write("break.yaml", text)
			files += " -f break.yaml"
		}
		l.do("cd " + l.dir + " && docker compose " + files + " rm -fsv postgres >/dev/null 2>&1; docker compose " + files + " up -d --no-deps postgres >/dev/null 2>&1")()
		l.ready()
	}
}

func (l *lab) ready() {
	l.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if l.sh("docker exec "+l.container()+" psql -XAtq -U sync -d postgres -c 'select 1'") == "1\n" {
			return
		}
	}
	l.t.Fatalf("the server does not come up: %s", l.sh("docker logs --tail 5 "+l.container()))
}

func brokenContainer(l *lab) []broken {
	mounts := func(ro, more string) string {
		return fmt.Sprintf("volumes: !override [{type: volume, source: %[1]s_tde, target: /data/db}, {type: bind, source: %[2]s, target: %[2]s, read_only: %[3]s}%[4]s]", l.project, l.ram(), ro, more)
	}
	back := l.recreate()
	return []broken{
		{name: "writable keyring", do: l.recreate(mounts("false", "")), check: "container", words: []string{"read-only: no"}, typed: "remoterun unlock web1"},
		{name: "a second provider, on the data volume", do: l.query("postgres", "SELECT pg_tde_add_global_key_provider_file('other', '/data/db/other')"),
			undo: func() {
				l.sql("postgres", "SELECT pg_tde_delete_global_key_provider('other')")
				l.sh("rm " + l.volumeDir() + "/other")
			}, check: "key provider", words: []string{"global provider other: file /data/db/other"}},
		{name: "the provider's file on the data volume", do: func() {
			l.do("cp -p " + l.ram() + "/keyring " + l.volumeDir() + "/ring; chmod 600 " + l.volumeDir() + "/ring")()
			l.sql("postgres", "SELECT pg_tde_change_global_key_provider_file('remoterun', '/data/db/ring')")
		}, undo: l.do("rm -f " + l.volumeDir() + "/ring"), check: "key provider", words: []string{"/data/db/ring"}, typed: "the key provider's"},
		{name: "a database's own provider", do: l.query("app", "SELECT pg_tde_add_database_key_provider_file('own', '/data/db/own')"),
			undo: func() {
				l.sql("app", "SELECT pg_tde_delete_database_key_provider('own')")
				l.sh("rm " + l.volumeDir() + "/own")
			}, check: "key provider", words: []string{"app provider own"}},
		{name: "the keys at a second place", do: l.recreate(mounts("true", ", {type: bind, source: /run/remoterun, target: /keys, read_only: true}")), check: "container", words: []string{"has /run/remoterun at /keys"}, typed: "docker compose up -d postgres"},
		{name: "the keys in a container of somebody else's", do: l.do("docker run -d --name " + l.project + "-other --label remoterun.project=" + l.project + " --network none -v /run/remoterun:/keys:ro --entrypoint sleep " + l.image + " 600"),
			undo: l.do("docker rm -fv " + l.project + "-other"), check: "container", words: []string{l.project + "-other has /run/remoterun at /keys"}},
		{name: "the server of another folder", do: func() {
			l.do("docker stop " + l.container() + "; cp -a " + l.volumeDir() + " /var/tmp/" + l.project + "-clone")()
			l.recreate("volumes: [{type: bind, source: /var/tmp/"+l.project+"-clone, target: /clone}]", `command: ["postgres", "-D", "/clone", "-c", "shared_preload_libraries=pg_tde", "-c", "pg_tde.wal_encrypt=on"]`)()
		}, undo: func() { l.recreate()(); l.do("rm -rf /var/tmp/" + l.project + "-clone")() }, check: "server", words: []string{"it runs in /clone, and not in the data folder /data/db"}, w: l.fresh()},
		{name: "cores", do: l.recreate("ulimits: {core: -1}"), check: "container", words: []string{"core limit: unlimited"}, undo: back, typed: "docker compose up -d postgres"},
		{name: "a mount that came later", do: func() { l.unmount(); l.push() }, check: "key provider", words: []string{"inside the container"}, undo: back, typed: "remoterun unlock web1"},
		{name: "rows in the server's log", do: l.recreate(`command: ["postgres", "-c", "shared_preload_libraries=pg_tde", "-c", "pg_tde.wal_encrypt=on", "-c", "logging_collector=on", "-c", "log_statement=all"]`),
			check: "rows on disk", words: []string{"log/postgresql-"}, full: true, w: l.fresh(), undo: func() { back(); l.sh("rm -r " + l.volumeDir() + "/log") }},
		{name: "it does not run", do: func() { l.sh("docker stop " + l.container()) }, check: "server", words: []string{"SQL does not answer"}, undo: func() { l.sh("docker start " + l.container()); l.ready() }},
	}
}

// brokenCipher makes tables, a setting and a wish of another cipher.
func brokenCipher(l *lab) []broken {
	const check = "cipher"
	stronger := l.ext.Dialect().Ciphers[pgtde.Aes256].Settings
	var set strings.Builder
	for _, s := range stronger {
		fmt.Fprintf(&set, "SET %s = '%s'; ", s.Name, s.Value)
	}
	last := stronger[len(stronger)-1]
	change := func(change, until string) func() {
		return func() {
			l.t.Helper()
			l.sql("postgres", "ALTER SYSTEM "+change)
			l.sql("postgres", "SELECT pg_reload_conf()")
			for end := time.Now().Add(20 * time.Second); l.sql("postgres", "SHOW "+last.Name) != until; time.Sleep(50 * time.Millisecond) {
				if time.Now().After(end) {
					l.t.Fatalf("%s does not become %s", last.Name, until)
				}
			}
		}
	}
	weaker := l.ext.Dialect().Ciphers[pgtde.Aes128].Settings
	was := weaker[len(weaker)-1].Value
	return []broken{
		{name: "a table", do: l.query("app", set.String()+"CREATE TABLE other AS SELECT 1 AS a"), undo: l.query("app", "DROP TABLE other; CHECKPOINT"), check: check, words: []string{"1 relation with aes_256"}},
		{name: "the server's setting", do: change("SET "+last.Name+" = '"+last.Value+"'", last.Value), undo: change("RESET "+last.Name, was), check: check, words: []string{"setting is not " + last.Name + "=" + was}, w: l.fresh()},
		{name: "what is asked for", do: func() {}, check: check, words: []string{"relations with aes_128", "WAL with aes_128", "has 128 bits"}, args: []any{"cipher", pgtde.Aes256}},
	}
}

func brokenWAL(l *lab) []broken {
	data, back := l.volumeDir(), l.recreate()
	segment := data + "/pg_wal/0000000100000000000000FF"
	first, err := hex.DecodeString(pgtde.WalMagic(int(guard.Number(l.sql("postgres", "SHOW server_version_num"))) / 10000))
	l.must(err)
	plain := fmt.Sprintf(`printf '\%03o\%03oplain'`, first[0], first[1])
	noWAL := `command: ["postgres", "-c", "shared_preload_libraries=pg_tde", "-c", "pg_tde.wal_encrypt=off"]`
	const check = "wal on disk"
	switchWAL := func() {
		for range 4 {
			l.sql("postgres", "SELECT pg_logical_emit_message(false, 'x', 'x')")
			l.sql("postgres", "SELECT pg_switch_wal()")
			l.sql("postgres", "CHECKPOINT")
		}
	}
	// keep has segments kept that the server has no use for any more.
	keep := func(size string) {
		l.sql("postgres", "ALTER SYSTEM SET wal_keep_size = '"+size+"'")
		l.sql("postgres", "SELECT pg_reload_conf()")
	}
	return []broken{
		{name: "a segment that begins plain", do: l.do(plain + " >" + segment), undo: l.do("rm " + segment), check: check, words: []string{"FF holds plain pages"}, full: true},
		{name: "a recycled segment, plain behind what is new", do: l.do("head -c 4M /dev/urandom >" + segment + "; " + plain + " | dd of=" + segment + " bs=8192 seek=1024 2>/dev/null; truncate -s 16M " + segment),
			undo: l.do("rm " + segment), check: check, words: []string{"FF holds plain pages"}, full: true},
		{name: "a setting that waits for a restart", do: func() {
			l.recreate(`command: ["postgres", "-c", "shared_preload_libraries=pg_tde"]`)()
			l.sql("postgres", "ALTER SYSTEM SET pg_tde.wal_encrypt = off")
			l.sql("postgres", "SELECT pg_reload_conf()")
			time.Sleep(300 * time.Millisecond)
		}, undo: l.query("postgres", "ALTER SYSTEM SET pg_tde.wal_encrypt = on"), check: "wal encryption", words: []string{"= on", "waits for a restart"}, w: l.fresh()},
		{name: "off on the command line, on in the file", do: l.recreate(noWAL), check: "wal encryption", words: []string{"wal_encrypt = off"}},
		{name: "off, by the marker in the WAL", do: func() {}, check: check, words: []string{"holds the marker", "holds plain pages"}, full: true},
		{name: "no library", do: func() {
			switchWAL()
			l.recreate(`command: ["postgres", "-c", "shared_preload_libraries="]`)()
		}, check: "library", words: []string{"shared_preload_libraries = empty"}, w: l.fresh(), typed: "remoterun unlock web1"},
		{name: "on again, with plain segments left", do: func() { l.recreate(noWAL)(); keep("128MB"); switchWAL(); back() }, check: check, words: []string{"holds plain pages"}, full: true, undo: func() { keep("0"); switchWAL() }},
	}
}

// TestRealInitLogsNoPassword: a cluster whose settings log every statement logs
// none while it is made, for its roles' passwords are among them.
func TestRealInitLogsNoPassword(t *testing.T) {
	l := needLab(t)
	l.must(os.Mkdir(filepath.Join(l.dir, "init"), 0o755))
	l.write("init/look.sh", "grep -q -e PASSWORD /tmp/tmp.* && { echo found a password >&2; exit 1; }\nexit 0\n")
	l.write("compose.yaml", "name: "+l.project+"\nservices:\n  postgres:\n    image: "+l.image+"\n    environment: {POSTGRES_USER: sync, POSTGRES_PASSWORD: hush, POSTGRES_DB: app, POSTGRES_INITDB_ARGS: '-c log_statement=all'}\n    volumes: [\"data:/data/db\", \"./init:/docker-entrypoint-initdb.d:ro\"]\nvolumes: {data: {}}\n")
	l.push()
	l.ok(target.New(l.d), "image", l.image)
}
