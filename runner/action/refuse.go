package action

import (
	"context"
	"errors"
	"slices"
	"strings"

	"remoterun/runner/value"
)

// Do runs the action unless it has arguments that it does not know: one error,
// in Ansible's words, on which playbooks match.
func (a *Action) Do(ctx context.Context, t *Turn, args *value.Map) (Did, error) {
	if err := a.refused(args); err != nil {
		return Did{}, err
	}
	return a.Run(ctx, t, args)
}

func (a *Action) refused(args *value.Map) error {
	names := a.names()
	if slices.Contains(names, "*") {
		return nil
	}
	var unknown []string
	for k := range args.All() {
		if n := value.Str(k); n != "_raw_params" && !slices.Contains(names, n) {
			unknown = append(unknown, n)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	switch a.Spec.Name {
	case "include_vars":
		return errors.New(unknown[0] + " is not a valid option in include_vars")
	case "pause":
		slices.Sort(names)
		return errors.New("Unsupported parameters for (pause) module: " + strings.Join(unknown, ", ") + ". Supported parameters include: " + strings.Join(names, ", ") + ".")
	}
	return errors.New("Invalid options for " + a.Spec.Name + ": " + strings.Join(unknown, ","))
}

// names are all names of arguments.
func (a *Action) names() []string {
	var out []string
	for _, arg := range a.Spec.Args {
		out = append(append(out, arg.Name), arg.Aliases...)
	}
	return out
}

// badName is what Ansible says of a variable that no template could ask for.
func badName(name string) error {
	return errors.New("The variable name '" + name + "' is not valid. Variables must start with a letter or underscore character, and contain only letters, numbers and underscores.")
}
