package ast

import (
	"slices"
	"strconv"
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// checkSpec checks arguments of an action of the engine by its description.
func checkSpec(spec play.Spec, args *value.Map) []*play.ArgError {
	var errs []*play.ArgError
	given := map[string]bool{}
	for k, v := range args.All() {
		name := value.Str(k)
		if name == "_raw_params" {
			name = spec.FreeForm
		}
		a, ok := findArg(spec, name)
		switch {
		case ok:
			given[a.Name] = true
			if err := checkArg(a, v); err != "" {
				errs = append(errs, &play.ArgError{Arg: a.Name, Msg: err, Allowed: a.Choices, Pos: value.PosOf(v)})
			}
		case name != "_raw_params" && !anyName(spec):
			errs = append(errs, &play.ArgError{Arg: name, Msg: play.NoArgument, Allowed: argNames(spec), Pos: value.PosOf(k)})
		}
	}
	for _, a := range spec.Args {
		if a.Required && !given[a.Name] {
			errs = append(errs, &play.ArgError{Arg: a.Name, Msg: play.NotGiven, Pos: args.Pos})
		}
	}
	return errs
}

// anyName reports an action whose arguments have any names: one is called "*".
func anyName(spec play.Spec) bool {
	_, ok := findArg(spec, "*")
	return ok
}

func findArg(spec play.Spec, name string) (play.Arg, bool) {
	for _, a := range spec.Args {
		if a.Name == name || slices.Contains(a.Aliases, name) {
			return a, true
		}
	}
	return play.Arg{}, false
}

func argNames(spec play.Spec) []string {
	var out []string
	for _, a := range spec.Args {
		if identifier().MatchString(a.Name) {
			out = append(out, a.Name)
		}
	}
	return out
}

// checkArg is the mistake in one constant value, empty when there is none.
func checkArg(a play.Arg, v value.Value) string {
	if value.HasTemplate(v) || v.IsNull() || v.IsOmit() {
		return ""
	}
	text := value.Str(v)
	if len(a.Choices) > 0 && !slices.Contains(a.Choices, text) {
		return value.Repr(v) + " is not one of: " + strings.Join(a.Choices, ", ")
	}
	switch a.Type {
	case "bool":
		if v.Kind() != value.KindBool && !slices.Contains(boolWords, strings.ToLower(strings.TrimSpace(text))) {
			return value.Repr(v) + " is not a boolean (yes or no)"
		}
	case "int":
		if _, ok := v.AsInt(); !ok && strings.TrimLeft(strings.TrimPrefix(strings.TrimSpace(text), "-"), "0123456789") != "" {
			return value.Repr(v) + " is not an integer"
		}
	case "float":
		if _, err := strconv.ParseFloat(strings.TrimSpace(text), 64); err != nil {
			return value.Repr(v) + " is not a number"
		}
	case "dict":
		if _, ok := v.AsMap(); !ok && !strings.ContainsAny(text, "={") {
			return value.Repr(v) + " is not a mapping"
		}
	}
	return ""
}
