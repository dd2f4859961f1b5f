package copy

import (
	"fmt"
	"strings"

	"remoterun/runner/sh"
	"remoterun/tasks/move/catalog"
)

// Place is where a copy works on its host.
type Place struct {
	// Dir is its folder: plan, sql/, done/, out/.
	Dir string
	// Container is the target's, "" = the programs of the host itself (tests).
	Container string
	// SQL is the folder sql as the target sees it, RAM a folder in memory there.
	SQL, RAM string
	// Socket holds both servers' sockets, as the target sees it.
	Socket                 string
	SourcePort, TargetPort int
	Super                  string
	// Skip are roles of the source that are not made.
	Skip []string
	// Jobs is how many steps run side by side.
	Jobs int
}

// Program is Options.Program for this place.
func (p Place) Program() []string {
	return []string{"psql", "-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-h", p.Socket, "-p", fmt.Sprint(p.SourcePort), "-U", p.Super}
}

// sep stands between the fields of a line of the plan: white space would swallow
// empty ones.
const sep = "\x1f"

// Files are what the host gets: name in Place.Dir to text.
func (p Plan) Files() map[string]string {
	out := map[string]string{}
	var plan, volatile strings.Builder
	dbs := map[string]int{}
	for i, s := range p.Steps {
		if _, ok := dbs[s.Database]; !ok {
			dbs[s.Database] = len(dbs) + 1
		}
		beside := "no"
		if s.Beside {
			beside = "yes"
		}
		keep := "-"
		if s.Keep != "" {
			keep = s.Keep
		}
		maintenance := "postgres"
		if s.Database == "postgres" {
			maintenance = "template1"
		}
		fields := []string{number(i), fmt.Sprint(s.Group), beside, fmt.Sprint(s.Bytes), string(s.Phase), string(s.Kind), keep, fmt.Sprint(dbs[s.Database]), maintenance, s.Database, "dbname=" + conninfo(s.Database), s.Name}
		plan.WriteString(strings.Join(fields, sep) + "\n")
		if s.Volatile {
			volatile.WriteString(number(i) + "\n")
		}
		if s.SQL != "" {
			out["sql/"+number(i)+".sql"] = s.SQL
		}
		if s.Within != "" {
			out["sql/"+number(i)+".within"] = s.Within
		}
	}
	out["plan"], out["volatile"] = plan.String(), volatile.String()
	return out
}

// number names a step's files.
func number(i int) string { return fmt.Sprintf("%05d", i+1) }

// Out is the file in Place.Dir that a step's output is kept in.
func (p Plan) Out(i int) string { return "out/" + number(i) }

// Command does the plan: for a job of runner/job. It does what is not done yet,
// and ends with status 1 at the first step that fails.
func (p Place) Command() sh.Cmd { return sh.Script(Runtime, p.Args()...) }

// Args are the arguments of Runtime.
func (p Place) Args() []string {
	args := []string{p.Dir, p.Container, p.SQL, p.RAM, p.Socket, fmt.Sprint(p.SourcePort), fmt.Sprint(p.TargetPort), p.Super, fmt.Sprint(max(1, p.Jobs))}
	return append(args, p.Skip...)
}

// unstamp is sed's, for a dump's text: columns keep the options that someone set.
// Resetting one that is not set does nothing.
const unstamp = `s/^\(.* \)SET (` + catalog.Stamp + `=[0-9]*);$/\1RESET (n_distinct);/;s/\( SET (\)` + catalog.Stamp + `=[0-9]*, \(.*);\)$/\1\2/;s/\( SET (.*\), ` + catalog.Stamp + `=[0-9]*\(.*);\)$/\1\2/`

