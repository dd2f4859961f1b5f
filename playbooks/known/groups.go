package known

import "strings"

// groups are Ansible's own names for groups of module_defaults, and the groups of
// collections that each stands for.
func groups() map[string]string {
	return map[string]string{
		"aws": "amazon.aws.aws community.aws.aws", "acme": "community.crypto.acme", "azure": "azure.azcollection.azure",
		"cpm": "wti.remote.cpm", "docker": "community.docker.docker", "gcp": "google.cloud.gcp", "k8s": "kubernetes.core.k8s community.okd.k8s",
		"os": "openstack.cloud.os", "ovirt": "ovirt.ovirt.ovirt", "vmware": "community.vmware.vmware", "testgroup": "", "testlegacy": "",
	}
}

// Group returns the modules of a group of module_defaults (docker, or
// community.docker.docker), as far as they are known here; false when Ansible has
// no such group. Groups of collections that are not known here are empty.
func Group(name string) (modules []string, ok bool) {
	name = strings.TrimPrefix(name, "group/")
	for _, own := range []string{"ansible.builtin.", "ansible.legacy."} {
		name = strings.TrimPrefix(name, own)
	}
	if !strings.Contains(name, ".") {
		of, ok := groups()[name]
		for g := range strings.FieldsSeq(of) {
			more, _ := Group(g)
			modules = append(modules, more...)
		}
		return modules, ok
	}
	at := strings.LastIndexByte(name, '.')
	collection, group := name[:at], name[at+1:]
	begins := map[string]string{"community.docker.docker": "docker_", "community.postgresql.all": "postgresql_", "community.crypto.acme": "acme_", "community.mysql.mysql": "mysql_", "ansible.mysql.mysql": "mysql_"}[name]
	switch {
	case begins == "" && Lists(collection):
		return nil, false
	case strings.Count(collection, ".") != 1 || group == "":
		return nil, false
	}
	for line := range strings.Lines(list) {
		of, names, _ := strings.Cut(line, ":")
		for n := range strings.FieldsSeq(names) {
			if of == listed(collection) && strings.HasPrefix(n, begins) && !strings.HasPrefix(n, "docker_compose_v2") && !strings.HasPrefix(n, "docker_stack") {
				modules = append(modules, collection+"."+n)
			}
		}
	}
	return modules, true
}
