package files

import (
	"fmt"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// statArgs are the arguments of stat.
type statArgs struct {
	Path       string `arg:"path,dest,name" need:"yes" type:"path" help:"what is looked at"`
	Follow     bool   `arg:"follow" default:"no" help:"look at what a link leads to"`
	Checksum   bool   `arg:"get_checksum" default:"yes" help:"hash a regular file"`
	Algorithm  string `arg:"checksum_algorithm,checksum,checksum_algo" default:"sha1" choices:"md5,sha1,sha224,sha256,sha384,sha512" help:"the hash"`
	Mime       bool   `arg:"get_mime,mime,mime_type,mime-type" default:"yes" help:"ask the program file for the type of content"`
	Attributes bool   `arg:"get_attributes,attr,attributes" default:"yes" help:"ask lsattr for the file's attributes"`
}

// Stat says what is at a path.
func Stat() play.Module {
	return kit.Define(kit.Doc{Name: "stat", Short: "what is at a path"}, stat{})
}

type stat struct{}

// statNumbers is what stat is asked for.
const statNumbers = `%f %u %g %s %d %i %h %.X %.Y %.Z %b %o
%U
%G`

// statAllText tells of many paths at once, each given behind a = or, where its SHA-1
// is wanted too, a +: lines of lsattr behind a @, then for each that is there "#PATH"
// and what statText asks of stat, a last #, and what sha1sum prints.
const statAllText sh.Constant = `LC_ALL=C; export LC_ALL
(for a; do shift; if [ ! -h "${a#?}" ]; then set -- "$@" "${a#?}"; fi; done
if [ $# -gt 0 ] && command -v lsattr >/dev/null; then lsattr -vd -- "$@" 2>/dev/null | sed "s/^/@/"; fi)
(for a; do shift; set -- "$@" "${a#?}"; done
stat -c "#%n
` + statNumbers + `" "$@"
echo "#")
for a; do shift; case $a in +*) if [ -f "${a#?}" ] && [ -r "${a#?}" ] && [ ! -h "${a#?}" ]; then set -- "$@" "${a#?}"; fi ;; esac; done
if [ $# -gt 0 ]; then sha1sum "$@"; fi`

// statText prints a file's numbers, its names, what the user may do, then
// hash, type and attributes as far as they are asked for and there, and at
// last where a link leads. Arguments: path, follow, hash program, mime, attributes.
const statText sh.Constant = `p=$1; LC_ALL=C; export LC_ALL
n="
"
if [ ! -e "$p" ] && [ ! -h "$p" ]; then
q=$p
while :; do case $q in ?*/) q=${q%/} ;; *) break ;; esac; done
case $q in */*) q=${q%/*}/. ;; *) q=. ;; esac
if [ -d "$q" ] && [ -x "$q" ]; then echo "$p: No such file or directory"; exit 0; fi
fi
l= s= a=; if [ -n "$2" ]; then l=-L; fi
if [ -z "$l" ] || [ ! -h "$p" ]; then a=${_all-}; fi
case $a in *"$n#$p$n"*) s=${a#*"$n#$p$n"}; s=${s%%"$n#"*} ;; esac
if [ -n "$s" ]; then echo "$s"; else
stat $l -c "` + statNumbers + `" "$p" 2>&1 || exit 0
fi
r=; if [ -r "$p" ]; then r=r; fi; if [ -w "$p" ]; then r=${r}w; fi; if [ -x "$p" ]; then r=${r}x; fi
echo "may $r"
if [ -f "$p" ] && [ -r "$p" ] && { [ -n "$2" ] || [ ! -L "$p" ]; } && [ -n "$3" ] && command -v "$3" >/dev/null; then
h=
case $3$a in sha1sum*"  $p$n"*) h=${a%%"  $p$n"*}; h=${h##*"$n"} ;; esac
case $h in *[!0-9a-f]*) h= ;; esac
[ ${#h} -eq 40 ] || h=
[ -n "$h" ] || h=$("$3" <"$p")
echo "sum ${h%% *}"
fi
if [ -n "$4" ] && command -v file >/dev/null; then echo "mime $(file -b --mime-type --mime-encoding -- "$p")"; fi
if [ -n "$5" ] && [ ! -L "$p" ] && command -v lsattr >/dev/null; then
h=
case $a in *" $p$n"*) h=${a%%" $p$n"*}; h=${h##*"$n"} ;; esac
case $h in @*) set -- ${h#@}; [ $# -eq 2 ] || h= ;; *) h= ;; esac
if [ -n "$h" ]; then echo "attr ${h#@} $p"; else echo "attr $(lsattr -vd -- "$p" 2>/dev/null)"; fi
fi
if [ -L "$p" ]; then echo link; r=$(stat -L -c %f "$p" 2>&1); ` + kit.RealText + `; readlink "$p"; fi`

func (a statArgs) probe(p string) host.Probe {
	hash := ""
	if a.Checksum {
		hash = a.Algorithm + "sum"
	}
	q := host.NewProbe(statText, kit.Safe(p), kit.Yes(a.Follow), hash, kit.Yes(a.Mime), kit.Yes(a.Attributes))
	if strings.Contains(p, "\n") {
		return q
	}
	mark := "="
	if hash == "sha1sum" {
		mark = "+"
	}
	return q.Together(statAllText, mark+kit.Safe(p))
}

func (stat) Facts(a statArgs) []host.Question { return kit.Hint(a.Path, a.probe(a.Path)) }

func (stat) Plan(a statArgs, s host.Seen) (play.Plan, error) {
	p, err := kit.Place(s, a.Path)
	if err != nil {
		return play.Plan{}, err
	}
	got, err := s.Answer(a.probe(p))
	if err != nil {
		return play.Plan{}, err
	}
	m, err := a.parse(string(got.Stdout), p)
	if err != nil {
		return play.Plan{}, err
	}
	return kit.Unchanged(p+" was looked at", value.MapOf("stat", value.FromMap(m))), nil
}

func (a statArgs) parse(text, p string) (*value.Map, error) {
	l := kit.Lines{Rest: text}
	first := l.Next()
	n := strings.Fields(first)
	if len(n) != 12 {
		if strings.Contains(first, "No such file") || strings.Contains(first, "Not a directory") || strings.Contains(first, "Too many levels") || strings.Contains(first, "ymbolic link loop") {
			return value.MapOf("exists", value.Bool(false)), nil
		}
		return nil, fmt.Errorf("%s: %s", p, first)
	}
	mode, err := strconv.ParseUint(n[0], 16, 32)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", p, first)
	}
	m := value.MapOf("exists", value.Bool(true), "path", value.String(p))
	putKinds(m, uint32(mode))
	if kind := uint32(mode) & kit.TypeMask; kind != 0o020000 && kind != 0o060000 {
		m.Put("device_type", value.Int(0)) // what is no device has none
	}
	for i, key := range []string{"uid", "gid", "size", "dev", "inode", "nlink"} {
		m.Put(key, number(n[i+1]))
	}
	for i, key := range []string{"atime", "mtime", "ctime"} {
		f, _ := strconv.ParseFloat(n[i+7], 64)
		m.Put(key, value.Float(f))
	}
	m.Put("blocks", number(n[10]))
	m.Put("block_size", number(n[11]))
	m.Put("pw_name", kit.HostText(l.Next()))
	m.Put("gr_name", kit.HostText(l.Next()))
	a.extras(m, &l)
	if a.Attributes { // a file system that knows none
		for _, none := range []struct {
			key string
			v   value.Value
		}{{"attr_flags", value.String("")}, {"attributes", value.List()}, {"version", value.Null()}} {
			if _, ok := m.Lookup(none.key); !ok {
				m.Put(none.key, none.v)
			}
		}
	}
	if link, _ := m.Lookup("islnk"); !value.Truth(link) { // followed
		m.Delete(value.String("lnk_source"))
		m.Delete(value.String("lnk_target"))
	}
	return m, nil
}

