package stack

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/tasks/compose"
)

// Caller is a line of a script, a unit or a crontab that starts the project from
// files that it lists, the overlay not among them.
type Caller struct {
	File  string
	Line  int
	Files []string // those it lists
	Env   bool     // as COMPOSE_FILE, not with -f
}

// Most files, bytes of one and lines that are looked at.
const (
	callerFiles = "400"
	callerLines = 200
)

// callersText prints "FILE\tLINE\tTEXT" of lines that call compose with files, or
// say COMPOSE_FILE: of small text files in the project's folder $2, and of units,
// crontabs and scripts of the machine (below $1) that name this folder. A line
// that ends in \ goes on.
const callersText = `root=$1 dir=$2 most=$3
{
	find "$root$dir" -maxdepth 3 -type f -size -128 ! -path '*/.git/*' ! -path '*/node_modules/*' ! -name '*.sql' ! -name '*.log' ! -name 'compose.*y*ml' ! -name 'docker-compose*y*ml' 2>/dev/null | head -n "$most"
	find "$root/etc/systemd/system" "$root/usr/local/lib/systemd/system" "$root/etc/crontab" "$root/etc/cron.d" "$root/etc/cron.hourly" "$root/etc/cron.daily" "$root/etc/cron.weekly" "$root/etc/cron.monthly" \
		"$root/var/spool/cron" "$root/etc/rc.local" "$root/usr/local/bin" "$root/usr/local/sbin" "$root/root" -maxdepth 2 -type f -size -128 2>/dev/null | head -n "$most" | while IFS= read -r f; do
		LC_ALL=C grep -qF -e "$dir" -- "$f" 2>/dev/null && printf '%s\n' "$f"
	done
} | while IFS= read -r f; do
	LC_ALL=C grep -q -e compose -e COMPOSE_FILE -- "$f" 2>/dev/null || continue
	LC_ALL=C awk -v f="${f#"$root"}" '
		{ sub(/\r$/, ""); if (!at) at = FNR; line = line $0 }
		/\\$/ { sub(/\\$/, " ", line); next }
		{ if (line ~ /compose.* (-f|--file)|COMPOSE_FILE *=/ && length(line) < 2000) { gsub(/\t/, " ", line); printf "%s\t%d\t%s\n", f, at, line }; line = ""; at = 0 }' "$f" 2>/dev/null
done | head -n 200
exit 0`

// Callers asks who starts the project with files of their own choice: without the
// overlay, that is the old database, or none. It reads no more than some hundred
// small files.
func (s Stack) Callers(overlay string) host.Fact[[]Caller] { return callers("", s.Dir, overlay) }

func callers(root, dir, overlay string) host.Fact[[]Caller] {
	return host.Fact[[]Caller]{Q: host.NewProbe(callersText, root, path.Clean(dir), callerFiles), Parse: func(a host.Answer) ([]Caller, error) {
		var out []Caller
		for line := range strings.Lines(string(a.Stdout)) {
			parts := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 3)
			if len(parts) != 3 || len(out) == callerLines {
				continue
			}
			n, _ := strconv.Atoi(parts[1])
			c := Caller{File: parts[0], Line: n}
			c.Files, c.Env = listed(parts[2])
			misses := func(f string) bool { return path.Base(f) == path.Base(overlay) }
			if c.Files != nil && !slices.ContainsFunc(c.Files, misses) {
				out = append(out, c)
			}
		}
		return out, nil
	}}
}

// String names the line and the one edit that helps.
func (c Caller) String() string {
	return fmt.Sprintf("%s:%d calls compose with %s alone", c.File, c.Line, strings.Join(c.Files, ", "))
}

// Edit is what makes the line right.
func (c Caller) Edit(overlay string) string {
	last := c.Files[len(c.Files)-1]
	if c.Env {
		return "put :" + overlay + " behind " + last + " in it"
	}
	return "put -f " + overlay + " behind " + last + " in it"
}

// withValue are compose's own options in front of a command that take a word.
var withValue = map[string]bool{"-p": true, "--project-name": true, "--env-file": true, "--profile": true, "--project-directory": true, "--ansi": true, "--progress": true, "--parallel": true}

// listed are the compose files that a line lists; those of "logs -f" are none.
func listed(line string) (files []string, env bool) {
	words := compose.ShellWords(strings.NewReplacer("&&", " ; ", "||", " ; ", "|", " | ", ";", " ; ").Replace(line))
	for i, w := range words {
		if strings.HasPrefix(w, "#") {
			return nil, false
		}
		if _, v, ok := strings.Cut(w, "COMPOSE_FILE="); ok && v != "" {
			return strings.Split(v, ":"), true
		}
		if b := path.Base(strings.TrimLeft(w, "@-+!:")); b == "docker-compose" || b == "compose" && i > 0 {
			if files := options(words[i+1:]); files != nil {
				return files, false
			}
		}
	}
	return nil, false
}

func options(words []string) []string {
	var files []string
	for i := 0; i < len(words) && strings.HasPrefix(words[i], "-"); i++ {
		name, v, joined := strings.Cut(words[i], "=")
		switch {
		case name == "-f" || name == "--file":
			if !joined && i+1 < len(words) {
				i++
				v = words[i]
			}
			files = append(files, v)
		case strings.HasPrefix(name, "-f"):
			files = append(files, words[i][2:])
		case withValue[name] && !joined:
			i++
		}
	}
	return files
}
