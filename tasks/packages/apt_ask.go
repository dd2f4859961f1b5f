package packages

import (
	"regexp"
	"sort"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/tasks/kit"
)

// dpkgState is what dpkg knows of a package.
type dpkgState struct {
	installed bool
	version   string
	files     bool // configuration is left
	auto      bool // installed on behalf of others
	hold      bool
	provided  bool // not installed itself, but an installed package provides it
}

// dpkgText prints a line per installed package of those asked for, then the
// names that installed packages provide and that were installed for others.
const dpkgText sh.Constant = `LC_ALL=C; export LC_ALL
dpkg-query -W -f '${Package}:${Architecture} ${db:Status-Abbrev} ${Version}\n' -- "$@" 2>/dev/null
echo ---
for n; do
case $n in *\**|*:*) continue ;; esac
if ! dpkg-query -W -- "$n" >/dev/null 2>&1 || [ "$(dpkg-query -W -f '${db:Status-Status}' -- "$n")" != installed ]; then
if dpkg-query -W -f '${db:Status-Abbrev} ${Provides}\n' | grep -q "^.i.*[ ,]$n\([ ,]\|$\)"; then echo "provided $n"; fi
else
awk -v n="$n" '$1 == "Package:" { p = $2 } $1 == "Auto-Installed:" && $2 == 1 && p == n { print "auto " n; exit }' /var/lib/apt/extended_states 2>/dev/null
fi
done
true`

func installed(pkgs []pkg) host.Fact[map[string]dpkgState] {
	names := make([]string, len(pkgs))
	for i, p := range pkgs {
		names[i] = p.name
	}
	sort.Strings(names)
	return host.Fact[map[string]dpkgState]{
		Q:     host.NewProbe(dpkgText, names...),
		Parse: func(a host.Answer) (map[string]dpkgState, error) { return parseDpkg(string(a.Stdout)), nil },
	}
}

func parseDpkg(text string) map[string]dpkgState {
	out := map[string]dpkgState{}
	first, rest, _ := strings.Cut(text, "---\n")
	for line := range strings.Lines(first) {
		w := strings.Fields(line)
		if len(w) < 2 {
			continue
		}
		st := dpkgState{installed: strings.HasPrefix(w[1][1:], "i"), files: strings.HasPrefix(w[1][1:], "c"), hold: w[1][0] == 'h'}
		if len(w) > 2 {
			st.version = w[2]
		}
		name, _, _ := strings.Cut(w[0], ":")
		if !out[name].installed {
			out[name] = st
		}
		out[w[0]] = st
	}
	for line := range strings.Lines(rest) {
		word, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		st := out[name]
		st.provided, st.auto = word == "provided", word == "auto"
		out[name] = st
	}
	return out
}

// quiet puts into $n what keeps apt from writing its caches and logs: it then parses
// all lists into memory, which takes a second or more. Where nothing that the cache
// was made of is newer than it, apt only reads it, and may.
const quiet = `n=' -o Dir::Log::Planner=/dev/null -o Debug::NoLocking=1' c=/var/cache/apt/pkgcache.bin
[ -s $c ] && [ -z "$(find /var/lib/apt/lists /var/lib/dpkg/status /var/lib/dpkg/arch /etc/apt -newer $c 2>/dev/null | head -n 1)" ] ||
n="$n -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache="
`

// policyText prints candidates: release (or empty), then names.
const policyText sh.Constant = `r=$1; shift; LC_ALL=C; export LC_ALL
` + quiet + `apt-cache $n ${r:+-t "$r"} policy "$@" 2>/dev/null | grep -v '^  *[0-9*]'`

// policy asks for the versions that would be installed; a name without one is
// not in the answer.
func policy(pkgs []pkg, release string) host.Fact[map[string]string] {
	args := []string{release}
	for _, p := range pkgs {
		args = append(args, p.name)
	}
	return host.Fact[map[string]string]{
		Q: host.NewProbe(policyText, args...),
		Parse: func(a host.Answer) (map[string]string, error) {
			out, name := map[string]string{}, ""
			for line := range strings.Lines(string(a.Stdout)) {
				if !strings.HasPrefix(line, " ") {
					name = strings.TrimSuffix(strings.TrimSpace(line), ":")
					name, _, _ = strings.Cut(name, ":")
				} else if v, ok := strings.CutPrefix(strings.TrimSpace(line), "Candidate: "); ok && v != "(none)" {
					out[name] = v
				}
			}
			return out, nil
		},
	}
}

// olderThan asks dpkg to compare two versions.
func olderThan(have, want string) host.Fact[bool] {
	return host.Fact[bool]{
		Q:     host.NewProbe(`dpkg --compare-versions "$1" lt "$2"`, have, want),
		Parse: func(a host.Answer) (bool, error) { return a.Status == 0, nil },
	}
}

// simulation is what apt-get -s says.
type simulation struct {
	does   bool
	failed string
}

// simulateText prints what a command of apt-get would do.
const simulateText sh.Constant = `LC_ALL=C DEBIAN_FRONTEND=noninteractive; export LC_ALL DEBIAN_FRONTEND
` + quiet + `apt-get -s -q -y $n "$@" 2>&1 | grep -E '^(Inst|Remv|Purg|Conf|Del|E:) '`

func simulate(words []string) host.Fact[simulation] {
	return host.Fact[simulation]{
		Q: host.NewProbe(simulateText, words...),
		Parse: func(a host.Answer) (simulation, error) {
			var s simulation
			var failed strings.Builder
			for line := range strings.Lines(string(a.Stdout)) {
				if strings.HasPrefix(line, "E: ") {
					failed.WriteString(strings.TrimSpace(line) + " ")
				} else {
					s.does = true
				}
			}
			s.failed = failed.String()
			return s, nil
		},
	}
}