func number(s string) value.Value {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return value.Null()
	}
	return value.Int(n)
}

// putKinds adds the mode and the booleans that it makes.
func putKinds(m *value.Map, mode uint32) {
	m.Put("mode", value.String(fmt.Sprintf("%04o", mode&kit.PermBits)))
	for _, k := range []struct {
		key string
		typ uint32
	}{{"isdir", kit.TypeDir}, {"ischr", 0o020000}, {"isblk", 0o060000}, {"isreg", kit.TypeReg}, {"isfifo", 0o010000}, {"islnk", kit.TypeLink}, {"issock", 0o140000}} {
		m.Put(k.key, value.Bool(mode&kit.TypeMask == k.typ))
	}
	for _, k := range []struct {
		key string
		bit uint32
	}{
		{"wusr", 0o200}, {"rusr", 0o400}, {"xusr", 0o100}, {"wgrp", 0o020}, {"rgrp", 0o040}, {"xgrp", 0o010},
		{"woth", 0o002}, {"roth", 0o004}, {"xoth", 0o001}, {"isuid", 0o4000}, {"isgid", 0o2000},
	} {
		m.Put(k.key, value.Bool(mode&k.bit != 0))
	}
}

// extras reads the words behind the numbers.
func (a statArgs) extras(m *value.Map, l *kit.Lines) {
	for l.Rest != "" {
		word, rest, _ := strings.Cut(l.Next(), " ")
		switch word {
		case "may":
			for _, c := range [][2]string{{"readable", "r"}, {"writeable", "w"}, {"executable", "x"}} {
				m.Put(c[0], value.Bool(strings.Contains(rest, c[1])))
			}
		case "sum":
			m.Put("checksum", value.String(rest))
		case "mime":
			kind, set, _ := strings.Cut(rest, "; charset=")
			m.Put("mimetype", kit.HostText(kind))
			m.Put("charset", kit.HostText(set))
		case "attr":
			f := strings.Fields(rest)
			if len(f) >= 2 {
				m.Put("version", kit.HostText(f[0]))
				flags := strings.ReplaceAll(f[1], "-", "")
				m.Put("attr_flags", kit.HostText(flags))
				m.Put("attributes", attributeNames(flags))
			}
		case "link":
			m.Put("lnk_source", kit.HostText(l.Next()))
			m.Put("lnk_target", kit.HostText(strings.TrimSuffix(l.Rest, "\n")))
			l.Rest = ""
		}
	}
}

// attributeNames are lsattr's letters as Ansible spells them out.
func attributeNames(flags string) value.Value {
	names := map[rune]string{'A': "noatime", 'a': "append", 'c': "compressed", 'C': "nocow", 'd': "nodump", 'D': "dirsync", 'e': "extents",
		'E': "encrypted", 'h': "blocksize", 'i': "immutable", 'I': "indexed", 'j': "journalled", 'N': "inline", 's': "zero", 'S': "synchronous",
		't': "notail", 'T': "blockroot", 'u': "undelete", 'X': "compressedraw", 'Z': "compresseddirty"}
	items := []value.Value{}
	for _, c := range flags {
		if n, ok := names[c]; ok {
			items = append(items, value.String(n))
		}
	}
	return value.List(items...)
}
