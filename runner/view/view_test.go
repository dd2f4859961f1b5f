package view_test

import (
	"strings"
	"testing"

	"remoterun/runner/event"
	"remoterun/runner/secret"
	"remoterun/runner/value"
	"remoterun/runner/view"
)

func same(t *testing.T, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		a, b := "(end)", "(end)"
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Fatalf("line %d:\n got %q\nwant %q", i+1, a, b)
		}
	}
}

// TestAnsiblesLook compares with what ansible-playbook 2.14 printed for
// testdata/look.yml on two hosts (paths of its own temporary files replaced).
func TestAnsiblesLook(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		o    view.Options
		diff bool
	}{
		"plain with diff": {"ansible.txt", view.Options{}, true},
		"verbose":         {"ansible-v.txt", view.Options{Verbosity: 1}, false},
		"colour":          {"ansible-color.txt", view.Options{OutColor: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			out, stderr := play(t, "human", c.o, func(s *script) { s.look(c.diff) })
			same(t, strings.ReplaceAll(out, "\x1b[0;22m", "\x1b[0m"), golden(t, c.file))
			if stderr != "" {
				t.Errorf("stderr %q", stderr)
			}
		})
	}
}

func TestFreeStrategy(t *testing.T) {
	out, _ := play(t, "human", view.Options{}, func(s *script) {
		s.emit(event.PlayStart{Play: "all", Hosts: both})
		one, two := &event.Task{ID: "1", Name: "one", Module: "command", Action: "command"}, &event.Task{ID: "2", Name: "two", Module: "command", Action: "command"}
		for _, h := range both {
			for _, task := range []*event.Task{one, two} {
				s.emit(event.TaskStart{Task: task, Host: h})
			}
			for _, task := range []*event.Task{one, two} {
				s.emit(event.HostResult{Outcome: event.Outcome{Task: task, Host: h, Status: event.OK, Result: res(pong)}})
			}
		}
		s.emit(event.PlayStart{Play: "nobody"})
		s.emit(event.PlayNoHosts{Play: "nobody"})
		s.emit(event.Recap{Stats: &event.Stats{Order: both, Hosts: map[string]*event.Counts{"h1": {OK: 2}, "h2": {OK: 2}}}})
	})
	same(t, out, golden(t, "ansible-free.txt"))
}

func TestQuietShowsWhatWentWrong(t *testing.T) {
	out, _ := play(t, "quiet", view.Options{Verbosity: 3}, func(s *script) { s.look(true) })
	for _, want := range []string{"TASK [failing loop]", "failed: [h1] (item=2)", "UNREACHABLE!", "PLAY RECAP"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not there:\n%s", want, out)
		}
	}
	for _, not := range []string{"ok: [", "changed: [", "skipping", "PLAY [", "included", "RETRYING", "+++ after"} {
		if strings.Contains(out, not) {
			t.Errorf("%q is there:\n%s", not, out)
		}
	}
}

func TestNotesWarningsAndInterruption(t *testing.T) {
	out, stderr := play(t, "human", view.Options{}, func(s *script) {
		s.start("x", "ping")
		s.emit(event.Note{Host: "h1", Text: "key sent"})
		s.emit(event.NoHostsLeft{})
		s.emit(event.Warning{Text: strings.Repeat("long ", 20)})
		s.emit(event.CheckOverride{Task: s.task})
		s.emit(event.Recap{Stats: &event.Stats{Interrupted: true, Undone: []event.Undone{{Host: "h1", At: "a", Unknown: []string{"a"}, Tasks: []string{"b", "handler c"}}, {Host: "h2", Tasks: []string{"b", "handler c"}}, {Host: "h3", Tasks: strings.Fields("1 2 3 4 5 6 7 8 9 10 11 12 13 14")}}, NotBegun: []string{"p", "q"}}})
	})
	same(t, out, "\nTASK [x] ***********************************************************************\n    [h1] key sent\n\nNO MORE HOSTS LEFT *************************************************************\n\nPLAY RECAP *********************************************************************\n\ninterrupted: not finished on h1 (at: a), h2, h3; the same command again begins at its first task\nunknown on h1, it had been sent and no end was heard: a\nnot done on h1, h2: b, handler c\nnot done on h3: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 2 more\nnot begun: the plays p, q\n")
	same(t, stderr, "[WARNING]: long long long long long long long long long long long long long\nlong long long long long long long\n[WARNING]: task \"x\" runs in spite of --check: it says check_mode: false\n(/srv/look/look.yml:1:7)\n")
}

