//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"remoterun/runner/play"
	"remoterun/runner/secret/vault"
)

// argCanary is the vaulted value that no program may show.
const argCanary = "kanarie-0815-in-keinem-argument"

// canaryKey is a private key whose passphrase it is, as YAML has it between quotes.
const canaryKey = `-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhIochA+AqEkAICCAAw\nDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEKpveL/jcwxtn/FulVmekR0EQCMD\n6CJFbk63eNd+Gfn8Lf9M+68hOGvE+PzObiygFy8TqY024E3rgLbvH9vXUcKjV1dT\nnIdbkaU997sIilGWm3k=\n-----END ENCRYPTED PRIVATE KEY-----`

// secretTasks are tasks that have a vaulted value in each place where a module takes
// a secret, by module; {{ s }} is the value, DIR a folder.
var secretTasks = map[string][]string{
	"uri": {
		"{url: 'http://127.0.0.1:1/{{ s }}'}", "{url: 'http://127.0.0.1:1', url_password: '{{ s }}', url_username: u, force_basic_auth: yes}",
		"{url: 'http://127.0.0.1:1', headers: {Authorization: 'Bearer {{ s }}'}}", "{url: 'http://127.0.0.1:1', method: POST, body: '{{ s }}'}",
		"{url: 'http://127.0.0.1:1', method: POST, body_format: json, body: {a: '{{ s }}'}}",
		"{url: 'http://127.0.0.1:1', method: POST, body_format: form-urlencoded, body: {a: '{{ s }}'}}",
		"{url: 'http://127.0.0.1:1', method: POST, body_format: form-multipart, body: {a: {content: '{{ s }}', filename: f}}}",
		"{url: 'http://u:{{ s }}@127.0.0.1:1/'}",
	},
	"get_url": {
		"{url: 'http://u:{{ s }}@127.0.0.1:1/x', dest: DIR/got}", "{url: 'http://127.0.0.1:1/x', dest: DIR/got, url_username: u, url_password: '{{ s }}'}",
		"{url: 'http://127.0.0.1:1/x', dest: DIR/got, headers: {X-Token: '{{ s }}'}}",
	},
	"unarchive":         {"{src: 'http://u:{{ s }}@127.0.0.1:1/x.tgz', dest: DIR, remote_src: yes}"},
	"git":               {"{repo: 'http://u:{{ s }}@127.0.0.1:1/x.git', dest: DIR/clone}"},
	"copy":              {"{content: 'a {{ s }}', dest: DIR/copied}"},
	"lineinfile":        {"{path: DIR/file, line: 'pw={{ s }}', regexp: '^pw='}", "{path: DIR/file, line: x, regexp: '{{ s }}'}"},
	"blockinfile":       {"{path: DIR/file, block: '{{ s }}'}"},
	"replace":           {"{path: DIR/file, regexp: old, replace: '{{ s }}'}"},
	"ini_file":          {"{path: DIR/file.ini, section: a, option: b, value: '{{ s }}'}"},
	"htpasswd":          {"{path: DIR/users, name: u, password: '{{ s }}'}", "{path: DIR/users, name: u, password: '{{ s }}', hash_scheme: plaintext}"},
	"authorized_key":    {"{user: root, path: DIR/keys, key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtZmVs4JtkW5pZmvUAwPjFjUQvbtzvbjZVBQ4F8Vw5s {{ s }}'}"},
	"shell":             {"'X=\"{{ s }}\"; true'"},
	"postgresql_query":  {"{query: \"SELECT '{{ s }}'\", login_password: '{{ s }}', login_host: 127.0.0.1, port: 1}", "{query: \"SELECT '{{ s }}'\"}"},
	"postgresql_user":   {"{name: u, password: '{{ s }}', login_password: '{{ s }}', login_host: 127.0.0.1, port: 1}", "{name: u, password: '{{ s }}'}"},
	"postgresql_db":     {"{name: u, login_password: '{{ s }}', login_host: 127.0.0.1, port: 1}", "{name: u, state: dump, target: DIR/dump.sql.gz, login_host: 127.0.0.1, login_port: 1, login_password: '{{ s }}'}", "{name: u, state: restore, target: DIR/file, login_host: 127.0.0.1, login_port: 1, login_password: '{{ s }}'}"},
	"postgresql_ext":    {"{name: hstore, db: x, login_password: '{{ s }}', login_host: 127.0.0.1, port: 1}"},
	"postgresql_schema": {"{name: u, db: x, login_password: '{{ s }}', login_host: 127.0.0.1, port: 1}"},
	"postgresql_privs":  {"{db: x, roles: u, privs: ALL, type: database, login_password: '{{ s }}', login_host: 127.0.0.1, port: 1}"},
	"postgresql_ping":   {"{login_password: '{{ s }}', login_host: 127.0.0.1, port: 1}"},
	"postgresql_set":    {"{name: work_mem, value: '{{ s }}', login_password: '{{ s }}', login_host: 127.0.0.1, port: 1}", "{name: work_mem, value: 1MB, connect_params: {password: '{{ s }}', host: 127.0.0.1, port: 1}}"},
	"postgresql_owner":  {"{db: x, new_owner: u, obj_name: x, obj_type: table, login_password: '{{ s }}', login_host: 127.0.0.1, port: 1}"},
	"postgresql_info":   {"{filter: version, login_password: '{{ s }}', login_host: 127.0.0.1, port: 1}"},
	"mysql_query":       {"{query: \"SELECT '{{ s }}'\", login_password: '{{ s }}'}", "{query: 'INSERT INTO t VALUES (%s)', positional_args: ['{{ s }}'], login_password: '{{ s }}'}"},
	"mysql_info":        {"{filter: version, login_password: '{{ s }}'}"},
	"mysql_variables":   {"{variable: x, value: '{{ s }}', login_password: '{{ s }}'}"},
	"mysql_db":          {"{name: u, login_password: '{{ s }}'}"},
	"mysql_user":        {"{name: u, password: '{{ s }}', login_password: '{{ s }}'}"},
	"docker_login":      {"{username: u, password: '{{ s }}', registry_url: 127.0.0.1:1}"},
	"user":              {"{name: remoterun-no-such, password: '{{ s }}', state: absent}", "{name: root, generate_ssh_key: yes, ssh_key_type: ed25519, ssh_key_file: DIR/sshkey, ssh_key_passphrase: '{{ s }}'}"},
	"yum_repository":    {"{name: x, description: x, baseurl: 'http://127.0.0.1:1/', password: '{{ s }}', username: u, reposdir: DIR}"},

	"openssl_privatekey_info": {"{content: \"" + canaryKey + "\", passphrase: '{{ s }}'}", "{content: '{{ s }}'}"},
	"openssl_csr_pipe":        {"{privatekey_content: \"" + canaryKey + "\", privatekey_passphrase: '{{ s }}', common_name: x}"},
	"openssl_csr":             {"{path: DIR/r, privatekey_content: \"" + canaryKey + "\", privatekey_passphrase: '{{ s }}', common_name: x}", "{path: DIR/r, privatekey_content: '{{ s }}', common_name: x}"},
	"openssl_publickey":       {"{path: DIR/p, privatekey_content: \"" + canaryKey + "\", privatekey_passphrase: '{{ s }}'}", "{path: DIR/p, privatekey_content: '{{ s }}'}"},
	"openssl_pkcs12":          {"{path: DIR/p12, friendly_name: x, privatekey_content: \"" + canaryKey + "\", privatekey_passphrase: '{{ s }}', passphrase: '{{ s }}'}", "{path: DIR/p12, friendly_name: x, privatekey_content: '{{ s }}'}", "{path: DIR/pem, action: parse, src: DIR/file, passphrase: '{{ s }}'}"},
	"subversion":              {"{repo: 'http://127.0.0.1:1/', dest: DIR/svn, username: u, password: '{{ s }}'}"},
	"openssl_privatekey":      {"{path: DIR/k, type: Ed25519, passphrase: '{{ s }}', cipher: auto}", "{path: DIR/k2, type: ECC, curve: secp256r1, passphrase: '{{ s }}', cipher: auto, format: pkcs8, force: yes}"},
	"x509_certificate":        {"{path: DIR/c, privatekey_content: \"" + canaryKey + "\", privatekey_passphrase: '{{ s }}', provider: selfsigned}", "{path: DIR/c, privatekey_content: '{{ s }}', provider: selfsigned}"},

	"debconf": {"{name: x, question: x/y, vtype: password, value: '{{ s }}'}"},
	"cron":    {"{name: x, cron_file: DIR/cron, user: root, job: 'x {{ s }}'}"},
}

