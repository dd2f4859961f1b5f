package facts

import (
	"cmp"
	"strconv"
	"strings"

	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

func (g gathered) mounts() {
	sizes := map[string][]int64{}
	for line := range strings.Lines(g.parts["sizes"]) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 7)
		if len(f) < 7 {
			continue
		}
		n := make([]int64, 6)
		for i := range n {
			n[i], _ = strconv.ParseInt(f[i], 10, 64)
		}
		sizes[f[6]] = n
	}
	uuids := map[string]string{}
	for line := range strings.Lines(g.parts["uuids"]) {
		if f := strings.Fields(line); len(f) == 2 {
			uuids[f[1]] = f[0]
		}
	}
	var out []value.Value
	for line := range strings.Lines(g.parts["mounts"]) {
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasPrefix(f[0], "/") && !strings.Contains(f[0], ":/") || f[2] == "none" {
			continue
		}
		p := kit.MountField(f[1])
		m := value.MapOf("mount", kit.HostText(p), "device", kit.HostText(kit.MountField(f[0])), "fstype", kit.HostText(f[2]), "options", kit.HostText(f[3]),
			"uuid", kit.HostText(cmp.Or(uuids[kit.MountField(f[0])], "N/A")))
		if n, ok := sizes[p]; ok {
			for i, key := range []string{"block_size", "block_total", "", "block_available", "inode_total", "inode_available"} {
				if key != "" {
					m.Put(key, value.Int(n[i]))
				}
			}
			m.Put("block_used", value.Int(n[1]-n[3]))
			m.Put("inode_used", value.Int(n[4]-n[5]))
			m.Put("size_total", value.Int(n[0]*n[1]))
			m.Put("size_available", value.Int(n[0]*n[3]))
		}
		out = append(out, value.FromMap(m))
	}
	g.facts.Put("mounts", value.List(out...))
}

func (g gathered) has(p string) bool { return strings.Contains("\n"+g.parts["has"], "\n"+p+"\n") }

func (g gathered) managers() {
	service := g.line("init", 0)
	switch {
	case g.has("/run/systemd/system"):
		service = "systemd"
	case g.has("/run/openrc"):
		service = "openrc"
	case service == "init" || service == "" || strings.HasSuffix(g.line("init", 1), "busybox"):
		service = "sysvinit"
	}
	g.text("service_mgr", service)
	pkgs := "unknown"
	for _, m := range [][2]string{{"/usr/bin/apt-get", "apt"}, {"/sbin/apk", "apk"}, {"/usr/bin/apk", "apk"}, {"/usr/bin/dnf5", "dnf5"}, {"/usr/bin/dnf", "dnf"},
		{"/usr/bin/yum", "yum"}, {"/usr/bin/zypper", "zypper"}, {"/usr/bin/pacman", "pacman"}, {"/usr/bin/emerge", "portage"}, {"/usr/bin/xbps-install", "xbps"}} {
		if g.has(m[0]) {
			pkgs = m[1]
			break
		}
	}
	g.text("pkg_mgr", pkgs)
}

// dmi reads the firmware's words.
func (g gathered) dmi() map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(g.parts["dmi"]) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
		out[k] = v
	}
	return out
}

func (g gathered) hardware() {
	d := g.dmi()
	for _, key := range []string{"bios_date", "bios_vendor", "bios_version", "board_name", "board_vendor", "chassis_vendor",
		"product_name", "product_serial", "product_uuid", "product_version", "sys_vendor"} {
		name := key
		if key == "sys_vendor" {
			name = "system_vendor"
		}
		g.text(name, cmp.Or(d[key], "NA"))
	}
}

// guests are machines by words of their firmware.
func guests() [][3]string {
	return [][3]string{ // product, vendor, kind; empty = any
		{"KVM", "", "kvm"}, {"Bochs", "", "kvm"}, {"AHV", "", "kvm"}, {"OpenStack", "", "kvm"}, {"Standard PC", "", "kvm"}, {"Google Compute Engine", "", "kvm"},
		{"Droplet", "", "kvm"}, {"VMware", "", "VMware"}, {"VirtualBox", "", "virtualbox"}, {"Virtual Machine", "Microsoft", "VirtualPC"}, {"RHEV", "", "RHEV"},
		{"HVM domU", "", "xen"}, {"Parallels", "", "parallels"}, {"", "QEMU", "kvm"}, {"", "Amazon EC2", "kvm"}, {"", "DigitalOcean", "kvm"},
		{"", "Hetzner", "kvm"}, {"", "Nutanix", "kvm"}, {"", "Scaleway", "kvm"}, {"", "VMware", "VMware"}, {"", "Parallels", "parallels"}, {"", "oVirt", "oVirt"},
	}
}

