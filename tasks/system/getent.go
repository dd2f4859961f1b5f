package system

import (
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// getentArgs are the arguments of getent.
type getentArgs struct {
	Database string  `arg:"database" need:"yes" help:"passwd, group, hosts, services ..."`
	Key      string  `arg:"key" help:"the entry; without one, all"`
	Service  string  `arg:"service" help:"the one name service that is asked"`
	Split    *string `arg:"split" help:"what parts the fields; without it a colon in passwd, shadow, group and gshadow, else white space"`
	FailKey  bool    `arg:"fail_key" default:"yes" help:"fail when the entry is not there"`
}

// Getent reads entries of the host's databases.
func Getent() play.Module {
	return kit.Define(kit.Doc{Name: "getent", Short: "entries of passwd, group, hosts and the like"}, getent{})
}

type getent struct{}

func (getent) Validate(a getentArgs) *play.ArgError {
	if strings.HasPrefix(a.Database, "-") || strings.HasPrefix(a.Key, "-") || strings.ContainsAny(a.Database, " /\n") {
		return &play.ArgError{Arg: "database", Msg: "must be the name of a database, and key of an entry"}
	}
	return nil
}

// getentText asks getent, or reads the file where there is none. Arguments:
// database, key, service.
const getentText sh.Constant = `if command -v getent >/dev/null; then
if [ -n "$3" ]; then set -- "$1" "$2" -s "$3"; else set -- "$1" "$2"; fi
d=$1 k=$2; shift 2
if [ -n "$k" ]; then getent "$@" "$d" "$k"; else getent "$@" "$d"; fi
exit $?
fi
if [ ! -r "/etc/$1" ]; then exit 1; fi
if [ -z "$2" ]; then cat "/etc/$1"; exit 0; fi
while IFS= read -r l; do case $l in "$2":*|"$2"[\ \	]*|*[\ \	]"$2"|*[\ \	]"$2"[\ \	]*) printf '%s\n' "$l"; exit 0 ;; esac; done <"/etc/$1"
exit 2`

func (a getentArgs) probe() host.Probe {
	return host.NewProbe(getentText, a.Database, a.Key, a.Service)
}

func (getent) Facts(a getentArgs) []host.Question { return []host.Question{a.probe()} }

func (getent) Plan(a getentArgs, s host.Seen) (play.Plan, error) {
	ans, err := s.Answer(a.probe())
	if err != nil {
		return play.Plan{}, err
	}
	entries := value.NewMap()
	facts := value.MapOf("getent_"+a.Database, value.FromMap(entries))
	done := func(msg string) play.Plan {
		p := kit.Unchanged("it only reads", value.MapOf("ansible_facts", value.FromMap(facts)))
		p.Result.Facts, p.Result.Msg = facts, msg
		return p
	}
	switch ans.Status {
	case 0:
		a.read(string(ans.Stdout), entries)
		return done(""), nil
	case 1:
		return kit.Failure("Missing arguments, or database unknown."), nil
	case 2:
		if a.FailKey {
			return kit.Failure("One or more supplied key could not be found in the database."), nil
		}
		entries.Put(a.Key, value.Null())
		return done("One or more supplied key could not be found in the database."), nil
	case 3:
		return kit.Failure("Enumeration not supported on this database."), nil
	}
	return kit.Failure("Unexpected failure!"), nil
}

// read puts entries by their first field; what stands there twice becomes a list
// of entries, as in Ansible.
func (a getentArgs) read(text string, into *value.Map) {
	split := func(l string) []string { return strings.Fields(l) }
	sep := ""
	switch a.Database {
	case "passwd", "shadow", "group", "gshadow":
		sep = ":"
	}
	if a.Split != nil {
		sep = *a.Split
	}
	if sep != "" {
		split = func(l string) []string { return strings.Split(l, sep) }
	}
	entries := map[string][]value.Value{}
	var names []string
	for l := range strings.Lines(text) {
		f := split(strings.TrimSuffix(l, "\n"))
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		var items []value.Value
		for _, x := range f[1:] {
			items = append(items, kit.HostText(x))
		}
		if entries[f[0]] == nil {
			names = append(names, f[0])
		}
		entries[f[0]] = append(entries[f[0]], value.List(items...))
	}
	for _, n := range names {
		if all := entries[n]; len(all) > 1 {
			into.Set(kit.HostText(n), value.List(all...))
		} else {
			into.Set(kit.HostText(n), all[0])
		}
	}
}
