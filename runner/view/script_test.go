package view_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"remoterun/runner/event"
	nouns "remoterun/runner/play"
	"remoterun/runner/secret"
	"remoterun/runner/value"
	"remoterun/runner/view"
)

// script makes the events that the engine emits for testdata/look.yml.
type script struct {
	v    view.View
	task *event.Task
	n    int
	at   time.Time
}

var both = []string{"h1", "h2"}

func (s *script) emit(e event.Event) {
	s.at = s.at.Add(250 * time.Millisecond)
	s.v.Event(s.at, e)
}

func (s *script) start(name, module string) {
	s.n++
	s.task = &event.Task{ID: fmt.Sprint(s.n), Name: name, Module: module, Action: nouns.Own(module), Pos: value.Pos{File: "/srv/look/look.yml", Line: s.n, Col: 7}}
	s.emit(event.TaskStart{Task: s.task, Play: "First play"})
}

// res builds a result from JSON.
func res(text string) *value.Map {
	v, err := value.ParseJSON([]byte(text))
	if err != nil {
		panic(err)
	}
	m, _ := v.AsMap()
	return m
}

func (s *script) outcome(host string, st event.Status, result string) event.Outcome {
	return event.Outcome{Host: host, Status: st, Task: s.task, Result: res(result)}
}

// host tells one host's outcome; change touches the event first.
func (s *script) host(host string, st event.Status, result string, change ...func(*event.Outcome)) {
	e := s.outcome(host, st, result)
	for _, c := range change {
		c(&e)
	}
	s.emit(event.HostResult{Outcome: e})
}

func (s *script) each(st event.Status, result string, change ...func(*event.Outcome)) {
	for _, h := range both {
		s.host(h, st, result, change...)
	}
}

// item tells one item: its result gets what every item's has.
func (s *script) item(host string, st event.Status, label, result string, change ...func(*event.Outcome)) {
	e := s.outcome(host, st, result)
	e.Result.Put("ansible_loop_var", value.String("item"))
	if n := new(value.Value); len(label) == 1 && label[0] >= '0' && label[0] <= '9' {
		*n = value.Int(int64(label[0] - '0'))
		e.Result.Put("item", *n)
	} else {
		e.Result.Put("item", value.String(label))
	}
	for _, c := range change {
		c(&e)
	}
	s.emit(event.ItemResult{Outcome: e, LoopItem: event.LoopItem{Label: label}})
}

func ignored(e *event.Outcome) { e.Ignored = true }
func rescued(e *event.Outcome) { e.Rescued = true }
func noLog(e *event.Outcome)   { e.NoLog = true }

func diff(d event.Diff) func(*event.Outcome) {
	return func(e *event.Outcome) { e.Diff = []event.Diff{d} }
}

const (
	pong    = `{"changed": false, "ping": "pong"}`
	skipped = `{"changed": false, "skipped": true, "skip_reason": "Conditional result was False"}`
)

// look emits the whole of look.yml.
func (s *script) look(withDiff bool) {
	s.emit(event.PlayStart{Play: "First play", Hosts: both})
	s.loops()
	s.failures()
	s.files(withDiff)
	s.rest()
}

func (s *script) loops() {
	s.start("plain", "ping")
	s.each(event.OK, `{"changed": false, "failed": false, "ping": "pong", "ansible_facts": {"discovered_interpreter_python": "/usr/bin/python3"}}`)
	s.start("item", "set_fact")
	for _, h := range both {
		s.item(h, event.Changed, "a", `{"changed": true, "ansible_facts": {"x": "a"}}`)
		s.item(h, event.OK, "{'k': 'v'}", `{"changed": false, "ansible_facts": {"x": {"k": "v"}}}`, func(e *event.Outcome) { e.Result.Put("item", value.FromMap(res(`{"k": "v"}`))) })
		s.host(h, event.Changed, `{"changed": true, "results": [1, 2]}`)
	}
	s.start("skip loop", "ping")
	for _, h := range both {
		s.item(h, event.Skipped, "1", skipped)
		s.item(h, event.Skipped, "2", skipped)
		s.host(h, event.Skipped, `{"changed": false, "msg": "All items skipped"}`)
	}
	s.start("part loop", "ping")
	for _, h := range both {
		s.item(h, event.OK, "1", pong)
		s.item(h, event.Skipped, "2", skipped)
		s.host(h, event.OK, `{"changed": false, "results": [1, 2]}`)
	}
	s.start("empty loop", "ping")
	s.each(event.Skipped, `{"changed": false, "skipped_reason": "No items in the list"}`)
	s.start("skipped", "ping")
	s.each(event.Skipped, skipped)
	s.start("debug", "debug")
	s.each(event.OK, `{"changed": false, "msg": "hello"}`)
	s.start("debug", "ansible.builtin.debug")
	for _, h := range both {
		s.host(h, event.OK, `{"changed": false, "failed": false, "inventory_hostname": "`+h+`"}`)
	}
	s.start("debug", "debug")
	for _, h := range both {
		s.item(h, event.OK, "1", `{"changed": false, "msg": 1}`)
		s.item(h, event.OK, "2", `{"changed": false, "msg": 2}`)
		s.host(h, event.OK, `{"changed": false, "results": [1, 2]}`)
	}
}

