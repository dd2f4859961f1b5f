// Package facts holds the modules that gather facts about a host, and the gatherer
// that the engine asks when a playbook merely mentions one. It changes nothing.
package facts

import (
	"cmp"
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
	Subset  []string `arg:"gather_subset" default:"all" help:"all, min, hardware, network, virtual or Ansible's finer ones; ! leaves one out"`
	Timeout int      `arg:"gather_timeout" default:"10" help:"without meaning: one question asks for everything"`
	Path    string   `arg:"fact_path" default:"/etc/ansible/facts.d" type:"path" help:"folder of local facts: *.fact, text or programs"`
}

// Setup gathers facts.
func Setup() play.Module {
	return kit.Define(kit.Doc{Name: "setup", Short: "facts about the host as ansible_* variables"}, setup{})
}

// GatherFacts is setup under the name that plays know.
func GatherFacts() play.Module {
	return kit.Define(kit.Doc{Name: "gather_facts", Short: "facts about the host, as a play gathers them"}, gatherFacts{})
}

// gatherFactsArgs are the arguments of gather_facts.
type gatherFactsArgs struct {
	setupArgs
	Parallel bool `arg:"parallel" help:"without meaning: one question asks for everything"`
}

type gatherFacts struct{}

func (gatherFacts) Facts(gatherFactsArgs) []host.Question { return nil }

func (gatherFacts) Plan(a gatherFactsArgs, s host.Seen) (play.Plan, error) {
	return setup{}.Plan(a.setupArgs, s)
}

// Gatherer is setup as the engine uses it for facts that a playbook merely
// mentions.
func Gatherer() play.Gatherer { return gathered{} }

type setup struct{}

// setupText prints everything that facts are made of, in parts that begin with
// a line "@name"; the text of local facts has a space in front of each line. $1 is
// their folder, what follows are variables of the environment. It runs no program
// but those of local facts.
const setupText sh.Constant = `l=${1:-/etc/ansible/facts.d}; [ "$#" -eq 0 ] || shift; for e do export "$e"; done
all=$(env); LC_ALL=C; export LC_ALL
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
echo @python; if p=$(command -v python3 2>/dev/null); then echo "$p"; "$p" -V 2>/dev/null; fi
echo @fips; _cat /proc/sys/crypto/fips_enabled
echo @chroot; stat -c '%d %i' / /proc/1/root/. 2>/dev/null
echo @iscsi; sed -n 's/^InitiatorName=//p' /etc/iscsi/initiatorname.iscsi 2>/dev/null
echo @disks; _r() { v=; [ ! -r "$1" ] || IFS= read -r v <"$1"; } 2>/dev/null
for d in /sys/block/*; do [ -d "$d" ] || continue; n=${d##*/}; o="disk $n"
for q in size queue/hw_sector_size removable queue/rotational; do _r "$d/$q"; o="$o ${v:-0}"; done
if [ -e "/sys/devices/virtual/block/$n" ]; then echo "$o 1"; else echo "$o 0"; fi
_r "$d/device/model"; echo "model $v"; _r "$d/device/vendor"; echo "vendor $v"; _r "$d/queue/scheduler"; echo "scheduler $v"
for q in "$d/$n"*; do if [ -f "$q/size" ]; then _r "$q/start"; o=$v; _r "$q/size"; echo "part ${q##*/} $o $v"; fi; done; done
echo @diskids; for f in /dev/disk/by-id/* /dev/disk/by-uuid/* /dev/disk/by-label/*; do if [ -L "$f" ]; then t=${f%/*}; echo "${t##*/by-} ${f##*/} $(readlink -f "$f")"; fi; done
echo @local; for f in "$l"/*.fact; do if [ -L "$f" ] && [ ! -e "$f" ]; then printf '@fact %s\n \n @lost\n' "$f"; fi; [ -f "$f" ] || continue; echo "@fact $f"
if [ -x "$f" ]; then { { o=$("$f" 2>&1 >&3 3>&-) && s=0 || s=$?; [ "$s" = 0 ] || printf '\n@failed %s\n%s' "$s" "$o"; } 3>&1; } </dev/null | sed 's/^/ /'; else sed 's/^/ /' "$f"; fi; echo; done
echo @env; printf '%s\n' "$all"`

