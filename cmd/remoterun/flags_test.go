package main

import (
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"remoterun/runner/secret/vault"
)

// came is what a run left.
type came struct {
	text string
	code int
	made bool // the task ran to its end on h1
}

// effect is what a flag does that would not be so without it.
type effect struct {
	task       string   // a module and its arguments; "" = one that leaves a file
	base, with []string // words on both sides, and with the flag
	yes        func(came) bool
	alone      bool // it is not run without the flag
	root       bool // it needs root
}

func says(words ...string) func(came) bool {
	return func(c came) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(c.text, w) })
	}
}

func codeIs(n int) func(came) bool { return func(c came) bool { return c.code == n } }

func notMade(c came) bool { return !c.made }

// runEffects are those of every command that runs tasks.
func runEffects(silent string) map[string]effect {
	copies := `copy {"content": "new\n", "dest": "DIR/new"}`
	meets := `shell touch DIR/at-{{ inventory_hostname }}; n=0; until [ -e DIR/at-h1 ] && [ -e DIR/at-h2 ]; do n=$((n+1)); [ $n -lt 30 ] || exit 1; sleep 0.1; done`
	return map[string]effect{
		"ask-become-pass":     {with: []string{"-K", "-b"}, yes: says("BECOME password")},
		"ask-vault-pass":      {base: []string{"-e", "@vault.yml"}, with: []string{"-J"}, yes: says("vault password", "terminal")},
		"become":              {base: []string{"--become-user", "nobody", "-v"}, with: []string{"-b"}, yes: says("user=nobody"), task: "shell echo user=$(id -un)", root: true},
		"become-user":         {base: []string{"-b", "-v"}, with: []string{"--become-user", "nobody"}, yes: says("user=nobody"), task: "shell echo user=$(id -un)", root: true},
		"become-method":       {base: []string{"-b", "--become-user", "nobody"}, with: []string{"--become-method", "doas"}, yes: says("doas")},
		"check":               {with: []string{"-C"}, yes: notMade},
		"connection":          {base: []string{"-l", "far"}, with: []string{"-c", "local"}, yes: codeIs(exitOK)},
		"diff":                {task: copies, with: []string{"-D"}, yes: says("+new")},
		"exit-code":           {task: copies, base: []string{"-C"}, with: []string{"--exit-code"}, yes: codeIs(exitChanges)},
		"extra-vars":          {base: []string{"-v"}, with: []string{"-e", "x=7"}, yes: says("x=7")},
		"forks":               {task: meets, base: []string{"-l", "h1,h2"}, with: []string{"-f", "1"}, yes: codeIs(exitFailed)},
		"inventory":           {base: []string{"-l", "h*"}, with: []string{"-i", "other"}, yes: func(c came) bool { return strings.Contains(c.text, "h9") || c.code == exitUsage }},
		"limit":               {base: nil, with: []string{"-l", "h2"}, yes: notMade},
		"list-hosts":          {with: []string{"--list-hosts"}, yes: func(c came) bool { return !c.made && says("hosts (")(c) }},
		"list-tasks":          {with: []string{"--list-tasks"}, yes: func(c came) bool { return !c.made && says("tasks:")(c) }},
		"list-tags":           {with: []string{"--list-tags"}, yes: func(c came) bool { return !c.made && says("TASK TAGS")(c) }},
		"syntax-check":        {with: []string{"--syntax-check"}, yes: func(c came) bool { return !c.made && says("playbook: ")(c) }},
		"output":              {with: []string{"--output", "json"}, yes: says(`"stats"`)},
		"skip-tags":           {with: []string{"--skip-tags", "untagged"}, yes: notMade},
		"ssh-config":          {base: []string{"-l", "far"}, with: []string{"--ssh-config", "ssh.config"}, yes: says("127.0.0.1:7")},
		"step":                {with: []string{"--step"}, yes: says("--step asks before each task")},
		"tags":                {with: []string{"-t", "first"}, yes: notMade},
		"timeout":             {base: []string{"-l", "silent", "-e", "ansible_port=" + silent}, with: []string{"-T", "1"}, yes: says("within 1s"), alone: true},
		"user":                {base: []string{"-l", "far"}, with: []string{"-u", "bob"}, yes: says("bob@")},
		"vault-id":            {base: []string{"-e", "@vault.yml"}, with: []string{"--vault-id", "pass"}, yes: codeIs(exitOK)},
		"vault-password-file": {base: []string{"-e", "@vault.yml"}, with: []string{"--vault-password-file", "pass"}, yes: codeIs(exitOK)},
		"verbose":             {with: []string{"-vv"}, yes: func(c came) bool { return says("task path")(c) || says(`"delta"`)(c) }},
	}
}

