package target

import "remoterun/tasks/compose"

// initInside makes the cluster, inside a container of its own without network.
// Its arguments: extension, key name, keyring path, superuser, database, locale
// ("" = the image's), settings that have to be made (NAME=VALUE, with blanks
// between), and settings that are made where the server knows them. SQL that holds passwords
// comes on stdin, so that it is in no argument. The order of its steps is the
// one that works (facts in docs/modules/tde_init.md): a key first, WAL
// encryption after it, one restart, and WAL written until no plain segment is
// left; only then the user's own scripts.
const initInside = `set -eu
ext=$1 key=$2 ring=$3 super=$4 db=$5 locale=$6 settings=$7 wishes=$8
umask 077
secrets=$(cat)
case $secrets in *"-- end") ;; *) echo "remoterun: the link was cut" >&2; exit 40;; esac
say() { echo "remoterun: $*" >&2; }
PATH=$PATH:/usr/local/bin; for d in /usr/pgsql-*/bin /usr/lib/postgresql/*/bin; do [ -d "$d" ] && PATH=$PATH:$d; done
export PATH
command -v initdb >/dev/null || { say "the image has no initdb"; exit 42; }
[ -n "$PGDATA" ] || { say "PGDATA is not set"; exit 42; }
[ -z "$(ls -A "$PGDATA" 2>/dev/null)" ] || { say "$PGDATA is not empty"; exit 41; }
[ -r "$ring" ] && [ -w "$ring" ] || { say "the keyring $ring cannot be read and written by user $(id -u)"; exit 43; }
log=$(mktemp)
options=
for s in $settings; do options="$options -c $s"; done
up() {
	pg_ctl -D "$PGDATA" -w -t 120 -s -l "$log" -o "-c listen_addresses= -c shared_preload_libraries=$ext$options -c log_min_error_statement=panic -c log_statement=none -c log_min_duration_statement=-1 -c log_min_duration_sample=-1 -c log_transaction_sample_rate=0" start ||
		{ say "the server did not start:"; tail -n 15 "$log" >&2; exit 44; }
}
down() { pg_ctl -D "$PGDATA" -w -t 120 -s -m fast stop; }
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 -U "$super" "$@"; }
say "initdb"
set -- -D "$PGDATA" -U "$super" --encoding=UTF8 --data-checksums --auth-local=trust --auth-host=scram-sha-256
[ -z "$locale" ] || set -- "$@" --locale="$locale"
eval 'initdb "$@" '"${POSTGRES_INITDB_ARGS:-}" >"$log" 2>&1 || { say "initdb failed:"; tail -n 5 "$log" >&2; exit 44; }
printf '\n%s\n' "host all all all ${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"
printf '\n%s\n' "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
case $(cat "$PGDATA/PG_VERSION") in 16) magic=13d1;; 17) magic=16d1;; 18) magic=18d1;; *) say "this version of PostgreSQL is not known"; exit 42;; esac
up
# A name behind a prefix that no library has claimed is only a placeholder.
known() { [ -n "$(sql -d postgres -c "SELECT 1 FROM pg_settings WHERE name = '${1%%=*}'")" ]; }
keep() { sql -d postgres -c "ALTER SYSTEM SET ${1%%=*} = '${1#*=}'"; }
for s in $settings; do known "$s" || { say "the extension in this image does not know the setting ${s%%=*}"; exit 46; }; done
say "keys"
for d in template1 postgres; do sql -d "$d" -c "CREATE EXTENSION $ext SCHEMA pg_catalog"; done
sql -d postgres -v ext="$ext" -v key="$key" -v ring="$ring" <<'E'
SELECT format('SELECT %I(%L, %L)', :'ext' || '_add_global_key_provider_file', 'remoterun', :'ring') \gexec
SELECT format('SELECT %I(%L, %L)', :'ext' || '_set_default_key_using_global_key_provider', :'key', 'remoterun') \gexec
SELECT format('SELECT %I(%L, %L)', :'ext' || '_set_server_key_using_global_key_provider', :'key', 'remoterun') \gexec
E
sql -d postgres -c "ALTER SYSTEM SET $ext.wal_encrypt = on"
sql -d postgres -c "ALTER SYSTEM SET default_table_access_method = tde_heap"
for s in $settings; do keep "$s"; done
for s in $wishes; do ! known "$s" || keep "$s"; done
down
up
plain() {
	for f in "$PGDATA"/pg_wal/[0-9A-F]*; do
		[ -f "$f" ] && [ "$(od -An -tx1 -N2 "$f" | tr -d ' \n')" = "$magic" ] && return 0
	done
	return 1
}
n=0
while plain; do
	n=$((n + 1))
	[ $n -le 30 ] || { say "plain WAL segments are left after $n rounds"; exit 45; }
	sql -d postgres -c "SELECT pg_logical_emit_message(false, 'remoterun', 'x')" -c "SELECT pg_switch_wal()" -c CHECKPOINT >/dev/null
done
say "roles and databases"
printf '%s\n' "$secrets" | sql -d postgres >/dev/null
[ "$db" = postgres ] || printf '%s\n' 'CREATE DATABASE :"db";' | sql -d postgres -v db="$db" -f -
export POSTGRES_USER="$super" POSTGRES_DB="$db"
process() { sql -d "$db" -w "$@"; }
for f in /docker-entrypoint-initdb.d/*; do
	[ -e "$f" ] || continue
	say "running $f"
	case $f in
	*.sh)
		if [ -x "$f" ]; then "$f" >&2
		elif command -v bash >/dev/null; then bash -e "$f" >&2
		else sh -e "$f" >&2; fi;;
	*.sql) process -f "$f" >&2;;
	*.sql.gz) gunzip -c "$f" | process >&2;;
	*.sql.xz) xzcat "$f" | process >&2;;
	*.sql.zst) zstd -dc "$f" | process >&2;;
	*) say "ignoring $f";;
	esac
done
plainrel=$(sql -d "$db" -c "SELECT count(*) FROM pg_class WHERE relkind IN ('r','m','i','t') AND oid >= 16384 AND relpersistence <> 't' AND ${ext}_is_encrypted(oid) IS DISTINCT FROM true")
down
[ "$plainrel" = 0 ] || say "warning: $plainrel relations that the scripts made are not encrypted"
echo "rounds $n"
echo "plain $plainrel"
echo "system $(pg_controldata -D "$PGDATA" | sed -n 's/^Database system identifier: *//p')"
echo "version $(postgres -V | sed 's/^[^0-9]*//')"
echo done
`

