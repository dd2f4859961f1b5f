package database

import (
	"cmp"
	"path"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
	"remoterun/tasks/pg"
)

// pgPipe is how pg_dump, psql and pg_restore are run: session options, target, host,
// port, user, database, container, yes for a password file on stdin, the database as
// pg_restore takes it, how many settings of libpq follow; these; further options. The
// password is in no argument and no environment: a file that only the task's user can
// read, gone with the script.
const pgPipe = `PGAPPNAME=remoterun PGOPTIONS=$1 PGCONNECT_TIMEOUT=15 PGDATABASE=$6; export PGAPPNAME PGOPTIONS PGCONNECT_TIMEOUT PGDATABASE
t=$2 h=$3 p=$4 u=$5 b=$7 s=$8 db=$9 n=${10} c=
if [ -n "$b" ]; then {
` + pg.InContainer + `} >&2
fi
if [ -n "$s" ]; then
_name "${_d:-${TMPDIR:-/tmp}}" d
(umask 077; mkdir "$_t" && cat >"$_t/pass") || exit 1
PGPASSFILE=$_t/pass; export PGPASSFILE
fi
shift 10
while [ "$n" -gt 0 ]; do export "$1"; shift; n=$((n - 1)); done
set -- ${h:+"--host=$h"} ${p:+"--port=$p"} ${u:+"--username=$u"} --no-password "$@"
run() {
if [ -n "$b" ]; then
set -- docker exec -i -e PGAPPNAME -e PGOPTIONS -e PGCONNECT_TIMEOUT -e PGDATABASE "$c" "$@"
elif ! command -v "$1" >/dev/null; then
echo "Failed to find required executable \"$1\" in paths: $PATH" >&2
return 1
fi
"$@"
}
tool() {
for z; do
if command -v "${z%% *}" >/dev/null; then return 0; fi
done
echo "Failed to find required executable \"${z%% *}\" in paths: $PATH" >&2
exit 1
}
`

// pgDumpText writes a dump beside its place and renames it; one that replaces another
// keeps its owner and mode. A dump that is a folder pg_dump makes itself.
const pgDumpText sh.Constant = kit.Hold + pgPipe + `z=cat
case $t in
*.tar) set -- "$@" --format=t ;;
*.pgc) set -- "$@" --format=c ;;
*.dir) run pg_dump "$@" --format=d -f "$t" </dev/null; exit ;;
*.gz) tool "pigz -c" "gzip -c" ;;
*.bz2) tool "bzip2 -c" ;;
*.xz) tool "xz -c" ;;
esac
k_mo=
k_hold "$t" || exit 1
if [ -d "./$k_n" ]; then k_no "target $t is a directory"; exit 1; fi
k_was && k_new || exit 1
{ { run pg_dump "$@" </dev/null || echo $? >&3; } | $z >&8 || echo 1 >&3; } 3>&1 >/dev/null | { if read -r r; then exit "$r"; fi; } || exit
k_see "$k_8" && k_own "" "" "$k_mo" "$k_ke" && k_mv || { k_no "$k_e"; exit 1; }`

// pgLoadText reads a dump.
const pgLoadText sh.Constant = sh.Temp + pgPipe + `[ -r "$t" ] || { echo "$t: No such file or directory, or not to be read" >&2; exit 1; }
case $t in
*.tar) run pg_restore --dbname="$db" --format=Tar "$@" <"$t"; exit ;;
*.pgc) run pg_restore --dbname="$db" --format=Custom "$@" <"$t"; exit ;;
*.dir) run pg_restore --dbname="$db" --format=Directory "$@" "$t" </dev/null; exit ;;
*.gz) tool "gzip -dc" ;;
*.bz2) tool "bzip2 -dc" ;;
*.xz) tool "xz -dc" ;;
*) run psql "$@" --file=- <"$t"; exit ;;
esac
exec 4>&1
{ { $z <"$t" || echo $? >&3; } | run psql "$@" >&4 || echo $? >&3; } 3>&1 | { r=0; while read -r n; do r=$n; done; exit "$r"; }`

// transfer plans a dump or a restore.
func (a pgDBArgs) transfer(s host.Seen) (play.Plan, error) {
	target := cmp.Or(a.Target, "./"+a.Name+".sql")
	words, err := kit.ExpandAll(s, []string{target})
	if err != nil {
		return play.Plan{}, err
	}
	p := words[0]
	if a.Container != "" && path.Ext(p) == ".dir" {
		return kit.Failure("%s: a dump that is a folder stays in the container: name a target that ends in .pgc", p), nil
	}
	l, name := a.with(a.Name)
	at := l.Host
	if at == "" || at == "localhost" {
		at = cmp.Or(l.Socket, l.Host)
	}
	port := strconv.Itoa(l.Port)
	if l.Container != "" {
		at, port = "", ""
	}
	opts, _ := sh.Split(a.Opts)
	text, what, shown := pgLoadText, "restore "+p+" into "+a.Name, "psql < "+p
	if a.State == "dump" {
		extra, _ := sh.Split(a.Extra)
		opts = append(extra, opts...)
		text, what, shown = pgDumpText, "dump "+a.Name+" to "+p, "pg_dump "+a.Name+" > "+p
	}
	env := l.env()
	words = append([]string{pg.SessionOptions(l.Role, l.Params.m["options"]), kit.Safe(p), at, port, l.User, name, l.Container, kit.Yes(l.Password != "" && l.Container == ""), pg.ConnName(name), strconv.Itoa(len(env))}, env...)
	cmd := sh.Script(text, append(words, opts...)...)
	if l.Password != "" && l.Container == "" {
		cmd = cmd.With(sh.Bytes("*:*:*:*:" + strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(l.Password) + "\n"))
		cmd.Secret = true
	}
	return play.Plan{
		Steps: []host.Step{host.Run{Cmd: cmd, What: what}}, Repeats: true,
		Result: play.Result{Changed: true, Data: value.MapOf("executed_commands", value.List())},
		Finish: func(ran []host.Output) (play.Result, error) {
			out := ran[0]
			data := value.MapOf("rc", value.Int(int64(out.Status)), "stderr", kit.HostText(string(out.Stderr)), "cmd", value.String(shown))
			if out.Status != 0 {
				data.Put("stdout", kit.HostText(string(out.Stdout)))
				return play.Result{Failed: true, Complete: true, Msg: cmp.Or(strings.TrimSpace(string(out.Stderr)), strings.TrimSpace(string(out.Stdout)), shown+" failed"), Data: data}, nil
			}
			data.Put("executed_commands", value.Strings(shown))
			return play.Result{Changed: true, Msg: string(out.Stdout), Data: data}, nil
		},
	}, nil
}