// playEffects are those of commands that run playbooks.
func playEffects() map[string]effect {
	return map[string]effect{
		"flush-cache":    {with: []string{"--flush-cache"}, alone: true, yes: func(c came) bool { return c.made }}, // no facts are kept: it is only taken
		"force-handlers": {task: "fails", with: []string{"--force-handlers"}, yes: func(c came) bool { return c.made }},
		"start-at-task":  {with: []string{"--start-at-task", "nothing"}, yes: codeIs(exitUsage)},
	}
}

// shownElsewhere are flags whose effect another test shows: it has to be there and
// to type them.
var shownElsewhere = map[string]string{
	"take-over": "TestFleet", "yes": "TestMoveVerbs", "passphrase-fd": "TestKeysFromSetupToRAM", "ask-pass": "TestWhatGoesWrong", "private-key": "TestWhatGoesWrong", "rehearse": "TestMoveVerbs", "pgdata": "TestKeysFromSetupToRAM", "keys-dir": "TestKeysFromSetupToRAM",
}

// flagProject is a project whose one task is the effect's.
func flagProject(t *testing.T, task string) (dir string) {
	t.Helper()
	projectDir(t, map[string]string{
		"ansible.cfg": "", "hosts": "h1 ansible_connection=local\nh2 ansible_connection=local\n[rest]\nfar ansible_host=127.0.0.1\nsilent ansible_host=127.0.0.1\n[rest:vars]\ng=1\n",
		"other": "h9 ansible_connection=local\n", "pass": "spaced out\n", "home/.ssh/config": "Host 127.0.0.1\n  Port 1\n", "ssh.config": "Host 127.0.0.1\n  Port 7\n",
	})
	sealed, err := vault.Seal([]byte("x: 7\n"), []byte("spaced out"), []byte("salt"), "")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, "vault.yml", string(sealed))
	if dir, err = os.Getwd(); err != nil {
		t.Fatal(err)
	}
	module, args, _ := strings.Cut(strings.ReplaceAll(task, "DIR", dir), " ")
	text := "- hosts: h*,f*,s*\n  gather_facts: false\n  tasks:\n    - " + module + ": " + args + "\n"
	if module == "fails" {
		text = "- hosts: h1\n  gather_facts: false\n  tasks:\n    - {command: 'true', notify: bell}\n    - command: 'false'\n  handlers:\n    - {name: bell, command: 'touch " + dir + "/made-h1'}\n"
	}
	if module == "shell" {
		text = strings.Replace(text, "shell: "+args, "shell: |\n        "+args, 1)
	}
	writeFile(t, "site.yml", text)
	if err := os.Mkdir("playbooks", 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, "playbooks/mine.yaml", "# A task\n# verb: mine: Run it\n---\n"+text)
	return dir
}

// kindOf makes a command line of a kind of command.
var kindOf = map[string]func(module, args string) []string{
	"remoterun":      func(_, _ string) []string { return []string{"site.yml"} },
	"remoterun mine": func(_, _ string) []string { return []string{"mine", "all"} },
	"remoterun run":  func(module, args string) []string { return []string{"run", "all", "-m", module, "-a", args} },
}

