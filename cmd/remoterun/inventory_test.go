package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// script is a terminal that returns what it is given.
type scriptedTerminal struct {
	bytes.Buffer
	answers []string
}

func (s *scriptedTerminal) Line(context.Context) (string, error) {
	b, err := s.Secret(context.Background(), "")
	return string(b), err
}

func (s *scriptedTerminal) Secret(context.Context, string) ([]byte, error) {
	if len(s.answers) == 0 {
		return nil, errors.New("asked too often")
	}
	a := s.answers[0]
	s.answers = s.answers[1:]
	return []byte(a), nil
}

func (s *scriptedTerminal) Close() error { return nil }

// projectDir writes files into a new folder and moves there.
func projectDir(t *testing.T, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, path, text)
	}
	t.Chdir(dir)
}

// runWith runs the program with an environment and returns of an operator.
func runWith(t *testing.T, env map[string]string, answers []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	term := &scriptedTerminal{answers: answers}
	a := &app{in: strings.NewReader(""), out: &out, err: &errs,
		env: func(n string) (string, bool) { v, ok := env[n]; return v, ok },
		terminal: func() (terminal, error) {
			if answers == nil {
				return nil, errors.New("no terminal")
			}
			return term, nil
		}}
	code = a.run(t.Context(), args)
	return out.String(), errs.String(), code
}

func TestInventoryCommand(t *testing.T) {
	projectDir(t, map[string]string{
		"hosts":               "[web]\nw1 ansible_port=2222\nw2\n",
		"group_vars/web.yml":  "http: 80\n",
		"play/group_vars/all": "x: 1\n",
		"other":               "o1\n",
		"broken":              "[web:vrs]\nw1 x\n[db]\nd1 y\n",
	})
	for name, c := range map[string]struct {
		env  map[string]string
		args []string
		code int
		want string
	}{
		"graph":            {nil, []string{"--graph"}, 0, "@all:\n  |--@ungrouped:\n  |--@web:\n  |  |--w1\n  |  |--w2\n"},
		"graph of a group": {nil, []string{"--graph", "web", "--vars", "-l", "w2"}, 0, "@web:\n  |--w2\n  |  |--{http = 80}\n  |--{http = 80}\n"},
		"host":             {nil, []string{"--host", "w1", "-e", "e=2", "--playbook-dir", "play"}, 0, "{\n    \"ansible_port\": 2222,\n    \"e\": \"2\",\n    \"http\": 80,\n    \"x\": 1\n}\n"},
		"host in YAML":     {nil, []string{"--host", "w2", "-y"}, 0, "http: 80\n"},
		"list, limited":    {nil, []string{"--list", "-l", "w2"}, 0, "{\n    \"_meta\": {\n        \"hostvars\": {\n            \"w2\": {\n                \"http\": 80\n            }\n        }\n    },\n    \"all\": {\n        \"children\": [\n            \"ungrouped\",\n            \"web\"\n        ]\n    },\n    \"web\": {\n        \"hosts\": [\n            \"w2\"\n        ]\n    }\n}\n"},
		"by environment":   {map[string]string{"REMOTERUN_INVENTORY": "other"}, []string{"--list", "-y"}, 0, "all:\n  children:\n    ungrouped:\n      hosts:\n        o1: {}\n"},
		"flag wins":        {map[string]string{"REMOTERUN_INVENTORY": "other"}, []string{"-i", "z1,", "--graph"}, 0, "@all:\n  |--@ungrouped:\n  |  |--z1\n"},
		"nothing chosen":   {nil, nil, 5, "one of --list, --graph and --host HOST is needed"},
		"two at once":      {nil, []string{"--list", "--graph"}, 5, "one of --list, --graph and --host HOST is needed"},
		"no such flag":     {nil, []string{"--lits"}, 5, "unknown flag: --lits"},
		"no such group":    {nil, []string{"--graph", "wbe"}, 5, `"wbe" is not one; did you mean "web"?`},
		"no such host":     {nil, []string{"--host", "w3"}, 5, `--host wants exactly one host, and "w3" means 0`},
		"a stray word":     {nil, []string{"--list", "web"}, 5, `what is "web"? One group may stand behind --graph`},
		"mistakes":         {nil, []string{"-i", "broken", "--list"}, 5, "broken:1:1: section [web:vrs] has the unknown type \"vrs\"; did you mean \"vars\"? (allowed: hosts, children, vars)\n    [web:vrs]\n    ^\nbroken:4:4: expected name=value"},
		"host keys are on": {map[string]string{"REMOTERUN_HOST_KEY_CHECKING": "True", "REMOTERUN_INVENTORY": "other"}, []string{"--list", "-y"}, 0, "all:\n  children:\n    ungrouped:\n      hosts:\n        o1: {}\n"},
		"host key switch":  {map[string]string{"REMOTERUN_HOST_KEY_CHECKING": "False"}, []string{"--list"}, 5, "host keys are always verified"},
		"bad environment":  {map[string]string{"REMOTERUN_YAML": "perhaps"}, []string{"--list"}, 5, "REMOTERUN_YAML: "},
	} {
		t.Run(name, func(t *testing.T) {
			out, errs, code := runWith(t, c.env, nil, append([]string{"inventory"}, c.args...)...)
			if code != c.code || code == 0 && out != c.want || code != 0 && !strings.Contains(errs, c.want) {
				t.Errorf("code %d, want %d\nout %s\nerr %s", code, c.code, out, errs)
			}
		})
	}
}

