package compose

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"remoterun/runner/host"
)

// Caller is a line of a script, a unit or a crontab that starts the project from
// files that it lists, the overlay not among them.
type Caller struct {
	File  string
	Line  int
	Files []string // those it lists
	Env   bool     // as COMPOSE_FILE, not with -f
	sep   string   // what parts the files of COMPOSE_FILE
}

// Most files that are looked at, lines that are read, and callers that are told.
const (
	callerFiles = "4000"
	callerLines = "2000"
	callersTold = 100
)

// callersText prints "file\tNAME" for the compose files of the folder $2, then
// "FILE\tLINE\tKIND\tTEXT" of lines that may call compose with files, or say what a
// variable of such a line is. KIND says where the file is: "own" = in the project's
// folder; "names" = elsewhere, and it names the folder; "env" = it sets variables
// for everybody. All is below $1. A line that ends in \ goes on. Small text files
// alone are read, and no more than $3, for no longer than half a minute.
const callersText = `root=$1 dir=$2 most=$3 lines=$4
slow=
command -v timeout >/dev/null 2>&1 && slow="timeout 10"
real=$(cd -P -- "$root$dir" 2>/dev/null && pwd) || real=$root$dir
real=${real#"$root"}
[ -n "$real" ] || real=$dir
for f in "$root$dir"/*.yml "$root$dir"/*.yaml; do [ ! -f "$f" ] || printf 'file\t%s\n' "${f##*/}"; done | head -n 200
small() {
	$slow find "$@" \( -name .git -o -name node_modules -o -name .venv -o -name venv -o -name .cache -o -name vendor -o -name .local \) -prune -o -type f -size -128 \
		! -name '*.md' ! -name '*.txt' ! -name '*.rst' ! -name '*.adoc' ! -name '*.html' ! -name '*.sql' ! -name '*.log' ! -name '*.csv' ! -name '*.json.gz' \
		! -name '*.bak' ! -name '*~' ! -name '*.orig' ! -name '*.old' ! -name '*.swp' ! -name '*.rej' ! -name '*.patch' ! -name '*.diff' ! -name '*_history' ! -name 'known_hosts*' \
		-print 2>/dev/null | head -n "$most"
}
homes() { cut -d : -f 6 <"$root/etc/passwd" 2>/dev/null | grep -E '^/(var|data|mnt|export|usr/home)/[a-zA-Z0-9._/-]+$' | grep -vE '^/var/(www|spool|cache|run|empty|mail|backups)(/|$)|/docker|\.\.' | sort -u | head -n 20; }
calling() { tr '\n' '\0' | LC_ALL=C xargs -0 grep -lE -e '[Cc][Oo][Mm][Pp][Oo][Ss][Ee]' -- /dev/null 2>/dev/null; }
naming() {
	set -- -e "$dir" -e "$real" -e '*/'
	for p in "$dir" "$real"; do
		case $p in
		/root/*) set -- "$@" -e "~/${p#/root/}" -e "HOME/${p#/root/}" -e "HOME}/${p#/root/}" -e "%h/${p#/root/}";;
		/home/*/*) p=${p#/home/}; p=${p#*/}; set -- "$@" -e "~/$p" -e "HOME/$p" -e "HOME}/$p" -e "%h/$p";;
		esac
	done
	tr '\n' '\0' | LC_ALL=C xargs -0 grep -lF "$@" -- /dev/null 2>/dev/null
}
read_them() {
	tr '\n' '\0' | LC_ALL=C xargs -0 awk -v root="$root" -v kind="$1" '
		FNR == 1 { line = ""; at = 0; f = substr(FILENAME, length(root) + 1) }
		{ sub(/\r$/, ""); if (!at) at = FNR; line = line $0 }
		/\\$/ { sub(/\\$/, " ", line); if (FNR - at < 100) next }
		{ if (length(line) < 2000 && line ~ /[Cc][Oo][Mm][Pp][Oo][Ss][Ee]|\.ya?ml|[ "=]-f[ =]|--file|^[ \t]*(cd|WorkingDirectory)|^[ \t]*((export|readonly|local|declare) +)?[A-Za-z_][A-Za-z0-9_]* *[:?]?=/) { gsub(/\t/, " ", line); printf "%s\t%d\t%s\t%s\n", f, at, kind, line }; line = ""; at = 0 }' /dev/null 2>/dev/null
}
{
	small "$root$dir" -maxdepth 4 ! -path "$root$dir/compose.y*ml" ! -path "$root$dir/compose.*.y*ml" ! -path "$root$dir/docker-compose*y*ml" | calling | read_them own
	up=${dir%/*} n=0
	while [ -n "$up" ] && [ "$up" != /home ] && [ $n -lt 3 ]; do
		small "$root$up" -maxdepth 1 | calling | LC_ALL=C xargs -r grep -lwE -e "${dir##*/}|\*/" -- /dev/null 2>/dev/null | read_them names
		up=${up%/*} n=$((n + 1))
	done
	[ ! -d "$root$dir/.git/hooks" ] || small "$root$dir/.git/hooks" -maxdepth 1 | calling | read_them own
	for p in /home /root /opt /srv /etc /usr/local/bin /usr/local/sbin /usr/local/lib/systemd /usr/lib/systemd /lib/systemd /var/spool/cron /var/www /data $(homes); do
		[ -e "$root$p" ] || continue
		[ "$p" != /lib/systemd ] || [ ! -h "$root/lib" ] || continue
		case $p in /home) depth=6;; /root | /opt | /srv) depth=5;; *) depth=4;; esac
		small "$root$p" -maxdepth $depth ! -path "$root$dir/*" | calling | naming | read_them names
	done
	for p in /etc/environment /etc/environment.d /etc/profile /etc/profile.d /etc/bash.bashrc /etc/default /etc/sysconfig /etc/systemd/system.conf.d; do
		[ ! -e "$root$p" ] || small "$root$p" -maxdepth 1 | calling | read_them env
	done
	for h in "$root/root" "$root"/home/*; do
		for f in .bashrc .bash_profile .bash_aliases .profile .zshrc .zprofile .zshenv .ashrc .pam_environment .env; do [ ! -f "$h/$f" ] || printf '%s\n' "$h/$f"; done
	done | calling | read_them env
} | head -n "$lines"
exit 0`

