package stack

import (
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/pgtde"
)

// Disk is what lies in the data folder.
type Disk struct {
	Exists, Empty bool
	version       string          // of PG_VERSION: "17"
	control       bool            // global/pg_control is there
	System        string          // the cluster's system identifier, as that file has it
	Keys          pgtde.Extension // whose key files are there, "" = nobody's
	UID           int             // owner of the folder
}

// Initialised reports a whole cluster.
func (d Disk) Initialised() bool { return d.version != "" && d.control }

const diskText = `cd -- "$1" 2>/dev/null || { [ -d "$1" ] && exit 5; echo absent; exit 0; }
echo "uid $(stat -c %u .)"
e=yes; for f in * .[!.]* ..?*; do [ -e "$f" ] || [ -L "$f" ] || continue; [ "$f" = lost+found ] || e=no; done
echo "empty $e"
[ -f PG_VERSION ] && echo "version $(head -n 1 PG_VERSION)"
[ -f global/pg_control ] && echo control && echo "system $(od -An -tu8 -N8 global/pg_control | tr -d ' ')"
for f in pg_tde/*_keys open_pg_tde/*_keys; do [ -f "$f" ] && { echo "keys ${f%%/*}"; break; }; done
echo end`

// DiskAt asks what lies in a data folder on the host.
func DiskAt(dir string) host.Fact[Disk] {
	return host.Fact[Disk]{Q: host.NewProbe(diskText, dir), Parse: func(a host.Answer) (Disk, error) {
		d := Disk{UID: -1}
		text := string(a.Stdout)
		if text == "absent\n" {
			return d, nil
		}
		if a.Status != 0 || !strings.HasSuffix(text, "end\n") {
			return d, fmt.Errorf("data folder %s cannot be read (are you root?)", dir)
		}
		d.Exists = true
		for line := range strings.Lines(text) {
			word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			switch word {
			case "uid":
				d.UID = guard.UID(rest)
			case "empty":
				d.Empty = rest == "yes"
			case "version":
				d.version = strings.TrimSpace(rest)
			case "control":
				d.control = true
			case "system":
				d.System = rest
			case "keys":
				d.Keys = pgtde.Extension(rest)
			}
		}
		return d, nil
	}}
}
