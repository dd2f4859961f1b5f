package main

import (
	"strings"
	"testing"
)

// TestDoc: every module has its whole page, every action and argument a word of
// help, and a mistyped name is not far from the right one.
func TestDoc(t *testing.T) {
	a := &app{}
	for _, s := range a.specs() {
		out, errs, code := runApp(t, "", "doc", s.Name)
		if code != 0 || !strings.HasPrefix(out, "# "+s.Name+"\n") {
			t.Errorf("%s: %d %q%s", s.Name, code, out, errs)
		}
		for _, arg := range s.Args {
			if arg.Name != "*" && (arg.Help == "" || !strings.Contains(out, arg.Help)) {
				t.Errorf("%s: no help for %s", s.Name, arg.Name)
			}
		}
		if strings.Contains(out, "| argument |") || strings.Contains(out, "\n\n\n") {
			t.Errorf("%s:\n%s", s.Name, out)
		}
	}
	for args, want := range map[string]string{
		"template":                 "```yaml\n- name: Configuration\n",
		"ansible.builtin.template": "Results: as copy's.",
		"ansible.builtin.debug":    "# debug\n\nPrint a message or a variable.\n\n## Arguments\n",
		"tempalte":                 `there is no module tempalte; did you mean "template"?`,
		"nothing":                  `there is no module nothing; remoterun doc lists them all`,
	} {
		if out, errs, _ := runApp(t, "", "doc", args); !strings.Contains(out+errs, want) {
			t.Errorf("doc %s does not say %q:\n%s%s", args, want, out, errs)
		}
	}
}