// prepareInit ends what an earlier try left at work, empties the volume when $8
// is "wipe", and gives volume and keyring to the server's user. It prints that
// user's id. Its arguments: container's name, volume, its mount point on the
// host, folder of the keyring, image, user id ("" = the image's postgres),
// record file, wipe.
const prepareInit = `set -u
name=$1 volume=$2 dir=$3 ram=$4 image=$5 uid=$6 record=$7 wipe=$8
docker rm -f -v "$name" >/dev/null 2>&1
[ "$(docker volume inspect -f '{{index .Labels "remoterun.id"}}' "$volume")" = "$(sed -n 's/^id //p' "$record")" ] || { echo "volume $volume is not the one that the record names" >&2; exit 11; }
[ "$(sed -n 's/^state //p' "$record")" = begun ] || { echo "the record does not say begun" >&2; exit 11; }
[ -d "$dir" ] || { echo "$dir is not a folder" >&2; exit 1; }
if [ "$wipe" = wipe ]; then find "$dir" -mindepth 1 -maxdepth 1 -exec rm -rf -- {} + || exit 1; fi
ask() { docker run --rm --pull never --network none --user "${uid:-0}" --entrypoint id "$image" "$@" </dev/null; }
if [ -z "$uid" ]; then uid=$(ask -u postgres) || { echo "the image has no user postgres" >&2; exit 1; }; fi
gid=$(ask -g) || exit 1
chown "$uid:$gid" "$dir" && chmod 700 "$dir" || exit 1
chown "$uid:$gid" "$ram/keyring" && chmod 600 "$ram/keyring" || exit 1
echo "$uid"
`

