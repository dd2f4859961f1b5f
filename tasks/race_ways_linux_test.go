package tasks_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"remoterun/runner/play"
	"remoterun/tasks"
)

// way is one way in which root changes something in the racer's folder. @H is the
// racer's home (its folder is @H/app), @B root's folder beside it, @N counts the runs.
type way struct {
	name, module, args string
}

const raceKey = "'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHRhY2tlZCBvbiBhcyBhIHRlc3Qga2V5IG9ubHk0 @N'"

// ways are all of them: TestRacesAreWhole compares them with the modules.
func ways() []way {
	return slices.Concat(waysOfFiles(), waysOfFolders(), waysOfSystem())
}

func waysOfFiles() []way {
	return []way{
		{"copy", "copy", "{content: 'new @N', dest: @H/app/conf, owner: '4321', mode: '0644'}"},
		{"copy with a backup", "copy", "{content: 'new @N', dest: @H/app/conf, backup: yes}"},
		{"copy that is validated", "copy", "{content: 'new @N', dest: @H/app/conf, validate: 'grep new %s', owner: '4321', mode: '0755'}"},
		{"copy of a large file", "copy", "{src: big, dest: @H/app/conf, owner: '4321'}"},
		{"copy in place", "copy", "{content: 'new @N', dest: @H/app/conf, unsafe_writes: yes, backup: yes}"},
		{"copy that follows", "copy", "{content: 'new @N', dest: @H/app/conf, follow: yes, owner: '4321'}"},
		{"copy on the host", "copy", "{src: @B/source/conf, dest: @H/app/conf, remote_src: yes, owner: '4321'}"},
		{"template", "template", "{src: big, dest: @H/app/conf, owner: '4321', mode: '0640', force: yes}"},
		{"template that is validated", "template", "{src: big, dest: @H/app/conf, validate: 'grep -q new %s', backup: yes}"},
		{"assemble", "assemble", "{src: @B/source, dest: @H/app/conf, owner: '4321', backup: yes}"},
		{"lineinfile", "lineinfile", "{path: @H/app/conf, line: 'new @N', create: yes, backup: yes, owner: '4321'}"},
		{"replace", "replace", "{path: @H/app/conf, regexp: '^.*$', replace: 'new @N', backup: yes, owner: '4321'}"},
		{"blockinfile", "blockinfile", "{path: @H/app/conf, block: 'new @N', create: yes, backup: yes, owner: '4321', validate: 'grep -q new %s'}"},
		{"ini_file", "ini_file", "{path: @H/app/conf, section: s, option: o, value: 'new @N', owner: '4321', backup: yes}"},
		{"htpasswd", "htpasswd", "{path: @H/app/conf, name: u@N, password: p, hash_scheme: plaintext, owner: '4321'}"},
		{"pg_hba", "postgresql_pg_hba", "{dest: @H/app/new, contype: local, users: u@N, create: yes, backup: yes, backup_file: @H/app/conf, owner: '4321'}"},
		{"pam_limits", "pam_limits", "{dest: @H/app/conf, domain: new, limit_type: soft, limit_item: nofile, value: '1@N', backup: yes}"},
		{"known_hosts", "known_hosts", "{path: @H/app/conf, name: h@N.example, key: 'h@N.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHRhY2tlZCBvbiBhcyBhIHRlc3Qga2V5IG9ubHk0'}"},
		{"yum_repository", "yum_repository", "{name: conf, reposdir: @H/app, description: 'new @N', baseurl: 'https://example.com/@N', owner: '4321'}"},
		{"fetched file", "get_url", "{url: 'file://@B/source/conf', dest: @H/app/conf, owner: '4321', backup: yes, force: yes}"},
		{"fetched into the folder", "get_url", "{url: 'file://@B/source/conf', dest: @H/app/, force: yes, mode: '0666'}"},
		{"answer", "uri", "{url: 'file://@B/source/conf', dest: @H/app/conf, owner: '4321', status_code: [0, 200]}"},
		{"mode", "file", "{path: @H/app/conf, mode: '0666', owner: '4321', follow: no}"},
		{"link", "file", "{path: @H/app/conf, src: /nowhere@N, state: link, force: yes, follow: no}"},
		{"hard link", "file", "{path: @H/app/conf, src: @H/app/other, state: hard, force: yes}"},
		{"touch", "file", "{path: @H/app/conf, state: touch, mode: '0666', owner: '4321', follow: no}"},
		{"absent", "file", "{path: @H/app/conf, state: absent}"},
		{"temporary file", "tempfile", "{path: @H/app, prefix: conf}"},
	}
}

