package vars_test

import (
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/runner/vars"
)

// TestAnswersAreNoTemplates: what the program answers about hosts, and what
// hosts say themselves, is never read as a template.
func TestAnswersAreNoTemplates(t *testing.T) {
	hostile := "{{ lookup('pipe', 'id') }}"
	i := inv{layers: map[string][]play.Layer{}}
	s := vars.New(i, plain{}, gather{}, nil)
	magic := value.MapOf("ansible_play_hosts", value.Strings(hostile))
	scope := s.Scope(t.Context(), hostile, vars.Frame{Magic: magic, Dirs: []string{hostile}}, true)
	if err := s.Gathered(hostile, host.Answer{Stdout: []byte(hostile)}); err != nil {
		t.Fatal(err)
	}
	s.AddFacts(hostile, value.MapOf("added", value.List(value.FromMap(value.MapOf(hostile, value.String(hostile))))))
	for _, name := range []string{"inventory_hostname", "inventory_hostname_short", "group_names", "groups", "ansible_search_path", "ansible_play_hosts", "ansible_host", "ansible_os_family", "ansible_added"} {
		v, ok, err := scope.Var(name)
		if err != nil || !ok || value.HasTemplate(v) {
			t.Errorf("%s: %s, %v, %v may be a template", name, value.Repr(v), ok, err)
		}
	}
	for _, name := range []string{"hostvars", "vars", "ansible_facts"} {
		v, _, _ := scope.Var(name)
		o, _ := v.AsObject()
		keys, err := o.Keys()
		if err != nil || len(keys) == 0 {
			t.Errorf("%s: no keys, %v", name, err)
		}
		for _, k := range keys {
			if k.Marks()&value.Unsafe == 0 {
				t.Errorf("%s: the name %s may be a template", name, value.Repr(k))
			}
			if s, _ := k.AsString(); s == "vars" || s == "hostvars" {
				t.Errorf("%s holds itself in %s: it could not be shown", name, s)
			}
		}
	}
}
