package move

import (
	"remoterun/runner/sh"
	"remoterun/tasks/compose"
	"remoterun/tasks/move/catalog"
)

// kept is the folder, inside the old data folder, that the old cluster lies in
// from the freeze on. What a deploy would start in its place finds PG_VERSION and
// no control file: an image then refuses to initialise, and a server to start
// ("could not find the database system", exit 2, nothing written). One name in
// the volume, one rename per entry: nothing is copied.
const kept = "remoterun-kept"

// note is left beside it, for people.
const note = "REMOTERUN.txt"

// retireText moves the cluster in folder $1 into its folder kept; again, if it was cut.
const retireText sh.Constant = compose.EveryText + `set -u
cd -- "$1" || exit 1
[ -f PG_VERSION ] || { echo "$1 holds no cluster" >&2; exit 11; }
if [ -e postmaster.pid ]; then
	# A server that was killed leaves it; one that runs is another matter.
	mounts=$(every '{{range .Mounts}}{{printf "%s|%s\n" $.Name .Source}}{{end}}') || exit 1
	while IFS='|' read -r name m; do
		[ -n "$m" ] || continue
		case $1/ in "$m"/*) echo "$1 is used by the container $name, which runs" >&2; exit 11;; esac
	done <<E
$mounts
E
	rm -f postmaster.pid
fi
if [ ! -d ` + kept + ` ]; then
	mkdir -m 700 ` + kept + ` && chown "$(stat -c %u:%g .)" ` + kept + ` || exit 1
fi
[ -f ` + kept + `/PG_VERSION ] || { cp -p PG_VERSION ` + kept + `/PG_VERSION.new && mv ` + kept + `/PG_VERSION.new ` + kept + `/PG_VERSION; } || exit 1
printf '%s\n' "The cluster that was here lies in the folder ` + kept + `, whole and unchanged: it is being" "moved, or was moved. remoterun rollback brings it back. PG_VERSION stays so that no" "server makes a new cluster here." >` + note + `
[ ! -e global ] || mv global ` + kept + `/ || exit 1
for f in * .[!.]* ..?*; do
	[ -e "$f" ] || [ -L "$f" ] || continue
	case $f in ` + kept + `|PG_VERSION|` + note + `|lost+found) continue;; esac
	mv -- "$f" ` + kept + `/ || exit 1
done
sync
[ -f ` + kept + `/global/pg_control ]`

// bringBackText is the way back: global comes last, with it the cluster is there.
const bringBackText sh.Constant = `set -u
cd -- "$1" || exit 1
[ -d ` + kept + ` ] || { [ -f global/pg_control ]; exit; }
[ -f ` + kept + `/global/pg_control ] || [ -f global/pg_control ] || { echo "$1/` + kept + ` holds no cluster" >&2; exit 11; }
rm -f ` + kept + `/postmaster.pid ` + kept + `/postmaster.opts
for f in ` + kept + `/* ` + kept + `/.[!.]* ` + kept + `/..?*; do
	[ -e "$f" ] || [ -L "$f" ] || continue
	case ${f##*/} in global|PG_VERSION) continue;; esac
	mv -- "$f" . || exit 1
done
[ ! -d ` + kept + `/global ] || mv ` + kept + `/global . || exit 1
[ ! -f ` + kept + `/PG_VERSION ] || mv -f ` + kept + `/PG_VERSION PG_VERSION || exit 1
rm -f ` + note + ` && rmdir ` + kept + ` && sync
[ -f global/pg_control ]`

// stopText stops the containers after it in order, with a policy that no daemon
// brings them back; SIGINT first is a server's fast shutdown. The first argument
// is the seconds that each may take.
const stopText sh.Constant = compose.GoneText + `t=$1
shift
for c; do
	! gone container "$c" || continue
	docker update --restart=no "$c" >/dev/null || exit 1
done
for c; do
	! gone container "$c" || continue
	docker unpause "$c" >/dev/null 2>&1
	docker stop -t "$t" "$c" >/dev/null || exit 1
	[ "$(docker inspect -f '{{.State.Running}}' "$c")" = false ] || { echo "container $c does not stop" >&2; exit 1; }
done`