func (g gathered) virtual() {
	var in, on []string
	container := strings.TrimSpace(g.parts["container"])
	switch {
	case g.has("/.dockerenv") || strings.Contains(g.parts["cgroup"], "docker"):
		in = append(in, "docker", "container")
	case g.has("/run/.containerenv") || strings.HasPrefix(container, "podman"):
		in = append(in, "podman", "container")
	case g.has("/proc/vz") && !g.has("/proc/lxc"):
		if g.has("/proc/bc") {
			on = append(on, "openvz")
		} else {
			in = append(in, "openvz", "container")
		}
	case strings.HasPrefix(container, "lxc") || strings.Contains(g.parts["cgroup"], "/lxc"):
		in = append(in, "lxc", "container")
	case strings.HasPrefix(container, "systemd-nspawn"):
		in = append(in, "systemd-nspawn", "container")
	case container != "":
		in = append(in, "container")
	}
	d := g.dmi()
	for _, w := range guests() {
		if strings.Contains(d["product_name"], w[0]) && strings.Contains(d["sys_vendor"], w[1]) {
			in = append(in, w[2])
			break
		}
	}
	if g.has("/proc/xen") {
		in = append(in, "xen")
	}
	if len(in) == 0 && strings.Contains(g.parts["cpu"], "QEMU") {
		in = append(in, "kvm")
	}
	if g.has("/dev/kvm") {
		on = append(on, "kvm")
	}
	kind, role := "NA", "NA"
	switch {
	case len(in) > 0:
		kind, role = in[0], "guest"
	case len(on) > 0:
		kind, role = on[0], "host"
	case strings.Contains(g.parts["cpu"], " hypervisor"):
		kind, role = "kvm", "guest"
	}
	g.text("virtualization_type", kind)
	g.text("virtualization_role", role)
	g.facts.Put("virtualization_tech_guest", sortedStrings(in))
	g.facts.Put("virtualization_tech_host", sortedStrings(on))
}

func (g gathered) security() {
	se := value.MapOf("status", value.String("disabled"))
	if g.has("/sys/fs/selinux/enforce") {
		se = value.MapOf("status", value.String("enabled"), "mode", value.String(map[bool]string{true: "enforcing", false: "permissive"}[g.line("selinux", 0) == "1"]))
		if mode := g.line("selinux", 1); mode != "" {
			se.Put("config_mode", kit.HostText(mode))
		}
		se.Put("type", kit.HostText(cmp.Or(g.line("selinux", 2), "unknown")))
	}
	g.facts.Put("selinux", value.FromMap(se))
	g.facts.Put("apparmor", value.FromMap(value.MapOf("status", value.String(map[bool]string{true: "enabled", false: "disabled"}[g.has("/sys/kernel/security/apparmor")]))))
	for line := range strings.Lines(g.parts["hostkeys"]) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		short := f[0]
		switch {
		case strings.HasPrefix(short, "ecdsa-"):
			short = "ecdsa"
		default:
			short = strings.TrimPrefix(short, "ssh-")
		}
		g.text("ssh_host_key_"+short+"_public", f[1])
		g.text("ssh_host_key_"+short+"_public_keytype", f[0])
	}
}

func (g gathered) identity() {
	g.text("machine_id", g.line("ids", 0))
	g.text("boot_id", g.line("ids", 1))
	named := map[string][]value.Value{}
	var keys []string
	for line := range strings.Lines(g.parts["dns"]) {
		f := strings.Fields(line)
		if len(f) < 2 || strings.HasPrefix(f[0], "#") || strings.HasPrefix(f[0], ";") {
			continue
		}
		key := map[string]string{"nameserver": "nameservers", "search": "search", "options": "options"}[f[0]]
		if key == "" {
			continue
		}
		if named[key] == nil {
			keys = append(keys, key)
		}
		for _, w := range f[1:] {
			named[key] = append(named[key], kit.HostText(w))
		}
	}
	dns := value.NewMap()
	for _, k := range keys {
		dns.Put(k, value.List(named[k]...))
	}
	g.facts.Put("dns", value.FromMap(dns))
	cmdline := value.NewMap()
	for w := range strings.FieldsSeq(g.parts["cmdline"]) {
		if k, v, ok := strings.Cut(w, "="); ok {
			cmdline.Put(k, kit.HostText(v))
		} else {
			cmdline.Put(w, value.Bool(true))
		}
	}
	g.facts.Put("cmdline", value.FromMap(cmdline))
	g.facts.Put("proc_cmdline", value.FromMap(cmdline))
}
