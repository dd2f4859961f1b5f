package view

import (
	"strings"
	"testing"
	"time"

	"remoterun/runner/event"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

func TestMinimalShowsWhatCommandsPrinted(t *testing.T) {
	var out, errs strings.Builder
	v, err := New("minimal", Options{Out: &out, Err: &errs})
	if err != nil {
		t.Fatal(err)
	}
	result := func(module string, st event.Status, r *value.Map) event.Event {
		return event.HostResult{Outcome: event.Outcome{Host: "web1", Task: &event.Task{Module: module, Action: play.Own(module)}, Status: st, Result: r}}
	}
	v.Event(time.Time{}, event.PlayStart{Play: "Ad-hoc"})
	v.Event(time.Time{}, result("ansible.builtin.command", event.Changed, value.MapOf("rc", value.Int(0), "stdout", value.String("a\x1b[31mb\n"), "stderr", value.String("c"))))
	v.Event(time.Time{}, result("shell", event.Failed, value.MapOf("rc", value.Int(3), "stdout", value.String(""), "stderr", value.String("no"), "msg", value.String("non-zero return code"))))
	v.Event(time.Time{}, result("file", event.OK, value.MapOf("path", value.String("/x"), "changed", value.Bool(false), "failed", value.Bool(false))))
	v.Event(time.Time{}, result("ping", event.Unreachable, value.MapOf("msg", value.MarkedString("secret", value.Masked))))
	want := "web1 | CHANGED | rc=0 >>\na\\x1b[31mb\nc\nweb1 | FAILED | rc=3 >>\nno\nnon-zero return code\nweb1 | SUCCESS => {\n    \"changed\": false,\n    \"path\": \"/x\"\n}\nweb1 | UNREACHABLE! => {\n    \"msg\": \"********\"\n}\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
}
