// Package known knows the names of Ansible's modules: those of ansible-core and
// of the collections that playbooks for servers use. It says of a module that is
// not there whether Ansible has it, and runs none.
package known

import (
	_ "embed"
	"strings"
)

// list is "collection: names" a line, as the collections list them.
//
//go:embed modules.txt
var list string

// arguments is "collection.module: argument/alias/alias argument" a line, for the
// modules that are here: names alone, as the modules' own documentation has them.
//
//go:embed arguments.txt
var arguments string

// Arguments returns what Ansible's module of a full name takes, each argument with its
// aliases behind it; false when that is not known.
func Arguments(full string) (args [][]string, ok bool) {
	_, rest, found := strings.Cut("\n"+arguments, "\n"+full+":")
	if !found {
		return nil, false
	}
	line, _, _ := strings.Cut(rest, "\n")
	for one := range strings.FieldsSeq(line) {
		args = append(args, strings.Split(one, "/"))
	}
	return args, true
}

// Collections lists collections with their modules' short names, in order.
func Collections() (out [][]string) {
	for line := range strings.Lines(list) {
		collection, names, _ := strings.Cut(line, ":")
		out = append(out, append([]string{collection}, strings.Fields(names)...))
	}
	return out
}

// Collection returns the collection of one of Ansible's modules, by its short
// name or its full one; "" when Ansible has none of that name there.
func Collection(name string) string {
	wanted, short := "", name
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		wanted, short = name[:i], name[i+1:]
	}
	wanted = listed(wanted)
	found := ""
	for line := range strings.Lines(list) {
		collection, names, _ := strings.Cut(line, ":")
		if wanted != "" && wanted != collection {
			continue
		}
		for n := range strings.FieldsSeq(names) {
			// The language's own name wins where collections share one.
			if n == short && (found == "" || collection == "ansible.builtin") {
				found = collection
			}
		}
	}
	return found
}

// Lists reports collections whose modules are all known here.
func Lists(collection string) bool {
	return strings.Contains("\n"+list, "\n"+listed(collection)+":")
}

// listed is the name under which a collection is listed here, of those that have two.
func listed(collection string) string {
	switch collection {
	case "ansible.legacy":
		return "ansible.builtin"
	case "ansible.mysql":
		return "community.mysql"
	}
	return collection
}

// instead is what to use meanwhile where a program does it in one line.
func instead(short string) string {
	switch short {
	case "firewalld", "iptables_state", "nmcli", "lvol", "lvg", "filesystem", "parted", "seboolean", "make", "patch", "subversion":
		return "use command with changed_when, or shell"
	case "pacman", "zypper":
		return "use package"
	case "dnf5":
		return "use dnf"
	case "snap", "flatpak", "npm", "gem", "homebrew", "portage", "pkgng", "opkg", "pipx", "composer", "cargo", "rpm_key", "dpkg_selections":
		return "use command with creates or changed_when"
	case "docker_compose":
		return "use docker_compose_v2"
	case "docker_compose_v2_exec", "docker_compose_v2_pull", "docker_compose_v2_run":
		return "use command with docker compose"
	case "cronvar":
		return "use cron with env: yes"
	case "yum_repository":
		return "use ini_file or template on a file in /etc/yum.repos.d"
	case "archive":
		return "use command with tar and creates"
	case "synchronize":
		return "use copy, or command with rsync on localhost (delegate_to)"
	}
	if strings.HasPrefix(short, "postgresql_") {
		return "use postgresql_query"
	}
	return "use command or shell"
}

// Lacking says of a module that remoterun has not that Ansible has it, and what to
// use instead; "" when Ansible has it neither. have reports what remoterun has
// under a short name.
func Lacking(name string, have func(short string) bool) string {
	collection := Collection(name)
	short := name[strings.LastIndexByte(name, '.')+1:]
	switch {
	case collection != "":
		return name + ": Ansible has it (" + collection + "), remoterun has not yet; " + instead(short)
	case short != name && strings.Contains("\n"+list, "\n"+strings.TrimSuffix(name, "."+short)+":") && have(short):
		return "there is no module " + name + "; " + short + " is there without that collection"
	}
	return ""
}