// Callers asks who starts the project with files of their own choice: without the
// overlay, that is the old database, or none. It reads no more than some thousand
// small files.
func (p Project) Callers(overlay string) host.Fact[[]Caller] { return callers("", p.Dir, overlay) }

func callers(root, dir, overlay string) host.Fact[[]Caller] {
	dir = path.Clean(dir)
	return host.Fact[[]Caller]{Q: host.NewProbe(callersText, root, dir, callerFiles, callerLines).Wide(), Parse: func(a host.Answer) ([]Caller, error) {
		r := callerRead{dir: dir, overlay: path.Base(overlay), there: map[string]bool{}, seen: map[string]bool{}, vars: map[string]string{}}
		for line := range strings.Lines(string(a.Stdout)) {
			r.line(strings.TrimSuffix(line, "\n"))
		}
		return r.out, nil
	}}
}

// callerRead reads what callersText prints, file by file.
type callerRead struct {
	dir, overlay string
	there        map[string]bool // the project's own compose files
	seen         map[string]bool // places that were read: a file can be found twice
	file         string
	vars         map[string]string // what the file has set so far
	cwd          string            // where it has gone, "" = nobody knows
	out          []Caller
}

func (r *callerRead) line(text string) {
	if name, ok := strings.CutPrefix(text, "file\t"); ok {
		r.there[name] = true
		return
	}
	parts := strings.SplitN(text, "\t", 4)
	if len(parts) != 4 || len(r.out) >= callersTold || r.seen[parts[0]+":"+parts[1]] {
		return
	}
	r.seen[parts[0]+":"+parts[1]] = true
	if parts[0] != r.file {
		r.file, r.vars, r.cwd = parts[0], map[string]string{}, ""
	}
	n, _ := strconv.Atoi(parts[1])
	said := substituted(parts[3], r.vars)
	for _, c := range r.calls(said) {
		misses := func(f string) bool { return path.Base(f) == r.overlay }
		if !slices.ContainsFunc(c.Files, misses) && r.ours(c, parts[2]) {
			c.File, c.Line = parts[0], n
			r.out = append(r.out, c)
			break
		}
	}
	if name, v, ok := assignment(said); ok {
		r.vars[name] = v
	}
}

