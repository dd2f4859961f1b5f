package inventory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"remoterun/runner/value"
)

// program reads the JSON that an executable inventory prints for --list; hosts
// are asked for one by one with --host only when it gives no _meta.hostvars.
func (l *loader) program(path string) {
	abs, err := filepath.Abs(path)
	if err != nil {
		l.fail(value.Pos{File: path}, "%v", err)
		return
	}
	r := &programReader{loader: l, source: abs, path: path}
	all, err := r.run("--list")
	if err != nil {
		l.fail(value.Pos{File: path}, "%v", err)
		return
	}
	r.read(all)
}

type programReader struct {
	*loader
	source, path string
	hosts        []*host
}

// run calls the program and reads what it prints: one JSON mapping, nothing at
// all being an empty one.
func (r *programReader) run(args ...string) (*value.Map, error) {
	var out, errOut bytes.Buffer
	cmd := exec.CommandContext(r.ctx, r.source, args...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	line := r.path + " " + strings.Join(args, " ")
	if err := cmd.Run(); err != nil {
		if cause := context.Cause(r.ctx); cause != nil {
			err = cause
		}
		return nil, fmt.Errorf("%s: %w%s", line, err, tail(errOut.String()))
	}
	if len(bytes.TrimSpace(out.Bytes())) == 0 && args[0] == "--host" {
		return value.NewMap(), nil
	}
	v, err := value.ParseJSON(out.Bytes())
	if err != nil {
		return nil, fmt.Errorf("%s printed no JSON: %w%s", line, err, tail(errOut.String()))
	}
	m, ok := v.AsMap()
	if !ok {
		return nil, fmt.Errorf("%s printed %s where a mapping is expected", line, value.TypeName(v))
	}
	return m, nil
}

// tail is the end of what a program complained about.
func tail(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return ""
	}
	lines := strings.Split(s, "\n")
	if len(lines) > 5 {
		lines = lines[len(lines)-5:]
	}
	return "; it said: " + strings.Join(lines, " | ")
}

func (r *programReader) read(all *value.Map) {
	var meta *value.Map
	for k, v := range all.All() {
		name, _ := k.AsString()
		if name != "_meta" {
			if err := r.group(name, v); err != nil {
				r.fail(value.Pos{File: r.path}, "%v", err)
			}
			continue
		}
		if m, ok := v.AsMap(); ok {
			hv, there := m.Lookup("hostvars")
			if meta, ok = hv.AsMap(); there && !ok {
				r.fail(value.Pos{File: r.path}, "_meta.hostvars must be a mapping, got %s", value.TypeName(hv))
				return
			}
		}
	}
	for _, h := range r.hosts {
		vars, err := r.hostVars(meta, h.name)
		if err != nil {
			r.fail(value.Pos{File: r.path}, "%v", err)
			continue
		}
		for k, v := range vars.All() {
			h.vars.Set(k, v)
		}
	}
}

func (r *programReader) hostVars(meta *value.Map, name string) (*value.Map, error) {
	if meta == nil {
		return r.run("--host", name)
	}
	v, there := meta.Lookup(name)
	if !there || v.IsNull() {
		return nil, nil
	}
	m, ok := v.AsMap()
	if !ok {
		return nil, fmt.Errorf("_meta.hostvars of %q must be a mapping, got %s", name, value.TypeName(v))
	}
	return m, nil
}

// group reads a group: a list of hosts; a mapping with hosts, vars and
// children; or, without any of these, the variables of a host of that name.
func (r *programReader) group(name string, body value.Value) error {
	if name == "" {
		return errors.New("a group has no name")
	}
	gr := r.named(name)
	m, ok := body.AsMap()
	if !ok {
		m = value.MapOf("hosts", body)
	} else if !has(m, "hosts") && !has(m, "vars") && !has(m, "children") {
		m = value.MapOf("hosts", value.Strings(name), "vars", body)
	}
	if v, ok := m.Lookup("hosts"); ok {
		if err := r.groupHosts(gr, v); err != nil {
			return err
		}
	}
	if v, ok := m.Lookup("vars"); ok {
		vars, ok := v.AsMap()
		if !ok {
			return fmt.Errorf("vars of group %q must be a mapping, got %s", name, value.TypeName(v))
		}
		for k, v := range vars.All() {
			if err := gr.set(k, v); err != nil {
				return err
			}
		}
	}
	if v, ok := m.Lookup("children"); ok {
		return r.groupChildren(gr, v)
	}
	return nil
}

func has(m *value.Map, name string) bool {
	_, ok := m.Lookup(name)
	return ok
}

func (r *programReader) groupHosts(gr *group, v value.Value) error {
	if v.Kind() != value.KindList {
		return fmt.Errorf("hosts of group %q must be a list, got %s", gr.name, value.TypeName(v))
	}
	for _, item := range v.Items() {
		name, ok := item.AsString()
		if !ok || name == "" {
			return fmt.Errorf("a host of group %q must be text, got %s", gr.name, value.Repr(item))
		}
		h, _ := r.graph.host(name, 0, r.source)
		gr.join(h)
		r.hosts = append(r.hosts, h)
	}
	return nil
}

func (r *programReader) groupChildren(gr *group, v value.Value) error {
	if v.Kind() != value.KindList {
		return fmt.Errorf("children of group %q must be a list, got %s", gr.name, value.TypeName(v))
	}
	for _, item := range v.Items() {
		name, ok := item.AsString()
		if !ok || name == "" {
			return fmt.Errorf("a child of group %q must be text, got %s", gr.name, value.Repr(item))
		}
		if err := r.graph.addChild(gr, r.named(name)); err != nil {
			return err
		}
	}
	return nil
}
