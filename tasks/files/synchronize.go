package files

import (
	"context"
	"fmt"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// syncArgs are the arguments of synchronize.
type syncArgs struct {
	Src       string   `arg:"src" need:"yes" type:"path" help:"a file or folder of the laptop, looked up in files folders; a folder with a slash at its end means what is in it"`
	Dest      string   `arg:"dest" need:"yes" type:"path" help:"where it goes on the host"`
	Mode      string   `arg:"mode" default:"push" help:"push; pull is refused: fetch brings files to the laptop"`
	Delete    bool     `arg:"delete" default:"no" help:"what is in dest and not in src goes, but for what is excluded"`
	Archive   bool     `arg:"archive" default:"yes" help:"recursive, links and perms together"`
	Recursive *bool    `arg:"recursive" help:"folders with all that is in them; no is refused for a folder"`
	Links     *bool    `arg:"links" help:"links as links; no leaves them out"`
	CopyLinks bool     `arg:"copy_links" default:"no" help:"what links lead to, instead of links"`
	Perms     *bool    `arg:"perms" help:"files that are there get the mode of the laptop's"`
	Existing  bool     `arg:"existing_only" default:"no" help:"only files that are there already"`
	Options   []string `arg:"rsync_opts" help:"--exclude=, --include=, --delete and options that change no result; others are refused"`
	Checksum  bool     `arg:"checksum" default:"no" help:"without meaning: content is always compared"`
	Compress  bool     `arg:"compress" default:"yes" help:"without meaning: the connection does it (Compression of ssh)"`
	Dirs      bool     `arg:"dirs" default:"no" help:"without meaning: folders are always copied"`
	Times     *bool    `arg:"times" help:"without meaning: content is compared, times are the host's"`
	Owner     *bool    `arg:"owner" help:"without meaning: what is new belongs to the task's user; see file"`
	Group     *bool    `arg:"group" help:"without meaning, like owner"`
	Partial   bool     `arg:"partial" default:"no" help:"without meaning: a file is put in place whole"`
	Delay     bool     `arg:"delay_updates" default:"yes" help:"without meaning: a file is put in place whole"`
	LinkDest  []string `arg:"link_dest" help:"refused: nothing is linked to another folder"`
	Path      string   `arg:"rsync_path" help:"without meaning: there is no rsync on the host"`
	Timeout   int      `arg:"rsync_timeout" default:"0" help:"without meaning: see timeout of the task"`
	Port      int      `arg:"dest_port" help:"without meaning: the host's own connection is used"`
	Key       string   `arg:"private_key" type:"path" help:"without meaning, like dest_port"`
	Remote    bool     `arg:"set_remote_user" default:"yes" help:"without meaning, like dest_port"`
	SSHArgs   bool     `arg:"use_ssh_args" default:"no" help:"without meaning, like dest_port"`
	Multiplex bool     `arg:"ssh_connection_multiplexing" default:"no" help:"without meaning, like dest_port"`
	Verify    bool     `arg:"verify_host" default:"no" help:"without meaning, like dest_port: a host's key is always checked"`

	tree *syncTree
}

// Synchronize makes a folder of the host what one of the laptop is.
func Synchronize() play.Module {
	return kit.Define(kit.Doc{Name: "synchronize", Short: "a folder of the host as one of the laptop is, over the one connection"}, synchronize{})
}

type synchronize struct{}

func (synchronize) Validate(a syncArgs) *play.ArgError {
	switch {
	case a.Mode == "pull":
		return &play.ArgError{Arg: "mode", Msg: "pull is not there: fetch brings files of the host to the laptop"}
	case a.Mode != "push":
		return &play.ArgError{Arg: "mode", Msg: fmt.Sprintf("%q is not valid: push is", a.Mode)}
	case len(a.LinkDest) > 0:
		return &play.ArgError{Arg: "link_dest", Msg: "is not there: files are copied, never linked to another folder"}
	}
	if _, err := a.options(); err != nil {
		return &play.ArgError{Arg: "rsync_opts", Msg: err.Error()}
	}
	return nil
}

// on is a flag that archive sets where it is not given.
func (a syncArgs) on(f *bool) bool {
	if f != nil {
		return *f
	}
	return a.Archive
}

// syncOptions are rsync's options that mean something here.
type syncOptions struct {
	rules    []syncRule
	delete   bool
	perms    *bool
	existing bool
}

// options reads rsync_opts.
func (a syncArgs) options() (syncOptions, error) {
	o := syncOptions{delete: a.Delete, existing: a.Existing, perms: a.Perms}
	var words []string
	for _, w := range a.Options {
		if l, ok := sh.Split(w); ok && strings.HasPrefix(w, "-") && len(l) == 2 {
			words = append(words, l...)
			continue
		}
		words = append(words, w)
	}
	for i := 0; i < len(words); i++ {
		name, v, given := strings.Cut(words[i], "=")
		switch name {
		case "--exclude", "--include":
			if !given && i+1 < len(words) {
				i++
				v = words[i]
			}
			if v == "" {
				return o, fmt.Errorf("%s needs a pattern", name)
			}
			o.rules = append(o.rules, newRule(strings.Trim(v, `'"`), name == "--include"))
		case "--delete", "--delete-after", "--delete-before", "--delete-during", "--delete-delay", "--del":
			o.delete = true
		case "--existing", "--ignore-non-existing":
			o.existing = true
		case "--no-perms", "--no-p":
			o.perms = new(bool)
		case "--no-owner", "--no-group", "--no-times", "--no-o", "--no-g", "--no-t", "--no-D", "--omit-dir-times", "-O", "--compress", "-z", "--partial", "--checksum", "-c",
			"--verbose", "-v", "--quiet", "-q", "--stats", "--progress", "--human-readable", "-h", "--whole-file", "-W", "--no-motd", "--times", "-t", "--recursive", "-r", "--inplace":
		default:
			return o, fmt.Errorf("%s is not there: --exclude=, --include=, --delete, --existing and --no-perms are", words[i])
		}
	}
	return o, nil
}

// syncTree is what of the laptop is copied.
type syncTree struct {
	single  bool // src is a file
	top     string
	dirs    []string
	files   []play.Input
	links   []play.Input
	options syncOptions
}

// Resolve reads the laptop's file or folder.
func (synchronize) Resolve(_ context.Context, a *syncArgs, in play.Inputs) error {
	o, err := a.options()
	if err != nil {
		return err
	}
	f, err := in.File("files", a.Src)
	if err != nil {
		return err
	}
	if f.Kind != 'd' {
		f.Name = path.Base(a.Src)
		a.tree = &syncTree{single: true, files: []play.Input{f}, options: o}
		return nil
	}
	if !a.on(a.Recursive) {
		return &play.ArgError{Arg: "recursive", Msg: "is no, and src is a folder: nothing would be copied"}
	}
	c := copyArgs{Src: a.Src, LocalLink: a.CopyLinks}
	t, err := readTree(in, c)
	if err != nil {
		return err
	}
	a.tree = a.kept(t, o)
	return nil
}

// kept is a tree without what is excluded, and all that is below it.
func (a syncArgs) kept(t *tree, o syncOptions) *syncTree {
	out := &syncTree{options: o}
	gone := map[string]bool{}
	for _, d := range t.dirs {
		if gone[path.Dir(d)] || o.excludes(d, true) {
			gone[d] = true
			continue
		}
		out.dirs = append(out.dirs, d)
	}
	if !strings.HasSuffix(a.Src, "/") && len(t.dirs) > 0 {
		out.top = t.dirs[0]
	}
	keep := func(list []play.Input) (left []play.Input) {
		for _, f := range list {
			if !gone[path.Dir(f.Name)] && !o.excludes(f.Name, false) {
				left = append(left, f)
			}
		}
		return left
	}
	out.files = keep(t.files)
	if a.on(a.Links) {
		out.links = keep(t.links)
	}
	return out
}

// syncListText prints what is in a folder: a line "mode-in-hex ./name" for each entry; a
// line =; a line for each link; a line =; hash and name of the files that stdin names.
const syncListText sh.Constant = `cd "$1" 2>/dev/null || { if [ -e "$1" ]; then echo file; else echo none; fi; exit 0; }
LC_ALL=C; export LC_ALL
echo there
find . -mindepth 1 -exec stat -c "%f %n" {} + | sort -k 2
echo =
find . -type l | sort | while IFS= read -r l; do readlink "$l"; done
echo =
{ ` + namesToSum + ` | xargs -0 -r sha256sum -- 2>/dev/null; } 3>&1
true`

// syncState is what the host has.
type syncState struct {
	kind  string // there, none, file
	modes map[string]uint32
	links map[string]string
	sums  map[string]string
}

func (t *syncTree) question(dest string) host.Fact[syncState] {
	names := make([]string, len(t.files))
	for i, f := range t.files {
		names[i] = f.Name
	}
	return host.Fact[syncState]{Q: host.NewProbe(syncListText, kit.Safe(dest), largest(t.files)).WithStdin(lines(names)), Parse: readSync}
}

func readSync(a host.Answer) (syncState, error) {
	l := kit.Lines{Rest: string(a.Stdout)}
	st := syncState{kind: l.Next(), modes: map[string]uint32{}, links: map[string]string{}}
	var links []string
	for l.Rest != "" {
		line := l.Next()
		if line == "=" {
			break
		}
		mode, name, _ := strings.Cut(line, " ./")
		n, err := strconv.ParseUint(mode, 16, 32)
		if err != nil {
			return st, fmt.Errorf("a name with a line break is among what is there: %q", line)
		}
		st.modes[name] = uint32(n)
		if uint32(n)&kit.TypeMask == kit.TypeLink {
			links = append(links, name)
		}
	}
	for _, n := range links {
		st.links[n] = l.Next()
	}
	l.Next()
	st.sums = hashes(l.Rest)
	return st, nil
}

func (synchronize) Facts(a syncArgs) []host.Question {
	if a.tree.single {
		return nil
	}
	return kit.Hint(a.Dest, a.tree.question(kit.TrimSlash(a.Dest)).Q)
}

func (m synchronize) Plan(a syncArgs, s host.Seen) (play.Plan, error) {
	dest, err := kit.Place(s, a.Dest)
	if err != nil {
		return play.Plan{}, err
	}
	t := *a.tree
	dir := kit.TrimSlash(dest)
	if t.single && !strings.HasSuffix(dest, "/") {
		look, err := host.Get(s, kit.LookAt(dir, "", false))
		if err != nil {
			return play.Plan{}, err
		}
		if !look.Target.IsDir() {
			t.files = slices.Clone(t.files)
			t.files[0].Name, dir = path.Base(dir), kit.DirOf(dir)
		}
	}
	is, err := t.state(s, dir)
	if err != nil {
		return play.Plan{}, err
	}
	if is.kind == "file" {
		return kit.Failure("%s is not a folder, or cannot be entered", dir), nil
	}
	return a.plan(&t, dir, is), nil
}

// state is what the host has: of a single file nothing around it is looked at.
func (t *syncTree) state(s host.Seen, dir string) (syncState, error) {
	if !t.single {
		return host.Get(s, t.question(dir))
	}
	folder, file := kit.LookAt(dir, "", false), kit.LookFor(kit.Join(dir, t.files[0].Name), "", t.files[0].Data.Size())
	if err := host.All(s, folder.Q, file.Q); err != nil {
		return syncState{}, err
	}
	at, err := host.Get(s, folder)
	if err != nil {
		return syncState{}, err
	}
	is, err := host.Get(s, file)
	st := syncState{kind: "there", modes: map[string]uint32{}, sums: map[string]string{}}
	switch {
	case !at.Target.Exists:
		st.kind = "none"
	case !at.Target.IsDir():
		st.kind = "file"
	}
	if is.Own.Exists {
		st.modes[t.files[0].Name], st.sums[t.files[0].Name] = is.Own.Mode, is.SHA256
	}
	return st, err
}

// plan removes what is too much, sends what differs, and sets modes.
func (a syncArgs) plan(t *syncTree, dest string, is syncState) play.Plan {
	w := t.work(is, t.options.perms == nil && a.Archive || t.options.perms != nil && *t.options.perms)
	data := func() *value.Map {
		sort.Strings(w.said)
		return value.MapOf("cmd", value.String("synchronize "+a.Src+" "+a.Dest), "rc", value.Int(0), "stdout_lines", value.Strings(w.said...))
	}
	if w.way != "" && !t.options.delete {
		return kit.Failure("%s/%s is a folder, and %s has something else of that name: delete: yes makes way", dest, w.way, a.Src)
	}
	if is.kind == "there" && len(w.said) == 0 {
		return kit.Unchanged(dest+" is as "+a.Src+" is", data())
	}
	p := play.Plan{Result: play.Result{Changed: true, Data: data(), Msg: strings.Join(w.said, "\n")}}
	if len(w.gone) > 0 {
		p.Steps = append(p.Steps, host.Run{Cmd: sh.Script(goneText, dest).With(sh.Bytes(lines(w.gone))), What: "remove " + value.Count(len(w.gone), "entry", "entries") + " of " + dest})
	}
	if w.send || is.kind == "none" {
		p.Steps = append(p.Steps, w.stream(t, dest))
	}
	for _, mode := range w.order {
		p.Steps = append(p.Steps, host.Run{Cmd: kit.Among(dest, w.modes[mode], false, kit.Change{Mode: mode}), What: fmt.Sprintf("mode %s of %s in %s", mode[1:], value.Count(len(w.modes[mode]), "file"), dest)})
	}
	return p
}

// goneText removes names below a folder, read from stdin, each where it is held.
const goneText sh.Constant = kit.Hold + `case $1 in /*) ;; *) set -- "${PWD%/}/$1" ;; esac
k_all=$(cat)
while IFS= read -r k_j; do
(k_hold "$1/$k_j" && rm -rf "./$k_n") || exit 1
done <<END
$k_all
END`

// syncWork is what has to be done.
type syncWork struct {
	said  []string // as rsync itemizes it
	gone  []string
	way   string // a folder that is in the way
	send  bool
	files []play.Input
	links []play.Input
	modes map[string][]string // files by the mode that they lack
	order []string
}

// work compares.
func (t *syncTree) work(is syncState, perms bool) *syncWork {
	w := &syncWork{modes: map[string][]string{}}
	want := map[string]uint32{}
	for _, d := range t.dirs {
		want[d] = kit.TypeDir
		if is.modes[d]&kit.TypeMask != kit.TypeDir {
			w.send = true
			w.said = append(w.said, "cd+++++++++ "+d+"/")
		}
	}
	for _, f := range t.files {
		want[f.Name] = kit.TypeReg
		w.file(f, is, perms, t.options.existing)
	}
	for _, l := range t.links {
		want[l.Name] = kit.TypeLink
		if is.modes[l.Name]&kit.TypeMask == kit.TypeLink && is.links[l.Name] == l.Link || t.options.existing && is.modes[l.Name] == 0 {
			continue
		}
		w.links, w.send = append(w.links, l), true
		w.said = append(w.said, "cL+++++++++ "+l.Name+" -> "+l.Link)
	}
	w.remove(t, want, is)
	return w
}

func (w *syncWork) file(f play.Input, is syncState, perms, existing bool) {
	mode, there := is.modes[f.Name]
	regular := mode&kit.TypeMask == kit.TypeReg
	bits := kit.Octal(f.Mode & kit.PermBits)
	switch {
	case existing && !there:
		return
	case regular && is.sums[f.Name] == f.SHA256:
		if perms && kit.Octal(mode&kit.PermBits) != bits {
			if w.modes[bits] == nil {
				w.order = append(w.order, bits)
			}
			w.modes[bits] = append(w.modes[bits], f.Name)
			w.said = append(w.said, ".f...p..... "+f.Name)
		}
		return
	case regular && !perms:
		f.Mode = mode & kit.PermBits
		w.said = append(w.said, "<f.st...... "+f.Name)
	case regular:
		w.said = append(w.said, "<f.st...... "+f.Name)
	default:
		w.said = append(w.said, "<f+++++++++ "+f.Name)
	}
	w.files, w.send = append(w.files, f), true
}

// remove finds what goes: what is in the way of another kind, and with delete what
// the laptop does not have. Of a folder that goes, its name alone is said.
func (w *syncWork) remove(t *syncTree, want map[string]uint32, is syncState) {
	names := make([]string, 0, len(is.modes))
	for n := range is.modes {
		names = append(names, n)
	}
	sort.Strings(names)
	kept := map[string]bool{} // folders in which something excluded stays
	for _, n := range names {
		if t.options.protects(n, is.modes[n]&kit.TypeMask == kit.TypeDir) {
			for d := path.Dir(n); d != "."; d = path.Dir(d) {
				kept[d] = true
			}
		}
	}
	gone := map[string]bool{}
	for _, n := range names {
		kind, wanted := want[n]
		dir := is.modes[n]&kit.TypeMask == kit.TypeDir
		conflict := wanted && kind != is.modes[n]&kit.TypeMask && (dir || kind == kit.TypeDir)
		if conflict && dir && w.way == "" {
			w.way = n
		}
		extra := t.options.delete && !wanted && t.below(n) && !kept[n] && !t.options.protects(n, dir)
		if !conflict && !extra || gone[path.Dir(n)] {
			gone[n] = gone[path.Dir(n)]
			continue
		}
		gone[n] = true
		w.gone = append(w.gone, n)
		if w.said = append(w.said, "*deleting   "+n); dir {
			w.said[len(w.said)-1] += "/"
		}
	}
}

// below reports a name in the folder that is synchronized.
func (t *syncTree) below(n string) bool {
	return !t.single && (t.top == "" || strings.HasPrefix(n, t.top+"/"))
}

// stream sends folders, and the files and links that differ.
func (w *syncWork) stream(t *syncTree, dest string) host.Step {
	c := copyArgs{tree: &tree{dirs: t.dirs}}
	_ = c.Mode.ParseArg(value.String("preserve"))
	_ = c.DirMode.ParseArg(value.String("0755"))
	return c.stream(dest, w.files, w.links, 0o022)
}