func waysOfFolders() []way {
	return []way{
		{"folder", "file", "{path: @H/app/conf, state: directory, owner: '4321', mode: '0777'}"},
		{"deep folder", "file", "{path: @H/app/d@N/conf, state: directory, owner: '4321', mode: '0777'}"},
		{"recurse", "file", "{path: @H/app, state: directory, recurse: yes, owner: '4321', mode: 'a+rwX'}"},
		{"folder copy", "copy", "{src: tree/, dest: @H/app, owner: '4321', mode: '0666', directory_mode: '0777', backup: yes}"},
		{"folder copy into a new folder", "copy", "{src: tree/, dest: @H/app/d@N/conf, owner: '4321', directory_mode: '0777'}"},
		{"folder copy that keeps", "copy", "{src: tree/, dest: @H/app}"},
		{"folder copy of attributes", "copy", "{src: tree/, dest: @H/app, mode: 'a+rw', owner: '4321', directory_mode: 'a+rwx', force: no}"},
		{"folder copy on the host", "copy", "{src: @B/source/, dest: @H/app, remote_src: yes}"},
		{"folder template", "template", "{src: big, dest: @H/app/d@N/, owner: '4321', mode: '0640'}"},
		{"synchronize", "synchronize", "{src: tree/, dest: @H/app}"},
		{"synchronize that removes", "synchronize", "{src: tree/, dest: @H/app, delete: yes, rsync_opts: ['--exclude=taken']}"},
		{"unarchive", "unarchive", "{src: tree.tar, dest: @H/app, owner: '4321', mode: 'a+rwX'}"},
		{"unarchive on the host", "unarchive", "{src: @B/tree.tar, dest: @H/app, remote_src: yes}"},
		{"archive", "archive", "{path: @B/source/conf, dest: @H/app/conf, format: tar, force_archive: yes, owner: '4321', mode: '0640'}"},
		{"archive of one file", "archive", "{path: @B/source/conf, dest: @H/app/conf}"},
		{"archive that removes", "archive", "{path: @H/app/conf, dest: @B/out@N.gz, remove: yes}"},
		{"temporary folder", "tempfile", "{path: @H/app, prefix: conf, state: directory}"},
		{"home", "user", "{name: games, create_home: yes, skeleton: @B/source}"},
		{"archive of git", "git", "{repo: @B/repo, dest: @B/clone, archive: @H/app/conf.tar}"},
	}
}

func waysOfSystem() []way {
	return []way{
		{"cron file", "cron", "{name: n, cron_file: @H/app/conf, user: root, job: 'echo new @N', backup: yes}"},
		{"cron file goes", "cron", "{name: n, cron_file: @H/app/conf, state: absent}"},
		{"authorized key", "authorized_key", "{user: root, path: @H/app/conf, key: " + raceKey + ", manage_dir: no}"},
		{"authorized key with its folder", "authorized_key", "{user: '4321', path: @H/app/conf, key: " + raceKey + "}"},
		{"sysctl", "sysctl", "{name: kernel.none, value: '@N', sysctl_file: @H/app/conf, reload: no, state: present}"},
		{"pair of keys", "openssh_keypair", "{path: @H/app/conf, type: ed25519, force: yes, regenerate: always}"},
		{"private key", "openssl_privatekey", "{path: @H/app/conf, type: Ed25519, force: yes, backup: yes, owner: '4321'}"},
		{"private key in another form", "openssl_privatekey", "{path: @H/app/conf, type: Ed25519, passphrase: p@N, cipher: auto}"},
		{"private key goes", "openssl_privatekey", "{path: @H/app/conf, state: absent, backup: yes}"},
		{"parameters", "openssl_dhparam", "{path: @H/app/conf, size: 512, force: yes, backup: yes, owner: '4321'}"},
		{"request", "openssl_csr", "{path: @H/app/conf, privatekey_path: @B/key, common_name: n@N, backup: yes, owner: '4321'}"},
		{"certificate", "x509_certificate", "{path: @H/app/conf, privatekey_path: @B/key, provider: selfsigned, force: yes, backup: yes, owner: '4321'}"},
		{"public key", "openssl_publickey", "{path: @H/app/conf, privatekey_path: @B/key, force: yes, backup: yes, owner: '4321'}"},
		{"archive of a key", "openssl_pkcs12", "{path: @H/app/conf, friendly_name: n@N, privatekey_path: @B/key, passphrase: p@N, backup: yes, owner: '4321'}"},
		{"dump of PostgreSQL", "postgresql_db", "{name: d, state: dump, target: @H/app/conf}"},
		{"dump", "mysql_db", "{name: d, state: dump, target: @H/app/conf}"},
		{"image", "docker_image", "{name: d, source: local, archive_path: @H/app/conf}"},
		{"fstab", "mount", "{path: /nowhere/@N, src: /dev/none, fstype: ext4, state: present, fstab: @H/app/conf, backup: yes}"},
	}
}