// ours reports that a call is about this project: files of its folder, or no word
// about where they are, in a file that is of it or names it.
func (r *callerRead) ours(c Caller, kind string) bool {
	absolute, known := 0, 0
	for _, f := range c.Files {
		switch {
		case strings.HasPrefix(f, r.dir+"/"):
			return true
		case path.IsAbs(f):
			absolute++
		case r.there[path.Clean(f)]:
			known++
		}
	}
	switch {
	case absolute == len(c.Files):
		return false
	case r.cwd != "" && r.cwd != r.dir && !strings.HasPrefix(r.dir, r.cwd+"/"):
		return false
	case kind == "env":
		return known == len(c.Files)
	}
	return true
}

// calls are the calls of a line; where it goes to another folder is kept.
func (r *callerRead) calls(line string) []Caller {
	var words []string
	for _, w := range ShellWords(spaced().Replace(line)) {
		if strings.HasPrefix(w, "-") && strings.Contains(w, " ") { // "${options[@]}"
			words = append(words, strings.Fields(w)...)
		} else {
			words = append(words, w)
		}
	}
	var out []Caller
	for i, w := range words {
		w = strings.Trim(w, "[](){},`\"'")
		words[i] = w
		switch {
		case strings.HasPrefix(w, "#"):
			return out
		case i == 0 && (w == "echo" || w == "printf"):
			return nil
		case w == "cd" && i+1 < len(words):
			r.cwd = ""
			if to := strings.Trim(words[i+1], "\"'"); path.IsAbs(to) {
				r.cwd = path.Clean(to)
			}
		case strings.HasPrefix(w, "WorkingDirectory="):
			if r.cwd = strings.TrimSuffix(strings.TrimPrefix(w, "WorkingDirectory="), "/"); !path.IsAbs(r.cwd) {
				r.cwd = ""
			}
		}
		if files := r.fileVariable(w, words[i+1:]); files != nil {
			out = append(out, Caller{Files: files, Env: true, sep: r.separator()})
		}
		if strings.Contains(w, " ") && len(w) < len(line) { // a command in quotes
			out = append(out, r.calls(w)...)
		}
		if isCompose(w, i, words) {
			if files := r.options(words[i+1:]); files != nil {
				out = append(out, Caller{Files: files})
			}
		}
	}
	return out
}

// spaced sets the signs between commands apart.
func spaced() *strings.Replacer {
	return strings.NewReplacer("&&", " ; ", "||", " ; ", "|", " | ", ";", " ; ", "`", " ; ", "$(", " ; ")
}

// fileVariable are the files of COMPOSE_FILE=a:b, of ${COMPOSE_FILE:=a} and, as
// YAML has it, of COMPOSE_FILE: a. What parts them is COMPOSE_PATH_SEPARATOR, where
// the file has set that before.
func (r *callerRead) fileVariable(w string, rest []string) []string {
	v, ok := strings.CutPrefix(w, "COMPOSE_FILE=")
	if !ok {
		if v, ok = strings.CutPrefix(strings.TrimPrefix(w, "${"), "COMPOSE_FILE:="); ok {
			v = strings.TrimSuffix(v, "}")
		}
	}
	if !ok {
		if _, v, ok = strings.Cut(w, "=COMPOSE_FILE="); !ok && (w == "COMPOSE_FILE:" || w == "COMPOSE_FILE") && len(rest) > 0 {
			v, ok = strings.TrimPrefix(rest[0], "="), w == "COMPOSE_FILE:"
		}
	}
	if v = strings.Trim(v, `"'`); !ok || v == "" || strings.HasPrefix(v, "$") {
		return nil
	}
	return strings.Split(v, r.separator())
}

func (r *callerRead) separator() string { return cmp.Or(r.vars["COMPOSE_PATH_SEPARATOR"], ":") }

// isCompose reports a word that is the program: docker-compose, podman-compose, the
// compose of docker compose, or a variable that is called like one.
func isCompose(w string, i int, words []string) bool {
	w = strings.TrimLeft(w, "@-+!:")
	if name, ok := strings.CutPrefix(w, "$"); ok {
		return strings.Contains(strings.ToLower(name), "compose")
	}
	if _, v, ok := strings.Cut(w, "="); ok { // DC=docker-compose
		w = v
	}
	switch path.Base(w) {
	case "docker-compose", "podman-compose", "docker-compose-v1":
		return true
	case "compose":
		return i > 0 && w == "compose"
	}
	return false
}

