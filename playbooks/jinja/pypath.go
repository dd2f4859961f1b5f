package jinja

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"remoterun/runner/value"
)

// pathEntries are the filters over paths: Python's posixpath and ntpath.
func pathEntries() []entry {
	return strictAll([]entry{
		{name: "basename", sig: "basename", example: "{{ '/etc/hosts' | basename }}", shows: "hosts", fn: pathFilter(pyBase)},
		{name: "dirname", sig: "dirname", example: "{{ '/etc/hosts' | dirname }}", shows: "/etc", fn: pathFilter(pyDir)},
		{name: "splitext", sig: "splitext", example: "{{ 'a.tar.gz' | splitext }}", shows: "('a.tar', '.gz')", fn: filterSplitext},
		{name: "expanduser", sig: "expanduser", example: "{{ '/x' | expanduser }}", shows: "/x", fn: filterExpanduser, impure: true},
		{name: "expandvars", sig: "expandvars", example: "{{ 'a' | expandvars }}", shows: "a", fn: filterExpandvars, impure: true},
		{name: "realpath", sig: "realpath", example: "{{ '/no/../such' | realpath }}", shows: "/such", fn: filterRealpath, impure: true},
		{name: "relpath", sig: "relpath(start='.')", example: "{{ '/a/b/c' | relpath('/a') }}", shows: "b/c", fn: filterRelpath},
		{name: "path_join", sig: "path_join", example: "{{ ['/etc', 'x'] | path_join }}", shows: "/etc/x", fn: filterPathJoin},
		{name: "commonpath", sig: "commonpath", example: "{{ ['/a/b', '/a/c'] | commonpath }}", shows: "/a", fn: filterCommonpath},
		{name: "normpath", sig: "normpath", example: "{{ 'a/./b/..' | normpath }}", shows: "a", fn: pathFilter(pyNorm)},
		{name: "win_basename", sig: "win_basename", example: `{{ 'C:\\x\\y.txt' | win_basename }}`, shows: "y.txt", fn: pathFilter(winBase)},
		{name: "win_dirname", sig: "win_dirname", example: `{{ 'C:\\x\\y.txt' | win_dirname }}`, shows: `C:\x`, fn: pathFilter(winDir)},
		{name: "win_splitdrive", sig: "win_splitdrive", example: `{{ 'C:\\x' | win_splitdrive }}`, shows: `('C:', '\\x')`, fn: filterWinSplitdrive},
		{name: "fileglob", sig: "fileglob", example: "{{ '/no/such/*' | fileglob }}", shows: "[]", fn: filterFileglob, impure: true},
	})
}

// pathText is the path that came in: only text is one.
func pathText(c *call) (string, error) {
	s, ok := c.in.AsString()
	if !ok {
		return "", fmt.Errorf("expected str, bytes or os.PathLike object, not %s", value.TypeName(c.in))
	}
	return s, nil
}

func pathFilter(f func(string) string) function {
	return noArguments(func(c *call) (value.Value, error) {
		p, err := pathText(c)
		if err != nil {
			return value.Value{}, err
		}
		return textResult(f(p))
	})
}

func pyBase(p string) string { return p[strings.LastIndexByte(p, '/')+1:] }

func pyDir(p string) string {
	head := p[:strings.LastIndexByte(p, '/')+1]
	if strings.Trim(head, "/") != "" {
		head = strings.TrimRight(head, "/")
	}
	return head
}

// pySplitext cuts the extension of a path; leading dots belong to the name.
func pySplitext(p string) (root, ext string) {
	slash := strings.LastIndexByte(p, '/')
	dot := strings.LastIndexByte(p, '.')
	if dot <= slash || strings.Trim(p[slash+1:dot], ".") == "" {
		return p, ""
	}
	return p[:dot], p[dot:]
}

func filterSplitext(c *call) (value.Value, error) {
	p, err := pathText(c)
	if err != nil {
		return value.Value{}, err
	}
	root, ext := pySplitext(p)
	return value.Tuple(value.String(root), value.String(ext)), nil
}

// pyNorm is posixpath.normpath.
func pyNorm(p string) string {
	if p == "" {
		return "."
	}
	lead := 0
	if strings.HasPrefix(p, "/") {
		lead = 1
		if strings.HasPrefix(p, "//") && !strings.HasPrefix(p, "///") {
			lead = 2
		}
	}
	var out []string
	for _, part := range strings.Split(p, "/") {
		switch {
		case part == "" || part == ".":
		case part != "..", lead == 0 && len(out) == 0, len(out) > 0 && out[len(out)-1] == "..":
			out = append(out, part)
		case len(out) > 0:
			out = out[:len(out)-1]
		}
	}
	if s := strings.Repeat("/", lead) + strings.Join(out, "/"); s != "" {
		return s
	}
	return "."
}

func pyJoin(paths ...string) string {
	out := ""
	for i, p := range paths {
		switch {
		case i == 0, strings.HasPrefix(p, "/"):
			out = p
		case out == "" || strings.HasSuffix(out, "/"):
			out += p
		default:
			out += "/" + p
		}
	}
	return out
}

func filterPathJoin(c *call) (value.Value, error) {
	if s, ok := c.in.AsString(); ok {
		return textResult(s)
	}
	if !listLike(c.in) {
		return value.Value{}, fmt.Errorf("|path_join expects string or sequence, got %s instead.", pyType(c.in))
	}
	if len(c.in.Items()) == 0 {
		return value.Value{}, errors.New("join() missing 1 required positional argument: 'a'")
	}
	var parts []string
	for _, it := range c.in.Items() {
		if err := defined(it); err != nil {
			return value.Value{}, err
		}
		s, ok := it.AsString()
		if !ok {
			return value.Value{}, fmt.Errorf("join() argument must be str, bytes, or os.PathLike object, not '%s'", value.TypeName(it))
		}
		parts = append(parts, s)
	}
	return textResult(pyJoin(parts...))
}