func (e effect) run(t *testing.T, command string, with bool) came {
	task := e.task
	if task == "" {
		task = `shell echo "x={{ x | default('none') }}"; touch DIR/made-{{ inventory_hostname }}`
	}
	dir := flagProject(t, task)
	module, args, _ := strings.Cut(strings.ReplaceAll(task, "DIR", dir), " ")
	words := slices.Concat(kindOf[command](module, args), []string{"-i", "hosts"}, e.base)
	if !slices.Contains(e.base, "-l") && !slices.Contains(e.with, "-l") && !slices.Contains(e.with, "-i") {
		words = append(words, "-l", "h1")
	}
	if with {
		if slices.Contains(e.with, "-i") {
			words = slices.Concat(kindOf[command](module, args), e.with)
		} else {
			words = append(words, e.with...)
		}
	}
	out, errs, code := runWith(t, map[string]string{"HOME": dir + "/home", "USER": "op", "XDG_STATE_HOME": dir + "/state"}, nil, words...)
	_, err := os.Stat(dir + "/made-h1")
	return came{out + errs, code, err == nil}
}

// TestEveryFlagHasAnEffect walks the commands: a flag without a row that shows what
// it does fails, and so does one that does nothing. The verbs that ship are made
// of their playbooks as a project's own are: theirs are the flags of mine.
func TestEveryFlagHasAnEffect(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	rows, tests := runEffects(port), testTexts(t)
	others := otherEffects(port)
	for name, o := range others {
		t.Run(name, func(t *testing.T) {
			if !strings.HasSuffix(name, " timeout") { // ten seconds without it
				if got := o.run(t); o.yes(got) {
					t.Errorf("without it: code %d, %s", got.code, got.text)
				}
			}
			if got := o.run(t, o.with...); !o.yes(got) {
				t.Errorf("with it: code %d, %s", got.code, got.text)
			}
		})
	}
	for flag, test := range shownElsewhere {
		shown := false
		for _, text := range tests {
			typed := strings.Contains(text, "--"+flag) || flag == "ask-pass" && strings.Contains(text, `"-k"`)
			shown = shown || typed
		}
		if !shown || !strings.Contains(strings.Join(slices.Collect(maps.Values(tests)), ""), "func "+test+"(") {
			t.Errorf("--%s is said to be shown by %s", flag, test)
		}
	}
	for command := range kindOf {
		all := rows
		if command != "remoterun run" {
			all = map[string]effect{}
			for _, m := range []map[string]effect{rows, playEffects()} {
				for k, v := range m {
					all[k] = v
				}
			}
		}
		for flag, e := range all {
			t.Run(command+" --"+flag, func(t *testing.T) {
				if e.root && os.Geteuid() != 0 {
					t.Skip("it needs root")
				}
				if !e.alone {
					if got := e.run(t, command, false); e.yes(got) {
						t.Errorf("without it: code %d, %s", got.code, got.text)
					}
				}
				if got := e.run(t, command, true); !e.yes(got) {
					t.Errorf("with it: code %d, made %v, %s", got.code, got.made, got.text)
				}
			})
		}
	}
	flagProject(t, "command true")
	a := &app{env: func(string) (string, bool) { return "", false }}
	walk(a.root(), func(c *cobra.Command, f *pflag.Flag) {
		path := c.CommandPath()
		if c.GroupID == "verbs" || path == "remoterun key import" || path == "remoterun config dump" {
			path = "remoterun mine"
		}
		_, runs := rows[f.Name]
		_, plays := playEffects()[f.Name]
		switch {
		case f.Name == "help" || f.Name == "version" || c.Hidden: // the demo's own process is no command for people
		case shownElsewhere[f.Name] != "" && (kindOf[path] != nil || others[strings.TrimPrefix(path, "remoterun ")+" "+f.Name].words == nil):
		case others[strings.TrimPrefix(path, "remoterun ")+" "+f.Name].words != nil:
		case kindOf[path] != nil && (runs || plays && path != "remoterun run"):
		case typedElsewhere(t, tests, c, f):
		default:
			t.Errorf("%s --%s: no row shows that it has an effect", c.CommandPath(), f.Name)
		}
	})
}

func walk(c *cobra.Command, see func(*cobra.Command, *pflag.Flag)) {
	seen := map[string]bool{}
	for _, set := range []*pflag.FlagSet{c.Flags(), c.PersistentFlags()} {
		set.VisitAll(func(f *pflag.Flag) {
			if !seen[f.Name] {
				see(c, f)
			}
			seen[f.Name] = true
		})
	}
	for _, sub := range c.Commands() {
		walk(sub, see)
	}
}

