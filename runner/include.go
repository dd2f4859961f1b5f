package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"remoterun/runner/event"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// includeTasks takes in the tasks of a file: the host enters them when the
// task has ended, one file of a loop after the other.
func includeTasks(_ context.Context, h *hostRun, u *unit, args *value.Map) (play.Result, error) {
	name, ok := str(args, "file", "_raw_params")
	if !ok {
		return play.Result{}, errors.New("include_tasks needs the name of a file")
	}
	path := abs(cmp.Or(u.tr.task.Dir, h.p.p.Dir), name)
	around := u.tr.words[1 : len(u.tr.words)-1]
	prog, err := h.p.included(path, u.tr.task, around)
	if err != nil {
		return play.Result{}, err
	}
	u.tr.pushes = append(u.tr.pushes, &frame{prog: prog, inc: &include{params: merge(u.tr.task.Vars, u.loopLocals())}})
	u.tr.included = append(u.tr.included, event.Included{Host: h.name, Task: u.tr.info, Path: path, LoopItem: u.loopItem(), NoLog: u.noLog})
	return play.Result{Data: value.MapOf("include", value.String(path))}, nil
}

// loopLocals are the loop variables of the unit's item, as an included file sees
// them.
func (u *unit) loopLocals() *value.Map {
	if !u.tr.loop {
		return nil
	}
	m := u.tr.loopVars(u.index)
	m.Delete(value.String("ansible_loop_var"))
	m.Delete(value.String("ansible_index_var"))
	return m
}

// included loads a file once per play and task: hosts that take it in stand in
// the same program and run in step. Its tasks have the tags of the blocks around
// the include, but not the include's own.
func (pr *playRun) included(path string, from *play.Task, around words) (*program, error) {
	return pr.taken(fmt.Sprintf("%p %s", from, path), around, false, func() (*play.Included, error) { return pr.r.opt.Loader.Tasks(path, from) })
}

// taken compiles what load gives, once for all hosts that ask by the same key.
func (pr *playRun) taken(key string, around words, public bool, load func() (*play.Included, error)) (*program, error) {
	pr.incMu.Lock()
	defer pr.incMu.Unlock()
	if p, ok := pr.inc[key]; ok {
		return p, nil
	}
	in, err := load()
	if err != nil {
		return nil, err
	}
	pr.adopt(in, public)
	if pr.inc == nil {
		pr.inc = map[string]*program{}
	}
	p := compile(func(t *play.Task, inner []*play.Keywords) bool {
		return pr.keep(t, slices.Concat(around, inner))
	}, in.Items)
	if pr.r.opt.Check {
		pr.override(p)
	}
	pr.inc[key] = p
	return p, nil
}

func includeVars(ctx context.Context, h *hostRun, u *unit, args *value.Map) (play.Result, error) {
	name, ok := str(args, "file", "_raw_params")
	if !ok {
		return play.Result{}, errors.New("include_vars needs the name of a file")
	}
	path, err := find(h.p.dirs(u.tr.task), "vars", name)
	if err != nil {
		return play.Result{}, err
	}
	m, err := h.p.r.opt.Loader.Vars(path)
	if err != nil {
		return play.Result{}, err
	}
	if under, ok := str(args, "name"); ok {
		m = value.MapOf(under, value.FromMap(m))
	}
	err = h.found(ctx, u, func(to string) { h.p.r.store.IncludeVars(to, m) })
	return play.Result{Data: value.MapOf("ansible_included_var_files", value.Strings(path), "ansible_facts", value.FromMap(m))}, err
}

func addHost(_ context.Context, h *hostRun, _ *unit, args *value.Map) (play.Result, error) {
	name, ok := str(args, "name", "hostname", "host")
	if !ok {
		return play.Result{}, errors.New("add_host needs a name")
	}
	var groups []string
	vars := value.NewMap()
	for k, v := range args.All() {
		switch value.Str(k) {
		case "name", "hostname", "host":
		case "groups", "group", "groupname":
			groups = listOf(v)
		default:
			vars.Set(k, v)
		}
	}
	isNew, err := h.p.r.opt.Inventory.AddHost(name, groups, vars)
	if err != nil {
		return play.Result{}, err
	}
	h.p.r.store.Drop(name)
	return play.Result{Changed: isNew, Data: value.MapOf("add_host", value.FromMap(value.MapOf("host_name", value.String(name), "groups", value.Strings(groups...), "host_vars", value.FromMap(vars))))}, nil
}

func groupBy(_ context.Context, h *hostRun, _ *unit, args *value.Map) (play.Result, error) {
	key, ok := str(args, "key")
	if !ok {
		return play.Result{}, errors.New("group_by needs a key")
	}
	parents := []string{"all"}
	if v, ok := args.Lookup("parents"); ok {
		parents = listOf(v)
	}
	// As Ansible names them.
	key = strings.ReplaceAll(key, " ", "-")
	for i := range parents {
		parents[i] = strings.ReplaceAll(parents[i], " ", "-")
	}
	changed, err := h.p.r.opt.Inventory.AddGroup(h.name, key, parents)
	h.p.r.store.Drop(h.name)
	return play.Result{Changed: changed, Data: value.MapOf("add_group", value.String(key), "parent_groups", value.Strings(parents...))}, err
}

// listOf reads a list of names: a list, or text with commas.
func listOf(v value.Value) []string {
	var out []string
	if s, ok := v.AsString(); ok {
		for p := range strings.SplitSeq(s, ",") {
			out = append(out, strings.TrimSpace(p))
		}
	}
	for _, it := range v.Items() {
		out = append(out, value.Str(it))
	}
	return out
}
