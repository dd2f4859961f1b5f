package view_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"remoterun/runner/event"
	"remoterun/runner/secret"
	"remoterun/runner/value"
	"remoterun/runner/view"
)

func TestJSONLines(t *testing.T) {
	out, stderr := play(t, "jsonl", view.Options{}, func(s *script) { s.look(true) })
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	kinds := map[string]int{}
	for _, line := range lines {
		var e struct{ Event, At string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		kinds[e.Event]++
		if _, err := time.Parse(time.RFC3339Nano, e.At); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if kinds["play_start"] != 1 || kinds["retry"] != 4 || kinds["included"] != 6 || kinds["recap"] != 1 || stderr != "" {
		t.Errorf("%v %q", kinds, stderr)
	}
	const first = `{"event":"task_start","at":"2026-01-02T03:04:05.5Z","play":"First play","task":{"name":"plain","module":"ping","path":"/srv/look/look.yml:1:7"}}`
	if lines[1] != first {
		t.Errorf("got  %s\nwant %s", lines[1], first)
	}
	if last := lines[len(lines)-1]; !strings.HasSuffix(last, `"stats":{"h2":{"ok":25,"changed":3,"unreachable":1,"failures":0,"skipped":3,"rescued":1,"ignored":5},"h1":{"ok":26,"changed":5,"unreachable":0,"failures":1,"skipped":3,"rescued":1,"ignored":5}}}`) {
		t.Errorf("recap %s", last)
	}
}

func TestJSONSummary(t *testing.T) {
	out, _ := play(t, "json", view.Options{}, func(s *script) { s.look(true) })
	var doc struct {
		Plays []struct {
			Name  string
			Tasks []struct {
				Name  string
				Hosts map[string]map[string]any
			}
		}
		Stats map[string]map[string]int
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	tasks := doc.Plays[0].Tasks
	if len(doc.Plays) != 1 || len(tasks) < 20 || tasks[0].Name != "plain" || tasks[0].Hosts["h2"]["status"] != "ok" {
		t.Errorf("plays %+v", doc.Plays)
	}
	last := tasks[len(tasks)-2].Hosts["h2"]
	if last["status"] != "unreachable" || last["unreachable"] != true || doc.Stats["h1"]["failures"] != 1 {
		t.Errorf("last %v stats %v", last, doc.Stats)
	}
}

func TestJUnit(t *testing.T) {
	out, _ := play(t, "junit", view.Options{}, func(s *script) { s.look(true) })
	var r struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Suites   []struct {
			Name  string `xml:"name,attr"`
			Cases []struct {
				Name    string `xml:"name,attr"`
				Class   string `xml:"classname,attr"`
				Time    string `xml:"time,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	s := r.Suites[0]
	if r.Failures != 1 || r.Errors != 1 || len(s.Cases) != r.Tests || s.Name != "First play" {
		t.Errorf("%+v", r)
	}
	first, last := s.Cases[0], s.Cases[len(s.Cases)-1]
	if first.Name != "[h1] plain" || first.Class != "/srv/look/look.yml:1:7" || first.Time != "0.250" {
		t.Errorf("first %+v", first)
	}
	if last.Failure == nil || last.Failure.Message != "end" {
		t.Errorf("last %+v", last)
	}
}

// screen is a terminal of lines that understands what the footer writes.
type screen struct {
	mu    sync.Mutex
	lines []string
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for text := string(p); text != ""; {
		if rest, ok := strings.CutPrefix(text, "\r\x1b["); ok {
			n := 0
			for rest[0] != 'A' {
				n = n*10 + int(rest[0]-'0')
				rest = rest[1:]
			}
			s.lines = s.lines[:len(s.lines)-n]
			text = strings.TrimPrefix(rest, "A\x1b[J")
			continue
		}
		line, rest, _ := strings.Cut(text, "\n")
		s.lines = append(s.lines, line)
		text = rest
	}
	return len(p), nil
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

func TestFooterIsRedrawnAndLeavesNothing(t *testing.T) {
	scr := &screen{}
	v, err := view.New("human", view.Options{Out: scr, Err: scr, Footer: true, Rows: 9, Columns: 60})
	if err != nil {
		t.Fatal(err)
	}
	s := &script{v: v}
	s.start("x", "ping")
	wait := func(host, text string) {
		time.Sleep(90 * time.Millisecond) // the footer is redrawn at most every 80 ms
		v.Event(time.Now(), event.Waiting{Host: host, Text: text})
	}
	wait("h1", "connecting")
	wait("h2", strings.Repeat("long ", 30))
	if got := strings.Split(scr.text(), "\n"); len(got) != 4 || got[2] != "  h1: connecting" || !strings.HasSuffix(got[3], "…") || len([]rune(got[3])) > 59 {
		t.Errorf("two hosts:\n%s", scr.text())
	}
	s.host("h1", event.OK, pong)
	if got := scr.text(); !strings.Contains(got, "ok: [h1]\n  h2: long") || strings.Contains(got, "connecting") {
		t.Errorf("one is done:\n%s", got)
	}
	for _, h := range []string{"h3", "h4", "h5"} {
		wait(h, "copying")
	}
	if got := scr.text(); !strings.HasSuffix(got, "  h3: copying\n  … and 2 more hosts") {
		t.Errorf("no room:\n%s", got)
	}
	v.Event(time.Time{}, event.Waiting{Host: "h2"})
	s.emit(event.Recap{Stats: &event.Stats{}})
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if got := scr.text(); strings.Contains(got, "  h") || !strings.Contains(got, "PLAY RECAP") {
		t.Errorf("at the end:\n%s", got)
	}
}

func TestProgressInTheFooter(t *testing.T) {
	scr := &screen{}
	v, _ := view.New("human", view.Options{Out: io.Discard, Err: scr, Footer: true})
	v.Event(time.Now().Add(-5*time.Second), event.Waiting{Host: "h1", Text: "copying", Done: 1, Total: 4})
	if got := scr.text(); got != "  h1: copying 25% (5s)" {
		t.Errorf("%q", got)
	}
	if err := v.Close(); err != nil || scr.text() != "" {
		t.Errorf("%v %q", err, scr.text())
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestBrokenPipe checks that a reader who went away is told of at the end and
// does not end the run.
func TestBrokenPipe(t *testing.T) {
	for _, format := range view.Formats() {
		v, err := view.New(format, view.Options{Out: broken{}, Err: &bytes.Buffer{}, Redactor: secret.NewRedactor()})
		if err != nil {
			t.Fatal(err)
		}
		s := &script{v: v}
		s.start("x", "ping")
		s.host("h1", event.Failed, `{"msg": "x"}`)
		s.emit(event.HostResult{Outcome: event.Outcome{Host: "h", Task: s.task, Status: event.OK, Result: value.MapOf("x", value.Undefined("y"))}})
		if err := v.Close(); err == nil {
			t.Errorf("%s: no error", format)
		}
	}
}
