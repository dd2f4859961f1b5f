package tasktest

import (
	"os"
	"testing"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// Reach checks that some case that is no mistake gives every argument (by its
// name or an alias), and every choice of it or has it by default.
func Reach(t *testing.T, dir string, m play.Module) {
	t.Helper()
	cases := readCases(t, dir)
	if _, err := os.Stat(dir + "/live"); err == nil {
		cases = append(cases, readCases(t, dir+"/live")...)
	}
	spec := m.Spec()
	for _, a := range spec.Args {
		words := map[string]bool{a.Default: true}
		given := false
		for _, c := range cases {
			if c.text("error") != "" {
				continue
			}
			for _, v := range c.given(a, spec.FreeForm) {
				given = true
				words[value.Str(v)] = true
				for _, it := range v.Items() {
					words[value.Str(it)] = true
				}
			}
		}
		if !given {
			t.Errorf("no case gives the argument %s", a.Name)
		}
		for _, w := range a.Choices {
			if !words[w] && !words[map[string]string{"yes": "True", "no": "False", "on": "True", "off": "False"}[w]] {
				t.Errorf("no case reaches %s=%s", a.Name, w)
			}
		}
	}
}

// given is what the case gives an argument.
func (c Case) given(a play.Arg, free string) []value.Value {
	v, _ := c.in.Lookup("args")
	args, _ := v.AsMap()
	names := append([]string{a.Name}, a.Aliases...)
	if a.Name == free {
		names = append(names, "_raw_params")
	}
	var out []value.Value
	for _, n := range names {
		if v, ok := args.Lookup(n); ok {
			out = append(out, v)
		}
	}
	return out
}
