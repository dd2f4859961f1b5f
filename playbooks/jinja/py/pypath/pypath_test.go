package pypath

import "testing"

// TestPosix holds what Python's posixpath answers.
func TestPosix(t *testing.T) {
	ext := func(p string) string { root, e := SplitExt(p); return root + "|" + e }
	common := func(p ...string) string {
		s, err := Common(p)
		if err != nil {
			return "error: " + err.Error()
		}
		return s
	}
	for _, c := range []struct{ name, got, want string }{
		{"base", Base("/a/b.c"), "b.c"},
		{"base of a folder", Base("/a/"), ""},
		{"dir", Dir("/a/b"), "/a"},
		{"dir of slashes", Dir("//a"), "//"},
		{"ext", ext("a.tar.gz"), "a.tar|.gz"},
		{"ext of a hidden file", ext("/x/.bashrc"), "/x/.bashrc|"},
		{"ext of dots", ext("..a.b"), "..a|.b"},
		{"norm", Norm("a/./b//../c/"), "a/c"},
		{"norm up", Norm("../../a/.."), "../.."},
		{"norm root", Norm("/../a"), "/a"},
		{"norm two slashes", Norm("//a"), "//a"},
		{"norm three slashes", Norm("///a"), "/a"},
		{"norm nothing", Norm(""), "."},
		{"join", Join("a", "b/", "c"), "a/b/c"},
		{"join absolute", Join("a", "/b"), "/b"},
		{"join empty", Join("a", ""), "a/"},
		{"common", common("/a/b/c", "/a/b", "/a/bc"), "/a"},
		{"common of mixed", common("/a", "a"), "error: Can't mix absolute and relative paths"},
		{"rel", Rel("/a/b/c", "/a/x"), "../b/c"},
		{"rel to itself", Rel("/a", "/a"), "."},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
}

// TestNT holds what Python 3.11's ntpath answers.
func TestNT(t *testing.T) {
	for _, c := range []struct{ path, drive, rest, dir, base string }{
		{`C:\x\y.txt`, `C:`, `\x\y.txt`, `C:\x`, `y.txt`},
		{`c:/x\y`, `c:`, `/x\y`, `c:/x`, `y`},
		{`C:a`, `C:`, `a`, `C:`, `a`},
		{`\\h\s\d\f`, `\\h\s`, `\d\f`, `\\h\s\d`, `f`},
		{`\\h\s`, `\\h\s`, ``, `\\h\s`, ``},
		{`//h`, `//h`, ``, `//h`, ``},
		{`\\?\UNC\h\s\d`, `\\?\UNC\h\s`, `\d`, `\\?\UNC\h\s\`, `d`},
		{`é:\x`, `é:`, `\x`, `é:\`, `x`},
		{`a\b\`, ``, `a\b\`, `a\b`, ``},
		{``, ``, ``, ``, ``},
	} {
		drive, rest := WinDrive(c.path)
		if drive != c.drive || rest != c.rest || WinDir(c.path) != c.dir || WinBase(c.path) != c.base {
			t.Errorf("%s: %q %q, dir %q, base %q", c.path, drive, rest, WinDir(c.path), WinBase(c.path))
		}
	}
}

func TestEnvName(t *testing.T) {
	for s, want := range map[string]string{"$HOME/x": "HOME", "${A_1}b": "A_1", "$1": "1", "$": "", "${x": "", "x": ""} {
		if name, n := EnvName(s); name != want || (n == 0) != (want == "") {
			t.Errorf("%q: %q, %d", s, name, n)
		}
	}
}