func filterCommonpath(c *call) (value.Value, error) {
	if !listLike(c.in) || len(c.in.Items()) == 0 {
		return value.Value{}, errors.New("|commonpath expects a list of paths")
	}
	var common []string
	abs := false
	for i, it := range c.in.Items() {
		p := value.Str(it)
		if i > 0 && strings.HasPrefix(p, "/") != abs {
			return value.Value{}, errors.New("Can't mix absolute and relative paths")
		}
		abs = strings.HasPrefix(p, "/")
		var parts []string
		for _, part := range strings.Split(p, "/") {
			if part != "" && part != "." {
				parts = append(parts, part)
			}
		}
		if i == 0 {
			common = parts
			continue
		}
		n := 0
		for n < len(common) && n < len(parts) && common[n] == parts[n] {
			n++
		}
		common = common[:n]
	}
	if abs {
		return textResult("/" + strings.Join(common, "/"))
	}
	return textResult(strings.Join(common, "/"))
}

func filterExpanduser(c *call) (value.Value, error) {
	p, err := pathText(c)
	if err != nil {
		return value.Value{}, err
	}
	return textResult(expandUser(c.rt, p))
}

// expandUser opens a leading ~; other users' homes are not known here.
func expandUser(r *render, p string) string {
	if p != "~" && !strings.HasPrefix(p, "~/") || r.system() == nil {
		return p
	}
	home := strings.TrimRight(r.system().Home(), "/")
	if s := home + p[1:]; s != "" {
		return s
	}
	return "/"
}

func filterExpandvars(c *call) (value.Value, error) {
	p, err := pathText(c)
	if err != nil {
		return value.Value{}, err
	}
	return textResult(expandVars(c.rt, p))
}

// expandVars opens $NAME and ${NAME}; what is not set stays as it is.
func expandVars(r *render, p string) string {
	sys := r.system()
	if sys == nil {
		return p
	}
	var b strings.Builder
	for i := 0; i < len(p); {
		name, n := envName(p[i:])
		if v, ok := sys.Env(name); n > 0 && ok {
			b.WriteString(v)
			i += n
			continue
		}
		n = max(n, 1)
		b.WriteString(p[i : i+n])
		i += n
	}
	return b.String()
}

// envName reads $NAME or ${NAME} at the start of s; n is its length, 0 for none.
func envName(s string) (name string, n int) {
	if len(s) < 2 || s[0] != '$' {
		return "", 0
	}
	if s[1] == '{' {
		if end := strings.IndexByte(s, '}'); end > 0 {
			return s[2:end], end + 1
		}
		return "", 0
	}
	n = 1
	for n < len(s) && (s[n] == '_' || s[n] >= '0' && s[n] <= '9' || s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z') {
		n++
	}
	if n == 1 {
		return "", 0
	}
	return s[1:n], n
}

func filterRealpath(c *call) (value.Value, error) {
	p, err := pathText(c)
	if err != nil {
		return value.Value{}, err
	}
	p = absolute(c.rt, p)
	if links, ok := c.rt.system().(LinkSystem); ok {
		return textResult(resolve(links, p))
	}
	return textResult(p)
}

// resolve follows links in the part of a path that exists.
func resolve(sys LinkSystem, p string) string {
	rest := ""
	for at := p; ; at = filepath.Dir(at) {
		if real, err := sys.EvalSymlinks(at); err == nil {
			return pyNorm(filepath.Join(real, rest))
		}
		if at == "/" || at == "." {
			return p
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}

// absolute is os.path.abspath: the current directory goes before.
func absolute(r *render, p string) string {
	if strings.HasPrefix(p, "/") {
		return pyNorm(p)
	}
	dir := "/"
	if d, ok := r.system().(DirSystem); ok {
		dir = d.Getwd()
	}
	return pyNorm(dir + "/" + p)
}

func filterRelpath(c *call) (value.Value, error) {
	a, err := c.bind("start=")
	if err != nil {
		return value.Value{}, err
	}
	p, err := pathText(c)
	if err != nil {
		return value.Value{}, err
	}
	if p == "" {
		return value.Value{}, errors.New("no path specified")
	}
	from := pathParts(absolute(c.rt, textOr(a[0], ".")))
	to := pathParts(absolute(c.rt, p))
	n := 0
	for n < len(from) && n < len(to) && from[n] == to[n] {
		n++
	}
	out := strings.Repeat("../", len(from)-n) + strings.Join(to[n:], "/")
	if out = strings.TrimRight(out, "/"); out == "" {
		out = "."
	}
	return textResult(out)
}

func pathParts(p string) []string {
	return strings.FieldsFunc(p, func(r rune) bool { return r == '/' })
}

func filterFileglob(c *call) (value.Value, error) {
	p, err := pathText(c)
	if err != nil || c.rt.system() == nil {
		return value.List(), err
	}
	return value.Strings(globFiles(c.rt.system(), p)...), nil
}

// globFiles answers the plain files that a pattern matches.
func globFiles(sys System, pattern string) []string {
	var out []string
	found, _ := sys.Glob(pattern)
	for _, f := range found {
		if isDir, err := sys.Stat(f); err == nil && !isDir {
			out = append(out, f)
		}
	}
	return out
}