// Question asks for everything at once.
func (g gathered) Question() host.Question {
	if g.wish.FactPath == "" && len(g.wish.Env) == 0 {
		return host.NewProbe(setupText).Wide()
	}
	return host.NewProbe(setupText, append([]string{cmp.Or(g.wish.FactPath, factPath)}, g.wish.Env...)...).Wide()
}

// For is the gatherer for a play that wants facts in its own way.
func (gathered) For(w play.GatherWish) play.Gatherer { return gathered{wish: w} }

// Same reports a gatherer that keeps the same parts.
func (g gathered) Same(other play.Gatherer) bool {
	o, ok := other.(gathered)
	return ok && slices.Equal(g.wish.Subset, o.wish.Subset)
}

// factPath is where local facts are when nobody says otherwise.
const factPath = "/etc/ansible/facts.d"

func (setup) Facts(setupArgs) []host.Question { return nil }

func (setup) Plan(a setupArgs, s host.Seen) (play.Plan, error) {
	if _, err := subsets(a.Subset); err != nil {
		return kit.Failure("%s", err), nil
	}
	g := gathered{wish: play.GatherWish{Subset: a.Subset}}
	if a.Path != factPath {
		g.wish.FactPath = a.Path
	}
	got, err := s.Answer(g.Question())
	if err != nil {
		return play.Plan{}, err
	}
	facts, err := g.Facts(got)
	if err != nil {
		return play.Plan{}, err
	}
	plan := kit.Unchanged("facts were gathered", nil)
	plan.Result.Facts = a.choose(facts)
	return plan, nil
}

// choose applies filter.
func (a setupArgs) choose(facts *value.Map) *value.Map {
	out := value.NewMap()
	for k, v := range facts.All() {
		if a.fits(value.Str(k)) {
			out.Set(k, v)
		}
	}
	return out
}

func (a setupArgs) fits(name string) bool {
	for _, f := range a.Filter {
		if f == "" || f == "*" {
			return true
		}
		if ok, _ := path.Match(f, "ansible_"+name); ok {
			return true
		}
		if ok, _ := path.Match("ansible_"+f, "ansible_"+name); ok {
			return true
		}
	}
	return len(a.Filter) == 0
}

// Facts reads the answer: names as in ansible_facts, without "ansible_".
func (g gathered) Facts(a host.Answer) (*value.Map, error) {
	g.parts, g.facts = map[string]string{}, value.NewMap()
	g.split(string(a.Stdout))
	for _, read := range []func(){g.system, g.distribution, g.memory, g.processors, g.network, g.mounts, g.user, g.clock,
		g.managers, g.virtual, g.hardware, g.security, g.identity, g.environment, g.disks, g.odds, g.local} {
		read()
	}
	return g.wanted()
}

// gathered is an answer on its way to facts.
type gathered struct {
	wish  play.GatherWish
	parts map[string]string
	facts *value.Map
}

func (g gathered) split(text string) {
	name := ""
	parts := map[string]*strings.Builder{}
	for line := range strings.Lines(text) {
		if n, ok := strings.CutPrefix(line, "@"); ok && name != "env" && !strings.HasPrefix(n, "fact ") {
			name = strings.TrimSpace(n)
			continue
		}
		if parts[name] == nil {
			parts[name] = &strings.Builder{}
		}
		parts[name].WriteString(line)
	}
	for name, b := range parts {
		g.parts[name] = b.String()
	}
}

// line is the n-th line of a part.
func (g gathered) line(part string, n int) string {
	l := strings.SplitN(g.parts[part], "\n", n+2)
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
