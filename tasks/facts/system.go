package facts

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"

	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

func (g gathered) system() {
	g.text("system", g.line("uname", 0))
	node := g.line("uname", 1)
	g.text("nodename", node)
	host, _, _ := strings.Cut(node, ".")
	g.text("hostname", host)
	g.text("kernel", g.line("uname", 2))
	g.text("kernel_version", g.line("uname", 4))
	machine := g.line("uname", 3)
	g.text("machine", machine)
	arch := machine
	if len(machine) == 4 && machine[0] == 'i' && strings.HasSuffix(machine, "86") {
		arch = "i386"
	}
	g.text("architecture", arch)
	g.text("userspace_architecture", arch)
	g.text("userspace_bits", map[bool]string{true: "64", false: "32"}[strings.Contains(machine, "64") || machine == "s390x"])
	fqdn := cmp.Or(g.line("fqdn", 0), node)
	g.text("fqdn", fqdn)
	_, domain, _ := strings.Cut(fqdn, ".")
	g.text("domain", domain)
	g.python()
}

// python is what a host has of Python; Ansible's own facts are those of the Python
// that gathers them.
func (g gathered) python() {
	exe := g.line("python", 0)
	version := strings.TrimPrefix(g.line("python", 1), "Python ")
	if exe == "" {
		return
	}
	about := value.MapOf("executable", kit.HostText(exe), "type", value.String("cpython"))
	g.facts.Put("python", value.FromMap(about))
	f := strings.SplitN(version, ".", 3)
	if len(f) != 3 {
		return
	}
	parts, info := value.NewMap(), []value.Value{}
	for i, name := range []string{"major", "minor", "micro"} {
		n, _ := strconv.ParseInt(regexp.MustCompile(`^[0-9]+`).FindString(f[i]), 10, 64)
		parts.Put(name, value.Int(n))
		info = append(info, value.Int(n))
	}
	parts.Put("releaselevel", value.String("final"))
	parts.Put("serial", value.Int(0))
	about.Put("version", value.FromMap(parts))
	about.Put("version_info", value.List(append(info, value.String("final"), value.Int(0))...))
	about.Put("has_sslcontext", value.Bool(true))
	g.text("python_version", version)
}

// osRelease reads /etc/os-release.
func (g gathered) osRelease() map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(g.parts["os"]) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			out[k] = strings.Trim(v, `"'`)
		}
	}
	return out
}

// distributions are Ansible's name and family by os-release's ID.
func distributions() map[string][2]string {
	return map[string][2]string{
		"debian": {"Debian", "Debian"}, "ubuntu": {"Ubuntu", "Debian"}, "raspbian": {"Debian", "Debian"}, "linuxmint": {"Linux Mint", "Debian"},
		"kali": {"Kali", "Debian"}, "pop": {"Pop!_OS", "Debian"}, "devuan": {"Devuan", "Debian"}, "alpine": {"Alpine", "Alpine"},
		"rhel": {"RedHat", "RedHat"}, "centos": {"CentOS", "RedHat"}, "rocky": {"Rocky", "RedHat"}, "almalinux": {"AlmaLinux", "RedHat"},
		"fedora": {"Fedora", "RedHat"}, "ol": {"OracleLinux", "RedHat"}, "amzn": {"Amazon", "RedHat"}, "arch": {"Archlinux", "Archlinux"},
		"manjaro": {"Manjaro", "Archlinux"}, "sles": {"SLES", "Suse"}, "opensuse-leap": {"openSUSE Leap", "Suse"},
		"opensuse-tumbleweed": {"openSUSE Tumbleweed", "Suse"}, "gentoo": {"Gentoo", "Gentoo"}, "void": {"Void", "Void"}, "nixos": {"NixOS", "NixOS"},
	}
}

