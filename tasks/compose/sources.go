package compose

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/value/yaml"
)

// Source is one of the files that compose reads for a project, in its order.
type Source struct {
	Path string
	Text string
	Link bool // it is a symbolic link
}

// Overlaid reports lines of ours in it.
func (s Source) Overlaid() bool { return strings.Contains(s.Text, Mark) }

// Without is the file without what is ours; "" where nothing else is in it.
func (s Source) Without() string { return OverrideFile{Path: s.Path, Text: s.Text}.Without() }

// Removal is the diff that takes our lines out, for people and for the program patch
// in the file's folder.
func (s Source) Removal() string { return Diff(path.Base(s.Path), s.Text, s.Without()) }

// largestSource is the most that is read of one file, in bytes.
const largestSource = "1048576"

// foundFiles, with the project's folder as the working directory, takes the files
// that compose finds by itself where none are named.
const foundFiles = `if [ $# -eq 0 ]; then
	for l in "compose.yaml compose.yml docker-compose.yml docker-compose.yaml" "compose.override.yml compose.override.yaml docker-compose.override.yml docker-compose.override.yaml"; do
		for f in $l; do [ -f "$f" ] && { set -- "$@" "$f"; break; }; done
	done
fi
`

// sourcesText prints the files: for each a line with its size, whether it is a
// link, and its name, then the file.
const sourcesText = `cd -- "$1" 2>/dev/null || exit 90
shift
` + foundFiles + `for f in "$@"; do
	[ -f "$f" ] && n=$(wc -c <"$f") && [ "$n" -le ` + largestSource + ` ] || continue
	l=file
	[ ! -L "$f" ] || l=link
	echo $n $l "$f"
	cat -- "$f"
done
echo end`

// Sources asks for the files themselves.
func (p Project) Sources() host.Fact[[]Source] {
	args := append([]string{p.Dir}, p.Files...)
	if p.Last != "" && len(p.Files) > 0 {
		args = append(args, p.Last)
	}
	return host.Fact[[]Source]{Q: host.NewProbe(sourcesText, args...), Parse: func(a host.Answer) ([]Source, error) {
		out, ok := sourcesOf(p.Dir, string(a.Stdout))
		if a.Status != 0 || !ok {
			return nil, Fail("read the compose files in "+p.Dir, a.Status, string(a.Stdout))
		}
		return out, nil
	}}
}

func sourcesOf(dir, text string) (out []Source, ok bool) {
	for {
		head, rest, found := strings.Cut(text, "\n")
		if head == "end" {
			return out, true
		}
		words := strings.SplitN(head, " ", 3)
		if !found || len(words) != 3 {
			return nil, false
		}
		n, err := strconv.Atoi(words[0])
		if err != nil || n < 0 || n > len(rest) {
			return nil, false
		}
		name := words[2]
		if !path.IsAbs(name) {
			name = path.Join(dir, name)
		}
		out, text = append(out, Source{Path: name, Text: rest[:n], Link: words[1] == "link"}), rest[n:]
	}
}

// Holder chooses the file that an addition is written into, where it goes into the
// user's own: the first that has the service, so that who starts the project from
// that file alone has it too; but where a later one sets the same keys, which
// would win, the last that does. why says so.
func Holder(sources []Source, a Addition) (holder Source, why string, err error) {
	found := false
	for _, s := range sources {
		root, e := yaml.Tree([]byte(StripOurs(s.Text)))
		if e != nil {
			return holder, "", clash(s.Path, byHand, "it cannot be read: %s", e)
		}
		_, services := root.Entry("services")
		_, svc := services.Entry(a.Service)
		both := slices.DeleteFunc(a.names(), func(n string) bool { k, _ := svc.Entry(n); return k == nil })
		switch {
		case svc == nil:
		case !found:
			holder, found, why = s, true, "it is the first that has service "+a.Service
		case len(both) > 0:
			holder, why = s, "it is the last that sets "+strings.Join(both, ", ")+" of service "+a.Service
		}
	}
	if !found {
		return holder, "", clash("service "+a.Service, byHand, "none of the compose files that are read has it (is it in one that is included?)")
	}
	return holder, why, nil
}

// names are the keys that the addition sets.
func (a Addition) names() []string {
	var out []string
	for _, p := range a.pieces() {
		out = append(out, p.name)
	}
	return out
}

// piece is one key of an addition: its own line first.
type piece struct {
	name  string
	lines []string
}

func (a Addition) pieces() []piece {
	var out []piece
	for _, l := range a.Lines {
		if name, _, ok := strings.Cut(l, ":"); ok && l[0] != ' ' {
			out = append(out, piece{name: name})
		}
		if n := len(out) - 1; n >= 0 {
			out[n].lines = append(out[n].lines, l)
		}
	}
	return out
}

// byHand is the way out where a file is not edited.
const byHand = "put the overlay in by hand, or let it have a file of its own"
