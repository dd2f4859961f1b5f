package facts

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"remoterun/runner/value"
)

// collectors are Ansible's parts of facts: the facts of each, and what each takes
// along. The first line are those that "min" means.
var collectors = sync.OnceValue(func() map[string]string {
	return map[string]string{
		"apparmor": "apparmor", "caps": "system_capabilities system_capabilities_enforced", "cmdline": "cmdline proc_cmdline", "date_time": "date_time",
		"distribution": "distribution distribution_version distribution_major_version distribution_minor_version distribution_release os_family distribution_file_parsed distribution_file_path distribution_file_variety",
		"dns":          "dns", "env": "env", "fips": "fips", "local": "local", "lsb": "lsb", "pkg_mgr": "pkg_mgr",
		"platform": "system kernel kernel_version machine python_version architecture machine_id boot_id nodename fqdn hostname domain userspace_bits userspace_architecture",
		"python":   "python", "selinux": "selinux selinux_python_present", "service_mgr": "service_mgr", "ssh_pub_keys": "ssh_host_key_*",
		"user":   "user_id user_uid user_gid user_gecos user_dir user_shell real_user_id effective_user_id real_group_id effective_group_id",
		"chroot": "is_chroot", "loadavg": "loadavg",
		"hardware": "memtotal_mb memfree_mb memory_mb swaptotal_mb swapfree_mb processor processor_count processor_cores processor_vcpus processor_nproc processor_threads_per_core devices device_links mounts uptime_seconds lvm bios_* board_* chassis_* form_factor product_* system_vendor",
		"network":  "interfaces default_ipv4 default_ipv6 all_ipv4_addresses all_ipv6_addresses", "virtual": "virtualization_*",
		"iscsi": "iscsi_iqn", "nvme": "hostnqn", "fibre_channel_wwn": "fibre_channel_wwn", "facter": "", "ohai": "",
	}
})

// minimal are those that "min" means.
func minimal() []string {
	return strings.Fields("apparmor caps cmdline date_time distribution dns env fips local lsb pkg_mgr platform python selinux service_mgr ssh_pub_keys user")
}

// partOf is the part that a name of a single fact stands for.
func partOf(name string) string {
	for part, facts := range collectors() {
		for f := range strings.FieldsSeq(facts) {
			if f == name || strings.HasSuffix(f, "*") && strings.HasPrefix(name, strings.TrimSuffix(f, "*")) {
				return part
			}
		}
	}
	return ""
}

// aliases are more names that gather_subset may have.
func aliases() map[string]string {
	return map[string]string{"interfaces": "network", "ssh_host_pub_keys": "ssh_pub_keys", "effective_group_ids": "user", "is_chroot": "chroot"}
}

// subsets are the parts that gather_subset names. All but min is what a play has
// that names none.
func subsets(words []string) (map[string]bool, error) {
	all := collectors()
	in, out, named := map[string]bool{}, map[string]bool{}, map[string]bool{}
	add := func(to map[string]bool, parts ...string) {
		for _, p := range parts {
			to[p] = true
		}
	}
	add(in, minimal()...)
	for _, w := range words {
		bare, not := strings.CutPrefix(strings.TrimSpace(w), "!")
		part := bare
		if _, ok := all[part]; !ok {
			if part = aliases()[bare]; part == "" {
				part = partOf(bare)
			}
		}
		switch {
		case bare == "min" && not:
			add(out, minimal()...)
		case bare == "min":
		case bare == "all" && not:
			for p := range all {
				if !slices.Contains(minimal(), p) {
					out[p] = true
				}
			}
		case bare == "all":
			add(in, slices.Collect(maps.Keys(all))...)
		case not:
			add(out, part)
		case part == "":
			return nil, fmt.Errorf("Bad subset '%s' given to Ansible. gather_subset options allowed: all, %s", bare, allowedSubsets())
		default:
			add(in, part)
			add(named, part)
		}
	}
	for p := range out {
		if !named[p] {
			delete(in, p)
		}
	}
	takeAlong(in)
	return in, nil
}

// takeAlong adds what parts are made of.
func takeAlong(in map[string]bool) {
	for _, p := range []string{"network", "service_mgr", "pkg_mgr"} {
		if in[p] {
			in["distribution"], in["platform"] = true, true
		}
	}
	if in["hardware"] {
		in["platform"] = true
	}
}

// allowedSubsets are the names that Ansible lists.
func allowedSubsets() string {
	return "all_ipv4_addresses, all_ipv6_addresses, apparmor, architecture, caps, chroot, cmdline, date_time, default_ipv4, default_ipv6, devices, distribution, distribution_major_version, " +
		"distribution_release, distribution_version, dns, effective_group_ids, effective_user_id, env, facter, fibre_channel_wwn, fips, hardware, interfaces, is_chroot, iscsi, kernel, kernel_version, " +
		"loadavg, local, lsb, machine, machine_id, mounts, network, nvme, ohai, os_family, pkg_mgr, platform, processor, processor_cores, processor_count, python, python_version, real_user_id, " +
		"selinux, service_mgr, ssh_host_key_dsa_public, ssh_host_key_ecdsa_public, ssh_host_key_ed25519_public, ssh_host_key_rsa_public, ssh_host_pub_keys, ssh_pub_keys, system, system_capabilities, " +
		"system_capabilities_enforced, user, user_dir, user_gecos, user_gid, user_id, user_shell, user_uid, virtual, virtualization_role, virtualization_tech_guest, virtualization_tech_host, virtualization_type"
}

// wanted are the facts of the parts that the play or the task names.
func (g gathered) wanted() (*value.Map, error) {
	if len(g.wish.Subset) == 0 || len(g.wish.Subset) == 1 && g.wish.Subset[0] == "all" {
		return g.facts, nil
	}
	in, err := subsets(g.wish.Subset)
	if err != nil {
		return nil, err
	}
	out := value.NewMap()
	for k, v := range g.facts.All() {
		part := partOf(value.Str(k))
		if part == "" {
			part = "network" // what is left are interfaces
		}
		if in[part] {
			out.Set(k, v)
		}
	}
	return out, nil
}
