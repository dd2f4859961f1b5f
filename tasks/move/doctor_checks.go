package move

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/compose"
	"remoterun/tasks/move/catalog"
)

// oldestCompose is the first that replaces lists by !override.
const oldestCompose = "2.24.4"

// composeFiles looks at what compose itself says.
func (d *doctor) composeFiles() {
	if len(d.svc.Ports) > 0 {
		d.find(Bites, "service "+d.Service, "its port is published on the host: who connects from outside is not stopped by name, and writes until the freeze", "take ports: out of the compose file, if nobody needs it")
	}
	if d.svc.Restart == "" || d.svc.Restart == "no" {
		d.find(Know, "service "+d.Service, "it has no restart policy: it stays down after a reboot", "restart: unless-stopped")
	}
	if d.record != nil && d.at() != Done && d.at() != Rolled {
		d.find(Bites, d.object(), "a move is under way: "+string(d.at())+", since "+d.record.Began+" by "+d.record.By, "the same command goes on, or remoterun rollback")
	}
}

// machineText prints what is worth knowing of a host, one word and its value a line.
const machineText sh.Constant = `cd -- "$1" || exit 1
echo "compose $(docker compose version --short 2>/dev/null)"
echo "virt $(systemd-detect-virt 2>/dev/null || { [ -e /proc/user_beancounters ] && echo openvz; } || echo unknown)"
echo "swaps $(tail -n +2 /proc/swaps | grep -vc zram)"
echo "core $(cat /proc/sys/kernel/core_pattern 2>/dev/null)"
echo "memory $(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)"
echo "composefile $(sed -n 's/^COMPOSE_FILE=//p' .env 2>/dev/null | head -n 1)"
all=$(docker ps --format '{{.Image}} {{.Names}}') || exit 1
echo "watch $(printf '%s\n' "$all" | grep -iE 'watchtower|diun|ouroboros|shepherd' | head -n 1)"
echo "rootless $(docker info -f '{{.SecurityOptions}}' 2>/dev/null | grep -cE 'rootless|userns')"
echo "swarm $(docker info -f '{{.Swarm.LocalNodeState}}' 2>/dev/null)"
for f in compose.override.yml compose.override.yaml docker-compose.override.yml docker-compose.override.yaml; do [ ! -e "$f" ] || { head -n 1 "$f" | grep -q '^# remoterun' || echo "override $f"; break; }; done
exit 0`

// machine looks at the host.
func (d *doctor) machine(ctx context.Context, w host.Writer) error {
	text, err := output(ctx, w, "look at the host", sh.Script(machineText, d.Dir))
	if err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		word, v, _ := strings.Cut(strings.TrimSpace(line), " ")
		d.fact(word, v)
	}
	return nil
}

// callers looks for who starts the project from files that it lists.
func (d *doctor) callers(ctx context.Context, w host.Writer) error {
	p := d.compose()
	file, err := ask(ctx, w, p.Override())
	if err != nil {
		return linkOnly(err)
	}
	found, err := ask(ctx, w, p.Callers(file.Path))
	for _, c := range found {
		d.caller(c, path.Base(file.Path))
	}
	return linkOnly(err)
}

func (d *doctor) caller(c compose.Caller, overlay string) {
	d.find(Bites, fmt.Sprintf("file %s:%d", c.File, c.Line), "it calls compose with "+strings.Join(c.Files, ", ")+" alone, which goes past the override: after a move it starts nothing (the old place is closed), so the deploy fails",
		c.Edit(overlay)+"; or have the move edit the compose file itself (pg_apply: edit)")
}