// stopServerText ends the server in container $1 in order and removes the container.
const stopServerText sh.Constant = compose.GoneText + `! gone container "$1" || exit 0
docker update --restart=no "$1" >/dev/null || exit 1
if [ "$(docker inspect -f '{{.State.Running}}' "$1")" = true ]; then
	docker kill -s INT "$1" >/dev/null 2>&1
	timeout 600 docker wait "$1" >/dev/null 2>&1
	docker stop -t 60 "$1" >/dev/null || exit 1
fi
[ "$(docker inspect -f '{{.State.Running}}' "$1")" = false ] || { echo "container $1 does not stop" >&2; exit 1; }
docker rm "$1" >/dev/null`

// ensureText is the head of everything that works on both servers: it starts what
// does not run, as the files run.source and run.target in $1 say, and waits for
// them. The folder of the sockets is in memory, and made again after a boot.
const ensureText = `ensure() {
	_m=$1
	. "$_m/conf"
	umask 077
	mkdir -p "$ram/sock" && chmod 700 "$ram" && chmod 1777 "$ram/sock" || return 1
	printf 'local all all trust\n' >"$ram/sock/hba.conf" && chmod 644 "$ram/sock/hba.conf" || return 1
	mkdir -p "$_m/io" && chmod 1777 "$_m/io" || return 1
	for _c in $which; do
		_n=$(cat "$_m/name.$_c") || return 1
		_r=$(docker inspect --type container -f '{{.State.Running}}' "$_n" 2>&1) || case $_r in *[Nn]o\ such\ *) ;; *) echo "$_n: $_r" >&2; return 1;; esac
		if [ "$_r" != true ]; then
			docker rm -f "$_n" >/dev/null 2>&1
			rm -f "$ram/sock/.s.PGSQL.$(cat "$_m/port.$_c")"*
			# A killed server has emptied its unlogged tables: they are copied again.
			while read -r _v; do rm -f "$_m/done/$_v"; done 2>/dev/null <"$_m/volatile"
			# Two servers on one cluster destroy it.
			if [ "$_c" = target ]; then
				_u=$(docker ps --filter "volume=$volume" --format '{{.Names}}') || return 1
				[ -z "$_u" ] || { echo "volume $volume is used by the container" $_u", which runs" >&2; return 1; }
			fi
			_e=$(sh "$_m/run.$_c" 2>&1 >/dev/null) || { echo "start $_n: $_e" >&2; return 1; }
		fi
		_i=0
		until docker exec "$_n" psql -X -q -A -t -w -h /remoterun/sock -p "$(cat "$_m/port.$_c")" -U "$super" -d template1 -c 'SELECT 1' >/dev/null 2>"$ram/said"; do
			_i=$((_i + 1))
			if [ "$(docker inspect -f '{{.State.Running}}' "$_n" 2>/dev/null)" != true ] || [ $_i -gt 600 ]; then
				echo "$_n does not answer: $(docker logs --tail 4 "$_n" 2>&1 | tr '\n' ' ') $(tail -n 1 "$ram/said")" >&2
				return 1
			fi
			sleep 0.3 2>/dev/null || sleep 1
		done
		docker exec "$_n" psql -X -q -A -t -w -h /remoterun/sock -p "$(cat "$_m/port.$_c")" -U "$super" -d template1 -c "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'remoterun/move'" >/dev/null || return 1
	done
}
`

// bothText starts both servers, or the source alone ($2).
const bothText = ensureText + `which=${2:-source target}
ensure "$1"`

// againText prints again when a step of folder $1 has to be done again.
const againText sh.Constant = `cd "$1" || exit 1
while read -r v; do [ -e "done/$v" ] || { echo again; exit 0; }; done <volatile
exit 0`

// askText runs SQL from stdin in database $4 of the server in container $1, at
// port $2 of the folder of sockets, as $3.
const askText sh.Constant = `exec docker exec -i -e PGDATABASE="$4" -e PGAPPNAME=remoterun/look -e PGOPTIONS='-c statement_timeout=0 -c lock_timeout=0 -c ` + catalog.NoMerge + `' "$1" psql -X -q -A -t -w -v ON_ERROR_STOP=1 -h /remoterun/sock -p "$2" -U "$3" -f -`
