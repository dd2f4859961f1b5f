package ansible

import (
	"errors"
	"fmt"
	"slices"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/py/version"
	"remoterun/runner/value"
)

// versionEntries are the tests and filters that compare versions.
func versionEntries() []core.Entry {
	return core.StrictAll(append(core.Tests([]core.Entry{
		{Name: "version", Aliases: []string{"version_compare"}, Sig: "version(version, operator='eq', strict=None, version_type=None)", Example: "{{ '1.10' is version('1.9', '>') }}", Shows: "True", Func: testVersion},
	}), core.Entry{Name: "version_sort", From: []string{"community.general"}, Sig: "version_sort(reverse=False)", Example: "{{ ['1.10', '1.9'] | version_sort }}", Shows: "['1.9', '1.10']", Func: filterVersionSort, Spread: core.SpreadNone}))
}

func versionOperators() map[string]func(int) bool {
	eq := func(c int) bool { return c == 0 }
	ne := func(c int) bool { return c != 0 }
	lt := func(c int) bool { return c < 0 }
	le := func(c int) bool { return c <= 0 }
	gt := func(c int) bool { return c > 0 }
	ge := func(c int) bool { return c >= 0 }
	return map[string]func(int) bool{"==": eq, "=": eq, "eq": eq, "<": lt, "lt": lt, "<=": le, "le": le, ">": gt, "gt": gt, ">=": ge, "ge": ge, "!=": ne, "<>": ne, "ne": ne}
}

func comparerOf(strictly, kind value.Value) (version.Comparer, error) {
	if core.Given(strictly) && core.Given(kind) {
		return nil, errors.New("Cannot specify both 'strict' and 'version_type'")
	}
	if core.TruthOr(strictly, false) {
		return version.Strict, nil
	}
	switch k := core.TextOr(kind, "loose"); k {
	case "loose", "":
		return version.Loose, nil
	case "strict":
		return version.Strict, nil
	case "semver", "semantic":
		return version.Semver, nil
	case "pep440":
		return version.PEP440, nil
	default:
		return nil, fmt.Errorf("Invalid version type (%s). Must be one of 'loose', 'strict', 'semver', 'semantic', 'pep440'", k)
	}
}

func testVersion(c *core.Call) (value.Value, error) {
	a, err := c.Bind("version", "operator=", "strict=", "version_type=")
	if err != nil {
		return value.Value{}, err
	}
	cmp, err := comparerOf(a[2], a[3])
	switch {
	case err != nil:
		return value.Value{}, err
	case !value.Truth(c.In):
		return value.Value{}, errors.New("Input version value cannot be empty")
	case !value.Truth(a[0]):
		return value.Value{}, errors.New("Version parameter to compare against cannot be empty")
	}
	op := core.TextOr(a[1], "eq")
	holds, ok := versionOperators()[op]
	if !ok {
		return value.Value{}, fmt.Errorf("Invalid operator type (%s). Must be one of '==', '=', 'eq', '<', 'lt', '<=', 'le', '>', 'gt', '>=', 'ge', '!=', '<>', 'ne'", op)
	}
	n, err := cmp.Compare(value.Str(c.In), value.Str(a[0]))
	if err != nil {
		return value.Value{}, fmt.Errorf("Version comparison failed: %w", err)
	}
	return value.Bool(holds(n)), nil
}

func filterVersionSort(c *core.Call) (value.Value, error) {
	a, err := c.Bind("reverse=")
	if err != nil {
		return value.Value{}, err
	}
	items, err := c.Iterate(c.In)
	if err != nil {
		return value.Value{}, err
	}
	out := slices.Clone(items)
	for _, it := range out {
		if _, err := core.WantText(it, "a version"); err != nil {
			return value.Value{}, err
		}
	}
	var failed error
	slices.SortStableFunc(out, func(a, b value.Value) int {
		n, err := version.Comparer(version.Loose).Compare(value.Str(a), value.Str(b))
		if err != nil {
			failed = err
		}
		return n
	})
	if core.TruthOr(a[0], false) {
		slices.Reverse(out)
	}
	return value.List(out...), failed
}
