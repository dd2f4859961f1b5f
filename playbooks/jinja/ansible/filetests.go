package ansible

import (
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/py/pypath"
	"remoterun/runner/value"
)

// fileTestEntries are the tests of files on the laptop.
func fileTestEntries() []core.Entry {
	family := []core.Entry{
		{Name: "exists", Sig: "exists", Example: "{{ '/no/such' is exists }}", Shows: "False", Func: fileTest(pathExists)},
		{Name: "directory", Aliases: []string{"is_dir"}, Sig: "directory", Example: "{{ '/no/such' is directory }}", Shows: "False", Func: fileTest(func(s core.System, p string) bool {
			isDir, err := s.Stat(p)
			return err == nil && isDir
		})},
		{Name: "file", Aliases: []string{"is_file"}, Sig: "file", Example: "{{ '/no/such' is file }}", Shows: "False", Func: fileTest(func(s core.System, p string) bool {
			isDir, err := s.Stat(p)
			return err == nil && !isDir
		})},
		{Name: "link", Aliases: []string{"is_link"}, Sig: "link", Example: "{{ '/no/such' is link }}", Shows: "False", Func: fileTest(isLink)},
		{Name: "link_exists", Sig: "link_exists", Example: "{{ '/no/such' is link_exists }}", Shows: "False", Func: fileTest(func(s core.System, p string) bool { return isLink(s, p) || pathExists(s, p) })},
		{Name: "mount", Aliases: []string{"is_mount"}, Sig: "mount", Example: "{{ '/no/such' is mount }}", Shows: "False", Func: fileTest(func(s core.System, p string) bool {
			l, ok := s.(core.LinkSystem)
			return ok && l.IsMount(p)
		})},
		{Name: "same_file", Aliases: []string{"is_same_file"}, Sig: "same_file(path)", Example: "{{ '/' is same_file('/') }}", Shows: "True", Func: testSameFile},
	}
	for i := range family {
		family[i].Impure = true
	}
	abs := core.Entry{Name: "abs", Aliases: []string{"is_abs"}, Sig: "abs", Example: "{{ '/etc' is abs }}", Shows: "True", Func: pathTest(func(_ core.System, p string) bool { return strings.HasPrefix(p, "/") })}
	return core.StrictAll(core.Tests(append(family, abs)))
}

func pathExists(s core.System, p string) bool {
	_, err := s.Stat(p)
	return err == nil
}

func isLink(s core.System, p string) bool {
	l, ok := s.(core.LinkSystem)
	return ok && l.IsLink(p)
}

// pathTest is a test over a path that is text.
func pathTest(f func(s core.System, p string) bool) core.Function {
	return core.NoArguments(func(c *core.Call) (value.Value, error) {
		p, err := pathText(c)
		if err != nil {
			return value.Value{}, err
		}
		return value.Bool(f(c.System(), p)), nil
	})
}

// fileTest is a pathTest that is false without a system. Relative paths count
// from the current directory.
func fileTest(f func(s core.System, p string) bool) core.Function {
	return pathTest(func(s core.System, p string) bool { return s != nil && p != "" && f(s, p) })
}

func testSameFile(c *core.Call) (value.Value, error) {
	a, err := c.Bind("path")
	if err != nil {
		return value.Value{}, err
	}
	p, err := pathText(c)
	if err != nil {
		return value.Value{}, err
	}
	if l, ok := c.System().(core.LinkSystem); ok {
		same, err := l.SameFile(p, value.Str(a[0]))
		return value.Bool(same), err
	}
	return value.Bool(pypath.Norm(p) == pypath.Norm(value.Str(a[0]))), nil
}
