package compose

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// Mark is the first line of a file that is ours altogether, and opens the lines
// that are ours in a file of the user's; End closes those.
const (
	Mark = "# remoterun: these lines are written by remoterun; what is changed in them is lost"
	End  = "# remoterun: end"
)

// Addition is what the files of a project get: keys of one service, as lines that
// are not indented, and volumes that are there already.
type Addition struct {
	Service string
	Lines   []string
	Volumes []string
}

// text is the whole of it as a compose file.
func (a Addition) text() string {
	var b strings.Builder
	b.WriteString(Mark + "\nservices:\n  " + YAMLText(a.Service) + ":\n")
	for _, l := range a.Lines {
		b.WriteString("    " + l + "\n")
	}
	b.WriteString("volumes:\n")
	for _, l := range a.volumes() {
		b.WriteString("  " + l + "\n")
	}
	return b.String()
}

func (a Addition) volumes() []string {
	var out []string
	for _, v := range a.Volumes {
		out = append(out, v+":", "  name: "+YAMLText(v), "  external: true")
	}
	return out
}

// Clash is a file of the user's that says itself what an Addition has to say.
type Clash struct{ Object, Problem, WayOut string }

func (e *Clash) Error() string { return e.Object + ": " + e.Problem + "; " + e.WayOut }

func clash(object, wayOut, problem string, args ...any) *Clash {
	return &Clash{object, fmt.Sprintf(problem, args...), wayOut}
}

// OverrideFile is the overlay's file on the host. Compose reads one override,
// and of two it takes .yml: so the one that is there is used.
type OverrideFile struct {
	Path string
	Text string // "" when the file is not there
}

// Is reports that the file says this already.
func (f OverrideFile) Is(text string) bool { return f.Text == text }

// Ours reports a file that holds nothing but the overlay.
func (f OverrideFile) Ours() bool { return strings.HasPrefix(f.Text, Mark) }

// Overlaid reports that the overlay is in the file.
func (f OverrideFile) Overlaid() bool { return strings.Contains(f.Text, Mark) }

const overrideText = `cd -- "$1" || exit 5
[ -n "$2" ] && set -- "$1" "$2" || for f in compose.override.yml compose.override.yaml docker-compose.override.yml docker-compose.override.yaml; do
	[ -e "$f" ] && { set -- "$1" "$f"; break; }
done
echo "${2:-}"
[ -z "${2:-}" ] || [ ! -e "$2" ] || cat -- "$2"`

// Override asks for the file: the project's Last, where it has one.
func (p Project) Override() host.Fact[OverrideFile] {
	q := host.NewProbe(overrideText, p.Dir, p.Last)
	return host.Fact[OverrideFile]{Q: q, Parse: func(a host.Answer) (OverrideFile, error) {
		first, rest, ok := strings.Cut(string(a.Stdout), "\n")
		if a.Status != 0 || !ok {
			return OverrideFile{}, fmt.Errorf("compose files in %s cannot be read", p.Dir)
		}
		if first == "" {
			first = "compose.override.yaml"
		}
		return OverrideFile{Path: path.Join(p.Dir, first), Text: rest}, nil
	}}
}

// With puts the overlay into the file: a file of ours is written anew, a file of
// the user's keeps every line. What they define themselves for the service is
// in the way, and said.
//
// With yes the user's keys give way: they stay as comments.
func (f OverrideFile) With(a Addition, yes bool) (string, error) {
	if strings.TrimSpace(f.Text) == "" || f.Ours() {
		return a.text(), nil
	}
	return f.merged(a, yes)
}

// Without is the file without what is ours; "" where nothing else is in it.
func (f OverrideFile) Without() string {
	if f.Ours() {
		return ""
	}
	d := splitTop(StripOurs(f.Text))
	for _, key := range []string{"services", "volumes"} { // one that was there for us
		from, to := d.block(key)
		if from > 0 && d.lines[from-1] == key+":" && !slices.ContainsFunc(d.lines[from:to], func(l string) bool { return strings.TrimSpace(l) != "" }) {
			d.lines = slices.Delete(d.lines, from-1, from)
		}
	}
	return d.String()
}