func (d *doctor) fact(word, v string) {
	switch word {
	case "compose":
		if compose.OlderThan(v, oldestCompose) {
			d.find(Stops, "docker compose "+v, "the overlay needs at least "+oldestCompose+" (!override)", "install a newer docker compose on the host")
		}
	case "override":
		d.find(Know, "file "+d.Dir+"/"+v, "it is your own: the overlay of a move goes into it as lines that are marked, and yours stay", "")
	case "composefile":
		if v != "" {
			d.find(Bites, "file "+d.Dir+"/.env", "COMPOSE_FILE="+v+" leaves an override out, and is ignored from another folder", "list the files in compose_files")
		}
	case "watch":
		if v != "" {
			d.find(Bites, "container "+v, "it recreates containers by itself, also while a move goes on", "exclude the database's container from it")
		}
	case "swaps":
		if v != "0" {
			d.find(Bites, "swap", "what is in the database's memory can come to a disk", "swapoff -a, and take it out of /etc/fstab")
		}
	case "core":
		if strings.HasPrefix(v, "|") {
			d.find(Know, "core dumps", "a handler gets them ("+v+"): a server that crashes leaves its memory there", "")
		}
	case "virt":
		if v == "openvz" || v == "lxc" || v == "lxc-libvirt" {
			d.find(Know, "virtualization "+v, "the hoster's node swaps where nobody sees it", "")
		}
	case "rootless":
		if v != "0" {
			d.find(Stops, "Docker", "it runs rootless or with user namespaces: folders of volumes belong to other users than inside", "use an engine of root's")
		}
	case "swarm":
		if v == "active" {
			d.find(Bites, "Docker", "it is part of a swarm: a stack that is deployed by it is not a compose project", "move the stack to docker compose first")
		}
	case "memory":
		var kb int64
		if _, err := fmt.Sscan(v, &kb); err == nil && kb < 400<<10 {
			d.find(Bites, "memory", fmt.Sprintf("%d MiB are available: two servers run side by side while a move copies", kb>>10), "stop what is not needed meanwhile")
		}
	}
}

// folderText prints the kind of file system behind folder $1, and who else has it.
const folderText sh.Constant = compose.EveryText + `echo "fs $(stat -f -c %T "$1" 2>/dev/null)"
mounts=$(every '{{range .Mounts}}{{printf "%s|%s|%s\n" $.Id $.Name .Source}}{{end}}') || exit 1
printf '%s\n' "$mounts" | while IFS='|' read -r id name src; do
	[ "$id" = "$2" ] || [ "$src" != "$1" ] || echo "shared ${name#/}"
done
exit 0`

// volumes looks at where the data is.
func (d *doctor) volumes(ctx context.Context, w host.Writer, src Source) error {
	if m, _ := src.home(); m.Target != "" {
		if m.Type == "volume" && len(m.Source) == 64 && strings.Trim(m.Source, "0123456789abcdef") == "" {
			d.find(Bites, "volume "+m.Source[:12], "the data is in an anonymous volume: docker compose down -v, or a container made anew, loses it", "give it a name in the compose file after the move; take a backup now")
		}
		if m.Type == "bind" {
			d.find(Know, "folder "+m.Source, "the data is in a folder of the host; a move puts the new cluster beside it, on the same disk", "")
		}
	}
	text, err := output(ctx, w, "look at the data folder", sh.Script(folderText, src.Data, d.db.ID))
	if err != nil {
		return linkOnly(err)
	}
	for line := range strings.Lines(text) {
		word, v, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case word == "fs" && (strings.HasPrefix(v, "nfs") || strings.HasPrefix(v, "smb") || v == "cifs" || v == "fuseblk"):
			d.find(Bites, "folder "+src.Data, "it is on "+v+": PostgreSQL does not promise anything there", "move the data to a local disk")
		case word == "shared":
			d.find(Bites, "container "+v, "it has the database's folder, too: a move cannot stop it from writing there", "take the mount out of it")
		}
	}
	return nil
}

// cluster looks at what every database says of itself.
func (d *doctor) cluster(c catalog.Cluster) {
	if !c.Checksums {
		d.find(Know, d.object(), "it has no data checksums; the new one gets them", "")
	}
	if c.Super != "postgres" {
		d.find(Know, d.object(), "its bootstrap superuser is "+c.Super+"; the new one gets the same", "")
	}
	for _, db := range c.Databases {
		if db.Container.Large > 0 {
			d.find(Know, "database "+db.Name, "it has "+value.Count(db.Container.Large, "large object")+": copied, but not encrypted by an extension", "")
		}
		if db.Encoding != "UTF8" {
			d.find(Know, "database "+db.Name, "its encoding is "+db.Encoding+"; it is kept", "")
		}
	}
}

