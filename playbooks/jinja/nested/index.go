package nested

import (
	"fmt"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/parse"
	"remoterun/runner/value"
)

// indexEntries say where something stands in a list.
func indexEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "index_of", Sig: "index_of(test, value=None, key=None, fail_on_missing=False, wantlist=False)", Example: "{{ ['a', 'b'] | ansible.utils.index_of('eq', 'b') }}", Shows: "1", Func: filterIndexOf},
	})
}

func filterIndexOf(c *core.Call) (value.Value, error) {
	a, err := c.Bind("test", "value=", "key=", "fail_on_missing=", "wantlist=")
	if err != nil {
		return value.Value{}, err
	}
	if !core.ListLike(c.In) {
		return value.Value{}, fmt.Errorf("index_of needs a list, got %s", core.PyType(c.In))
	}
	items := c.In.Items()
	holds, err := signedTest(c, value.Str(a[0]), a[1])
	if err != nil {
		return value.Value{}, err
	}
	var out []value.Value
	for i, it := range items {
		if core.Given(a[2]) {
			m, ok, err := value.Mapping(it)
			if err != nil {
				return value.Value{}, err
			}
			if !ok {
				return value.Value{}, fmt.Errorf("index_of: when a key name is provided, all list entries are required to be dictionaries")
			}
			if it, ok = m.Get(a[2]); !ok {
				if core.TruthOr(a[3], false) {
					return value.Value{}, fmt.Errorf("index_of: '%s' was not found at [%d]", value.Str(a[2]), i)
				}
				continue
			}
		}
		ok, err := holds(it)
		if err != nil {
			return value.Value{}, err
		}
		if ok {
			out = append(out, value.Int(int64(i)))
		}
	}
	if len(out) == 1 && !core.TruthOr(a[4], false) {
		return out[0], nil
	}
	return value.List(out...), nil
}

// signedTest returns a test by its name, "!name" or "not name".
func signedTest(c *core.Call, name string, arg value.Value) (func(value.Value) (bool, error), error) {
	name, inverted := strings.CutPrefix(name, "!")
	if name == "=" {
		name = "=="
	}
	if rest, ok := strings.CutPrefix(name, "not "); ok {
		name, inverted = rest, true
	}
	test, err := c.NamedTest(name)
	if err != nil {
		return nil, fmt.Errorf("index_of: the test '%s' was not found%s", name, c.Near(parse.TestKind, name))
	}
	var args []value.Value
	if core.Given(arg) {
		if name == "in" && !core.IsList(arg) {
			arg = value.List(arg)
		}
		args = []value.Value{arg}
	}
	return func(v value.Value) (bool, error) {
		ok, err := test(v, args, nil)
		return ok != inverted, err
	}, nil
}
