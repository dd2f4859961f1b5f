package jinja

import (
	"os"
	"path/filepath"
	"testing"

	"remoterun/playbooks/jinja/laptop"
	"remoterun/runner/value"
)

// marksScope holds secrets and text of a host beside plain data.
func marksScope() *mapScope {
	secret := value.MarkedString("s3cr3t pass", value.Masked)
	sealed := value.MarkedString("k3y", value.Sealed)
	hostile := value.MarkedString("{{ 7 * 7 }}", value.Unsafe)
	user := func(name string, pw value.Value) value.Value {
		return value.FromMap(value.MapOf("name", value.String(name), "pw", pw))
	}
	return &mapScope{dirs: []string{"."}, vars: value.MapOf(
		"secret", secret, "sealed", sealed, "hostile", hostile, "name", value.String("web"),
		"d", value.FromMap(value.MapOf("pw", secret, "port", value.Int(80), "n", value.String("x"))),
		"list", value.List(secret, value.String("open")),
		"users", value.List(user("a", secret), user("b", value.String("plain"))),
	)}
}

// TestMarksTravel: what a filter makes of a secret or of a host's text has its
// marks, and the values beside it do not get them.
func TestMarksTravel(t *testing.T) {
	const none = value.Marks(0)
	for template, want := range map[string]value.Marks{
		"{{ secret | quote }}":                                       value.Masked,
		"{{ secret | split }}":                                       value.Masked,
		"{{ secret | split | first }}":                               value.Masked,
		"{{ secret | b64encode }}":                                   value.Masked,
		"{{ secret | b64encode | b64decode }}":                       value.Masked,
		"{{ secret | hash('sha256') }}":                              value.Masked,
		"{{ secret | password_hash('sha512', 'abc', rounds=1000) }}": value.Masked,
		"{{ secret | regex_replace('s3', 'S3') }}":                   value.Masked,
		"{{ 'a' | regex_replace('a', secret) }}":                     value.Masked,
		"{{ secret | regex_search('[a-z]+') }}":                      value.Masked,
		"{{ secret | regex_findall('[a-z]+') }}":                     value.Masked,
		"{{ secret | regex_escape }}":                                value.Masked,
		"{{ secret | comment }}":                                     value.Masked,
		"{{ 'x' | comment(decoration=secret) }}":                     value.Masked,
		"{{ d | to_json }}":                                          value.Masked,
		"{{ d | to_nice_json }}":                                     value.Masked,
		"{{ d | to_nice_yaml }}":                                     value.Masked,
		"{{ d | to_json | from_json }}":                              value.Masked,
		"{{ d | to_nice_yaml | from_yaml }}":                         value.Masked,
		"{{ sealed | to_uuid }}":                                     value.Sealed,
		"{{ sealed ~ secret }}":                                      value.Sealed | value.Masked,
		"{{ d.pw | ternary(d.pw, 'x') }}":                            value.Masked,
		"{{ true | ternary('a', secret) }}":                          none,
		"{{ d | combine({'z': 1}) }}":                                value.Masked,
		"{{ (d | combine({'z': 1})).port }}":                         none,
		"{{ (d | combine({'z': 1})).n }}":                            none,
		"{{ (d | combine({'pw': sealed})).pw }}":                     value.Sealed,
		"{{ d | dict2items | map(attribute='key') | list }}":         none,
		"{{ (d | dict2items)[0].value }}":                            value.Masked,
		"{{ (d | dict2items | items2dict).n }}":                      none,
		"{{ list | flatten | first }}":                               value.Masked,
		"{{ list | flatten | last }}":                                none,
		"{{ list | union(['z']) | last }}":                           none,
		"{{ list | difference(['open']) }}":                          value.Masked,
		"{{ list | difference([secret]) }}":                          none,
		"{{ list | unique | last }}":                                 none,
		"{{ (list | zip([1, 2]))[1] }}":                              none,
		"{{ (list | zip([1, 2]))[0] }}":                              value.Masked,
		"{{ list | product(['x']) | first }}":                        value.Masked,
		"{{ 'pw' | extract(d) }}":                                    value.Masked,
		"{{ users | map(attribute='name') | list }}":                 none,
		"{{ users | json_query('[*].name') }}":                       none,
		"{{ users | json_query('[*].pw') }}":                         value.Masked,
		"{{ users | json_query(\"join(',', [*].pw)\") }}":            value.Masked,
		"{{ users | json_query('to_string(@)') }}":                   value.Masked,
		"{{ hostile | upper }}":                                      value.Unsafe,
		"{{ ('k: \"' ~ hostile ~ '\"') | from_yaml }}":               value.Unsafe,
		"{{ hostile | regex_replace('7', '8') }}":                    value.Unsafe,
		"{{ lookup('vars', 'secret') }}":                             value.Masked,
		"{{ lookup('dict', d)[0].value }}":                           value.Masked,
		"{{ lookup('pipe', 'echo ' ~ name) }}":                       value.Unsafe,
		"{{ lookup('pipe', 'echo ' ~ secret) }}":                     value.Unsafe | value.Masked,
		"{{ lookup('env', 'HOME') }}":                                value.Unsafe,
		"{{ lookup('items', list) }}":                                value.Masked,
	} {
		got, err := New(Options{System: laptop.System{}}).Render(t.Context(), value.String(template), marksScope())
		if err != nil {
			t.Errorf("%s: %v", template, err)
			continue
		}
		if m := value.DeepMarks(got) &^ value.Printed; m != want {
			t.Errorf("%s: marks %b, want %b (%s)", template, m, want, value.Repr(got))
		}
	}
}