// insideSQL asks for what a move does not carry, or what bites.
const insideSQL = `SELECT jsonb_build_array('bites', 'role ' || rolname, 'its password is hashed by md5, which servers of 18 warn of and later ones refuse', 'set it anew: ALTER ROLE ... PASSWORD, with password_encryption = scram-sha-256') FROM pg_authid WHERE rolpassword LIKE 'md5%'
UNION ALL SELECT jsonb_build_array('know', 'replication slot ' || slot_name, 'slots are not copied: what follows it has to be made anew', 'drop it, if nobody needs it: SELECT pg_drop_replication_slot(...)') FROM pg_replication_slots
UNION ALL SELECT jsonb_build_array('bites', 'standby at ' || coalesce(client_addr::text, 'a socket'), 'a server follows this one, and cannot follow the new one', 'make it anew after the move') FROM pg_stat_replication
UNION ALL SELECT jsonb_build_array('bites', 'transaction of process ' || pid, 'it is open since ' || to_char(now() - xact_start, 'HH24:MI:SS') || ': the freeze ends it', 'look at pg_stat_activity') FROM pg_stat_activity WHERE xact_start < now() - interval '10 minutes' AND pid <> pg_backend_pid()
UNION ALL SELECT jsonb_build_array('bites', 'pg_hba.conf, line ' || line_number, 'it lets ' || array_to_string(user_name, ',') || ' in without a password from ' || coalesce(address, 'anywhere'), 'write scram-sha-256 in place of trust') FROM pg_hba_file_rules WHERE type LIKE 'host%' AND auth_method = 'trust' AND coalesce(address, '') NOT IN ('127.0.0.1', '::1')
UNION ALL SELECT jsonb_build_array('know', 'setting ' || name, 'it waits for a restart', '') FROM pg_settings WHERE pending_restart;
`

// databaseSQL asks each database.
const databaseSQL = `SELECT jsonb_build_array('stops', 'subscription ' || subname, 'it is not copied: it would take its changes twice, or never', 'drop it, and make it anew after the move') FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = current_database()
UNION ALL SELECT jsonb_build_array('know', 'event trigger ' || evtname, 'it is copied, and does not fire while its database is made', '') FROM pg_event_trigger WHERE evtowner <> 10
UNION ALL SELECT jsonb_build_array('bites', 'table ' || c.oid::regclass, 'it is unlogged: a server that did not stop in order empties it', 'ALTER TABLE ... SET LOGGED, if its rows matter') FROM pg_class c WHERE c.relpersistence = 'u' AND c.relkind = 'r'
UNION ALL SELECT jsonb_build_array('stops', 'index ' || indexrelid::regclass, 'it is not valid: a failed CREATE INDEX CONCURRENTLY left it', 'drop it, or REINDEX') FROM pg_index WHERE NOT indisvalid AND EXISTS (SELECT FROM pg_class x WHERE x.oid = indexrelid AND x.relkind = 'i');
`

// inside asks the server.
func (d *doctor) inside(ctx context.Context, w host.Writer, c catalog.Cluster, role string) error {
	if err := d.asked(ctx, w, "postgres", role, "", insideSQL); err != nil {
		return err
	}
	for _, db := range c.Databases {
		if !db.Allows {
			continue
		}
		if err := d.asked(ctx, w, db.Name, role, "database "+db.Name+", ", databaseSQL); err != nil {
			return err
		}
	}
	return nil
}

func (d *doctor) asked(ctx context.Context, w host.Writer, database, role, prefix, sql string) error {
	text, err := output(ctx, w, "ask the database", sh.Script(insideText, d.db.ID, database, role).With(sh.Bytes(sql)))
	if err != nil {
		if _, exit := err.(*host.ExitError); exit {
			d.find(Bites, strings.TrimSuffix(prefix, ", ")+d.object(), "it could not be asked for everything: "+err.Error(), "")
			return nil
		}
		return err
	}
	for line := range strings.Lines(text) {
		var f [4]string
		if json.Unmarshal([]byte(line), &f) == nil {
			d.find(f[0], prefix+f[1], f[2], f[3])
		}
	}
	return nil
}