// cacheAge asks whether the lists are older than so many seconds. The clock
// makes it a question for its task's turn.
func cacheAge(seconds int) host.Fact[bool] {
	q := host.NewProbe(`f=/var/lib/apt/periodic/update-success-stamp
if [ ! -e "$f" ]; then f=/var/lib/apt/lists; fi
if [ $(($(date +%s) - $(stat -c %Y "$f"))) -gt "$1" ]; then echo old; else echo new; fi`, strconv.Itoa(seconds)).Wide()
	return host.Fact[bool]{Q: q, Parse: func(a host.Answer) (bool, error) {
		return strings.TrimSpace(string(a.Stdout)) != "new", nil
	}}
}

// namesText finds package names by a pattern, as a basic regular expression.
const namesText sh.Constant = quiet + `apt-cache $n pkgnames 2>/dev/null | grep -x -e "$1" | sort`

// globs replaces patterns by the names that fit.
func (a aptArgs) globs(s host.Seen) ([]pkg, play.Plan, error) {
	var out []pkg
	for _, p := range a.packages() {
		if !strings.ContainsAny(p.name, "*?[") {
			out = append(out, p)
			continue
		}
		expr := strings.NewReplacer(`\*`, ".*", `\?`, ".", `\[`, "[", `\]`, "]", `\+`, "+").Replace(regexp.QuoteMeta(p.name))
		names, err := host.Get(s, host.Fact[[]string]{
			Q:     host.NewProbe(namesText, expr),
			Parse: func(a host.Answer) ([]string, error) { return strings.Fields(string(a.Stdout)), nil },
		})
		if err != nil {
			return nil, play.Plan{}, err
		}
		if len(names) == 0 && a.State != "absent" {
			return nil, kit.Failure("No package(s) matching '%s' available", p.name), nil
		}
		for _, n := range names {
			one := parsePackage(n + p.op + p.version)
			out = append(out, one)
		}
	}
	return out, play.Plan{}, nil
}

// debState compares a package file with what is installed: same, other,
// missing.
func debState(file string) host.Fact[string] {
	return host.Fact[string]{
		Q: host.NewProbe(`if [ ! -f "$1" ]; then echo missing; exit 0; fi
n=$(dpkg-deb -f "$1" Package) v=$(dpkg-deb -f "$1" Version) a=$(dpkg-deb -f "$1" Architecture)
h=$(dpkg-query -W -f '${db:Status-Status} ${Version}' -- "$n" 2>/dev/null)
if [ "$h" = "installed $v" ]; then echo same; else echo other; fi`, kit.Safe(file)),
		Parse: func(a host.Answer) (string, error) { return strings.TrimSpace(string(a.Stdout)), nil },
	}
}

// manualText marks packages as asked for.
const manualText sh.Constant = `apt-mark manual -- "$@" >/dev/null`

// aptText runs apt-get: the answer of policy-rc.d (or empty), then its words. One of
// the user's own comes back however it ends; a killed one's, with the next script.
const aptText = sh.Temp + `LC_ALL=C DEBIAN_FRONTEND=noninteractive DEBIAN_PRIORITY=critical; export LC_ALL DEBIAN_FRONTEND DEBIAN_PRIORITY
c=$1 f=/usr/sbin/policy-rc.d; shift
if [ -n "$c" ]; then
_stand "$f" || exit 1
m=${_t##*/}
_name "${f%/*}"
printf '#!/bin/sh\n# %s stands for your own while packages are installed\nexit %s\n' "$m" "$c" >"$_t" && chmod 755 "$_t" && mv "$_t" "$f" || exit 1
fi
apt-get "$@"`

// debURLText fetches a package and installs it: URL, then apt-get's options.
const debURLText sh.Constant = sh.Temp + `LC_ALL=C DEBIAN_FRONTEND=noninteractive; export LC_ALL DEBIAN_FRONTEND
u=$1; shift
_name "${TMPDIR:-/tmp}" d
d=$_t
(umask 077; mkdir "$d") || exit 1
if command -v curl >/dev/null; then curl -fsSL -o "$d/package.deb" "$u"; else wget -q -O "$d/package.deb" "$u"; fi || { echo "cannot fetch $u" >&2; exit 1; }
chmod 755 "$d"
apt-get "$@" install "$d/package.deb"`

// updateText refreshes the lists: tries, longest pause, seconds to wait for a
// lock. Its last line says whether the lists are new.
const updateText sh.Constant = `LC_ALL=C DEBIAN_FRONTEND=noninteractive; export LC_ALL DEBIAN_FRONTEND
_at() { f=/var/lib/apt/periodic/update-success-stamp; if [ ! -e "$f" ]; then f=/var/lib/apt/lists; fi; stat -c %Y "$f"; }
b=$(_at); n=0 w=1
until e=$(apt-get -q -oDPkg::Lock::Timeout="$3" update 2>&1); do
n=$((n + 1))
if [ "$n" -ge "$1" ]; then echo "Failed to update apt cache: $e" >&2; exit 1; fi
sleep "$w"; w=$((w * 2)); if [ "$w" -gt "$2" ]; then w=$2; fi
done
printf '%s\n' "$e"
if [ "$b" != "$(_at)" ]; then echo lists: new; else echo lists: same; fi`

func (a aptArgs) updateStep() host.Step {
	return host.Run{Cmd: sh.Script(updateText, strconv.Itoa(max(a.Retries, 1)), strconv.Itoa(max(a.RetryDelay, 1)), strconv.Itoa(a.LockTimeout)), What: "apt-get update"}
}
