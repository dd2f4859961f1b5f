package runner

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"remoterun/runner/argspec"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/runner/vars"
)

// roleAction is include_role.
var roleAction = &action{
	spec: play.Spec{Name: "include_role", Short: "Take in a role", Args: []play.Arg{
		{Name: "name", Aliases: []string{"role"}, Type: "str", Required: true, Help: "the role"},
		text("tasks_from", "the file of its tasks in place of main"), text("vars_from", "the file of its vars in place of main"),
		text("defaults_from", "the file of its defaults in place of main"), text("handlers_from", "the file of its handlers in place of main"),
		arg("apply", "dict", "keywords for its tasks"), arg("public", "bool", "let later tasks of the play see its vars and defaults"),
		arg("allow_duplicates", "bool", "run it again when it has run (the default)"),
		arg("rolespec_validate", "bool", "check its argument_specs (the default)"),
	}},
	run: includeRole,
}

// includeRole takes in a role: the host enters its tasks when the task has ended,
// and its handlers can be notified from then on.
func includeRole(_ context.Context, h *hostRun, u *unit, args *value.Map) (play.Result, error) {
	use, public, err := roleUse(u, args)
	if err != nil {
		return play.Result{}, err
	}
	around := u.tr.words[1 : len(u.tr.words)-1]
	prog, err := h.p.includedRole(use, u.tr.task, around, public)
	if err != nil {
		return play.Result{}, err
	}
	u.tr.pushes = append(u.tr.pushes, &frame{prog: prog, inc: &include{params: use.Vars}})
	return play.Result{Data: value.MapOf("include_args", value.FromMap(args))}, nil
}

// roleUse reads the arguments of include_role.
func roleUse(u *unit, args *value.Map) (use play.RoleUse, public bool, err error) {
	use = play.RoleUse{From: map[string]string{}, Vars: merge(u.tr.task.Vars, u.loopLocals())}
	var ok bool
	if use.Name, ok = str(args, "name", "role"); !ok || use.Name == "" {
		return use, false, errors.New("include_role needs the name of a role")
	}
	for _, kind := range []string{"tasks", "vars", "defaults", "handlers"} {
		if file, ok := str(args, kind+"_from"); ok {
			use.From[kind] = file
		}
	}
	flag := func(name string, otherwise bool) bool {
		v, ok := args.Lookup(name)
		if !ok || v.IsNull() {
			return otherwise
		}
		b, ok := truth(v)
		if !ok {
			err = fmt.Errorf("include_role: %s: %s is not a boolean (yes or no)", name, value.Show(v))
		}
		return b
	}
	use.Once, use.Unchecked = !flag("allow_duplicates", true), !flag("rolespec_validate", true)
	return use, flag("public", false), err
}

// includedRole loads a role once for each task that takes it in with the same
// variables: hosts stand in the same program.
func (pr *playRun) includedRole(use play.RoleUse, from *play.Task, around words, public bool) (*program, error) {
	key := fmt.Sprintf("%p role %s %v %s", from, use.Name, use.From, value.Repr(value.FromMap(use.Vars)))
	return pr.taken(key, around, public, func() (*play.Included, error) { return pr.r.opt.Loader.Role(use, from) })
}

// adopt makes the handlers of roles that were taken in known to the play, and the
// variables of those that are public. Handlers of a use that counts as one known
// already stay the same: they only become the last of their names. Hosts that run
// handlers keep to the list that they began.
func (pr *playRun) adopt(in *play.Included, public bool) {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	known := map[string][]op{}
	start := 0
	for i, o := range pr.hand.ops {
		if o.kind == opRoleEnd {
			known[o.role.ID] = pr.hand.ops[start:i]
		}
		if o.kind != opTask {
			start = i + 1
		}
	}
	all := &program{ops: slices.Clone(pr.hand.ops)}
	for _, b := range in.Handlers {
		if again, ok := known[b.Role.ID]; ok {
			all.ops = append(all.ops, again...)
			continue
		}
		all.ops = append(all.ops, shifted(compile(nil, []play.Item{b}).ops, len(all.ops))...)
	}
	pr.hand = all
	pr.roles = append(slices.Clip(pr.roles), in.Roles...)
	if public {
		pr.roles = append(pr.roles, in.Role)
	}
	pr.makeMagic()
}