// merged adds our service and volume to a file of the user's: as blocks of
// lines behind "services:" and "volumes:".
func (f OverrideFile) merged(a Addition, yes bool) (string, error) {
	doc, lines := splitTop(StripOurs(f.Text)), a.Lines
	theirs := doc.keysOf("services", a.Service)
	if theirs != nil && len(theirs) == 0 {
		return "", clash(f.Path, "write it as a block, one key a line, and run this again",
			"it sets something of service %s itself, which cannot be read line by line", a.Service)
	}
	if both := clashing(theirs, lines); both != nil {
		if !yes {
			return "", clash(f.Path, "move these keys to the compose file itself, or run this again with --yes, which makes comments of them",
				"it sets %s of service %s itself, which the overlay has to set", strings.Join(both, ", "), a.Service)
		}
		var unread string
		if lines, unread = doc.yieldTo(a.Service, both, lines); unread != "" {
			return "", clash(f.Path, "write it as a block, one name a line, and run this again",
				"%s of service %s cannot be read line by line", unread, a.Service)
		}
	}
	if theirs != nil {
		doc.addInto("services", a.Service, lines)
	} else {
		doc.add("services", append([]string{YAMLText(a.Service) + ":"}, indented(lines, "  ")...))
	}
	doc.add("volumes", a.volumes())
	return doc.String(), nil
}

// clashing lists the keys that both set.
func clashing(theirs, lines []string) []string {
	var out []string
	for _, l := range lines {
		if k, _, ok := strings.Cut(l, ":"); ok && l[0] != ' ' && slices.Contains(theirs, k) {
			out = append(out, k)
		}
	}
	return out
}

// StripOurs takes earlier lines of ours out.
func StripOurs(text string) string {
	var out []string
	skip := false
	for _, l := range strings.Split(text, "\n") {
		t := strings.TrimSpace(l)
		switch {
		case t == Mark:
			skip = true
		case t == End:
			skip = false
		case !skip:
			out = append(out, restored(l))
		}
	}
	return strings.Join(out, "\n")
}

// topFile is a YAML file as blocks of its top-level keys, line by line.
type topFile struct{ lines []string }

func splitTop(text string) *topFile {
	return &topFile{lines: strings.Split(strings.TrimRight(text, "\n"), "\n")}
}

func (d *topFile) String() string { return strings.Join(d.lines, "\n") + "\n" }

// block is the range of lines below a top-level key, -1 when it is not there.
func (d *topFile) block(key string) (from, to int) {
	from = -1
	for i, l := range d.lines {
		top := l != "" && l[0] != ' ' && l[0] != '\t' && l[0] != '#'
		switch {
		case from < 0 && top && strings.HasPrefix(l, key+":"):
			from = i + 1
		case from >= 0 && top:
			return from, i
		}
	}
	return from, len(d.lines)
}

// indent is the indentation of the first key in a block, two blanks by default.
func (d *topFile) indent(from, to int) string {
	for _, l := range d.lines[from:to] {
		if t := strings.TrimLeft(l, " "); t != "" && t[0] != '#' {
			return l[:len(l)-len(t)]
		}
	}
	return "  "
}

// keysOf lists the keys below KEY.NAME, nil when NAME is not there.
func (d *topFile) keysOf(key, name string) []string {
	from, to := d.block(key)
	if from < 0 {
		return nil
	}
	outer := d.indent(from, to)
	var found []string
	inside, inner := false, ""
	for _, l := range d.lines[from:to] {
		t := strings.TrimLeft(l, " ")
		if t == "" || t[0] == '#' {
			continue
		}
		in := l[:len(l)-len(t)]
		k, _, isKey := strings.Cut(t, ":")
		switch {
		case in == outer:
			inside = isKey && strings.Trim(k, `"' `) == name
			if inside {
				found = []string{}
			}
			inner = ""
		case inside && isKey && (inner == "" || in == inner):
			inner = in
			found = append(found, strings.Trim(k, `"' `))
		}
	}
	return found
}

