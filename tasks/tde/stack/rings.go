package stack

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/tasks/compose"
)

// ringsText prints files below the data folder $1 that have the shape of a keyring:
// whole records of 292 bytes, the first of which begins with a key's name of project
// $2. The extension's own files are none. Files above 1.2 MB are no keyrings. Then
// it does so, less deep and for no more than some thousand files, in the folders
// that follow.
const ringsText = `p=$2 d=$1
shift 2
rings() {
	while read -r s f; do
		[ "$s" -gt 0 ] && [ $((s % 292)) -eq 0 ] || continue
		case $(head -c 255 "$f" | tr -d '\0') in "$p"-[0-9]*T[0-9]*Z-*) echo "$f" ;; esac
	done
}
cd -- "$d" || exit 5
find "$d" -xdev -type f -size -2400 ! -path "$d/base/*" ! -path '*pg_tde/*_keys' ! -path '*pg_tde/*_keys.r' -exec stat -c '%s %n' {} + | rings
slow=
command -v timeout >/dev/null 2>&1 && slow="timeout 5"
for d; do
	[ -d "$d" ] || { [ -f "$d" ] && stat -c '%s %n' "$d" | rings; continue; }
	$slow find "$d" -xdev -maxdepth 5 -type f -size -2400 2>/dev/null | head -n 5000 | tr '\n' '\0' | xargs -0 stat -c '%s %n' -- 2>/dev/null | rings
done
echo end`

// KeyringsIn looks cheaply for copies of a project's keyring in a data folder, not
// among relations' files: verify searches those, too. beside are other places that
// the stack's containers see.
func KeyringsIn(dir, project string, beside ...string) host.Fact[[]string] {
	return host.Fact[[]string]{Q: host.NewProbe(ringsText, append([]string{dir, project}, beside...)...).Wide(), Parse: func(a host.Answer) ([]string, error) {
		body, whole := strings.CutSuffix(string(a.Stdout), "end\n")
		if a.Status != 0 || !whole {
			return nil, fmt.Errorf("data folder %s cannot be looked through (are you root?)", dir)
		}
		var out []string
		for line := range strings.Lines(body) {
			if f := path.Clean(strings.TrimSuffix(line, "\n")); !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
		return out, nil
	}}
}

// mostBeside bounds the places that are looked through.
const mostBeside = 40

// Beside are the folders and files of the host that the project's containers have
// mounted, tablespaces among them: but the data folder, the keyring in RAM and what
// is the whole host's.
func (v Site) Beside() []string {
	var out []string
	for _, c := range v.All {
		for _, m := range c.Mounts {
			src := path.Clean(m.Source)
			_, data := compose.Within(src, v.HostData)
			_, ram := compose.Within(v.RAMDir(), src)
			if m.Source == "" || !path.IsAbs(src) || strings.Count(src, "/") < 2 || src == v.HostData || data && v.HostData != "" || ram || slices.Contains(out, src) || len(out) == mostBeside || v.below("/proc", src) || v.below("/sys", src) || v.below("/dev", src) || v.below("/run", src) {
				continue
			}
			out = append(out, src)
		}
	}
	slices.Sort(out)
	return out
}

func (Site) below(folder, p string) bool { _, ok := compose.Within(folder, p); return ok }
