package ansible

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/py/pypath"
	"remoterun/runner/value"
)

// pathEntries are the filters over paths: Python's posixpath and ntpath.
func pathEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "basename", Sig: "basename", Example: "{{ '/etc/hosts' | basename }}", Shows: "hosts", Func: pathFilter(pypath.Base)},
		{Name: "dirname", Sig: "dirname", Example: "{{ '/etc/hosts' | dirname }}", Shows: "/etc", Func: pathFilter(pypath.Dir)},
		{Name: "splitext", Sig: "splitext", Example: "{{ 'a.tar.gz' | splitext }}", Shows: "('a.tar', '.gz')", Func: filterSplitext},
		{Name: "expanduser", Sig: "expanduser", Example: "{{ '/x' | expanduser }}", Shows: "/x", Func: filterExpanduser, Impure: true},
		{Name: "expandvars", Sig: "expandvars", Example: "{{ 'a' | expandvars }}", Shows: "a", Func: filterExpandvars, Impure: true},
		{Name: "realpath", Sig: "realpath", Example: "{{ '/no/../such' | realpath }}", Shows: "/such", Func: filterRealpath, Impure: true},
		{Name: "relpath", Sig: "relpath(start='.')", Example: "{{ '/a/b/c' | relpath('/a') }}", Shows: "b/c", Func: filterRelpath},
		{Name: "path_join", From: []string{"community.general"}, Sig: "path_join", Example: "{{ ['/etc', 'x'] | path_join }}", Shows: "/etc/x", Func: filterPathJoin},
		{Name: "commonpath", Sig: "commonpath", Example: "{{ ['/a/b', '/a/c'] | commonpath }}", Shows: "/a", Func: filterCommonpath},
		{Name: "normpath", Sig: "normpath", Example: "{{ 'a/./b/..' | normpath }}", Shows: "a", Func: pathFilter(pypath.Norm)},
		{Name: "win_basename", Sig: "win_basename", Example: `{{ 'C:\\x\\y.txt' | win_basename }}`, Shows: "y.txt", Func: pathFilter(pypath.WinBase)},
		{Name: "win_dirname", Sig: "win_dirname", Example: `{{ 'C:\\x\\y.txt' | win_dirname }}`, Shows: `C:\x`, Func: pathFilter(pypath.WinDir)},
		{Name: "win_splitdrive", Sig: "win_splitdrive", Example: `{{ 'C:\\x' | win_splitdrive }}`, Shows: `('C:', '\\x')`, Func: filterWinSplitdrive},
		{Name: "fileglob", Sig: "fileglob", Example: "{{ '/no/such/*' | fileglob }}", Shows: "[]", Func: filterFileglob, Impure: true},
	})
}

// pathText is the path that came in: only text is one.
func pathText(c *core.Call) (string, error) {
	s, ok := c.In.AsString()
	if !ok {
		return "", fmt.Errorf("expected str, bytes or os.PathLike object, not %s", value.TypeName(c.In))
	}
	return s, nil
}

func pathFilter(f func(string) string) core.Function {
	return core.NoArguments(func(c *core.Call) (value.Value, error) {
		p, err := pathText(c)
		if err != nil {
			return value.Value{}, err
		}
		return core.Text(f(p))
	})
}

func filterSplitext(c *core.Call) (value.Value, error) {
	p, err := pathText(c)
	if err != nil {
		return value.Value{}, err
	}
	root, ext := pypath.SplitExt(p)
	return value.Tuple(value.String(root), value.String(ext)), nil
}

func filterPathJoin(c *core.Call) (value.Value, error) {
	if s, ok := c.In.AsString(); ok {
		return core.Text(s)
	}
	if !core.ListLike(c.In) {
		return value.Value{}, fmt.Errorf("|path_join expects string or sequence, got %s instead.", core.PyType(c.In))
	}
	if len(c.In.Items()) == 0 {
		return value.Value{}, errors.New("join() missing 1 required positional argument: 'a'")
	}
	var parts []string
	for _, it := range c.In.Items() {
		if err := core.Defined(it); err != nil {
			return value.Value{}, err
		}
		s, ok := it.AsString()
		if !ok {
			return value.Value{}, fmt.Errorf("join() argument must be str, bytes, or os.PathLike object, not '%s'", value.TypeName(it))
		}
		parts = append(parts, s)
	}
	return core.Text(pypath.Join(parts...))
}

func filterCommonpath(c *core.Call) (value.Value, error) {
	if !core.ListLike(c.In) || len(c.In.Items()) == 0 {
		return value.Value{}, errors.New("|commonpath expects a list of paths")
	}
	paths := make([]string, len(c.In.Items()))
	for i, it := range c.In.Items() {
		paths[i] = value.Str(it)
	}
	common, err := pypath.Common(paths)
	if err != nil {
		return value.Value{}, err
	}
	return core.Text(common)
}

func filterExpanduser(c *core.Call) (value.Value, error) {
	p, err := pathText(c)
	if err != nil {
		return value.Value{}, err
	}
	return core.Text(ExpandUser(c, p))
}

// ExpandUser opens a leading ~; other users' homes are not known here.
func ExpandUser(c *core.Call, p string) string {
	if p != "~" && !strings.HasPrefix(p, "~/") || c.System() == nil {
		return p
	}
	home := strings.TrimRight(c.System().Home(), "/")
	if s := home + p[1:]; s != "" {
		return s
	}
	return "/"
}

func filterExpandvars(c *core.Call) (value.Value, error) {
	p, err := pathText(c)
	if err != nil {
		return value.Value{}, err
	}
	return core.Text(expandVars(c, p))
}

// expandVars opens $NAME and ${NAME}; what is not set stays as it is.
func expandVars(c *core.Call, p string) string {
	sys := c.System()
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

func filterRealpath(c *core.Call) (value.Value, error) {
	p, err := pathText(c)
	if err != nil {
		return value.Value{}, err
	}
	p = absolute(c, p)
	if links, ok := c.System().(core.LinkSystem); ok {
		return core.Text(resolve(links, p))
	}
	return core.Text(p)
}

// resolve follows links in the part of a path that exists.
func resolve(sys core.LinkSystem, p string) string {
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
func absolute(c *core.Call, p string) string {
	if strings.HasPrefix(p, "/") {
		return pypath.Norm(p)
	}
	dir := "/"
	if d, ok := c.System().(core.DirSystem); ok {
		dir = d.Getwd()
	}
	return pypath.Norm(dir + "/" + p)
}

func filterRelpath(c *core.Call) (value.Value, error) {
	a, err := c.Bind("start=")
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
	return core.Text(pypath.Rel(absolute(c, p), absolute(c, core.TextOr(a[0], "."))))
}

func filterFileglob(c *core.Call) (value.Value, error) {
	p, err := pathText(c)
	if err != nil || c.System() == nil {
		return value.List(), err
	}
	return value.Strings(GlobFiles(c.System(), p)...), nil
}

// GlobFiles returns the plain files that a pattern matches.
func GlobFiles(sys core.System, pattern string) []string {
	var out []string
	found, _ := sys.Glob(pattern)
	for _, f := range found {
		if isDir, err := sys.Stat(f); err == nil && !isDir {
			out = append(out, f)
		}
	}
	return out
}

func filterWinSplitdrive(c *core.Call) (value.Value, error) {
	p, err := pathText(c)
	if err != nil {
		return value.Value{}, err
	}
	drive, rest := pypath.WinDrive(p)
	return value.Tuple(value.String(drive), value.String(rest)), nil
}