// Why an argument that names a path is in no way.
const (
	isRead    = "it is read"
	isLaptops = "it is a file of the laptop"
	isProgram = "a program of the host's that the task asks for writes it by its name: docs/security.md says so"
	isSystems = "it lies in a folder of the system's, which is root's"
	isIgnored = "it is without meaning"
	isUsers   = "it is made as the user himself"
	isNoPath  = "it is no path"
)

// unraced are the arguments that look like paths and that no way has.
var unraced = map[string]string{ // #nosec G101
	"alternatives.path": isRead, "alternatives.link": isProgram,
	"apt.deb": isRead, "package.deb": isRead,
	"apt_key.file": isRead, "apt_key.keyserver": isNoPath, "apt_key.keyring": isSystems,
	"apt_repository.filename": isSystems, "deb822_repository.inrelease_path": isNoPath,
	"async_status._async_dir": isIgnored,
	"copy.src":                isRead, "postgresql_db.target_opts": isNoPath, "user.ssh_key_file": isUsers, "assemble.src": isRead, "synchronize.src": isLaptops, "unarchive.src": isRead,
	"docker_image_build.target": isNoPath,
	"authorized_key.key":        isNoPath, "authorized_key.key_options": isNoPath, "known_hosts.key": isNoPath,
	"command.chdir": isRead, "command.creates": isRead, "command.removes": isRead,
	"shell.chdir": isRead, "shell.creates": isRead, "shell.removes": isRead, "shell.executable": isRead,
	"script.chdir": isRead, "script.creates": isRead, "script.removes": isRead, "script.executable": isRead, "raw.executable": isRead,
	"dnf.conf_file": isRead, "yum.conf_file": isRead, "dnf.download_dir": isProgram, "yum.download_dir": isProgram,
	"docker_compose_v2.project_src": isRead, "docker_compose_v2_exec.project_src": isRead, "docker_compose_v2_pull.project_src": isRead,
	"docker_compose_v2_run.project_src": isRead, "docker_compose_v2_exec.chdir": isNoPath, "docker_compose_v2_run.chdir": isNoPath,
	"docker_container.env_file": isRead, "docker_container.working_dir": isNoPath, "docker_container_exec.chdir": isNoPath,
	"docker_image.load_path": isRead, "docker_image_build.path": isRead, "docker_image_build.dockerfile": isRead, "docker_image_load.path": isRead,
	"docker_login.config_path": isProgram,
	"fetch.src":                isRead, "fetch.dest": isLaptops, "slurp.src": isRead, "stat.path": isRead,
	"find.file_type": isNoPath, "get_url.tmp_dest": isRead,
	"get_url.client_cert": isRead, "get_url.client_key": isRead, "getent.key": isNoPath,
	"git.dest": isProgram, "git.separate_git_dir": isProgram, "git.key_file": isRead, "git.executable": isRead,
	"iptables.destination": isNoPath, "iptables.to_destination": isNoPath, "iptables.destination_port": isNoPath, "iptables.src_range": isNoPath,
	"mount.path": isProgram, "mount.src": isRead,
	"mysql_db.chdir": isRead, "openssl_csr.privatekey_path": isRead, "openssl_csr.privatekey_content": isNoPath, "openssl_csr.privatekey_passphrase": isNoPath,
	"openssl_csr_pipe.privatekey_path": isRead, "openssl_csr_pipe.privatekey_content": isNoPath, "openssl_csr_pipe.privatekey_passphrase": isNoPath,
	"openssl_csr_pipe.subject_key_identifier": isNoPath, "openssl_csr_pipe.authority_key_identifier": isNoPath,
	"openssl_privatekey_info.path": isRead, "openssl_publickey_info.path": isRead,
	"openssl_publickey.privatekey_path": isRead, "openssl_publickey.privatekey_content": isNoPath, "openssl_publickey.privatekey_passphrase": isNoPath,
	"openssl_pkcs12.src": isRead, "openssl_pkcs12.certificate_path": isRead, "openssl_pkcs12.other_certificates": isRead,
	"openssl_pkcs12.privatekey_path": isRead, "openssl_pkcs12.privatekey_content": isNoPath, "openssl_pkcs12.privatekey_passphrase": isNoPath,
	"git_config.repo": isProgram, "git_config.file": isProgram, "subversion.dest": isProgram, "subversion.executable": isRead, "user.ssh_key_passphrase": isNoPath,
	"openssl_csr_info.path": isRead, "x509_certificate_info.path": isRead,
	"x509_certificate.csr_path": isRead, "x509_certificate.privatekey_path": isRead, "x509_certificate.ownca_path": isRead, "x509_certificate.ownca_privatekey_path": isRead,
	"x509_certificate.privatekey_content": isNoPath, "x509_certificate.privatekey_passphrase": isNoPath,
	"x509_certificate.ownca_privatekey_content": isNoPath, "x509_certificate.ownca_privatekey_passphrase": isNoPath,
	"x509_certificate.selfsigned_create_subject_key_identifier": isNoPath, "x509_certificate.ownca_create_subject_key_identifier": isNoPath,
	"openssl_csr.subject_key_identifier": isNoPath, "openssl_csr.authority_key_identifier": isNoPath,
	"pip.virtualenv": isProgram, "pip.virtualenv_command": isRead, "pip.chdir": isRead, "pip.executable": isRead,
	"postgresql_db.template": isNoPath, "rpm_key.key": isRead, "setup.fact_path": isRead, "gather_facts.fact_path": isRead,
	"synchronize.rsync_path": isIgnored, "synchronize.private_key": isIgnored, "template.src": isLaptops,
	"ufw.direction": isNoPath, "unarchive.creates": isRead,
	"uri.src": isLaptops, "uri.follow_redirects": isNoPath, "uri.creates": isRead, "uri.removes": isRead, "uri.unix_socket": isRead,
	"uri.ca_path": isRead, "uri.client_cert": isRead, "uri.client_key": isRead,
	"user.home": isProgram, "user.ssh_key_type": isNoPath, "user.ssh_key_comment": isNoPath,
	"wait_for.path": isRead, "yum_repository.file": isNoPath, "yum_repository.gpgcakey": isNoPath, "yum_repository.sslclientkey": isNoPath,
}