// TestNotesOfFreeHosts stand under the banner of their own task.
func TestNotesOfFreeHosts(t *testing.T) {
	out, _ := play(t, "human", view.Options{}, func(s *script) {
		s.start("x", "ping")
		s.each(event.OK, `{}`)
		s.task = &event.Task{ID: "2", Name: "y", Module: "ping", Action: "ping"}
		s.emit(event.TaskStart{Host: "h1", Task: s.task})
		s.emit(event.Note{Host: "h1", Task: s.task, Text: "key sent"})
		s.each(event.Changed, `{}`)
	})
	if _, y, _ := strings.Cut(out, "TASK [y]"); !strings.HasPrefix(strings.TrimLeft(y, " *\n"), "[h1] key sent\nchanged: ") || strings.Count(out, "TASK [y]") != 1 {
		t.Errorf("%s", out)
	}
}

func TestTaskPathWithVV(t *testing.T) {
	out, _ := play(t, "human", view.Options{Verbosity: 2}, func(s *script) { s.start("x", "ping") })
	if !strings.HasSuffix(out, "***\ntask path: /srv/look/look.yml:1\n") {
		t.Errorf("%q", out)
	}
}

// TestSecretsInEveryFormat runs a canary through every view, by mark, by
// no_log and known to the redactor only, in text that JSON and XML escape.
func TestSecretsInEveryFormat(t *testing.T) {
	const canary = `s3"cr<et`
	for _, format := range view.Formats() {
		t.Run(format, func(t *testing.T) {
			red := secret.NewRedactor()
			red.Add([]byte(canary))
			out, stderr := play(t, format, view.Options{Redactor: red, Verbosity: 3}, func(s *script) {
				s.emit(event.PlayStart{Play: "p " + canary})
				s.start("t "+canary, "ping")
				marked := value.MapOf("msg", value.MarkedString("the canary sings", value.Masked), "changed", value.Bool(true))
				s.emit(event.HostResult{Outcome: event.Outcome{Host: "h1", Task: s.task, Status: event.Failed, Result: marked}})
				s.host("h2", event.Failed, `{"msg": "the canary sings"}`, noLog)
				leaked := value.MapOf("msg", value.String("x "+canary), canary, value.Strings(canary))
				s.emit(event.HostResult{Outcome: event.Outcome{Host: "h3", Task: s.task, Status: event.Changed, Result: leaked,
					Diff: []event.Diff{{Before: "a\n", After: canary + "\n"}, {Secret: true, Before: "the canary sings", After: "x"}}}})
				s.emit(event.Warning{Text: canary})
				s.emit(event.Note{Text: canary})
				s.emit(event.Recap{Stats: &event.Stats{}})
			})
			for _, text := range []string{out, stderr} {
				for _, bad := range []string{canary, "canary sings", `s3\"cr`, "s3&#34;cr", "s3&quot;"} {
					if strings.Contains(text, bad) {
						t.Errorf("%q is shown:\n%s", bad, text)
					}
				}
			}
			if !strings.Contains(out, "********") || !strings.Contains(out, "censored") {
				t.Errorf("nothing masked:\n%s", out)
			}
		})
	}
}

func TestUnknownFormat(t *testing.T) {
	if _, err := view.New("xml", view.Options{}); err == nil || err.Error() != `output "xml" is not known (there are: human, json, jsonl, junit, minimal, quiet)` {
		t.Errorf("%v", err)
	}
}

func TestColoured(t *testing.T) {
	for name, c := range map[string]struct {
		env      map[string]string
		terminal bool
		want     bool
	}{
		"terminal":      {nil, true, true},
		"pipe":          {nil, false, false},
		"no color":      {map[string]string{"NO_COLOR": "1"}, true, false},
		"empty":         {map[string]string{"NO_COLOR": ""}, true, true},
		"forced":        {map[string]string{"FORCE_COLOR": "1"}, false, true},
		"forced wins":   {map[string]string{"FORCE_COLOR": "1", "NO_COLOR": "1"}, false, true},
		"forced off":    {map[string]string{"FORCE_COLOR": "0"}, false, false},
		"dumb terminal": {map[string]string{"TERM": "dumb"}, true, false},
	} {
		env := func(n string) (string, bool) { v, ok := c.env[n]; return v, ok }
		if got := view.Colored(env, c.terminal); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
