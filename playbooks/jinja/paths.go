package jinja

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"remoterun/playbooks/jinja/py/pypath"
	"remoterun/runner/value"
)

// pathEntries are the filters over paths: Python's posixpath and ntpath.
func pathEntries() []entry {
	return strictAll([]entry{
		{name: "basename", sig: "basename", example: "{{ '/etc/hosts' | basename }}", shows: "hosts", fn: pathFilter(pypath.Base)},
		{name: "dirname", sig: "dirname", example: "{{ '/etc/hosts' | dirname }}", shows: "/etc", fn: pathFilter(pypath.Dir)},
		{name: "splitext", sig: "splitext", example: "{{ 'a.tar.gz' | splitext }}", shows: "('a.tar', '.gz')", fn: filterSplitext},
		{name: "expanduser", sig: "expanduser", example: "{{ '/x' | expanduser }}", shows: "/x", fn: filterExpanduser, impure: true},
		{name: "expandvars", sig: "expandvars", example: "{{ 'a' | expandvars }}", shows: "a", fn: filterExpandvars, impure: true},
		{name: "realpath", sig: "realpath", example: "{{ '/no/../such' | realpath }}", shows: "/such", fn: filterRealpath, impure: true},
		{name: "relpath", sig: "relpath(start='.')", example: "{{ '/a/b/c' | relpath('/a') }}", shows: "b/c", fn: filterRelpath},
		{name: "path_join", sig: "path_join", example: "{{ ['/etc', 'x'] | path_join }}", shows: "/etc/x", fn: filterPathJoin},
		{name: "commonpath", sig: "commonpath", example: "{{ ['/a/b', '/a/c'] | commonpath }}", shows: "/a", fn: filterCommonpath},
		{name: "normpath", sig: "normpath", example: "{{ 'a/./b/..' | normpath }}", shows: "a", fn: pathFilter(pypath.Norm)},
		{name: "win_basename", sig: "win_basename", example: `{{ 'C:\\x\\y.txt' | win_basename }}`, shows: "y.txt", fn: pathFilter(pypath.WinBase)},
		{name: "win_dirname", sig: "win_dirname", example: `{{ 'C:\\x\\y.txt' | win_dirname }}`, shows: `C:\x`, fn: pathFilter(pypath.WinDir)},
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

func filterSplitext(c *call) (value.Value, error) {
	p, err := pathText(c)
	if err != nil {
		return value.Value{}, err
	}
	root, ext := pypath.SplitExt(p)
	return value.Tuple(value.String(root), value.String(ext)), nil
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
	return textResult(pypath.Join(parts...))
}

func filterCommonpath(c *call) (value.Value, error) {
	if !listLike(c.in) || len(c.in.Items()) == 0 {
		return value.Value{}, errors.New("|commonpath expects a list of paths")
	}
	paths := make([]string, len(c.in.Items()))
	for i, it := range c.in.Items() {
		paths[i] = value.Str(it)
	}
	common, err := pypath.Common(paths)
	if err != nil {
		return value.Value{}, err
	}
	return textResult(common)
}

func filterExpanduser(c *call) (value.Value, error) {
	p, err := pathText(c)
	if err != nil {
		return value.Value{}, err
	}
	return textResult(expandUser(c, p))
}

// expandUser opens a leading ~; other users' homes are not known here.
func expandUser(c *call, p string) string {
	if p != "~" && !strings.HasPrefix(p, "~/") || c.system() == nil {
		return p
	}
	home := strings.TrimRight(c.system().Home(), "/")
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
	return textResult(expandVars(c, p))
}

// expandVars opens $NAME and ${NAME}; what is not set stays as it is.
func expandVars(c *call, p string) string {
	sys := c.system()
	if sys == nil {
		return p
	}
	var b strings.Builder
	for i := 0; i < len(p); {
		name, n := pypath.EnvName(p[i:])
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

func filterRealpath(c *call) (value.Value, error) {
	p, err := pathText(c)
	if err != nil {
		return value.Value{}, err
	}
	p = absolute(c, p)
	if links, ok := c.system().(LinkSystem); ok {
		return textResult(resolve(links, p))
	}
	return textResult(p)
}

// resolve follows links in the part of a path that exists.
func resolve(sys LinkSystem, p string) string {
	rest := ""
	for at := p; ; at = filepath.Dir(at) {
		if real, err := sys.EvalSymlinks(at); err == nil {
			return pypath.Norm(filepath.Join(real, rest))
		}
		if at == "/" || at == "." {
			return p
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}

// absolute is os.path.abspath: the current directory goes before.
func absolute(c *call, p string) string {
	if strings.HasPrefix(p, "/") {
		return pypath.Norm(p)
	}
	dir := "/"
	if d, ok := c.system().(DirSystem); ok {
		dir = d.Getwd()
	}
	return pypath.Norm(dir + "/" + p)
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
	return textResult(pypath.Rel(absolute(c, p), absolute(c, textOr(a[0], "."))))
}

func filterFileglob(c *call) (value.Value, error) {
	p, err := pathText(c)
	if err != nil || c.system() == nil {
		return value.List(), err
	}
	return value.Strings(globFiles(c.system(), p)...), nil
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

func filterWinSplitdrive(c *call) (value.Value, error) {
	p, err := pathText(c)
	if err != nil {
		return value.Value{}, err
	}
	drive, rest := pypath.WinDrive(p)
	return value.Tuple(value.String(drive), value.String(rest)), nil
}
