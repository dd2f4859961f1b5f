package system

import (
	"path"
	"slices"
	"sort"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// setupArgs are the arguments of setup.
type setupArgs struct {
	Filter  []string `arg:"filter" help:"names or patterns of facts, with ansible_ in front; default: all"`
	Subset  []string `arg:"gather_subset" default:"all" help:"all, min, hardware, network, virtual; ! leaves one out"`
	Timeout int      `arg:"gather_timeout" default:"10" help:"without meaning: one question asks for everything"`
	Path    string   `arg:"fact_path" default:"/etc/ansible/facts.d" type:"path" help:"without meaning: local facts are read from /etc/ansible/facts.d, and programs there are not run"`
}

// Setup gathers facts.
func Setup() play.Module {
	return kit.Define(kit.Doc{Name: "setup", Short: "facts about the host as ansible_* variables"}, setup{})
}

// Gatherer is setup as the engine uses it for facts that a playbook merely
// mentions.
func Gatherer() play.Gatherer { return gathered{} }

type setup struct{}

// setupText prints everything that facts are made of, in parts that begin with
// a line "@name". It runs no program of the host's users.
const setupText sh.Constant = `LC_ALL=C; export LC_ALL
_cat() { for f; do if [ -r "$f" ]; then cat "$f" 2>/dev/null; return; fi; done; }
echo @uname; uname -s; uname -n; uname -r; uname -m; uname -v
echo @fqdn; hostname -f 2>/dev/null || uname -n
echo @os; _cat /etc/os-release /usr/lib/os-release
echo @debian; _cat /etc/debian_version
echo @redhat; _cat /etc/redhat-release
echo @mem; grep -E '^(MemTotal|MemFree|Buffers|Cached|SwapTotal|SwapFree|SwapCached):' /proc/meminfo
echo @cpu; grep -E '^(processor|vendor_id|model name|Processor|Model|physical id|siblings|cpu cores|flags)' /proc/cpuinfo
echo @nproc; nproc 2>/dev/null
echo @ip; ip -o addr show 2>/dev/null
echo @route; cat /proc/net/route 2>/dev/null
echo @route6; ip -6 route show default 2>/dev/null
echo @net; for d in /sys/class/net/*; do if [ -d "$d" ]; then echo "${d##*/} $(_cat "$d/mtu") $(_cat "$d/type") $(_cat "$d/flags") $(_cat "$d/operstate") $(_cat "$d/address")"; fi; done
echo @mounts; cat /proc/mounts 2>/dev/null
k=; if timeout -s KILL 5 true 2>/dev/null; then k="timeout -s KILL 5"; fi
echo @sizes; awk '$1 ~ /^\// || $3 == "tmpfs" || $3 == "zfs" || $3 == "btrfs" || $3 == "overlay" { print $2 }' /proc/mounts 2>/dev/null | sort -u | while IFS= read -r m; do m=$(printf %b "$(printf %s "$m" | sed 's/\\\([0-7][0-7][0-7]\)/\\0\1/g')"); $k stat -f -c '%S %b %f %a %c %d %n' "$m" 2>/dev/null; done
echo @uuids; for f in /dev/disk/by-uuid/*; do if [ -L "$f" ]; then echo "${f##*/} $(readlink -f "$f")"; fi; done
echo @user; id -un; id -u; id -g; id -ru; id -rg; u=$(id -un); { getent passwd "$u" 2>/dev/null || grep "^$u:" /etc/passwd; } | head -n 1
echo @date; date '+%Y %m %d %H %M %S %s %Z %z %A %w %W'; date -u '+%Y-%m-%dT%H:%M:%S.%N'
echo @init; cat /proc/1/comm 2>/dev/null; readlink /sbin/init 2>/dev/null
echo @has; for f in /run/systemd/system /run/openrc /usr/bin/apt-get /usr/bin/dnf /usr/bin/dnf5 /usr/bin/yum /usr/bin/zypper /sbin/apk /usr/bin/apk /usr/bin/pacman /usr/bin/emerge /usr/bin/xbps-install /.dockerenv /run/.containerenv /proc/vz /proc/bc /proc/lxc /proc/xen /dev/kvm /sys/kernel/security/apparmor /sys/fs/selinux/enforce; do if [ -e "$f" ]; then echo "$f"; fi; done
echo @cgroup; cat /proc/1/cgroup 2>/dev/null | head -n 20
echo @container; _cat /run/systemd/container; tr '\0' '\n' </proc/1/environ 2>/dev/null | sed -n 's/^container=//p'
echo @dmi; for f in bios_date bios_vendor bios_version board_name board_vendor chassis_vendor product_name product_serial product_uuid product_version sys_vendor; do echo "$f=$(_cat "/sys/class/dmi/id/$f" | head -n 1)"; done
echo @selinux; _cat /sys/fs/selinux/enforce; echo; sed -n 's/^SELINUX\(TYPE\)\{0,1\}=//p' /etc/selinux/config 2>/dev/null
echo @ids; _cat /var/lib/dbus/machine-id /etc/machine-id; _cat /proc/sys/kernel/random/boot_id
echo @hostkeys; cat /etc/ssh/ssh_host_*_key.pub /etc/dropbear/*.pub 2>/dev/null
echo @dns; _cat /etc/resolv.conf
echo @cmdline; _cat /proc/cmdline
echo @up; cat /proc/uptime /proc/loadavg 2>/dev/null
echo @python; command -v python3 2>/dev/null
echo @local; for f in /etc/ansible/facts.d/*.fact; do if [ -f "$f" ] && [ -r "$f" ] && [ ! -x "$f" ]; then echo "@fact ${f##*/}"; cat "$f"; echo; fi; done
echo @env; env`

// Question asks for everything at once.
func (gathered) Question() host.Question { return host.NewProbe(setupText).Wide() }

func (setup) Facts(setupArgs) []host.Question { return nil }

func (setup) Plan(a setupArgs, s host.Seen) (play.Plan, error) {
	got, err := s.Answer(gathered{}.Question())
	if err != nil {
		return play.Plan{}, err
	}
	facts, err := gathered{}.Facts(got)
	if err != nil {
		return play.Plan{}, err
	}
	plan := kit.Unchanged("facts were gathered", nil)
	plan.Result.Facts = a.choose(facts)
	return plan, nil
}

// choose applies filter and gather_subset.
func (a setupArgs) choose(facts *value.Map) *value.Map {
	out := value.NewMap()
	for k, v := range facts.All() {
		name := value.Str(k)
		if a.inSubset(name) && a.fits(name) {
			out.Set(k, v)
		}
	}
	return out
}

func (a setupArgs) fits(name string) bool {
	if len(a.Filter) == 0 {
		return true
	}
	for _, f := range a.Filter {
		for _, n := range []string{name, "ansible_" + name} {
			if ok, _ := path.Match(f, n); ok {
				return true
			}
		}
	}
	return false
}

// inSubset says whether a fact belongs to what gather_subset names.
func (a setupArgs) inSubset(name string) bool {
	in := subsetOf(name)
	on := false
	excludedOnly := true
	for _, w := range a.Subset {
		if !strings.HasPrefix(w, "!") {
			excludedOnly = false
		}
	}
	on = excludedOnly
	for _, w := range a.Subset {
		switch {
		case w == "all", w == in:
			on = true
		case w == "!all" && in != "min", w == "!"+in:
			on = false
		}
	}
	return on || in == "min" && !slices.Contains(a.Subset, "!min")
}

// subsetOf is the part of facts that a name belongs to.
func subsetOf(name string) string {
	for subset, names := range map[string]string{
		"hardware": " memtotal_mb memfree_mb memory_mb swaptotal_mb swapfree_mb processor processor_count processor_cores processor_vcpus processor_nproc processor_threads_per_core mounts uptime_seconds loadavg bios_date bios_vendor bios_version board_name board_vendor chassis_vendor product_name product_serial product_uuid product_version system_vendor ",
		"network":  " interfaces default_ipv4 default_ipv6 all_ipv4_addresses all_ipv6_addresses ",
		"virtual":  " virtualization_type virtualization_role virtualization_tech_guest virtualization_tech_host ",
	} {
		if strings.Contains(names, " "+name+" ") {
			return subset
		}
	}
	return "min"
}

// Facts reads the answer: names as in ansible_facts, without "ansible_".
func (gathered) Facts(a host.Answer) (*value.Map, error) {
	g := gathered{parts: map[string]string{}, facts: value.NewMap()}
	g.split(string(a.Stdout))
	for _, read := range []func(){g.system, g.distribution, g.memory, g.processors, g.network, g.mounts, g.user, g.clock,
		g.managers, g.virtual, g.hardware, g.security, g.identity, g.environment, g.local} {
		read()
	}
	return g.facts, nil
}

// gathered is an answer on its way to facts.
type gathered struct {
	parts map[string]string
	facts *value.Map
}

func (g gathered) split(text string) {
	name := ""
	for line := range strings.Lines(text) {
		if n, ok := strings.CutPrefix(line, "@"); ok && name != "env" && !strings.HasPrefix(n, "fact ") {
			name = strings.TrimSpace(n)
			continue
		}
		g.parts[name] += line
	}
}

// line is the n-th line of a part.
func (g gathered) line(part string, n int) string {
	l := strings.Split(g.parts[part], "\n")
	if n >= len(l) {
		return ""
	}
	return strings.TrimSpace(l[n])
}

func (g gathered) text(name, v string)      { g.facts.Put(name, kit.HostText(v)) }
func (g gathered) int(name string, n int64) { g.facts.Put(name, value.Int(n)) }

func sortedStrings(list []string) value.Value {
	sort.Strings(list)
	items := []value.Value{}
	for i, s := range list {
		if i == 0 || s != list[i-1] {
			items = append(items, kit.HostText(s))
		}
	}
	return value.List(items...)
}