// shifted moves instructions behind others: blocks know places of their parts.
func shifted(ops []op, by int) []op {
	seen := map[*span]bool{}
	for _, o := range ops {
		if o.block != nil && !seen[o.block] {
			seen[o.block] = true
			o.block.rescue, o.block.always = o.block.rescue+by, o.block.always+by
		}
	}
	return ops
}

// handlers is the program of the handlers that are known now.
func (pr *playRun) handlers() *program {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	return pr.hand
}

// roleNames puts the names of the play's roles among its own names.
func (pr *playRun) roleNames(m *value.Map) {
	var own, deps, all []string
	add := func(to *[]string, name string) {
		if !slices.Contains(*to, name) {
			*to = append(*to, name)
		}
	}
	for _, r := range pr.roles {
		own = append(own, r.Name)
		for _, d := range r.AllDeps() {
			add(&deps, d.Name)
		}
	}
	for _, n := range slices.Concat(deps, own) {
		add(&all, n)
	}
	m.Put("ansible_role_names", value.Strings(all...))
	m.Put("ansible_play_role_names", value.Strings(own...))
	m.Put("role_names", value.Strings(own...))
	m.Put("ansible_dependent_role_names", value.Strings(deps...))
}

// dirs are the folders in which a task's files are looked up: those of its role
// and of the roles that brought that one in, its file's, the playbook's.
func (pr *playRun) dirs(t *play.Task) []string {
	var out []string
	add := func(d string) {
		if d != "" && !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	if t.Role != nil {
		for _, d := range t.Role.Dirs {
			add(d)
		}
	}
	add(t.Dir)
	if up := filepath.Dir(t.Dir); t.Role != nil && filepath.Base(up) == "tasks" {
		add(up)
	}
	add(pr.p.Dir)
	return out
}

// inRole adds what a task's role gives its names, and where its files are.
func (pr *playRun) inRole(f *vars.Frame, t *play.Task) {
	f.Dirs = pr.dirs(t)
	r := t.Role
	if r == nil {
		return
	}
	f.Defaults, f.Roles = append(f.Defaults, r.Defaults), append(f.Roles, r.Vars)
	f.Params = append([]*value.Map{r.Params}, f.Params...)
	collection := value.Null()
	if r.Collection != "" {
		collection = value.String(r.Collection)
	}
	f.Own = value.MapOf("role_name", value.String(r.Short), "ansible_role_name", value.String(r.Name), "role_path", value.String(r.Path),
		"ansible_collection_name", collection, "role_uuid", value.String(fmt.Sprintf("%p", r)))
}

// checkArguments holds the variables that a specification names against it.
func checkArguments(ctx context.Context, h *hostRun, u *unit, args *value.Map) (play.Result, error) {
	part := func(name string) *value.Map {
		v, _ := args.Lookup(name)
		m, _ := v.AsMap()
		return m
	}
	options, given := part("argument_spec"), value.NewMap()
	for k := range options.All() {
		v, ok, err := u.scope.Var(value.Str(k))
		if err != nil {
			return play.Result{}, err
		}
		if !ok {
			continue
		}
		if v, err = h.p.r.opt.Expr.Render(ctx, v, u.scope); err != nil {
			return play.Result{}, err
		}
		given.Set(k, v)
	}
	wrong := argspec.Check(options, merge(given, part("provided_arguments")))
	data := value.MapOf("validate_args_context", value.FromMap(part("validate_args_context")))
	if len(wrong) == 0 {
		return play.Result{Msg: "The arg spec validation passed", Data: data}, nil
	}
	data.Put("argument_errors", value.Strings(wrong...))
	data.Put("argument_spec_data", value.FromMap(options))
	return play.Result{Failed: true, Msg: "Validation of arguments failed:\n" + strings.Join(wrong, "\n"), Data: data}, nil
}