// beginRecord makes the volume and writes the record that names it, before the
// first byte. The volume carries a random id as a label: what Docker shows as a
// volume's time of creation moves with every change in it. Its arguments:
// project, volume, folder of the record, the host's folder that the volume is to
// stand for ("" = one of the engine's), image, service.
const beginRecord = compose.GoneText + `set -u
umask 077
project=$1 volume=$2 dir=$3 folder=$4 image=$5 service=$6
no() { echo "$1" >&2; exit 11; }
mkdir -p "$dir" && chmod 700 "$dir" || exit 1
look() { docker volume inspect -f "$1" "$volume"; }
field() { sed -n "s/^$1 //p" "$dir/init" 2>/dev/null; }
bare() { for f in "$1"/* "$1"/.[!.]* "$1"/..?*; do { [ -e "$f" ] || [ -L "$f" ]; } && return 1; done; return 0; }
if ! gone volume "$volume"; then
	disk=$(look '{{.Mountpoint}}') || exit 1
	id=$(look '{{index .Labels "remoterun.id"}}') || exit 1
	at=$(look '{{with .Options}}{{.device}}{{end}}') || exit 1
	[ -z "$at" ] || disk=$at
	if ! bare "$disk"; then
		[ -n "$id" ] && [ "$(field id)" = "$id" ] && [ "$(field volume)" = "$volume" ] && [ "$(field state)" = begun ] ||
			no "volume $volume is not empty, and no record names it as begun and not done"
	elif [ -z "$id" ] || [ "$at" != "$folder" ]; then
		docker volume rm "$volume" >/dev/null || exit 1
	fi
fi
if gone volume "$volume"; then
	set -- --label "remoterun.project=$project" --label "remoterun.id=$(cat /proc/sys/kernel/random/uuid)"
	if [ -n "$folder" ]; then
		[ ! -L "$folder" ] || no "$folder is a symbolic link"
		mkdir -p -- "$folder" && chmod 700 "$folder" || exit 1
		bare "$folder" || no "$folder is not empty"
		set -- "$@" --opt type=none --opt o=bind --opt "device=$folder"
	fi
	docker volume create "$@" "$volume" >/dev/null || exit 1
fi
id=$(look '{{index .Labels "remoterun.id"}}')
[ -n "$id" ] || no "volume $volume has no id of ours"
tombs=$(sed -n '/^tomb /p' "$dir/init" 2>/dev/null)
{
	printf 'remoterun init record 1\nvolume %s\nid %s\nstate begun\nimage %s\nservice %s\n' "$volume" "$id" "$image" "$service"
	[ -z "$folder" ] || printf 'folder %s\n' "$folder"
	[ -z "$tombs" ] || printf '%s\n' "$tombs"
} >"$dir/init.new" || exit 1
sync "$dir/init.new" 2>/dev/null || sync
mv "$dir/init.new" "$dir/init" && { sync "$dir" 2>/dev/null || sync; }
`

// endRecord is the marker: the same record, done. Its arguments: folder of the
// record, folder of the keyring.
const endRecord = `set -u
umask 077
chmod 400 "$2/keyring" || exit 1
sed 's/^state begun$/state done/' "$1/init" >"$1/init.new" || exit 1
sync "$1/init.new" 2>/dev/null || sync
mv "$1/init.new" "$1/init" && { sync "$1" 2>/dev/null || sync; }
`

// volumeAgain makes the volume anew over the folder that holds the cluster: the
// engine forgot it, the folder is there. Its arguments: project, volume, folder,
// id.
const volumeAgain = `set -u
[ -f "$3/global/pg_control" ] || { echo "there is no cluster in $3" >&2; exit 11; }
docker volume create --label "remoterun.project=$1" --label "remoterun.id=$4" --opt type=none --opt o=bind --opt "device=$3" "$2" >/dev/null
`
