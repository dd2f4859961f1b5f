package files

import (
	"archive/tar"
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// tree is a folder of the laptop: its folders first, then files and links, by
// paths relative to the folder that dest names.
type tree struct {
	dirs  []string
	files []play.Input
	links []play.Input
	// open are the laptop's folders, without links, that what is being read stands in.
	open []string
}

// readTree lists a folder. Links are followed unless local_follow is no.
func readTree(in play.Inputs, a copyArgs) (*tree, error) {
	entries, err := in.Tree("files", a.Src)
	if err != nil {
		return nil, err
	}
	t := &tree{}
	if len(entries) > 0 { // its own folder is where the first entry, whatever it is, stands in
		top := strings.TrimSuffix(filepath.ToSlash(entries[0].Path), "/"+entries[0].Name)
		if real, err := filepath.EvalSymlinks(top); err == nil {
			t.open = []string{real}
		}
	}
	prefix := ""
	if !strings.HasSuffix(a.Src, "/") {
		prefix = path.Base(filepath.ToSlash(a.Src)) + "/"
		t.dirs = append(t.dirs, strings.TrimSuffix(prefix, "/"))
	}
	return t, t.add(in, a, prefix, entries, 0)
}

// maxLinks bounds how deep links to folders are followed.
const maxLinks = 16

func (t *tree) add(in play.Inputs, a copyArgs, prefix string, entries []play.Input, depth int) error {
	for _, e := range entries {
		name := prefix + e.Name
		if strings.ContainsRune(name, '\n') {
			return fmt.Errorf("%s: names with a line break cannot be copied", e.Path)
		}
		if e.Kind == 'l' && a.LocalLink {
			if err := t.follow(in, a, name, e, depth); err != nil {
				return err
			}
			continue
		}
		e.Name = name
		switch e.Kind {
		case 'd':
			t.dirs = append(t.dirs, name)
		case 'l':
			t.links = append(t.links, e)
		default:
			t.files = append(t.files, e)
		}
	}
	return nil
}

// follow takes in what a link leads to.
func (t *tree) follow(in play.Inputs, a copyArgs, name string, link play.Input, depth int) error {
	if depth == maxLinks {
		return fmt.Errorf("%s: too many links to folders inside each other", link.Path)
	}
	real, err := filepath.EvalSymlinks(link.Path)
	if err != nil { // it leads nowhere, or to itself: a link like it is made
		return t.keep(name, link)
	}
	is, err := os.Stat(real)
	if err != nil {
		return err
	}
	switch {
	case is.Mode().IsRegular():
		f, err := in.File("files", real)
		f.Name = name
		t.files = append(t.files, f)
		return err
	case !is.IsDir():
		return t.keep(name, link)
	}
	before := t.open
	defer func() { t.open = before }()
	if err := t.enter(filepath.Dir(link.Path)); err != nil {
		return err
	}
	if slices.Contains(t.open, real) { // it leads to where it stands
		return t.keep(name, link)
	}
	t.open = append(t.open, real)
	entries, err := in.Tree("files", real)
	if err != nil {
		return err
	}
	t.dirs = append(t.dirs, name)
	return t.add(in, a, name+"/", entries, depth+1)
}

func (t *tree) keep(name string, link play.Input) error {
	link.Name = name
	t.links = append(t.links, link)
	return nil
}

// enter opens a folder and those around it, up to one that is open.
func (t *tree) enter(dir string) error {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	t.open = slices.Clone(t.open)
	for d := real; !slices.Contains(t.open, d) && d != filepath.Dir(d); d = filepath.Dir(d) {
		t.open = append(t.open, d)
	}
	return nil
}

func (t *tree) fileNames() []string {
	out := make([]string, len(t.files))
	for i, f := range t.files {
		out[i] = f.Name
	}
	return out
}

// regularNames passes on the names that are files, with NULs: a pipe in a file's place
// would be waited for.
const regularNames = `while IFS= read -r l; do if [ -f "$l" ]; then printf "%s\n" "$l"; fi; done | tr "\n" "\0"`

// namesToSum are those whose hash is asked for: a file of more than $2 bytes is none
// of what is copied, and one of terabytes is soon made of a hole. Such a one gets a
// hash of zeros, on descriptor 3.
const namesToSum = regularNames + ` | xargs -0 -r stat -L -c "%s %n" -- 2>/dev/null |
while IFS= read -r l; do
if [ "${l%% *}" -gt "$2" ]; then printf "%064d  %s\n" 0 "${l#* }" >&3; else printf "%s\n" "${l#* }"; fi
done | tr "\n" "\0"`

// treeSumText answers with one line what a tree of files is: the hash of their
// hashes. Names come on stdin, one a line; $2 is the largest size.
const treeSumText sh.Constant = `cd "$1" 2>/dev/null || { echo none; exit 0; }
exec 3>/dev/null
` + namesToSum + ` | xargs -0 -r sha256sum -- 2>/dev/null | sed 's/^\\//' | cut -c1-64 | sha256sum`

// treeListText prints a hash and a name per file that is there.
const treeListText sh.Constant = `cd "$1" 2>/dev/null || exit 0
{ ` + namesToSum + ` | xargs -0 -r sha256sum -- 2>/dev/null; } 3>&1; true`

// treePairsText prints each kind of entry once: mode, ids, names; then how
// many there are.
const treePairsText sh.Constant = `cd "$1" 2>/dev/null || exit 0
LC_ALL=C; export LC_ALL
tr '\n' '\0' | xargs -0 -r stat -c "%f %u %g %U:%G" -- 2>/dev/null | sort | uniq -c`

// treeLinksText prints where links lead.
const treeLinksText sh.Constant = `cd "$1" 2>/dev/null || exit 0
while IFS= read -r l; do readlink "$l" || echo; done`

// lines are names as probes read them.
func lines(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return strings.Join(names, "\n") + "\n"
}

// planTree compares a folder as a whole, and only when it differs file by file.
func (a copyArgs) planTree(s host.Seen) (play.Plan, error) {
	dest, err := kit.Place(s, a.Dest)
	if err != nil {
		return play.Plan{}, err
	}
	dest = kit.TrimSlash(dest)
	names := a.tree.fileNames()
	sumQ := host.NewProbe(treeSumText, kit.Safe(dest), largest(a.tree.files)).WithStdin(lines(names))
	filesQ := host.NewProbe(treePairsText, kit.Safe(dest)).WithStdin(lines(names))
	dirsQ := host.NewProbe(treePairsText, kit.Safe(dest)).WithStdin(lines(append([]string{"."}, a.tree.dirs...)))
	linksQ := host.NewProbe(treeLinksText, kit.Safe(dest)).WithStdin(lines(linkNames(a.tree.links)))
	if err := host.All(s, sumQ, filesQ, dirsQ, linksQ); err != nil {
		return play.Plan{}, err
	}
	sum, _ := s.Answer(sumQ)
	t := treeState{dest: dest}
	t.files, _ = s.Answer(filesQ)
	t.dirs, _ = s.Answer(dirsQ)
	t.links, _ = s.Answer(linksQ)
	if !strings.HasPrefix(string(sum.Stdout), a.tree.sum()) {
		if t.differ, err = a.differing(s, dest); err != nil {
			return play.Plan{}, err
		}
	}
	return a.treePlan(s, t)
}

// treeState is what the host has of a tree.
type treeState struct {
	dest               string
	files, dirs, links host.Answer
	differ             []play.Input
}

// sum is what treeSumText answers for a tree that is as on the laptop.
func (t *tree) sum() string {
	h := sha256.New()
	for _, f := range t.files {
		_, _ = io.WriteString(h, f.SHA256+"\n")
	}
	return hex.EncodeToString(h.Sum(nil))
}

func linkNames(links []play.Input) []string {
	out := make([]string, len(links))
	for i, l := range links {
		out[i] = l.Name
	}
	return out
}

// differing asks for every file's hash and answers those to send.
func (a copyArgs) differing(s host.Seen, dest string) ([]play.Input, error) {
	got, err := s.Answer(host.NewProbe(treeListText, kit.Safe(dest), largest(a.tree.files)).WithStdin(lines(a.tree.fileNames())))
	if err != nil {
		return nil, err
	}
	have := hashes(string(got.Stdout))
	var out []play.Input
	for _, f := range a.tree.files {
		is, there := have[f.Name]
		if is != f.SHA256 && (a.Force || !there) {
			out = append(out, f)
		}
	}
	return out, nil
}

// largest is the size in bytes of the largest of files.
func largest(files []play.Input) string {
	var n int64
	for _, f := range files {
		n = max(n, f.Data.Size())
	}
	return strconv.FormatInt(n, 10)
}

// hashes reads what sha256sum prints, by name.
func hashes(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if esc, ok := strings.CutPrefix(line, `\`); ok {
			line = strings.ReplaceAll(esc, `\\`, `\`)
		}
		if len(line) > 66 {
			out[line[66:]] = line[:64]
		}
	}
	return out
}

// treePlan makes the steps: one stream of what differs, then attributes.
func (a copyArgs) treePlan(s host.Seen, t treeState) (play.Plan, error) {
	umask, err := host.Get(s, kit.Umask())
	if err != nil {
		return play.Plan{}, err
	}
	var links []play.Input
	has := strings.Split(string(t.links.Stdout), "\n")
	for i, l := range a.tree.links {
		if i >= len(has) || has[i] != l.Link {
			links = append(links, l)
		}
	}
	_, dirCount, err := countPairs(t.dirs)
	if err != nil {
		return play.Plan{}, err
	}
	var steps []host.Step
	if len(t.differ) > 0 || len(links) > 0 || dirCount < len(a.tree.dirs)+1 {
		steps = append(steps, a.stream(t.dest, t.differ, links, umask))
	}
	more, err := a.treeAttrs(s, t, umask)
	if err != nil {
		return play.Plan{}, err
	}
	steps = append(steps, more...)
	data := value.MapOf("dest", value.String(strings.TrimSuffix(t.dest, "/")+"/"), "src", value.String(a.Src))
	if len(steps) == 0 {
		return kit.Unchanged(t.dest+" holds every file", data), nil
	}
	diffs := make([]play.Diff, 0, len(t.differ))
	for _, f := range t.differ[:min(len(t.differ), 50)] {
		d := deploy{in: f, header: f.Path}
		p := t.dest + "/" + f.Name
		diffs = append(diffs, d.diff(kit.Look{Path: p, Target: kit.Info{Exists: true, Mode: kit.TypeReg}}, p))
	}
	return play.Plan{Steps: steps, Diff: diffs, Result: play.Result{Changed: true, Data: data}}, nil
}

// countPairs reads treePairsText: the kinds, and how many entries there are.
func countPairs(a host.Answer) ([]kit.Info, int, error) {
	var kinds strings.Builder
	total := 0
	for line := range strings.Lines(string(a.Stdout)) {
		var n int
		if _, err := fmt.Sscan(line, &n); err != nil {
			return nil, 0, fmt.Errorf("unexpected line %q from uniq", strings.TrimSpace(line))
		}
		_, rest, _ := strings.Cut(strings.TrimLeft(line, " "), " ")
		kinds.WriteString(rest)
		total += n
	}
	infos, err := parsePairs(host.Answer{Stdout: []byte(kinds.String())})
	return infos, total, err
}

// treeAttrs plans owner, group and mode of entries that are there already;
// those that the stream makes get theirs from it.
func (a copyArgs) treeAttrs(s host.Seen, t treeState, umask uint32) ([]host.Step, error) {
	var steps []host.Step
	for _, part := range []struct {
		answer  host.Answer
		names   []string
		mode    kit.Mode
		what    string
		folders bool
	}{
		{t.files, a.tree.fileNames(), a.Mode, "files", false},
		{t.dirs, append([]string{"."}, a.tree.dirs...), a.DirMode, "folders", true},
	} {
		at := kit.Attrs{Mode: part.mode, Owner: a.Owner, Group: a.Group}
		infos, _, err := countPairs(part.answer)
		if err != nil {
			return nil, err
		}
		need := kit.Change{}
		for _, i := range infos {
			c, err := at.Change(s, i)
			if err != nil {
				return nil, err
			}
			need = need.With(c, at)
		}
		if need.Any() {
			steps = append(steps, host.Run{What: "owner, group and mode of " + part.what + " in " + t.dest,
				Cmd: kit.Among(t.dest, part.names, part.folders, need)})
		}
	}
	return steps, nil
}

// stream is the step that sends folders, files and links as one tar.
func (a copyArgs) stream(dest string, files, links []play.Input, umask uint32) host.Step {
	u := kit.Unpacked{Path: dest, Folders: kit.Change{Owner: a.Owner, Group: a.Group, Mode: kit.Octal(a.newDir(umask))}, Force: a.Mode.Given(), Backup: a.Backup}
	if !a.Mode.Preserves() {
		u.FileMode = fmt.Sprintf("0%o", a.newFile(umask))
	}
	cmd := u.Unpack(tarInput{a: a, files: files, links: links, umask: umask})
	for _, f := range files {
		cmd.Secret = cmd.Secret || f.Secret
	}
	return host.Run{Cmd: cmd, What: fmt.Sprintf("send %s to %s", value.Count(len(files)+len(links), "file"), dest)}
}

// newDir is the mode of a folder that is made.
func (a copyArgs) newDir(umask uint32) uint32 {
	return a.DirMode.Apply(kit.TypeDir|0o777&^umask, umask)
}

// newFile is the mode of a file that is made.
func (a copyArgs) newFile(umask uint32) uint32 {
	return a.Mode.Apply(kit.TypeReg|0o666&^umask, umask)
}

// tarInput writes the stream while it is read.
type tarInput struct {
	a            copyArgs
	files, links []play.Input
	umask        uint32
}

// Size is not known: the stream has a channel of its own.
func (t tarInput) Size() int64 { return -1 }

// streamChunk is how much of the stream is handed on at once, in bytes.
const streamChunk = 64 << 10

// Open begins the stream.
func (t tarInput) Open() (io.ReadCloser, error) {
	r, w := io.Pipe()
	go func() {
		// Else each header and each small file were a packet of the link by itself.
		all := bufio.NewWriterSize(w, streamChunk)
		err := t.write(all)
		if err == nil {
			err = all.Flush()
		}
		w.CloseWithError(err)
	}()
	return r, nil
}

func (t tarInput) write(w io.Writer) error {
	tw := tar.NewWriter(w)
	dirMode := t.a.newDir(t.umask)
	for _, d := range t.a.tree.dirs {
		if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: d + "/", Mode: int64(dirMode)}); err != nil {
			return err
		}
	}
	for _, f := range t.files {
		mode := t.a.newFile(t.umask)
		if t.a.Mode.Preserves() {
			mode = f.Mode
		}
		if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.Name, Mode: int64(mode), Size: f.Data.Size()}); err != nil {
			return err
		}
		if err := pour(tw, f.Data); err != nil {
			return err
		}
	}
	for _, l := range t.links {
		if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: l.Name, Linkname: l.Link, Mode: 0o777}); err != nil {
			return err
		}
	}
	if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: kit.EndMark, Mode: 0o600}); err != nil {
		return err
	}
	return tw.Close()
}

// pour writes a source's bytes.
func pour(w io.Writer, s play.Source) error {
	r, err := s.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(w, r)
	return err
}