func (g gathered) distribution() {
	o := g.osRelease()
	name := distributions()[o["ID"]]
	if name[0] == "" {
		name = [2]string{cmp.Or(o["NAME"], g.line("uname", 0)), cmp.Or(o["ID"], g.line("uname", 0))}
		for like := range strings.FieldsSeq(o["ID_LIKE"]) {
			if known, ok := distributions()[like]; ok {
				name[1] = known[1]
				break
			}
		}
	}
	version := o["VERSION_ID"]
	if full := g.line("debian", 0); name[0] == "Debian" && full != "" && full[0] >= '0' && full[0] <= '9' {
		version = full
	}
	if m := regexp.MustCompile(`release (\d+(\.\d+)*)`).FindStringSubmatch(g.line("redhat", 0)); m != nil && name[1] == "RedHat" {
		version = m[1]
	}
	release := o["VERSION_CODENAME"]
	if m := regexp.MustCompile(`\(([^)]+)\)`).FindStringSubmatch(g.line("redhat", 0)); m != nil && release == "" {
		release = m[1]
	}
	major, minor, _ := strings.Cut(cmp.Or(version, "NA"), ".")
	g.text("distribution", name[0])
	g.text("os_family", name[1])
	g.text("distribution_version", cmp.Or(version, "NA"))
	g.text("distribution_major_version", major)
	if minor != "" {
		g.text("distribution_minor_version", minor)
	}
	g.text("distribution_release", cmp.Or(release, "NA"))
	g.facts.Put("lsb", value.FromMap(value.MapOf("id", kit.HostText(name[0]), "release", kit.HostText(o["VERSION_ID"]), "codename", kit.HostText(release),
		"description", kit.HostText(o["PRETTY_NAME"]), "major_release", kit.HostText(major))))
}

func (g gathered) memory() {
	kb := map[string]int64{}
	for line := range strings.Lines(g.parts["mem"]) {
		f := strings.Fields(line)
		if len(f) >= 2 {
			kb[strings.TrimSuffix(f[0], ":")], _ = strconv.ParseInt(f[1], 10, 64)
		}
	}
	mb := func(names ...string) int64 {
		var sum int64
		for _, n := range names {
			sum += kb[n]
		}
		return sum / 1024
	}
	g.int("memtotal_mb", mb("MemTotal"))
	g.int("memfree_mb", mb("MemFree"))
	g.int("swaptotal_mb", mb("SwapTotal"))
	g.int("swapfree_mb", mb("SwapFree"))
	m := func(total, free, used int64) value.Value {
		return value.FromMap(value.MapOf("total", value.Int(total), "free", value.Int(free), "used", value.Int(used)))
	}
	nocache := value.FromMap(value.MapOf("free", value.Int(mb("MemFree", "Cached", "Buffers")), "used", value.Int(mb("MemTotal")-mb("MemFree", "Cached", "Buffers"))))
	swap := m(mb("SwapTotal"), mb("SwapFree"), mb("SwapTotal")-mb("SwapFree"))
	if sm, ok := swap.AsMap(); ok {
		sm.Put("cached", value.Int(mb("SwapCached")))
	}
	g.facts.Put("memory_mb", value.FromMap(value.MapOf("real", m(mb("MemTotal"), mb("MemFree"), mb("MemTotal")-mb("MemFree")), "nocache", nocache, "swap", swap)))
}

func (g gathered) processors() {
	var list []value.Value
	sockets := map[string]bool{}
	count, cores, siblings := int64(0), int64(1), int64(1)
	for line := range strings.Lines(g.parts["cpu"]) {
		k, v, _ := strings.Cut(line, ":")
		k, v = strings.TrimSpace(k), strings.TrimSpace(v)
		switch k {
		case "processor":
			count++
			list = append(list, kit.HostText(v))
		case "vendor_id", "model name", "Processor":
			list = append(list, kit.HostText(v))
		case "physical id":
			sockets[v] = true
		case "cpu cores":
			cores, _ = strconv.ParseInt(v, 10, 64)
		case "siblings":
			siblings, _ = strconv.ParseInt(v, 10, 64)
		}
	}
	threads := int64(1)
	if cores > 0 && siblings > cores {
		threads = siblings / cores
	}
	n := int64(len(sockets))
	if n == 0 {
		n, cores, threads = max(count, 1), 1, 1
	}
	g.facts.Put("processor", value.List(list...))
	g.int("processor_count", n)
	g.int("processor_cores", cores)
	g.int("processor_threads_per_core", threads)
	g.int("processor_vcpus", n*cores*threads)
	nproc, err := strconv.ParseInt(g.line("nproc", 0), 10, 64)
	if err != nil {
		nproc = count
	}
	g.int("processor_nproc", nproc)
}

func (g gathered) user() {
	g.text("user_id", g.line("user", 0))
	for i, name := range []string{"user_uid", "user_gid", "real_user_id", "real_group_id"} {
		n, _ := strconv.ParseInt(g.line("user", i+1), 10, 64)
		g.int(name, n)
		if i < 2 {
			g.int([]string{"effective_user_id", "effective_group_id"}[i], n)
		}
	}
	f := strings.Split(g.line("user", 5), ":")
	if len(f) == 7 {
		g.text("user_gecos", f[4])
		g.text("user_dir", f[5])
		g.text("user_shell", f[6])
	}
}