// vaultText is what ansible-vault made of "x" with the password "spaced out".
func vaultText(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../../runner/secret/vault/testdata/yaml-12.vault")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestInventoryCommandAndVaults(t *testing.T) {
	whole := vaultText(t)
	projectDir(t, map[string]string{
		"hosts":              "[web]\nw1\n",
		"group_vars/web.yml": whole, // user, pass, ü
		"host_vars/w1.yml":   "open: 1\nclosed: !vault |\n  " + strings.ReplaceAll(whole, "\n", "\n  ") + "\n",
		"pass":               "spaced out\n",
		"ansible.cfg":        "[defaults]\nvault_identity_list = prod@pass\n",
		"extra.yml":          whole,
	})
	opened := "{\n    \"closed\": \"********\",\n    \"open\": 1,\n    \"pass\": \"********\",\n    \"user\": \"********\",\n    \"ü\": \"********\"\n}\n"
	noCfg := map[string]string{"REMOTERUN_CONFIG": "none.cfg"}
	writeFile(t, "none.cfg", "")
	for name, c := range map[string]struct {
		env     map[string]string
		answers []string
		args    []string
		code    int
		out     string
		err     string
	}{
		"by ansible.cfg":     {nil, nil, nil, 0, opened, ""},
		"by a file":          {noCfg, nil, []string{"--vault-password-file", "pass"}, 0, opened, ""},
		"by environment":     {map[string]string{"REMOTERUN_CONFIG": "none.cfg", "REMOTERUN_VAULT_PASSWORD_FILE": "pass"}, nil, nil, 0, opened, ""},
		"by a prompt":        {noCfg, []string{"spaced out"}, []string{"-J"}, 0, opened, ""},
		"no password at all": {noCfg, nil, nil, 0, "{\n    \"closed\": \"********\",\n    \"open\": 1\n}\n", "[WARNING]: group_vars/web.yml: a vault, left closed: no vault password was given\n"},
		"wrong password":     {noCfg, []string{"nope"}, []string{"-J"}, 5, "", "group_vars/web.yml: no vault password fits (the vault's id is \"prod\", and no secret of that id was given); tried: default\n"},
		"no terminal":        {noCfg, nil, []string{"--vault-id", "prod@prompt"}, 5, "", "there is no terminal to ask \"Vault password (prod)\""},
		"a vaulted -e @FILE": {nil, nil, []string{"-i", "z,", "-e", "@extra.yml", "--host", "z"}, 0, "{\n    \"pass\": \"********\",\n    \"user\": \"********\",\n    \"ü\": \"********\"\n}\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"inventory", "--host", "w1"}, c.args...)
			out, errs, code := runWith(t, c.env, c.answers, args...)
			if code != c.code || out != c.out || !strings.Contains(errs, c.err) || c.err == "" && errs != "" {
				t.Errorf("code %d, want %d\nout %s\nerr %s", code, c.code, out, errs)
			}
		})
	}
}