// ownEnvironment are variables by which a program wants its secret: they are the
// program's own, and no other user's process can read them.
var ownEnvironment = []string{"PGPASSWORD", "REMOTERUN_PASS"}

// watched are programs that tasks start: each writes down its arguments and its
// environment first. Those that are not there end with status 1.
const watched = "awk sed grep egrep tr cut cat head tail sort uniq wc stat sha256sum sha1sum md5sum mktemp chmod chown ln mv cp rm touch mkdir dd env id find xargs od base64 openssl readlink dirname basename date expr tee cmp diff sleep install timeout git curl wget svn psql pg_dump docker mysql mysqldump crontab useradd usermod userdel chpasswd ssh-keygen ssh-keyscan debconf-show debconf-set-selections getent htpasswd bash sh"

// recorders makes the programs; LOG is where they write.
func recorders(t *testing.T, dir string) (log string) {
	t.Helper()
	bin := filepath.Join(dir, "bin")
	log = filepath.Join(dir, "log")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	tr, err := exec.LookPath("tr")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Fields(watched) {
		end := "exit 1"
		if file, err := exec.LookPath(name); err == nil && !slices.Contains([]string{"docker", "mysql", "psql", "useradd", "usermod", "userdel", "chpasswd", "debconf-set-selections"}, name) {
			end = "exec " + file + ` "$@"`
		}
		if name == "docker" {
			end = "cat >/dev/null; exit 1"
		}
		text := fmt.Sprintf("#!/bin/sh\n{ printf '%%s ' ARGUMENTS %s \"$@\"; echo; %s '\\0' '\\n' </proc/self/environ; } >>%s\n%s\n", name, tr, log, end)
		writeFile(t, filepath.Join(bin, name), text)
		if err := os.Chmod(filepath.Join(bin, name), 0o755); err != nil { // #nosec G302: a program
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	return log
}

// TestSecretsAreInNoArgument plays each module that takes a secret with a vaulted
// value, and reads the arguments and environments of what it starts.
func TestSecretsAreInNoArgument(t *testing.T) {
	dir := t.TempDir()
	log := recorders(t, dir)
	sealed, err := vault.Seal([]byte(argCanary), []byte("pass"), []byte("0123456789abcdef0123456789abcdef"), "")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "pass"), "pass\n")
	writeFile(t, filepath.Join(dir, "vars.yml"), "s: !vault |\n  "+strings.ReplaceAll(strings.TrimSpace(string(sealed)), "\n", "\n  ")+"\n")
	play := func(t *testing.T, task string) string {
		t.Helper()
		for _, name := range []string{"file", "file.ini"} {
			writeFile(t, filepath.Join(dir, name), "old\npw=1\n")
		}
		_ = os.Remove(log)
		writeFile(t, filepath.Join(dir, "site.yml"), "- hosts: localhost\n  gather_facts: no\n  vars_files: [vars.yml]\n  tasks:\n  - "+strings.ReplaceAll(task, "DIR", dir)+"\n")
		stdout, stderr, code := runWith(t, nil, nil, filepath.Join(dir, "site.yml"), "-c", "local", "-i", "localhost,", "--vault-password-file", filepath.Join(dir, "pass"))
		if code == exitUsage || strings.Contains(stdout+stderr, argCanary) {
			t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
		}
		text, _ := os.ReadFile(log)
		return string(text)
	}
	if !strings.Contains(play(t, "command: cat '{{ s }}'"), argCanary) {
		t.Fatal("a planted one is not found")
	}
	for module, list := range secretTasks {
		for _, args := range list {
			t.Run(module+"/"+args, func(t *testing.T) {
				for line := range strings.Lines(play(t, module+": "+args)) {
					own := slices.ContainsFunc(ownEnvironment, func(name string) bool { return strings.HasPrefix(line, name+"=") })
					if strings.Contains(line, argCanary) && !own {
						t.Errorf("shown: %.300s", line)
					}
				}
			})
		}
	}
}

// TestSecretArgumentsArePlayed: a module with a secret argument is in the table.
func TestSecretArgumentsArePlayed(t *testing.T) {
	for _, m := range allModules() {
		s := m.Spec()
		if slices.ContainsFunc(s.Args, func(a play.Arg) bool { return a.Secret }) && secretTasks[s.Name] == nil {
			t.Errorf("%s takes a secret and is not in the table", s.Name)
		}
	}
}
