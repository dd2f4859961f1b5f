package action

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"remoterun/runner/argspec"
	"remoterun/runner/keyword"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

var roleSpec = play.Spec{Name: "include_role", Short: "Take in a role", Args: []play.Arg{
	{Name: "name", Aliases: []string{"role"}, Type: "str", Required: true, Help: "the role"},
	text("tasks_from", "the file of its tasks in place of main"), text("vars_from", "the file of its vars in place of main"),
	text("defaults_from", "the file of its defaults in place of main"), text("handlers_from", "the file of its handlers in place of main"),
	arg("apply", "dict", "keywords for its tasks"), arg("public", "bool", "let later tasks of the play see its vars and defaults"),
	arg("allow_duplicates", "bool", "run it again when it has run (the default)"),
	arg("rolespec_validate", "bool", "check its argument_specs (the default)"),
}}

// includeRole says which role is taken in: the host enters its tasks when the task
// has ended, and its handlers can be notified from then on.
func includeRole(_ context.Context, t *Turn, args *value.Map) (Did, error) {
	use, public, err := roleUse(t, args)
	if err != nil {
		return Did{}, err
	}
	return Did{Role: &use, Public: public, Result: play.Result{Data: value.MapOf("include_args", value.FromMap(args))}}, nil
}

// roleUse reads the arguments of include_role.
func roleUse(t *Turn, args *value.Map) (use play.RoleUse, public bool, err error) {
	use = play.RoleUse{From: map[string]string{}, Vars: value.NewMap()}
	for _, m := range []*value.Map{t.Task.Vars, t.Locals} {
		for k, v := range m.All() {
			use.Vars.Set(k, v)
		}
	}
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
		b, ok := keyword.Truth(v)
		if !ok {
			err = fmt.Errorf("include_role: %s: %s is not a boolean (yes or no)", name, value.Show(v))
		}
		return b
	}
	use.Once, use.Unchecked = !flag("allow_duplicates", true), !flag("rolespec_validate", true)
	return use, flag("public", false), err
}

// checkArguments holds the variables that a specification names against it.
func checkArguments(ctx context.Context, t *Turn, args *value.Map) (Did, error) {
	part := func(name string) *value.Map {
		v, _ := args.Lookup(name)
		m, _ := v.AsMap()
		return m
	}
	options, given := part("argument_spec"), value.NewMap()
	for k := range options.All() {
		v, ok, err := t.Scope.Var(value.Str(k))
		if err != nil {
			return Did{}, err
		}
		if !ok {
			continue
		}
		if v, err = t.Expr.Render(ctx, v, t.Scope); err != nil {
			return Did{}, err
		}
		given.Set(k, v)
	}
	for k, v := range part("provided_arguments").All() {
		given.Set(k, v)
	}
	wrong := argspec.Check(options, given)
	data := value.MapOf("validate_args_context", value.FromMap(part("validate_args_context")))
	if len(wrong) == 0 {
		return Did{Result: play.Result{Msg: "The arg spec validation passed", Data: data}}, nil
	}
	data.Put("argument_errors", value.Strings(wrong...))
	data.Put("argument_spec_data", value.FromMap(options))
	return Did{Result: play.Result{Failed: true, Msg: "Validation of arguments failed:\n" + strings.Join(wrong, "\n"), Data: data}}, nil
}
