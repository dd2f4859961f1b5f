package archives

import (
	"path"
	"slices"
	"sort"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// archiveArgs are the arguments of archive.
type archiveArgs struct {
	Paths    []string `arg:"path" need:"yes" help:"files and folders of the host, and patterns of them"`
	Format   string   `arg:"format" default:"gz" choices:"bz2,gz,tar,xz,zip" help:"how it is packed; gz, bz2 and xz pack a single file without tar"`
	Dest     string   `arg:"dest" type:"path" help:"the archive; default: the one path with the format behind it"`
	Exclude  []string `arg:"exclude_path" help:"paths and patterns that are left out of path"`
	Patterns []string `arg:"exclusion_patterns" help:"patterns of names in the archive that are left out; * takes slashes, too"`
	Force    bool     `arg:"force_archive" default:"no" help:"a single file becomes an archive, too"`
	Remove   bool     `arg:"remove" default:"no" help:"what was packed goes"`
	Unsafe   bool     `arg:"unsafe_writes" default:"no" help:"accepted: the archive is always put in place whole"`
	kit.Attrs
}

// Archive packs files.
func Archive() play.Module {
	return kit.Define(kit.Doc{Name: "archive", Short: "files and folders of the host, packed into an archive"}, archive{})
}

type archive struct{}

func (archive) Validate(a archiveArgs) *play.ArgError {
	switch {
	case len(a.Paths) == 0 || a.Paths[0] == "":
		return &play.ArgError{Arg: "path", Msg: "is empty"}
	case strings.ContainsAny(strings.Join(append(append([]string{}, a.Paths...), a.Patterns...), ""), "\n"):
		return &play.ArgError{Msg: "path and exclusion_patterns hold no line break"}
	case a.Mode.Preserves():
		return &play.ArgError{Arg: "mode", Msg: kit.NoSource}
	}
	return nil
}

// globText prints for each argument a line = and what it matches: f, d, l or o (a
// pipe, a socket …) and the path.
const globText sh.Constant = `IFS=
for p; do
echo =
for m in $p; do
if [ -h "$m" ]; then k=l; elif [ -d "$m" ]; then k=d; elif [ -f "$m" ]; then k=f; elif [ -e "$m" ]; then k=o; else continue; fi
printf "%s %s\n" "$k" "$m"
done
done`

// packing is what will be packed.
type packing struct {
	paths, missing, left []string
	kinds                map[string]string
	root                 string
	archive              bool // not a single file without tar
	dest                 string
}

func (archive) Facts(archiveArgs) []host.Question { return nil }

// found expands the paths.
func (a archiveArgs) found(s host.Seen) (p packing, err error) {
	n := len(a.Paths)
	words, err := kit.ExpandAll(s, append(append(append([]string{}, a.Paths...), a.Exclude...), a.Dest))
	if err != nil {
		return p, err
	}
	p.dest = words[len(words)-1]
	words = words[:len(words)-1]
	ans, err := s.Answer(host.NewProbe(globText, words...))
	if err != nil {
		return p, err
	}
	p.kinds = map[string]string{}
	for i, part := range strings.Split(string(ans.Stdout), "=\n")[1:] {
		there := false
		for line := range strings.Lines(part) {
			kind, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			there = true
			if i >= n {
				p.left = append(p.left, name)
			} else if p.kinds[name] == "" {
				p.kinds[name] = kind
				p.paths = append(p.paths, name)
			}
		}
		if !there && i < n && !strings.ContainsAny(words[i], "*?[") {
			p.missing = append(p.missing, words[i])
		}
	}
	p.paths = slices.DeleteFunc(p.paths, func(n string) bool { return slices.Contains(p.left, n) })
	sort.Strings(p.paths)
	p.archive = a.Force || len(a.Paths) > 1 || len(p.paths) != 1 || strings.Contains("do", p.kinds[p.paths[0]]) || a.Format == "tar" || a.Format == "zip"
	if one := append(append([]string{}, p.paths...), p.missing...); p.dest == "" && len(one) == 1 {
		p.dest = kit.TrimSlash(one[0]) + "." + a.Format
	}
	p.root = common(p.paths)
	return p, nil
}

// common is the folder that holds all paths: a path with a slash at its end is that
// folder itself.
func common(paths []string) string {
	root := ""
	for i, p := range paths {
		dir := p[:strings.LastIndexByte(p, '/')+1]
		if i == 0 {
			root = dir
			continue
		}
		for !strings.HasPrefix(dir, root) {
			root = root[:strings.LastIndexByte(strings.TrimSuffix(root, "/"), '/')+1]
		}
	}
	return root
}

// namesText lists what is packed: $root, $dest, $pat (patterns, one a line), $tops; not
// the archive itself, nor what becomes it.
const namesText = `LC_ALL=C; export LC_ALL
case $dest in /*) ;; *) dest=$PWD/$dest ;; esac
k_names() {
printf "%s\n" "$tops" | while IFS= read -r n; do find "./$n" | sed "s|^\./*||"; done | while IFS= read -r n; do
if [ -z "$n" ] || [ "$root$n" = "$dest" ] || [ "$root$n" = "${k_tmp-}" ]; then continue; fi
k_out=
while IFS= read -r x; do if [ -n "$x" ]; then case ${n%/} in $x) k_out=y ;; esac; fi; done <<END
$pat
END
[ -n "$k_out" ] || printf "%s\n" "${n%/}"
done | sort -u
}
`

// sameText says whether an archive holds what would be packed: format (with - behind
// it for a single file), root, dest, patterns; the top names on stdin. It prints
// same, differs or absent; behind it the names.
const sameText sh.Constant = `root=$2 dest=$3 pat=$4 tops=$(cat)
cd "${root:-.}" || exit 1
` + namesText + `l=$(k_names)
k_is() {
[ -f "$dest" ] || { echo absent; return; }
case $1 in
gz-) [ "$(gzip -dc "$dest" 2>/dev/null | sha256sum)" = "$(sha256sum <"$tops")" ] ;;
bz2-) [ "$(bzip2 -dc "$dest" 2>/dev/null | sha256sum)" = "$(sha256sum <"$tops")" ] ;;
xz-) [ "$(xz -dc "$dest" 2>/dev/null | sha256sum)" = "$(sha256sum <"$tops")" ] ;;
zip) h=$(unzip -Z1 "$dest" 2>/dev/null || unzip -l "$dest" 2>/dev/null | sed -n "s/^ *[0-9][0-9]*  *[0-9-]*  *[0-9:]*  *//p" | sed "\$d")
[ "$(printf "%s\n" "$h" | sed "s|/\$||" | sort)" = "$l" ] &&
[ "$(unzip -p "$dest" 2>/dev/null | sha256sum)" = "$(printf "%s\n" "$h" | while IFS= read -r n; do if [ -h "./$n" ]; then readlink -n "./$n"; elif [ -f "./$n" ]; then cat "./$n"; fi; done | sha256sum)" ] ;;
*) case $1 in gz) z="gzip -dc" ;; bz2) z="bzip2 -dc" ;; xz) z="xz -dc" ;; *) z=cat ;; esac
h=$($z "$dest" 2>/dev/null | tar -tf - 2>/dev/null)
[ "$(printf "%s\n" "$h" | sed "s|/\$||" | sort)" = "$l" ] &&
[ "$($z "$dest" | tar -xOf - 2>/dev/null | sha256sum)" = "$(printf "%s\n" "$h" | while IFS= read -r n; do if [ -f "./$n" ] && [ ! -h "./$n" ]; then cat "./$n"; fi; done | sha256sum)" ] ;;
esac && echo same || echo differs
}
k_is "$1"
printf "%s\n" "$l"`

// packText packs (GNU's tar takes a name that begins with - for an option, but not one that
// ends with a NUL): format, root, dest, patterns, owner, group, mode; the top names on
// stdin.
const packText sh.Constant = kit.Hold + `k_ow=$5 k_gr=$6 k_mo=$7
root=$2 dest=$3 pat=$4 k_fmt=$1 tops=$(cat)
` + namesText + `case $root in /*) ;; *) root=$PWD/$root ;; esac
case $k_fmt in
zip) command -v zip >/dev/null || { k_no "the host has no zip"; exit 1; } ;;
bz2*) command -v bzip2 >/dev/null || { k_no "the host has no bzip2"; exit 1; } ;;
xz*) command -v xz >/dev/null || { k_no "the host has no xz"; exit 1; } ;;
esac
k_hold "$dest" || exit 1
if [ -d "./$k_n" ]; then k_no "$dest is a directory"; exit 1; fi
k_was
k_new || exit 1
k_tmp=${PWD%/}/${k_t#./}
k_end() { rm -f "$k_t"; exit 1; }
k_see "$k_8" || k_end
case $k_fmt in gz*) z="gzip -c" ;; bz2*) z="bzip2 -c" ;; xz*) z="xz -c" ;; *) z=cat ;; esac
k_args() {
set --
while IFS= read -r k_i; do set -- "$@" "$k_i"; done <<END
$(k_names)
END
tar -cf - --no-recursion -- "$@"
}
k_bad=$(
exec 3>&1
{ cd -P -- "$root" || exit 1
case $k_fmt in
*-) $z <"$tops" || echo 1 >&3 ;;
zip) k_names | zip -q -y -@ - || echo 1 >&3 ;;
*) { if tar --version 2>/dev/null | grep -q GNU; then k_names | tr "\n" "\0" | tar -cf - --no-recursion --null -T -; else k_args; fi || echo 1 >&3; } | $z || echo 1 >&3 ;;
esac; } >&8)
[ -z "$k_bad" ] || k_end
k_see "$k_8" && k_own "$k_ow" "$k_gr" "$k_mo" "$k_ke" || k_end
k_mv || { k_no "$k_e"; k_end; }`

// words are what both scripts are told.
func (a archiveArgs) words(p packing) (args []string, tops string) {
	format := a.Format
	if !p.archive {
		format += "-"
	}
	var b strings.Builder
	for _, n := range p.paths {
		b.WriteString(strings.TrimPrefix(n, p.root) + "\n")
	}
	return []string{format, p.root, kit.Safe(p.dest), strings.Join(a.Patterns, "\n")}, b.String()
}

func (m archive) Plan(a archiveArgs, s host.Seen) (play.Plan, error) {
	p, err := a.found(s)
	if err != nil {
		return play.Plan{}, err
	}
	data := value.MapOf("arcroot", value.String(p.root), "expanded_paths", hostList(p.paths), "expanded_exclude_paths", hostList(p.left), "missing", hostList(p.missing), "archived", value.List())
	switch {
	case p.dest == "":
		return kit.Failure(`Error, must specify "dest" when archiving multiple files or trees`), nil
	case len(p.paths) == 0:
		data.Put("dest", value.String(p.dest))
		data.Put("state", value.String("absent"))
		return kit.Unchanged("nothing is there to pack", data), nil
	}
	data.Put("dest", value.String(p.dest))
	data.Put("state", value.String(a.state(p)))
	look := kit.LookAt(p.dest, "", false)
	args, tops := a.words(p)
	same := host.NewProbe(sameText, args...).WithStdin(tops)
	if err := host.All(s, look.Q, same); err != nil {
		return play.Plan{}, err
	}
	is, err := host.Get(s, look)
	if err != nil {
		return play.Plan{}, err
	}
	ans, _ := s.Answer(same)
	word, names, _ := strings.Cut(string(ans.Stdout), "\n")
	var archived []string
	for n := range strings.Lines(names) {
		archived = append(archived, p.root+strings.TrimSuffix(n, "\n"))
	}
	data.Put("archived", hostList(archived))
	return a.plan(s, p, is, word == "same", data)
}

func hostList(l []string) value.Value { return value.Strings(l...).With(value.Unsafe) }

// state is Ansible's word for what dest becomes.
func (a archiveArgs) state(p packing) string {
	switch {
	case len(p.missing) > 0:
		return "incomplete"
	case p.archive:
		return "archive"
	}
	return "compress"
}

// plan packs, sets attributes, and removes what was packed.
func (a archiveArgs) plan(s host.Seen, p packing, is kit.Look, same bool, data *value.Map) (play.Plan, error) {
	out := play.Plan{Result: play.Result{Changed: true, Data: data}}
	c, err := a.Attrs.Change(s, is.Target)
	if !same && err == nil {
		c = kit.Change{Owner: a.Owner, Group: a.Group}
		c.Mode, err = a.Attrs.Fresh(s, kit.TypeReg)
	}
	if err != nil {
		return out, err
	}
	if !same {
		args, tops := a.words(p)
		cmd := sh.Script(packText, append(args, c.Owner, c.Group, c.Mode)...).With(sh.Bytes(tops))
		out.Steps = append(out.Steps, host.Run{Cmd: cmd, What: "pack " + kit.OneLine(strings.Join(p.paths, ", ")) + " into " + p.dest})
	} else if c.Any() {
		out.Steps = append(out.Steps, c.Step(p.dest, is.Via(p.dest), false))
	}
	if a.Remove {
		for _, n := range p.paths {
			if path.Clean(n) != path.Clean(p.dest) {
				out.Steps = append(out.Steps, kit.Remove(kit.TrimSlash(n), "what is packed:"))
			}
		}
	}
	if len(out.Steps) == 0 {
		return kit.Unchanged(p.dest+" holds what it shall", data), nil
	}
	return out, nil
}
