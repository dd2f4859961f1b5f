package tasks

import (
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/pyre"
	"remoterun/runner/value"
)

// FuzzAnswers feeds what a hostile or broken host may say to every reader of
// answers: none may panic, and none may take garbage for a missing file.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		"", "\n", "-\n41ed 0 0\nroot\nroot\n", "d\na1ff 0 0\nr\nr\n81a4 0 0\nr\nr\n/x\n6\nabc  -\nx", "Id=a\nLoadState=loaded\n\nenabled\nstatus 0\ninitd",
		"curl:amd64 ii 1\n---\nauto curl\n", "@os\nID=debian\n@net\neth0 1 1 0x1 up\n@env\nA=1\n", "36 35 98:0 / /mnt rw - ext4 /dev/b rw\n",
		"81a4 0 1 6 1 2 1 1 2 3 8 4096\nroot\nroot\nmay rw\nsum x\nattr 7 ---i\nlink\n/x\ny", " Container a Creating\n", "/a|b|running||i|id|0\n", "here\nyes\nno\n",
		"1 81a4 0 0 root:root\n", "5\x00a\x00b", "\n#rr a|b\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a := host.Answer{Stdout: []byte(s)}
		if lk, err := parseLook(a, "/p", "b", true); err == nil && !lk.Own.Exists &&
			!strings.Contains(s, "No such file") && !strings.Contains(s, "Not a directory") && !strings.Contains(s, "Too many levels") {
			t.Errorf("%q was read as a missing file", s)
		}
		parseUnit(a).atBoot()
		parseDpkg(s)
		_, _ = gathered{}.Facts(a)
		_, _ = mountedFact("/m").Parse(a)
		_, _ = statArgs{}.parse(s, "/p")
		readEvents(s)
		readContainers(a)
		_, _ = guard(runArgs{}).Parse(a)
		_, _, _ = countPairs(a)
		_, times := cutTimes(s)
		putTimes(value.NewMap(), times)
		_, _, _, _ = told(host.Output{Stdout: a.Stdout}, "/p")
		_ = aptResult([]host.Output{{Stdout: a.Stdout, Stderr: a.Stdout, Status: 1}}, "x")
		e := fstab{old: s}
		e.with(mountArgs{Path: "/m", Src: "a b", Type: "x", Opts: "o", Dump: "0", Pass: "0"})
		again := fstab{old: e.text}
		if again.with(mountArgs{Path: "/m", Src: "a b", Type: "x", Opts: "o", Dump: "0", Pass: "0"}); again.changed {
			t.Errorf("the table changes twice: %q, %q, %q", s, e.text, again.text)
		}
	})
}

// FuzzArguments feeds what users write.
func FuzzArguments(f *testing.F) {
	for _, s := range []string{"u=rwX,go=rX", "0644", `(?P<n>a)(?P=n)\Z[]x]`, `\g<1>\n`, "~root/$HOME/${X}", "name>=1.0", "-- x\nSELECT 1", "%(a)s %s %%"} {
		f.Add(s, "a")
	}
	f.Fuzz(func(t *testing.T, s, text string) {
		var m Mode
		if m.ParseArg(value.String(s)) == nil {
			if got := m.apply(typeReg|0o644, 0o022); got > permBits {
				t.Errorf("mode %q gives %o", s, got)
			}
		}
		if re, err := compilePy(s, pyre.Flags{}); err == nil && len(s) < 40 && len(text) < 40 {
			_, _ = searchLine(re, text)
		}
		e := expansionOf(s)
		e.fill("/home", map[string]string{"X": "=1"})
		parsePackage(s)
		statement{sql: s}.reads()
		_, _ = queryArgs{Positional: value.List(value.String(text))}.fill(s)
		a := lineArgs{State: "present", Line: &Body{Text{S: text}}, Regexp: &s}
		if (lineinfile{}).Validate(a) != nil || len(s) > 40 {
			return
		}
		once, err := a.edit(keepEnds([]byte(text + "\nx\n")))
		if err != nil || strings.ContainsAny(text, "\r\n") {
			return
		}
		if _, err := a.edit(once.lines); err != nil {
			t.Errorf("%q twice: %v", s, err)
		}
	})
}