// Runtime is the host's half. It keeps $JOB/status: phase, step, steps done and
// in all, bytes done and in all; and began/PHASE, the uptime when each began, with
// began/end.
const Runtime = `set -u
umask 077
M=$1 T=$2 Q=$3 RAM=$4 S=$5 SP=$6 TP=$7 U=$8 N=$9
shift 9
cd "$M" || exit 1
mkdir -p done out began
rm -rf claims failed
mkdir claims
[ -z "$T" ] || rm -f io/*
x=$(printf '\037')
# Commands inside the target go through one shell there for each worker: a program
# of the engine's for each would cost more than most steps. It ends with the job. It
# has no part in the stdout of who makes it: that may be read to its end.
session() {
	rm -f "$f".* && mkfifo -m 600 "$f.in" "$f.out" || return 1
	( ( exec 5<>"$f.in" 6<>"$f.out"
	trap '' HUP
	docker exec -i "$T" sh <&5 >&6 2>/dev/null &
	c=$!
	while kill -0 $$ 2>/dev/null && kill -0 $c 2>/dev/null; do sleep 1; done
	kill $c 2>/dev/null
	echo gone >&6
	while kill -0 $$ 2>/dev/null; do sleep 1; done ) >/dev/null & )
}
in_t() {
	[ -n "$T" ] || { "$@"; return; }
	f=$M/io/$W
	[ -p "$f.out" ] || session || return 1
	[ ! -e "$f.dead" ] || { echo "the shell in $T has ended" >&2; return 1; }
	for _a; do
		case $_a in *\'*) _a=$(printf %s "$_a" | sed "s/'/'\\\\''/g");; esac
		printf "'%s' " "$_a"
	done >"$f.line"
	printf '</dev/null >/remoterun/io/%s.o 2>/remoterun/io/%s.e; echo $?\n' "$W" "$W" >>"$f.line"
	cat "$f.line" >"$f.in"
	read -r _r <"$f.out" || _r=gone
	case $_r in ''|*[!0-9]*) : >"$f.dead"; echo "the shell in $T has ended" >&2; return 1;; esac
	cat "$f.o"
	cat "$f.e" >&2
	return $_r
}
db() { _d=$1; shift; in_t env PGDATABASE="$_d" PGAPPNAME=remoterun/move PGCONNECT_TIMEOUT=20 PGOPTIONS="` + settings + ` -c default_transaction_read_only=off" "$@" </dev/null; }
to() { _d=$1; shift; db "$_d" psql -X -q -A -t -w -v ON_ERROR_STOP=1 -h "$S" -p "$TP" -U "$U" "$@"; }
from() { _d=$1; shift; db "$_d" psql -X -q -A -t -w -v ON_ERROR_STOP=1 -h "$S" -p "$SP" -U "$U" "$@"; }
restore() { in_t env PGAPPNAME=remoterun/move pg_restore -w -h "$S" -p "$TP" -U "$U" "$@" </dev/null; }
now() { cut -d. -f1 /proc/uptime; }
# The schema's archive lies in RAM, and is made again when that was emptied.
archive() {
	in_t test -s "$RAM/$dbn.dump" && return 0
	in_t env PGAPPNAME=remoterun/move pg_dump -w -h "$S" -p "$SP" -U "$U" -Fc --schema-only -f "$RAM/$dbn.new" -d "$conn" </dev/null && in_t mv "$RAM/$dbn.new" "$RAM/$dbn.dump"
}
# What stands before the data. A pg_dump older than a source that stamps its columns
# takes the stamps for options, and a server as old refuses them ("unrecognized
# parameter"). A name may have a line's end in it: no line is left out.
before() {
	in_t pg_restore --section=pre-data --no-table-access-method -f "$RAM/$dbn.pre" "$RAM/$dbn.dump" </dev/null || return 1
	if in_t grep -q '` + catalog.Stamp + `=' "$RAM/$dbn.pre" </dev/null; then
		in_t sed -i -e '` + unstamp + `' "$RAM/$dbn.pre" </dev/null && to "$db" -f "$RAM/$dbn.pre" >/dev/null
	else
		restore -e --section=pre-data --no-table-access-method -d "$conn" "$RAM/$dbn.dump"
	fi
	r=$?
	in_t rm -f "$RAM/$dbn.pre" </dev/null
	return $r
}
do_globals() {
	to template1 -f "$Q/$n.sql" || return 1
	in_t env PGAPPNAME=remoterun/move pg_dumpall -w -h "$S" -p "$SP" -U "$U" -l postgres -g -f "$RAM/globals.all" </dev/null || return 1
	set -- "$U" $skips
	in_t sh -c 'a=$1 b=$2; shift 2; cp "$a" "$b" && for r; do q=$(printf %s "$r" | sed "s/\"/\"\"/g"); grep -vxF -e "CREATE ROLE $r;" -e "CREATE ROLE \"$q\";" "$b" >"$b.n"; mv "$b.n" "$b" || exit 1; done' sh "$RAM/globals.all" "$RAM/globals.sql" "$@" </dev/null || return 1
	to postgres -1 -f "$RAM/globals.sql"
	r=$?
	in_t rm -f "$RAM/globals.all" "$RAM/globals.sql"
	return $r
}
do_database() {
	to "$maint" -f "$Q/$n.sql" || return 1
	[ ! -e "sql/$n.within" ] || to "$db" -f "$Q/$n.within" || return 1
	archive || return 1
	before || return 1
	in_t pg_restore -l -C "$RAM/$dbn.dump" </dev/null >"out/$n.all" || return 1
	grep -E '^[0-9]+; [0-9]+ [0-9]+ (DATABASE PROPERTIES|ACL - DATABASE|COMMENT - DATABASE|SECURITY LABEL - DATABASE) ' "out/$n.all" >"sql/$n.list"
	[ -s "sql/$n.list" ] || return 0
	chmod 644 "sql/$n.list"
	in_t pg_restore -C -L "$Q/$n.list" -f "$RAM/$dbn.all" "$RAM/$dbn.dump" </dev/null || return 1
	# It makes the database in any case; that was done.
	in_t sh -c 'grep -v -e "^CREATE DATABASE " -e "^.connect " "$1" >"$2"' sh "$RAM/$dbn.all" "$RAM/$dbn.props" </dev/null && to "$maint" -f "$RAM/$dbn.props"
}
do_target() { to "$db" -f "$Q/$n.sql"; }
do_source() {
	from "$db" -f "$Q/$n.sql" || return 1
}
do_large() {
	to "$db" -f "$Q/$n.sql" >/dev/null || return 1
	in_t env PGAPPNAME=remoterun/move sh -c '{ pg_dump -w -h "$1" -p "$2" -U "$4" -Fc -a -b --exclude-table-data="*.*" -d "$5"; echo $? >"$6/large"; } | pg_restore -w -1 -e -h "$1" -p "$3" -U "$4" -d "$5" && [ "$(cat "$6/large")" = 0 ]' sh "$S" "$SP" "$TP" "$U" "$conn" "$RAM" </dev/null
}
# The listing of what stands behind the data: indexes and keys, or all else. Indexes
# are attached to their parents with all else, one after the other: of two at once
# neither sees the other, and the parent stays not valid.
behind() {
	archive && in_t pg_restore -l --section=post-data "$RAM/$dbn.dump" </dev/null >"out/$n.raw" || return 1
	sed 's/^\([0-9]*; [0-9]* [0-9]* \)INDEX ATTACH /\1ATTACH INDEX /' "out/$n.raw" >"out/$n.all" && rm -f "out/$n.raw" || return 1
	grep -E "$@" '^[0-9]+; [0-9]+ [0-9]+ (INDEX|CONSTRAINT) ' "out/$n.all" | grep -v '^;' >"sql/$n.list"
	chmod 644 "sql/$n.list"
}
do_index() {
	to "$db" -f "$Q/$n.sql" && behind -e || return 1
	[ -s "sql/$n.list" ] || return 0
	restore -e -j "$N" --section=post-data -L "$Q/$n.list" -d "$conn" "$RAM/$dbn.dump"
}
do_post() {
	[ -z "$(to "$db" -c "SELECT 1 FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = current_database() AND 'remoterun.post=1' = ANY (s.setconfig)")" ] || return 0
	behind -v -e || return 1
	[ -s "sql/$n.list" ] || return 0
	in_t pg_restore --section=post-data -L "$Q/$n.list" -f "$RAM/$n.sql" "$RAM/$dbn.dump" </dev/null || return 1
	to "$db" -1 -f "$RAM/$n.sql" -c "SELECT pg_catalog.set_config('search_path', '', false)" -c "DO 'BEGIN EXECUTE format(''ALTER DATABASE %I SET remoterun.post = 1'', current_database()); END'" >/dev/null
}
# Statements for the target that the source printed.
printed() { cp "out/$n.new" "sql/$n.set" && chmod 644 "sql/$n.set" && to "$db" -f "$Q/$n.set" >/dev/null; }
one() {
	case $kind in
	globals|database|target|source|large|index|post) ;;
	*) echo "step $n is of an unknown kind: $kind" >&2; return 1;;
	esac
	do_$kind >"out/$n.new" || return 1
	case $keep in
	-) rm -f "out/$n.new";;
	run) printed && rm -f "out/$n.new";;
	# A power cut must not leave the mark without what it stands for.
	*) { sync "out/$n.new" 2>/dev/null || sync; } && mv "out/$n.new" "out/$n";;
	esac
}
tell() {
	d=$(ls done | wc -l)
	b=0
	[ "$d" = 0 ] || b=$(cat done/* | awk '{ s += $1 } END { printf "%.0f", s }')
	printf '%s\n%s\n%s\n%s\n%s\n%s\n' "$phase" "$name" $d $all "$b" "$sum" >"$JOB/status.$1" && mv "$JOB/status.$1" "$JOB/status"
}
worker() {
	W=$1
	while IFS=$x read -r n group beside bytes phase kind keep dbn maint db conn name; do
		[ "$group" = "$g" ] && [ ! -e "done/$n" ] || continue
		[ ! -e failed ] || return 1
		mkdir "claims/$n" 2>/dev/null || continue
		tell "$1"
		began=$(now)
		if one </dev/null; then
			printf '%s %s %s\n' "$bytes" $(($(now) - began)) "$phase" >"done/$n.new" && mv "done/$n.new" "done/$n" || { : >failed; return 1; }
			tell "$1"
		else
			echo "step $n: $name: failed" >&2
			printf '%s\n' "$name" >failed
			return 1
		fi
	done <plan
}
skips=$*
all=$(wc -l <plan)
sum=$(awk -F"$x" '{ s += $4 } END { printf "%.0f", s }' plan)
for g in $(awk -F"$x" '{ print $2 }' plan | sort -nu); do
	w=1
	p=$(awk -F"$x" -v g="$g" '$2 == g { print $5; exit }' plan)
	[ -e "began/$p" ] || now >"began/$p"
	[ "$(awk -F"$x" -v g="$g" '$2 == g && $3 == "yes"' plan | wc -l)" -le 1 ] || w=$N
	i=0
	while [ $i -lt "$w" ]; do
		i=$((i + 1))
		worker $i &
	done
	wait
	[ ! -e failed ] || exit 1
done
now >began/end
exit 0
`