// TestUnsafeStaysText: a host's text is never a template again, whatever it
// went through.
func TestUnsafeStaysText(t *testing.T) {
	s := marksScope()
	e := New(Options{System: laptop.System{}})
	for _, template := range []string{
		"{{ hostile }}", "{{ hostile | trim }}", "{{ [hostile] | first }}", "{{ {'k': hostile} | dict2items | map(attribute='value') | first }}",
		"{{ hostile | b64encode | b64decode }}", "{{ {'k': hostile} | to_json | from_json | json_query('k') }}", "{{ lookup('items', [hostile]) }}",
	} {
		s.vars.Put("indirect", value.String(template))
		got, err := e.Render(t.Context(), value.String("{{ indirect }}"), s)
		if err != nil || value.Str(got) != "{{ 7 * 7 }}" {
			t.Errorf("%s: got %q (%v), want the text as it came", template, value.Str(got), err)
		}
	}
}

// TestSealedNotInCommands: a sealed secret never stands in a command line.
func TestSealedNotInCommands(t *testing.T) {
	for _, template := range []string{"{{ lookup('pipe', 'echo ' ~ sealed) }}", "{{ lookup('lines', sealed) }}", "{{ lookup('url', 'http://127.0.0.1:1/' ~ sealed) }}"} {
		if got, err := New(Options{System: laptop.System{}}).Render(t.Context(), value.String(template), marksScope()); err == nil {
			t.Errorf("%s: got %s, want an error", template, value.Show(got))
		}
	}
}

// TestVaultedFilesAreSecret: what lookups read of a vault is masked.
func TestVaultedFilesAreSecret(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"vault.txt": "$ANSIBLE_VAULT;1.1;AES256\n00\n", "open.txt": "open", "vault.ini": "$ANSIBLE_VAULT;1.1;AES256\n00\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	opened := func(path string, data []byte) ([]byte, error) {
		if filepath.Ext(path) == ".ini" {
			return []byte("[global]\nkey = s3cr3t\n"), nil
		}
		return []byte("{{ name }} s3cr3t"), nil
	}
	e := New(Options{System: laptop.System{Open: opened}})
	for template, want := range map[string]value.Marks{
		"{{ lookup('file', 'vault.txt') }}":               value.Unsafe | value.Masked,
		"{{ lookup('unvault', 'vault.txt') }}":            value.Unsafe | value.Masked,
		"{{ lookup('template', 'vault.txt') }}":           value.Unsafe | value.Masked,
		"{{ lookup('ini', 'key', file='vault.ini') }}":    value.Unsafe | value.Masked,
		"{{ lookup('file', 'open.txt') }}":                value.Unsafe,
		"{{ lookup('ini', 'key', file='vault.ini') ~ 1}}": value.Unsafe | value.Masked,
	} {
		got, err := e.Render(t.Context(), value.String(template), &mapScope{vars: value.MapOf("name", value.String("web")), dirs: []string{dir}})
		if err != nil {
			t.Errorf("%s: %v", template, err)
		} else if m := value.DeepMarks(got); m != want {
			t.Errorf("%s: marks %b, want %b", template, m, want)
		}
	}
}
