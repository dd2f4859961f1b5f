package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"

	"remoterun/inventory"
	"remoterun/playbooks/ast"
	"remoterun/runner/play"
	"remoterun/runner/secret"
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
	"remoterun/runner/vars"
)

// evalScope returns variables from layers and knows which layer each came
// from.
type evalScope struct {
	layers []play.Layer // lowest precedence first
	dirs   []string
}

func (s *evalScope) Var(name string) (value.Value, bool, error) {
	for i := len(s.layers) - 1; i >= 0; i-- {
		if v, ok := s.layers[i].Vars.Lookup(name); ok {
			return v, true, nil
		}
	}
	if name == "vars" {
		return value.FromMap(s.all()), true, nil
	}
	return value.Value{}, false, nil
}

func (s *evalScope) all() *value.Map {
	out := value.NewMap()
	for _, l := range s.layers {
		for k, v := range l.Vars.All() {
			out.Set(k, v)
		}
	}
	return out
}

func (s *evalScope) Names() []string { return s.all().Names() }

func (s *evalScope) Dirs() []string { return s.dirs }

// from names the layer and place that a variable comes from; empty = none has
// it.
func (s *evalScope) from(name string) string {
	for i := len(s.layers) - 1; i >= 0; i-- {
		v, ok := s.layers[i].Vars.Lookup(name)
		if !ok {
			continue
		}
		if at := value.PosOf(v).String(); at != "" {
			return s.layers[i].Name + " (" + at + ")"
		}
		return s.layers[i].Name
	}
	return ""
}

// add puts a layer on top.
func (s *evalScope) add(name string, vars *value.Map) {
	if vars != nil {
		s.layers = append(s.layers, play.Layer{Name: name, Vars: vars})
	}
}

// evalFlags are the flags of eval and template.
type evalFlags struct {
	projectFlags
	opener *opener // of the vaults, once the scope was made
}

// scope builds the scope that the flags describe: the variables of the host that
// -l names, those of -e over them. The inventory is read for -l alone.
func (f *evalFlags) scope(ctx context.Context, a *app) (*evalScope, error) {
	r := secret.NewRedactor()
	a.redactor = r
	p := newPrompts(-1, false, r)
	if a.terminal != nil {
		p.open = a.terminal
	}
	var err error
	if f.opener, err = a.newOpener(ctx, &f.projectFlags, p, r); err != nil {
		return nil, err
	}
	s := &evalScope{dirs: []string{"."}}
	if f.limit == "" && len(f.inventory) > 0 && a.from["inventory"] == "" {
		return nil, usage("-i needs -l HOST: the host whose variables are meant")
	}
	if f.limit != "" {
		if err := f.host(ctx, a, s); err != nil {
			return nil, err
		}
	}
	for _, e := range f.extra {
		vars, err := extraVars(e, f.opener)
		if err != nil {
			return nil, usage("-e %s: %w", e, err)
		}
		s.add("-e "+shorten(e), vars)
	}
	return s, nil
}

func shorten(s string) string {
	if !strings.HasPrefix(s, "@") && len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// host adds the variables of the one host that -l names.
func (f *evalFlags) host(ctx context.Context, a *app, s *evalScope) error {
	inv, err := a.loadInventory(ctx, &f.projectFlags, "", f.opener)
	if err != nil {
		return err
	}
	hosts, err := inv.Hosts(f.limit)
	if err != nil {
		return &codedError{exitUsage, err}
	}
	if len(hosts) != 1 {
		return usage("-l %s means %d hosts; name one", f.limit, len(hosts))
	}
	layers, err := inv.Layers(hosts[0])
	if err != nil {
		return err
	}
	s.layers = append(append(s.layers, layers...), hostLayer(inv, hosts[0]))
	return nil
}

// hostLayer is what the program itself knows of a host.
func hostLayer(inv *inventory.Inventory, name string) play.Layer {
	return play.Layer{Name: "inventory", Vars: value.MapOf("inventory_hostname", value.String(name), "inventory_hostname_short", value.String(vars.ShortName(name)),
		"group_names", value.Strings(inv.GroupsOf(name)...), "groups", value.FromMap(inv.Groups()),
		"inventory_dir", value.String(inv.Dir()), "hostvars", value.FromObject(&hostVars{inv}))}
}

// hostVars returns each host's variables when they are asked for.
type hostVars struct{ inv *inventory.Inventory }

func (h *hostVars) TypeName() string { return "hostvars" }

func (h *hostVars) Keys() ([]value.Value, error) {
	names, err := h.inv.Hosts("all")
	return value.Strings(names...).Items(), err
}

func (h *hostVars) Get(key value.Value) (value.Value, bool, error) {
	name, ok := key.AsString()
	layers, err := h.inv.Layers(name)
	if !ok || err != nil {
		return value.Value{}, false, nil
	}
	s := &evalScope{layers: layers}
	return value.FromMap(s.all()), true, nil
}

// extraVars reads one -e: key=value words, a YAML or JSON mapping, or @FILE,
// whose vaults op opens (nil: they are errors).
func extraVars(text string, op *opener) (*value.Map, error) {
	file, vaulted, opt := "", false, yaml.Options{}
	if op != nil {
		opt.Decrypt = op.decrypt
	}
	if path, ok := strings.CutPrefix(text, "@"); ok {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if op != nil {
			if data, vaulted, err = op.file(data); err != nil {
				return nil, err
			}
		}
		file, text = path, string(data)
	} else if t := strings.TrimSpace(text); !strings.HasPrefix(t, "{") && !strings.HasPrefix(t, "[") {
		return ast.Pairs(text)
	}
	v, err := yaml.One(cmp.Or(file, "-e"), []byte(text), opt)
	if err != nil && file == "" { // the caller shows the text itself
		_, err = yaml.One("", []byte(text), opt)
	}
	if err != nil {
		return nil, err
	}
	m, ok := v.AsMap()
	if !ok {
		return nil, fmt.Errorf("expected a mapping of variables, got %s", value.TypeName(v))
	}
	if vaulted {
		m = m.With(value.Masked)
	}
	return m, nil
}

// allExtraVars lays all -e over one another.
func allExtraVars(list []string, op *opener) (*value.Map, error) {
	out := value.NewMap()
	for _, e := range list {
		m, err := extraVars(e, op)
		if err != nil {
			return nil, usage("-e %s: %w", e, err)
		}
		for k, v := range m.All() {
			out.Set(k, v)
		}
	}
	return out, nil
}
