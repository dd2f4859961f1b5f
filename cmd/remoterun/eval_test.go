package main

import (
	"bytes"
	"strings"
	"testing"
)

// runApp runs the program in this process.
func runApp(t *testing.T, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	a := &app{in: strings.NewReader(stdin), out: &out, err: &errs, env: func(string) (string, bool) { return "", false }}
	code = a.run(t.Context(), args)
	return out.String(), errs.String(), code
}

func TestEvalShowsTextValueTypeAndOrigin(t *testing.T) {
	if out, errs, code := runApp(t, "", "eval", "port", "-e", "port={{ base | int + 1 }} base='3'"); code != exitOK || !strings.Contains(out, "4") {
		t.Errorf("-e with a template: %q %q %d", out, errs, code)
	}
	out, _, code := runApp(t, "", "eval", "port + 1", "-e", `{"port": "{{ base }}", "base": 3}`)
	want := "text:  4\nvalue: 4\ntype:  int\nvariables:\n  port = '{{ base }}', from -e {\"port\": \"{{ base }}\", \"base\": 3} (-e:1:11)\n  base = 3, from -e {\"port\": \"{{ base }}\", \"base\": 3}\n"
	if out != want || code != 0 {
		t.Errorf("got %d\n%s", code, out)
	}
}

func TestEvalWithInventory(t *testing.T) {
	dir := t.TempDir()
	inv := dir + "/hosts.ini"
	writeFile(t, inv, "[web]\nweb1 http_port=8081\n")
	out, errs, code := runApp(t, "", "eval", "http_port", "-i", inv, "-l", "web1")
	if code != 0 || !strings.Contains(out, "value: 8081\ntype:  int\n") || !strings.Contains(out, "from inventory host web1") {
		t.Errorf("got %d\n%s%s", code, out, errs)
	}
	if _, errs, code = runApp(t, "", "eval", "1", "-i", inv); code != exitUsage || !strings.Contains(errs, "-i needs -l HOST") {
		t.Errorf("without -l: %d %s", code, errs)
	}
}

// TestEvalSeesTheProject: what a run would read, eval and template read: the
// inventory that is found, settings, group_vars, vaults.
func TestEvalSeesTheProject(t *testing.T) {
	projectDir(t, map[string]string{
		"hosts":              "[web]\nw1 n=2\n",
		"group_vars/web.yml": vaultText(t), // user, pass, ü
		"host_vars/w1.yml":   "port: \"{{ base + n }}\"\nbase: 80\n",
		"pass":               "spaced out\n",
		"ansible.cfg":        "[defaults]\nvault_password_file = pass\n",
		"extra.yml":          vaultText(t),
		"a.j2":               "{{ port }} {{ user }}\n",
	})
	for _, c := range []struct{ args, says string }{
		{"eval|port|-l|w1", "value: 82\ntype:  int\nvariables:\n  port = '{{ base + n }}', from "},
		{"eval|user|-l|w1", "text:  ********\nvalue: '********'\n"},
		{"eval|user|-e|@extra.yml", "text:  ********\n"},
		{"eval|1", "value: 1\n"},
		{"template|a.j2|-l|w1", "********[WARNING]: a.j2: the text holds a secret, and is not shown\n"},
		{"eval|port|-l|wbe", "-l wbe means 0 hosts; name one"},
	} {
		out, errs, _ := runWith(t, nil, nil, strings.Split(c.args, "|")...)
		if !strings.Contains(out+errs, c.says) {
			t.Errorf("%s does not say %q:\n%s%s", c.args, c.says, out, errs)
		}
	}
	// An inventory of the settings alone asks for no host.
	if out, errs, code := runWith(t, map[string]string{"REMOTERUN_INVENTORY": "hosts"}, nil, "eval", "1"); code != 0 {
		t.Errorf("%d %s%s", code, out, errs)
	}
}

func TestEvalLines(t *testing.T) {
	cases := []struct{ name, in, want string }{
		{"value kept", `{"template": "{{ p }}", "vars": {"p": 80}}`, `{"text": "80", "native": 80, "error": null}`},
		{"tuple", `{"template": "{{ (1, 'a') }}"}`, `{"text": "(1, 'a')", "native": {"__tuple__": [1, "a"]}, "error": null}`},
		{"argument backslash", `{"template": "{{ 'a\\n' }}"}`, `{"text": "a\\n", "native": "a\\n", "error": null}`},
		{"file backslash", `{"template": "{{ 'a\\n' }}", "file": true}`, `{"text": "a\n", "native": "a\n", "error": null}`},
		{"error", `{"template": "x\n {{ nope }}"}`, `{"text": null, "native": null, "error": {"message": "'nope' is undefined", "line": 2, "column": 5}}`},
		{"no json", `{"template`, `"message": "json at byte`},
		{"no template", `{"vars": {}}`, `"template\" is missing`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out, errs, code := runApp(t, c.in+"\n"+`{"template": "next"}`, "eval", "--jsonl")
			first, rest, _ := strings.Cut(out, "\n")
			if code != 0 || !strings.Contains(strings.ReplaceAll(first, `\\\"`, `\"`), c.want) && first != c.want {
				t.Errorf("got %d %s%s", code, first, errs)
			}
			if !strings.HasPrefix(rest, `{"text": "next"`) {
				t.Errorf("the line behind it: %s", rest)
			}
		})
	}
}

func TestTemplatePrintsFile(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/a.j2", "port {{ port }}\n{% include 'b.j2' %}\n")
	writeFile(t, dir+"/b.j2", "from {{ name }}\n")
	out, errs, code := runApp(t, "", "template", dir+"/a.j2", "-e", "port=80 name=x", "--where")
	if out != "port 80\nfrom x\n" || code != 0 {
		t.Errorf("got %d %q %s", code, out, errs)
	}
	if !strings.Contains(errs, "port = '80', from -e port=80 name=x") {
		t.Errorf("where: %s", errs)
	}
}

func TestEvalPlacesMistakesInTheExpression(t *testing.T) {
	for expr, want := range map[string]string{
		"1 + prot":       "remoterun: expression:1:5: 'prot' is undefined; did you mean 'port'?\n",
		"{{ 1 + prot }}": "remoterun: expression:1:8: 'prot' is undefined; did you mean 'port'?\n",
		"1 | uper":       "remoterun: expression:1:5: template syntax: no filter named 'uper'; did you mean 'upper'?\n",
	} {
		if out, errs, code := runApp(t, "", "eval", expr, "-e", "port=1"); errs != want || out != "" || code != exitError {
			t.Errorf("%s: %d %q", expr, code, errs)
		}
	}
}
