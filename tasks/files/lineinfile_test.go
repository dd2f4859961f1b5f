package files_test

import (
	"fmt"
	"testing"

	"remoterun/runner/value"
	"remoterun/tasks/files"
	"remoterun/tasks/tasktest"
)

func TestLineInFileTwice(t *testing.T) {
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		for _, c := range []struct{ name, args, before, after, msg string }{
			{"append", "{line: new}", "a\nb\n", "a\nb\nnew\n", "line added"},
			{"append to a file without an end", "{line: new}", "a\nb", "a\nb\nnew\n", "line added"},
			{"last match is replaced", "{regexp: '^P', line: Port 2}", "P 1\nx\nP 3\n", "P 1\nx\nPort 2\n", "line replaced"},
			{"first match", "{regexp: '^P', line: Port 2, firstmatch: yes}", "P 1\nx\nP 3\n", "Port 2\nx\nP 3\n", "line replaced"},
			{"behind", "{line: n, insertafter: '^a'}", "a\nb\na\nc\n", "a\nb\na\nn\nc\n", "line added"},
			{"behind the first", "{line: n, insertafter: '^a', firstmatch: yes}", "a\nb\na\nc\n", "a\nn\nb\na\nc\n", "line added"},
			{"before", "{line: n, insertbefore: '^b'}", "a\nb\n", "a\nn\nb\n", "line added"},
			{"at the top", "{line: n, insertbefore: BOF}", "a\n", "n\na\n", "line added"},
			{"back references", `{regexp: '^(?P<k>\w+)=(\d+)$', line: '\g<k>=\g<2>0;\1', backrefs: yes}`, "x=4\n", "x=40;x\n", "line replaced"},
			{"search string", "{search_string: 'a.b', line: n}", "axb\na.b\n", "axb\nn\n", "line replaced"},
			{"gone by expression", "{regexp: '^#', state: absent}", "#a\nb\n#c\n", "b\n", "2 line(s) removed"},
			{"gone by text", "{line: b, state: absent}", "a\nb\n", "a\n", "1 line(s) removed"},
			{"look behind and bytes", `{regexp: '(?<=x)y', line: "n\xe9"}`, "\xffxy\n", "n\u00e9\n", "line replaced"},
			{"with a mode", "{line: b, mode: '0600'}", "a\n", "a\nb\n", "line added and ownership, perms or SE linux context changed"},
			{"validated", "{line: b, validate: 'grep -q b %s'}", "a\n", "a\nb\n", "line added"},
		} {
			t.Run(c.name, func(t *testing.T) {
				p := t.TempDir() + "/f"
				tasktest.WriteFile(t, p, c.before)
				args := tasktest.Args(t, "{path: "+p+", "+c.args[1:])
				o := tasktest.Twice(t, h, files.LineInFile(), args)
				if got := tasktest.ReadFile(t, p); got != c.after || o.Result.Msg != c.msg {
					t.Errorf("%q (%s), want %q (%s)", got, o.Result.Msg, c.after, c.msg)
				}
			})
		}
	})
}

func TestLineInFileKeepsWhatItRefuses(t *testing.T) {
	h := tasktest.NewHost(t, nil)
	p := t.TempDir() + "/f"
	tasktest.WriteFile(t, p, "a\n")
	for want, args := range map[string]string{
		"Destination " + p + "x does not exist !": fmt.Sprintf("{path: %sx, line: b}", p),
		"failed to validate: rc:3 error:no":       fmt.Sprintf(`{path: %s, line: b, validate: 'sh -c "echo no; exit 3" %%s'}`, p),
	} {
		o, err := tasktest.Apply(t.Context(), h, files.LineInFile(), tasktest.Args(t, args), false)
		if err != nil || !o.Result.Failed || o.Result.Msg != want {
			t.Errorf("%+v, %v, want %s", o.Result, err, want)
		}
	}
	if got := tasktest.ReadFile(t, p); got != "a\n" {
		t.Errorf("the file became %q", got)
	}
	secret := tasktest.Args(t, "{path: "+p+"}")
	secret.Put("line", value.MarkedString("pw=hunter2", value.Masked))
	if o, err := tasktest.Apply(t.Context(), h, files.LineInFile(), secret, true); err != nil || !o.Plans[0].Diff[0].Secret {
		t.Errorf("a secret line's diff is shown: %v", err)
	}
	dir := t.TempDir()
	o := tasktest.Must(t, h, files.LineInFile(), tasktest.Args(t, fmt.Sprintf("{path: %s/new/f, line: b, create: yes, mode: '0640'}", dir)))
	if tasktest.ReadFile(t, dir+"/new/f") != "b\n" || tasktest.Bits(t, dir+"/new/f") != "0640" || !o.Result.Changed {
		t.Errorf("create: %+v", o.Result)
	}
}