func (s *script) failures() {
	const no = `{"changed": false, "failed": true, "msg": "no"}`
	s.start("ignored", "fail")
	s.each(event.Failed, `{"changed": false, "failed": true, "msg": false}`, ignored)
	s.start("rescued", "fail")
	s.each(event.Failed, `{"changed": false, "failed": true, "msg": false}`, rescued)
	s.start("debug", "debug")
	s.each(event.OK, `{"msg": "rescue"}`)
	s.start("failing loop", "fail")
	for _, h := range both {
		s.item(h, event.Skipped, "1", skipped)
		s.item(h, event.Failed, "2", `{"changed": false, "failed": true, "msg": "no 2"}`)
		s.host(h, event.Failed, no, ignored)
	}
	for _, labels := range [][]string{{""}, {"x", "y"}} {
		s.start("include_tasks", "include_tasks")
		for _, h := range both {
			for _, l := range labels {
				s.emit(event.Included{Host: h, Task: s.task, Path: "/srv/look/inc.yml", LoopItem: event.LoopItem{Label: l}})
				if l != "" {
					s.item(h, event.OK, l, `{"include": "/srv/look/inc.yml"}`)
				}
			}
			s.host(h, event.OK, `{"include": "/srv/look/inc.yml"}`)
		}
		for range labels {
			s.start("in the file", "ping")
			s.each(event.OK, pong)
		}
	}
	s.start("secret", "ping")
	s.each(event.Changed, `{"changed": true, "ping": "the canary sings"}`, noLog)
	s.start("secret loop", "ping")
	for _, h := range both {
		s.item(h, event.Changed, "canary", `{"changed": true, "ping": "the canary sings"}`, noLog)
		s.host(h, event.Changed, `{"changed": true, "results": ["the canary sings"]}`, noLog)
	}
	s.start("secret failure", "fail")
	s.each(event.Failed, `{"changed": false, "msg": "the canary sings"}`, noLog, ignored)
	s.start("retry", "ping")
	for _, h := range both {
		for left := 2; left > 0; left-- {
			s.emit(event.Retry{Outcome: event.Outcome{Host: h, Task: s.task, Result: res(pong)}, Left: left})
		}
		s.host(h, event.Failed, `{"changed": false, "failed": true, "attempts": 2, "ping": "pong"}`, ignored)
	}
}

func (s *script) files(withDiff bool) {
	s.start("file", "copy")
	show := func(d event.Diff) func(*event.Outcome) {
		if !withDiff {
			d = event.Diff{}
		}
		return diff(d)
	}
	s.host("h1", event.Changed, `{"changed": true, "checksum": "05dec960e24d918b8a73a1c53bcbbaac2ee5c2e0", "dest": "/srv/look/out.txt", "failed_when_result": false, "gid": 0, "group": "root", "md5sum": "dd8c6a395b5dd36c56d23275028f526c", "mode": "0644", "owner": "root", "size": 4, "src": "/srv/look/src", "state": "file", "uid": 0}`,
		show(event.Diff{AfterHeader: "/srv/look/src", After: "a\nb\n"}))
	s.host("h2", event.OK, `{"changed": false, "checksum": "05dec960e24d918b8a73a1c53bcbbaac2ee5c2e0", "dest": "/srv/look/out.txt", "failed_when_result": false, "gid": 0, "group": "root", "mode": "0644", "owner": "root", "path": "/srv/look/out.txt", "size": 4, "state": "file", "uid": 0}`)
	s.start("mode", "file")
	s.host("h1", event.Changed, `{"changed": true, "diff": {"x": 1}, "gid": 0, "group": "root", "mode": "0600", "owner": "root", "path": "/srv/look/out.txt", "size": 4, "state": "file", "uid": 0}`,
		show(event.Diff{Before: "{\n    \"mode\": \"0644\",\n    \"path\": \"/srv/look/out.txt\"\n}\n", After: "{\n    \"mode\": \"0600\",\n    \"path\": \"/srv/look/out.txt\"\n}\n"}))
	s.host("h2", event.OK, `{"changed": false, "gid": 0, "group": "root", "mode": "0600", "owner": "root", "path": "/srv/look/out.txt", "size": 4, "state": "file", "uid": 0}`)
	s.start("delegated", "ping")
	s.each(event.OK, pong, func(e *event.Outcome) { e.Delegated = "localhost" })
}

func (s *script) rest() {
	s.start("日本 wide", "ping")
	s.each(event.OK, pong)
	s.start("assert", "assert")
	s.each(event.Failed, `{"assertion": "1 == 2", "changed": false, "evaluated_to": false, "msg": "no way"}`, ignored)
	s.start("assert", "assert")
	s.each(event.OK, `{"changed": false, "msg": "All assertions passed"}`)
	s.start("unreach", "ping")
	s.host("h1", event.OK, pong)
	s.host("h2", event.Unreachable, `{"changed": false, "unreachable": true, "msg": "Failed to connect to the host via ssh: ssh: Could not resolve hostname nowhere.invalid: Name or service not known"}`)
	s.start("fail", "fail")
	s.host("h1", event.Failed, `{"changed": false, "failed": true, "msg": "end"}`)
	s.emit(event.Recap{Stats: &event.Stats{Order: []string{"h2", "h1"}, Hosts: map[string]*event.Counts{
		"h1": {OK: 26, Changed: 5, Failed: 1, Skipped: 3, Rescued: 1, Ignored: 5}, "h2": {OK: 25, Changed: 3, Unreachable: 1, Skipped: 3, Rescued: 1, Ignored: 5}}}})
}

func play(t *testing.T, format string, o view.Options, f func(*script)) (out, err string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	o.Out, o.Err = &stdout, &stderr
	if o.Redactor == nil {
		o.Redactor = secret.NewRedactor()
	}
	v, e := view.New(format, o)
	if e != nil {
		t.Fatal(e)
	}
	f(&script{v: v, at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)})
	if e := v.Close(); e != nil {
		t.Fatal(e)
	}
	return stdout.String(), stderr.String()
}

func golden(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