// withValue are compose's own options in front of a command that take a word.
var withValue = map[string]bool{"-p": true, "--project-name": true, "--env-file": true, "--profile": true, "--project-directory": true, "--ansi": true, "--progress": true, "--parallel": true, "-H": true, "--host": true, "--context": true}

// harmless are commands that start nothing.
var harmless = map[string]bool{"logs": true, "ps": true, "start": true, "exec": true, "config": true, "convert": true, "stop": true, "down": true, "pull": true, "build": true, "push": true, "top": true, "images": true,
	"port": true, "events": true, "version": true, "ls": true, "kill": true, "rm": true, "cp": true, "pause": true, "unpause": true, "stats": true, "attach": true, "wait": true}

// options are the files that options in front of a command list; nil = none, or
// the command starts nothing.
func (r *callerRead) options(words []string) []string {
	var files []string
	i := 0
	for ; i < len(words) && strings.HasPrefix(words[i], "-"); i++ {
		name, v, joined := strings.Cut(strings.Trim(words[i], ",\"'"), "=")
		if !joined && i+1 < len(words) {
			v = strings.Trim(words[i+1], "[](){},`\"'")
		}
		switch {
		case name == "-f" || name == "--file":
			if !joined {
				i++
			}
			files = append(files, v)
		case strings.HasPrefix(name, "-f"):
			files = append(files, strings.TrimSuffix(words[i][2:], ","))
		case withValue[name]:
			if !joined {
				i++
			}
			if name == "--project-directory" && path.IsAbs(v) {
				r.cwd = path.Clean(v)
			}
		}
	}
	if i < len(words) && harmless[strings.Trim(words[i], "[](){},`\"'")] {
		return nil
	}
	return files
}

// assignment reads NAME=value, also as a Makefile or a unit has it.
func assignment(line string) (name, v string, ok bool) {
	line = strings.TrimSpace(line)
	for _, word := range []string{"export ", "readonly ", "local ", "declare ", "Environment=", "ENV "} {
		line = strings.TrimLeft(strings.TrimPrefix(line, word), " \"'")
	}
	name, v, ok = strings.Cut(line, "=")
	name = strings.TrimRight(name, " :?+")
	if !ok || name == "" || strings.ContainsFunc(name, func(c rune) bool { return !isName(byte(c)) }) {
		return "", "", false
	}
	v = strings.TrimSpace(v)
	if len(v) > 1 && (v[0] == '"' || v[0] == '\'') && v[len(v)-1] == v[0] {
		v = v[1 : len(v)-1]
	}
	v = strings.Trim(v, "()") // an array
	return name, v, len(v) < 500
}

func isName(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// substituted puts what is known into $A, ${A}, ${A[@]}, ${A:-b} and $(A); no more
// than a line may have comes out.
func substituted(line string, vars map[string]string) string {
	const most = 4000
	var b strings.Builder
	for i := 0; i < len(line) && b.Len() < most; i++ {
		if line[i] != '$' || i+1 == len(line) {
			b.WriteByte(line[i])
			continue
		}
		j, shut := i+1, byte(0)
		if line[j] == '{' || line[j] == '(' {
			shut = map[byte]byte{'{': '}', '(': ')'}[line[j]]
			j++
		}
		from := j
		for j < len(line) && isName(line[j]) {
			j++
		}
		name, end := line[from:j], j
		if shut != 0 {
			at := strings.IndexByte(line[j:], shut)
			if at < 0 {
				b.WriteByte(line[i])
				continue
			}
			end = j + at + 1
		}
		v, known := vars[name]
		if !known && shut == '}' {
			_, v, known = strings.Cut(line[j:end-1], ":-")
		}
		if !known || name == "" || shut == ')' && end != j+1 {
			b.WriteByte(line[i])
			continue
		}
		b.WriteString(v)
		i = end - 1
	}
	return b.String()
}

// String names the line and the files that it lists.
func (c Caller) String() string {
	return fmt.Sprintf("%s:%d calls compose with %s alone", c.File, c.Line, strings.Join(c.Files, ", "))
}

// Edit is what makes the line right.
func (c Caller) Edit(overlay string) string {
	last := c.Files[len(c.Files)-1]
	if c.Env {
		return "put " + c.sep + overlay + " behind " + last + " in it"
	}
	return "put -f " + overlay + " behind " + last + " in it"
}
