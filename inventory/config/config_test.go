package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func env(pairs map[string]string) func(string) (string, bool) {
	return func(n string) (string, bool) { v, ok := pairs[n]; return v, ok }
}

func TestParse(t *testing.T) {
	text := `
# comment
[defaults]
inventory = hosts.ini, $STAGE/more ; the two
forks=20
REMOTE_USER: joe
private_key_file = ~/.ssh/id "x"
roles_path = roles:~/roles
  :/usr/share/roles
collections_paths = coll:~/.c
timeout = 30
vault_password_file = .vault
vault_identity_list = dev@dev.pass , prompt, prod@prompt
host_key_checking = False
hash_behaviour = merge
gathering = explicit
display_skipped_hosts = no
nocows = 1
[privilege_escalation]
become = True
become_user = 'admin'
become_ask_pass = yes
[diff]
always = on
[ssh_connection]
ssh_args = -o StrictHostKeyChecking=no
pipelining = True
`
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hosts.ini"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := parse(filepath.Join(dir, "ansible.cfg"), []byte(text), env(map[string]string{"STAGE": "st"}), "/home/joe")
	if err != nil {
		t.Fatal(err)
	}
	var notes []string
	for _, n := range got.Notes {
		notes = append(notes, strings.TrimPrefix(n.Pos.String(), dir+"/")+" "+n.Msg)
	}
	wantNotes := []string{
		"ansible.cfg:14:1 host_key_checking = False is not followed: host keys are always verified",
		"ansible.cfg:15:1 hash_behaviour = merge is not followed: mappings replace each other (combine merges them where it is wanted)",
		"ansible.cfg:17:1 display_skipped_hosts = no is not followed: skipped tasks are shown",
		"ansible.cfg:26:1 ssh_args = -o StrictHostKeyChecking=no is not followed: connections follow ~/.ssh/config",
	}
	if !reflect.DeepEqual(notes, wantNotes) {
		t.Errorf("notes:\n%s", strings.Join(notes, "\n"))
	}
	got.Notes, got.Path = nil, ""
	want := &Config{
		Inventory: []string{dir + "/hosts.ini", dir + "/st/more"}, Forks: 20, Timeout: 30, RemoteUser: "joe",
		PrivateKeyFile: `/home/joe/.ssh/id "x"`, RolesPath: []string{dir + "/roles", "/home/joe/roles", "/usr/share/roles"}, CollectionsPath: []string{dir + "/coll", "/home/joe/.c"},
		VaultPasswordFile: dir + "/.vault", VaultIdentities: []string{"dev@" + dir + "/dev.pass", "prompt", "prod@prompt"},
		Become: true, BecomeUser: "admin", BecomeAskPass: true, Diff: true, ExplicitGathering: true,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestParseErrors(t *testing.T) {
	_, err := parse("/p/ansible.cfg", []byte("x = 1\n[defaults]\nforks = many\nnonsense\nask_pass = perhaps\n"), env(nil), "/h")
	want := `/p/ansible.cfg:1:1: x stands before the first [section]
/p/ansible.cfg:3:1: forks: "many" is not a whole number
/p/ansible.cfg:4:1: expected name = value, got: nonsense
/p/ansible.cfg:5:1: ask_pass: "perhaps" is neither yes nor no`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestJinjaExtensions(t *testing.T) {
	got, err := parse("/p/ansible.cfg", []byte("[defaults]\njinja2_extensions = jinja2.ext.do, jinja2.ext.i18n\n"), env(nil), "/h")
	if err != nil || !reflect.DeepEqual(got.JinjaExtensions, []string{"jinja2.ext.do", "jinja2.ext.i18n"}) || len(got.Notes) != 1 || !strings.Contains(got.Notes[0].Msg, "do and loopcontrols") {
		t.Errorf("%+v, %v", got, err)
	}
}

// Whatever the file can say, Ansible's variable can say, and wins.
func TestEnvironment(t *testing.T) {
	good := map[string]string{
		"tags.run": "a, b", "tags.skip": "c", "defaults.forks": "7", "defaults.timeout": "9", "defaults.gathering": "explicit", "defaults.remote_port": "2222",
		"defaults.strategy": "free", "defaults.jinja2_extensions": "jinja2.ext.do", "defaults.vault_identity_list": "dev@p",
	}
	for _, key := range Names() {
		section, name, _ := strings.Cut(key, ".")
		text := good[key]
		if text == "" {
			text = "x"
			if err := known()[key](&reader{cfg: &Config{}, expand: func(p string) string { return p }}, text); err != nil {
				text = "yes"
			}
		}
		byFile, err := parse("/p/ansible.cfg", []byte("["+section+"]\n"+name+" = "+text+"\n"), env(nil), "/h")
		if err != nil {
			t.Fatal(err)
		}
		for _, variable := range Variables(key) {
			got := &Config{Path: "/p/ansible.cfg"}
			if err := got.Environment(env(map[string]string{variable: text}), "/p", "/h"); err != nil {
				t.Fatal(err)
			}
			if got.Source(key) != variable {
				t.Errorf("%s: said by %q", variable, got.Source(key))
			}
			if got.by = nil; !reflect.DeepEqual(got, byFile) {
				t.Errorf("%s=%s\ngot  %+v\nwant %+v", variable, text, got, byFile)
			}
		}
	}
}

// The names are Ansible's, also where they do not follow from the setting's.
func TestVariables(t *testing.T) {
	for key, want := range map[string]string{
		"defaults.force_handlers": "ANSIBLE_FORCE_HANDLERS", "diff.always": "ANSIBLE_DIFF_ALWAYS", "tags.skip": "ANSIBLE_SKIP_TAGS", "ssh_connection.ssh_args": "ANSIBLE_SSH_ARGS",
		"privilege_escalation.become_ask_pass": "ANSIBLE_BECOME_ASK_PASS", "defaults.hash_behaviour": "ANSIBLE_HASH_BEHAVIOUR",
		"defaults.no_log": "ANSIBLE_NO_LOG REMOTERUN_NO_LOG", "privilege_escalation.become_flags": "ANSIBLE_BECOME_FLAGS REMOTERUN_BECOME_FLAGS",
	} {
		if got := strings.Join(Variables(key), " "); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
}

func TestEnvironmentNotFollowed(t *testing.T) {
	c := &Config{Forks: 3, Path: "/p/ansible.cfg"}
	err := c.Environment(env(map[string]string{"ANSIBLE_HOST_KEY_CHECKING": "False", "ANSIBLE_HASH_BEHAVIOUR": "merge", "ANSIBLE_EXECUTABLE": "/bin/sh", "ANSIBLE_FORKS": "", "ANSIBLE_STRATEGY": "sideways"}), "/d", "/h")
	if got := fmt.Sprint(c.Notes); err != nil || got != "[ANSIBLE_HASH_BEHAVIOUR=merge is not followed: mappings replace each other (combine merges them where it is wanted) "+
		"ANSIBLE_HOST_KEY_CHECKING=False is not followed: host keys are always verified ANSIBLE_STRATEGY=sideways is not followed: plays that say none run as linear]" || c.Forks != 3 {
		t.Errorf("%v, %v, %d", got, err, c.Forks)
	}
	for pair, want := range map[string]string{
		"ANSIBLE_FORKS=many": `ANSIBLE_FORKS: "many" is not a whole number`, "ANSIBLE_BECOME=perhaps": `ANSIBLE_BECOME: "perhaps" is neither yes nor no`,
		"REMOTERUN_REMOTE_PORT=22x": `REMOTERUN_REMOTE_PORT: "22x" is not a valid port`,
	} {
		name, text, _ := strings.Cut(pair, "=")
		if err := (&Config{}).Environment(env(map[string]string{name: text}), "/d", "/h"); err == nil || err.Error() != want {
			t.Errorf("%s: %v", pair, err)
		}
	}
}

func TestHostListAsInventory(t *testing.T) {
	got, err := parse("/p/ansible.cfg", []byte("[defaults]\ninventory = web1,web2\n"), env(nil), "/h")
	if err != nil || !reflect.DeepEqual(got.Inventory, []string{"web1,web2"}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFind(t *testing.T) {
	dir, home := t.TempDir(), t.TempDir()
	none := env(nil)
	if p, w := Find(none, dir, home); p != "" && p != "/etc/ansible/ansible.cfg" || w != "" {
		t.Errorf("nothing there: %q, %q", p, w)
	}
	write := func(p string) string {
		if err := os.WriteFile(p, []byte("[defaults]\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	inHome := write(filepath.Join(home, ".ansible.cfg"))
	here := write(filepath.Join(dir, "ansible.cfg"))
	if p, _ := Find(none, dir, home); p != here {
		t.Errorf("the folder's own file: %q", p)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if p, w := Find(none, dir, home); p != inHome || !strings.Contains(w, "everybody can write") {
		t.Errorf("a folder that everybody can write: %q, %q", p, w)
	}
	if p, _ := Find(env(map[string]string{"ANSIBLE_CONFIG": "~/x.cfg"}), dir, home); p != home+"/x.cfg" {
		t.Errorf("by environment: %q", p)
	}
	if p, _ := Find(env(map[string]string{"ANSIBLE_CONFIG": "a", "REMOTERUN_CONFIG": dir}), dir, home); p != here {
		t.Errorf("ours first, a folder: %q", p)
	}
}

// FuzzParse: no text may crash the reader, and mistakes have places.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"[defaults]\nforks=1\n", "[a]\nb\n  c", "x=1", "[defaults]\nroles_path=a:\n  b ; c\nvault_identity_list=@,a@,@b", "\xff", "[diff]\nalways=\n", "[defaults]\ninventory=,,\n", "[defaults]\ntimeout=9223372036854775808\nforks=22x1\nremote_port=None\n", "[defaults]\nremote_user={{ lookup('pipe','id') }}\n", "[defaults]\nlog_path=" + strings.Repeat("~/", 9000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := parse("/p/ansible.cfg", []byte(text), env(nil), "/h")
		var es Errors
		if err != nil && (!errors.As(err, &es) || es[0].Pos.Line == 0 || es[0].Msg == "") {
			t.Errorf("a mistake without place or words: %v", err)
		}
	})
}
