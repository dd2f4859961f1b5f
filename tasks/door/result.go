package door

import (
	"bytes"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// result reads what a program printed.
func result(out host.Output) play.Result {
	at := bytes.LastIndexByte(out.Stdout, '\n')
	if at < 0 { // it was never run
		return play.Result{Failed: true, Msg: strings.TrimSpace(string(out.Stderr))}
	}
	said := string(out.Stdout[:at])
	text, junk := object(said)
	status, _ := strconv.ParseInt(string(out.Stdout[at+1:]), 10, 64)
	v, err := value.ParseJSON([]byte(text))
	m, ok := v.With(value.Unsafe).AsMap()
	if err != nil || !ok {
		msg := "MODULE FAILURE\nSee stdout/stderr for the exact error"
		if strings.Contains(string(out.Stderr), "No module named 'ansible") {
			msg = "the module imports ansible.module_utils, which the host's python3 has not: install ansible-core on the host, put what it imports into module_utils/ beside the playbook, or write it with WANT_JSON and Python's own modules"
		}
		return play.Result{Failed: true, Msg: msg, Data: value.MapOf("module_stdout", kit.HostText(said), "module_stderr", kit.HostText(string(out.Stderr)), "rc", value.Int(status))}
	}
	r := reported(m)
	if strings.TrimSpace(junk) != "" {
		r.Warnings = append(r.Warnings, "Module invocation had junk after the JSON data: "+strings.TrimSpace(junk))
	}
	return r
}

// object leaves out the lines before and behind an object: a login's greeting, a
// program's chatter. Those behind it are junk.
func object(text string) (object, junk string) {
	lines := strings.SplitAfter(text, "\n")
	for len(lines) > 0 && !strings.HasPrefix(strings.TrimSpace(lines[0]), "{") {
		lines = lines[1:]
	}
	n := len(lines)
	for n > 0 && !strings.HasSuffix(strings.TrimSpace(lines[n-1]), "}") {
		n--
	}
	return strings.Join(lines[:n], ""), strings.Join(lines[n:], "")
}

func reported(m *value.Map) play.Result {
	r := play.Result{Data: value.NewMap()}
	for k, v := range m.All() {
		switch name := value.Str(k); name {
		case "changed":
			r.Changed = value.Truth(v)
		case "failed":
			r.Failed = r.Failed || value.Truth(v)
		case "skipped":
			r.Skipped = value.Truth(v)
		case "msg":
			if r.Msg = value.Str(v); v.Kind() != value.KindString {
				r.Data.Set(k, v)
			}
		case "warnings":
			for _, w := range v.Items() {
				r.Warnings = append(r.Warnings, value.Str(w))
			}
		case "ansible_facts":
			r.Facts = facts(v)
		default:
			if n, ok := v.AsInt(); name == "rc" && ok && n != 0 {
				r.Failed = true
			}
			r.Data.Set(k, v)
		}
	}
	return r
}

// facts are ansible_facts without ansible_ in front of their names.
func facts(v value.Value) *value.Map {
	out := value.NewMap()
	m, _ := v.AsMap()
	for k, v := range m.All() {
		out.Put(strings.TrimPrefix(value.Str(k), "ansible_"), v)
	}
	return out
}