var pathish = regexp.MustCompile(`path|dest|file|dir|src|home|key|temp|tmp|target|socket|archive$`)

// ofClient reports a file or socket that a database's client only reads.
func ofClient(module, arg string) bool {
	return (strings.HasPrefix(module, "postgresql_") || strings.HasPrefix(module, "mysql_")) &&
		slices.Contains([]string{"login_unix_socket", "config_file", "ca_cert", "client_cert", "client_key", "ssl_cert", "ssl_key"}, arg)
}

// TestRacesAreWhole finds an argument that names a path of the host and is in no
// way: whoever writes a module is asked whether it writes there.
func TestRacesAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range tasks.All() {
		spec := m.Spec()
		for _, a := range spec.Args {
			name := spec.Name + "." + a.Name
			if a.Type != "path" && a.Elements != "path" && (a.Type != "str" || !pathish.MatchString(a.Name)) {
				continue
			}
			seen[name] = true
			raced := slices.ContainsFunc(ways(), func(w way) bool { return w.module == spec.Name && w.writes(a) })
			switch why := unraced[name]; {
			case ofClient(spec.Name, a.Name):
			case why == "" && !raced:
				t.Errorf("%s names a path, and no way of TestRaces writes there: add one to ways(), or say in unraced why it cannot", name)
			case why != "" && raced && why != isRead:
				t.Errorf("%s is raced and in unraced", name)
			}
		}
	}
	for name := range unraced {
		if !seen[name] {
			t.Errorf("unraced names %s, which there is not", name)
		}
	}
}

// writes reports that a way leads an argument to the racer.
func (w way) writes(a play.Arg) bool {
	names := strings.Join(append([]string{a.Name}, a.Aliases...), "|")
	return regexp.MustCompile(`[{ ](` + names + `): [^,}]*@H`).MatchString(w.args)
}
