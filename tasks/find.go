package tasks

import (
	"strings"

	"remoterun/runner/play"
)

// collections are the names under which a module of Ansible's is written with
// its collection; every other module of ours is ansible.builtin.
func collections() map[string]string {
	out := map[string]string{}
	for home, names := range map[string]string{
		"ansible.posix":        "authorized_key mount synchronize sysctl",
		"community.crypto":     "openssh_keypair openssl_csr openssl_csr_info openssl_csr_pipe openssl_dhparam openssl_pkcs12 openssl_privatekey openssl_privatekey_info openssl_publickey openssl_publickey_info x509_certificate x509_certificate_info",
		"community.docker":     "docker_compose_v2 docker_compose_v2_exec docker_compose_v2_pull docker_compose_v2_run docker_container docker_container_exec docker_container_info docker_host_info docker_image docker_image_build docker_image_info docker_image_load docker_image_pull docker_image_tag docker_login docker_network docker_network_info docker_prune docker_volume docker_volume_info",
		"community.general":    "alternatives apache2_module apk archive git_config htpasswd ini_file locale_gen modprobe pam_limits timezone ufw",
		"community.mysql":      "mysql_db mysql_info mysql_query mysql_user mysql_variables",
		"community.postgresql": "postgresql_db postgresql_ext postgresql_info postgresql_owner postgresql_pg_hba postgresql_ping postgresql_privs postgresql_query postgresql_schema postgresql_set postgresql_user",
	} {
		for _, n := range strings.Fields(names) {
			out[n] = home
		}
	}
	return out
}

// synonyms are other names of modules.
func synonyms() map[string]string {
	return map[string]string{"openssl_certificate": "x509_certificate", "openssl_certificate_info": "x509_certificate_info", "systemd": "systemd_service"}
}

// Registry finds modules by the names that playbooks use.
type Registry struct {
	byName map[string]play.Module
	names  []string
}

// NewRegistry takes modules in the order in which they are listed. A name that
// comes twice is a mistake in the program: it panics.
func NewRegistry(mods ...play.Module) *Registry {
	r := &Registry{byName: map[string]play.Module{}}
	for _, m := range mods {
		name := m.Spec().Name
		r.add(name, m)
		for alias, of := range synonyms() {
			if of == name {
				r.add(alias, m)
			}
		}
	}
	return r
}

func (r *Registry) add(name string, m play.Module) {
	if _, twice := r.byName[name]; twice {
		panic("module " + name + " is listed twice")
	}
	r.byName[name] = m
	r.names = append(r.names, name)
}

// Find returns the module of a name: short (file), with its collection
// (ansible.builtin.file, community.docker.docker_compose_v2), or the old way
// (ansible.legacy.file, action: file).
func (r *Registry) Find(name string) (play.Module, bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		m, ok := r.byName[name]
		return m, ok
	}
	collection, short := name[:i], name[i+1:]
	m, ok := r.byName[short]
	if !ok {
		return nil, false
	}
	home, elsewhere := collections()[short]
	if play.Own(name) == short {
		return m, !elsewhere
	}
	return m, elsewhere && (collection == home || collection == renamed()[home])
}

// renamed are collections that have a second name: the old one is kept by Ansible for
// a while.
func renamed() map[string]string { return map[string]string{"community.mysql": "ansible.mysql"} }

// Names lists the short names, for "did you mean".
func (r *Registry) Names() []string { return append([]string{}, r.names...) }

// Modules lists each module once, in the order given.
func (r *Registry) Modules() []play.Module {
	var out []play.Module
	for _, n := range r.names {
		if m := r.byName[n]; m.Spec().Name == n {
			out = append(out, m)
		}
	}
	return out
}
