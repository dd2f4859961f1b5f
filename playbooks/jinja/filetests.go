package jinja

import (
	"strings"

	"remoterun/playbooks/jinja/py/pypath"
	"remoterun/runner/value"
)

// fileTestEntries are the tests of files on the laptop.
func fileTestEntries() []entry {
	family := []entry{
		{name: "exists", sig: "exists", example: "{{ '/no/such' is exists }}", shows: "False", fn: fileTest(pathExists)},
		{name: "directory", aliases: also("is_dir"), sig: "directory", example: "{{ '/no/such' is directory }}", shows: "False", fn: fileTest(func(s System, p string) bool {
			isDir, err := s.Stat(p)
			return err == nil && isDir
		})},
		{name: "file", aliases: also("is_file"), sig: "file", example: "{{ '/no/such' is file }}", shows: "False", fn: fileTest(func(s System, p string) bool {
			isDir, err := s.Stat(p)
			return err == nil && !isDir
		})},
		{name: "link", aliases: also("is_link"), sig: "link", example: "{{ '/no/such' is link }}", shows: "False", fn: fileTest(isLink)},
		{name: "link_exists", sig: "link_exists", example: "{{ '/no/such' is link_exists }}", shows: "False", fn: fileTest(func(s System, p string) bool { return isLink(s, p) || pathExists(s, p) })},
		{name: "mount", aliases: also("is_mount"), sig: "mount", example: "{{ '/no/such' is mount }}", shows: "False", fn: fileTest(func(s System, p string) bool {
			l, ok := s.(LinkSystem)
			return ok && l.IsMount(p)
		})},
		{name: "same_file", aliases: also("is_same_file"), sig: "same_file(path)", example: "{{ '/' is same_file('/') }}", shows: "True", fn: testSameFile},
	}
	for i := range family {
		family[i].impure = true
	}
	abs := entry{name: "abs", aliases: also("is_abs"), sig: "abs", example: "{{ '/etc' is abs }}", shows: "True", fn: pathTest(func(_ System, p string) bool { return strings.HasPrefix(p, "/") })}
	return strictAll(asTests(append(family, abs)))
}

func pathExists(s System, p string) bool {
	_, err := s.Stat(p)
	return err == nil
}

func isLink(s System, p string) bool {
	l, ok := s.(LinkSystem)
	return ok && l.IsLink(p)
}

// pathTest is a test over a path that is text.
func pathTest(f func(s System, p string) bool) function {
	return noArguments(func(c *call) (value.Value, error) {
		p, err := pathText(c)
		if err != nil {
			return value.Value{}, err
		}
		return value.Bool(f(c.system(), p)), nil
	})
}

// fileTest is a pathTest that is false without a system. Relative paths count
// from the current directory.
func fileTest(f func(s System, p string) bool) function {
	return pathTest(func(s System, p string) bool { return s != nil && p != "" && f(s, p) })
}

func testSameFile(c *call) (value.Value, error) {
	a, err := c.bind("path")
	if err != nil {
		return value.Value{}, err
	}
	p, err := pathText(c)
	if err != nil {
		return value.Value{}, err
	}
	if l, ok := c.system().(LinkSystem); ok {
		same, err := l.SameFile(p, value.Str(a[0]))
		return value.Bool(same), err
	}
	return value.Bool(pypath.Norm(p) == pypath.Norm(value.Str(a[0]))), nil
}