// other is a flag of a command that runs no task.
type other struct {
	words, with []string
	yes         func(came) bool
}

// otherEffects are those of commands that look at a project.
func otherEffects(silent string) map[string]other {
	out := map[string]other{
		"template inventory": {[]string{"template", "name.j2", "-l", "h9"}, []string{"-i", "other"}, says("h9\n")},
		"inventory export":   {[]string{"inventory", "--list", "-i", "hosts"}, []string{"--export"}, says(`"vars"`)},
		"lint extra-vars":    {[]string{"lint", "needs.yml"}, []string{"-e", "gap=1"}, codeIs(exitOK)},
		"lint inventory":     {[]string{"lint", "needs.yml"}, []string{"-i", "gap"}, codeIs(exitOK)},
		"trust extra-vars":   {[]string{"trust", "far"}, []string{"-e", "ansible_port=7"}, says("127.0.0.1:7")},
		"trust inventory":    {[]string{"trust", "elsewhere"}, []string{"-i", "gap"}, says("127.0.0.1")},
		"trust ssh-config":   {[]string{"trust", "far"}, []string{"--ssh-config", "ssh.config"}, says("127.0.0.1:7")},
		"trust timeout":      {[]string{"trust", "silent", "-e", "ansible_port=" + silent}, []string{"-T", "1"}, says("within 1s")},
	}
	for command, words := range map[string][]string{
		"eval": {"eval", "x", "-e", "@vault.yml"}, "template": {"template", "t.j2", "-e", "@vault.yml"}, "lint": {"lint", "vaulted.yml"}, "trust": {"trust", "far", "-e", "@vault.yml"},
	} {
		opened := func(c came) bool { return c.code == exitOK || says("127.0.0.1:")(c) }
		out[command+" ask-vault-pass"] = other{words, []string{"-J"}, says("terminal")}
		out[command+" vault-id"] = other{words, []string{"--vault-id", "pass"}, opened}
		out[command+" vault-password-file"] = other{words, []string{"--vault-password-file", "pass"}, opened}
	}
	return out
}

func (o other) run(t *testing.T, words ...string) came {
	dir := flagProject(t, "command true")
	for name, text := range map[string]string{"name.j2": "{{ inventory_hostname }}\n", "t.j2": "{{ x }}\n", "gap": "h1 ansible_connection=local gap=1\nelsewhere ansible_host=127.0.0.1 ansible_port=1\n",
		"needs.yml": "- hosts: h1\n  tasks:\n    - name: x\n      debug: {msg: '{{ gap }}'}\n", "vaulted.yml": "- hosts: h1\n  vars_files: [vault.yml]\n  tasks:\n    - name: x\n      debug: {msg: '{{ x }}'}\n"} {
		writeFile(t, name, text)
	}
	out, errs, code := runWith(t, map[string]string{"HOME": dir + "/home", "USER": "op", "XDG_STATE_HOME": dir + "/state"}, nil, append(slices.Clone(o.words), words...)...)
	return came{text: out + errs, code: code}
}

// typedElsewhere reports a flag of another command that a test of its own types on
// one line with it.
func typedElsewhere(t *testing.T, tests map[string]string, c *cobra.Command, f *pflag.Flag) bool {
	t.Helper()
	word := `["\x60| ]-{1,2}(` + f.Name + `)["\x60=| ]`
	if f.Shorthand != "" {
		word = `["\x60| ]-(-` + f.Name + `|` + f.Shorthand + `)["\x60=| ]`
	}
	typed := regexp.MustCompile(`["\x60|]` + c.Name() + `["\x60|].*` + word)
	own := regexp.MustCompile(word)
	verb := strings.Fields(c.CommandPath())
	for name, text := range tests {
		if typed.MatchString(text) || len(verb) > 1 && strings.HasPrefix(name, verb[1]) && own.MatchString(text) {
			return true
		}
	}
	return false
}

// testTexts are the tests of this package.
func testTexts(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	eachFile(t, func(path string, text []byte) {
		if strings.HasPrefix(path, "cmd/remoterun/") && strings.HasSuffix(path, "_test.go") {
			out[filepath.Base(path)] = string(text)
		}
	})
	return out
}
