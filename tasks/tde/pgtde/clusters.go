package pgtde

import (
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/seal"
)

// clustersText prints the key headers of every cluster that could be this
// project's: in the volumes that carry its name or label ($1), and in the folders
// that follow. Lines: "owner UID GID PATH" for a data folder with keys, then
// "HEX PATH" for its key files. It asks Docker only for names and places, and
// looks into Docker's usual folder where the daemon does not answer. It exits 4
// when the asker is not root.
const clustersText = `[ "$(id -u)" = 0 ] || exit 4
p=$1; shift
v="$p"_tde
if command -v docker >/dev/null 2>&1; then
	labelled=$(docker volume ls -q --filter "label=remoterun.project=$p" 2>/dev/null)
	for n in "$v" $labelled; do
		m=$(docker volume inspect -f '{{.Mountpoint}}' "$n" 2>/dev/null) && [ -n "$m" ] && set -- "$@" "$m"
		m=$(docker volume inspect -f '{{with .Options}}{{.device}}{{end}}' "$n" 2>/dev/null)
		case $m in /*) [ ! -d "$m" ] || set -- "$@" "$m" ;; esac
	done
fi
set -- "$@" "/var/lib/docker/volumes/$v/_data"
seen=
for d in "$@"; do
	case "$seen" in *":$d:"*) continue ;; esac
	seen="$seen:$d:"
	for k in "$d"/pg_tde "$d"/open_pg_tde "$d"/*/pg_tde "$d"/*/open_pg_tde "$d"/*/*/pg_tde "$d"/*/*/open_pg_tde; do
		[ -d "$k" ] || continue
		echo "owner $(stat -c '%u %g' "${k%/*}") ${k%/*}"
		for f in "$k"/*_keys; do
			[ -f "$f" ] || continue
			od -An -v -tx1 -N320 "$f" | tr -d ' \n'
			echo " $f"
		done
	done
done
echo end`

// ClusterFiles is what a host tells of clusters that have keys already.
type ClusterFiles struct {
	Headers []HeaderFile
	Folders []DataFolder
}

// DataFolder is a cluster's data folder and its owner: who reads the keyring.
type DataFolder struct {
	Path     string
	UID, GID int
}

// Clusters asks for the key headers of every cluster on the host that could be
// the project's: what setup looks at before it makes a key, and what is checked
// before a keyring is sent.
func Clusters(project string, dataDirs ...string) host.Fact[ClusterFiles] {
	return host.Fact[ClusterFiles]{
		Q: host.NewProbe(clustersText, append([]string{project}, dataDirs...)...).Wide(),
		Parse: func(a host.Answer) (ClusterFiles, error) {
			if a.Status == 4 {
				return ClusterFiles{}, guard.Refuse("data volumes of "+project, "use become: yes", "only root may look into them")
			}
			return parseClusters(a)
		},
	}
}

func parseClusters(a host.Answer) (c ClusterFiles, err error) {
	var headers strings.Builder
	for line := range strings.Lines(string(a.Stdout)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
		if f[0] != "owner" || len(f) != 4 {
			headers.WriteString(line)
			continue
		}
		uid, gid := guard.UID(f[1]), guard.UID(f[2])
		if uid < 0 || gid < 0 {
			return c, fmt.Errorf("data folders: the host answered %q", line)
		}
		if n := len(c.Folders); n == 0 || c.Folders[n-1].Path != f[3] {
			c.Folders = append(c.Folders, DataFolder{Path: f[3], UID: uid, GID: gid})
		}
	}
	c.Headers, err = ParseHeaders(host.Answer{Stdout: []byte(headers.String()), Status: a.Status})
	return c, err
}

// Owner is who owns the data folders; ok is false when there are none yet.
// Folders of several owners are a *Refusal.
func (c ClusterFiles) Owner(project string) (uid, gid int, ok bool, err error) {
	if len(c.Folders) == 0 {
		return 0, 0, false, nil
	}
	first := c.Folders[0]
	for _, f := range c.Folders {
		if f.UID != first.UID || f.GID != first.GID {
			return 0, 0, false, guard.Refuse("data folders of "+project, "give the owner's number (owner: 26)", "%s and %s have different owners", first.Path, f.Path)
		}
	}
	return first.UID, first.GID, true, nil
}

// headerProblems describes every header that the keyring does not open. One of
// an unknown version is no problem by itself: nothing is proved about it, and the
// server itself says at its start what it lacks.
func headerProblems(checks []HeaderCheck) string {
	var out []string
	for _, c := range checks {
		switch c.State {
		case HeaderMissing:
			out = append(out, fmt.Sprintf("%s needs key %s, which is missing", c.File, c.Key))
		case HeaderWrongKey:
			out = append(out, fmt.Sprintf("%s needs another key named %s", c.File, c.Key))
		}
	}
	return strings.Join(out, "; ")
}

// CheckCluster is the offline check of a whole cluster: nil when the keyring
// opens every header, else a *Refusal that names what is missing.
func CheckCluster(project, hostname string, files []HeaderFile, k seal.Keyring) ([]HeaderCheck, error) {
	checks, err := CheckHeaders(files, k)
	if err != nil {
		return nil, err
	}
	if p := headerProblems(checks); p != "" {
		return checks, guard.Refuse("keyring of "+seal.RingID(project, hostname), "bring the newer sealed keyring here (git pull, or remoterun key import "+hostname+"); nothing was sent",
			"it does not open this cluster: %s", p)
	}
	return checks, nil
}