func (g gathered) clock() {
	f := strings.Fields(g.line("date", 0))
	utc := g.line("date", 1)
	if len(f) < 12 || len(utc) < 19 {
		return
	}
	micro := utc[19:]
	if len(micro) < 7 || strings.Trim(micro[1:], "0123456789") != "" {
		micro = ".000000"
	}
	basic := f[0] + f[1] + f[2] + "T" + f[3] + f[4] + f[5]
	epoch, _ := strconv.ParseInt(f[6], 10, 64)
	g.facts.Put("date_time", value.FromMap(value.MapOf(
		"year", kit.HostText(f[0]), "month", kit.HostText(f[1]), "day", kit.HostText(f[2]), "hour", kit.HostText(f[3]), "minute", kit.HostText(f[4]), "second", kit.HostText(f[5]),
		"date", kit.HostText(strings.Join(f[:3], "-")), "time", kit.HostText(strings.Join(f[3:6], ":")), "epoch", kit.HostText(f[6]), "epoch_int", value.Int(epoch),
		"tz", kit.HostText(f[7]), "tz_offset", kit.HostText(f[8]), "weekday", kit.HostText(f[9]), "weekday_number", kit.HostText(f[10]), "weeknumber", kit.HostText(f[11]),
		"iso8601", kit.HostText(utc[:19]+"Z"), "iso8601_micro", kit.HostText(utc[:19]+micro[:7]+"Z"), "iso8601_basic", kit.HostText(basic+micro[1:7]), "iso8601_basic_short", kit.HostText(basic))))
	up := strings.Fields(g.parts["up"])
	if len(up) >= 5 {
		sec, _ := strconv.ParseFloat(up[0], 64)
		g.int("uptime_seconds", int64(sec))
		load := value.NewMap()
		for i, k := range []string{"1m", "5m", "15m"} {
			x, _ := strconv.ParseFloat(up[2+i], 64)
			load.Put(k, value.Float(x))
		}
		g.facts.Put("loadavg", value.FromMap(load))
	}
}

func (g gathered) environment() {
	m, last := value.NewMap(), ""
	name := regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)
	var v []string // a value may have several lines
	put := func() {
		if last != "" {
			m.Put(last, kit.HostText(strings.Join(v, "\n")))
		}
	}
	for line := range strings.Lines(g.parts["env"]) {
		line = strings.TrimSuffix(line, "\n")
		if name.MatchString(line) {
			put()
			k, first, _ := strings.Cut(line, "=")
			last, v = k, []string{first}
		} else if last != "" {
			v = append(v, line)
		}
	}
	put()
	g.facts.Put("env", value.FromMap(m))
}

// local reads local facts: JSON, or sections of name=value.
func (g gathered) local() {
	all := value.NewMap()
	for part := range strings.SplitSeq("\n"+g.parts["local"], "\n@fact ") {
		file, text, ok := strings.Cut(part, "\n")
		if !ok || strings.TrimSpace(file) == "" {
			continue
		}
		name := strings.ReplaceAll(file[strings.LastIndexByte(file, '/')+1:], ".fact", "")
		all.Put(name, localFact(file, strings.ReplaceAll("\n"+text, "\n ", "\n")).With(value.Unsafe))
	}
	g.facts.Put("local", value.FromMap(all))
}

// localFact is what one file or program gave, or Ansible's words for what is wrong
// with it.
func localFact(file, text string) value.Value {
	if _, why, failed := strings.Cut(text, "\n@failed "); failed {
		status, said, _ := strings.Cut(why, "\n")
		return value.String("Failure executing fact script (" + file + "), rc: " + status + ", err: " + strings.TrimSuffix(said, "\n"))
	}
	if strings.HasSuffix(strings.TrimSuffix(text, "\n"), "\n@lost") {
		return value.String("Could not stat fact (" + file + "): [Errno 2] No such file or directory: '" + file + "'")
	}
	text = strings.TrimSpace(text)
	if v, err := value.ParseJSON([]byte(text)); err == nil {
		return v
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if line[0] != '[' {
			return value.String("error loading facts as JSON or ini - please check content: " + file)
		}
		break
	}
	return iniFacts(text)
}

func iniFacts(text string) value.Value {
	out := value.NewMap()
	section := value.NewMap()
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") {
			section = value.NewMap()
			out.Put(strings.Trim(line, "[]"), value.FromMap(section))
		} else if at := strings.IndexAny(line, "=:"); at > 0 && line[0] != '#' && line[0] != ';' {
			section.Put(strings.ToLower(strings.TrimSpace(line[:at])), kit.HostText(strings.TrimSpace(line[at+1:])))
		}
	}
	return value.FromMap(out)
}