// add puts lines at the head of a top-level block, marked as ours.
func (d *topFile) add(key string, lines []string) {
	from, to := d.block(key)
	if from > 0 && nothing(strings.TrimPrefix(d.lines[from-1], key+":")) {
		d.lines[from-1] = key + ":" // "services: {}" takes no lines below it
	}
	if from < 0 {
		d.lines = append(d.lines, key+":")
		from, to = len(d.lines), len(d.lines)
	}
	in := d.indent(from, to)
	ours := append([]string{Mark}, lines...)
	ours = append(ours, End)
	d.lines = append(d.lines[:from], append(indented(ours, in), d.lines[from:]...)...)
}

// nothing reports what YAML writes where a mapping is empty.
func nothing(value string) bool {
	value, _, _ = strings.Cut(value, " #")
	switch strings.Join(strings.Fields(value), "") {
	case "{}", "null", "~":
		return true
	}
	return false
}

// addInto puts lines at the head of the block KEY.NAME, marked as ours.
func (d *topFile) addInto(key, name string, lines []string) {
	from, to := d.block(key)
	outer := d.indent(from, to)
	for i := from; i < to; i++ {
		k, _, isKey := strings.Cut(strings.TrimLeft(d.lines[i], " "), ":")
		if !isKey || !strings.HasPrefix(d.lines[i], outer) || strings.HasPrefix(d.lines[i], outer+" ") || strings.Trim(k, `"' `) != name {
			continue
		}
		in := outer + "  "
		for _, l := range d.lines[i+1 : to] {
			if t := strings.TrimLeft(l, " "); t != "" && t[0] != '#' {
				in = l[:len(l)-len(t)]
				break
			}
		}
		ours := append(append([]string{Mark}, lines...), End)
		d.lines = append(d.lines[:i+1], append(indented(ours, in), d.lines[i+1:]...)...)
		return
	}
}

func indented(lines []string, by string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = by + l
	}
	return out
}

// checkFunction is compose's own command as a function.
const checkFunction = "check() (\n" + Text + "\n)\n"

// readyText makes the folder $w in $1, a folder of root's, for what is laid at $f.
const readyText = sh.Temp + checkFunction + `set -u
umask 077
mkdir -p "$1" || exit 1
_name "$1" d
w=$_t
mkdir "$w" || exit 1
f=$2
`

// Write is the command that lays text at file, with its folder's state for root: it
// prints what compose does not take of it.
func (p Project) Write(state, file, text string) sh.Cmd {
	return sh.Script(writeOverride, append([]string{state, file}, p.Command("config", "-q").Args...)...).With(sh.Bytes(text))
}

// writeOverride lands the file by rename, with the owner and mode that it had,
// and puts the old one back when compose does not take the new one. The folder
// may be a user's, who could put links in the way of root there: so everything
// is made ready in $1, a folder of root's. $2 is the file, then the folder and
// the arguments of docker that check it.
const writeOverride = readyText + `shift 2
cat >"$w/new" || exit 1
[ -s "$w/new" ] || { echo "nothing arrived" >&2; exit 1; }
m=644 o=$(stat -L -c %u:%g "${f%/*}") || exit 1
if [ -e "$f" ]; then
	m=$(stat -L -c %a "$f") o=$(stat -L -c %u:%g "$f") || exit 1
	cp -p "$f" "$w/old" || exit 1
fi
chmod "$m" "$w/new" && chown "$o" "$w/new" && mv -f "$w/new" "$f" || exit 1
if err=$(check "$@" 2>&1 >/dev/null); then exit 0; fi
if [ -e "$w/old" ]; then mv -f "$w/old" "$f"; else rm -f "$f"; fi
echo "compose does not take the overlay, the old file is back: $err" >&2
exit 1`
