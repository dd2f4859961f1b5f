package system

import (
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// groupArgs are the arguments of group.
type groupArgs struct {
	Name      string `arg:"name" need:"yes" help:"the group"`
	State     string `arg:"state" default:"present" choices:"absent,present" help:"whether it shall be there"`
	GID       *int   `arg:"gid" help:"its number"`
	System    bool   `arg:"system" default:"no" help:"a new one gets a number of the system's"`
	Local     bool   `arg:"local" default:"no" help:"accepted: groups are made in the host's own files anyway"`
	NonUnique bool   `arg:"non_unique" default:"no" help:"gid may be another group's"`
	Force     bool   `arg:"force" default:"no" help:"remove it although it is a user's first group"`
}

// Group keeps groups of users.
func Group() play.Module {
	return kit.Define(kit.Doc{Name: "group", Short: "groups of users"}, group{})
}

type group struct{}

func (group) Validate(a groupArgs) *play.ArgError {
	if !accountName(a.Name) {
		return &play.ArgError{Arg: "name", Msg: strconv.Quote(a.Name) + " is not valid as the name of a group"}
	}
	if a.NonUnique && a.GID == nil {
		return &play.ArgError{Msg: "non_unique is True but all of the following are missing: gid"}
	}
	return nil
}

// accountName refuses what would be read as an option or a field's end.
func accountName(s string) bool {
	return s != "" && !strings.HasPrefix(s, "-") && !strings.ContainsAny(s, ":\n\x00/, \t")
}

func (a groupArgs) fact() host.Fact[[2]string] {
	return host.Fact[[2]string]{
		Q: host.NewProbe(groupText, a.Name, numberOr(a.GID)),
		Parse: func(ans host.Answer) ([2]string, error) {
			l := kit.Lines{Rest: string(ans.Stdout)}
			f := strings.Split(strings.TrimPrefix(l.Next(), "="), ":")
			gid := ""
			if len(f) == 4 {
				gid = f[2]
			}
			return [2]string{gid, l.Next()}, nil
		},
	}
}

func numberOr(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

func (group) Facts(a groupArgs) []host.Question { return []host.Question{a.fact().Q} }

// groupStep makes, changes or removes a group: verb, name, number, -r, -o, -f.
const groupStep sh.Constant = `v=$1 n=$2 g=$3 r=$4 o=$5 f=$6
if command -v groupadd >/dev/null; then
case $v in
add) groupadd $r ${g:+-g "$g"} $o "$n" ;;
mod) groupmod ${g:+-g "$g"} $o "$n" ;;
del) groupdel $f "$n" ;;
esac
else
case $v in
add) addgroup ${r:+-S} ${g:+-g "$g"} "$n" ;;
mod) echo "this host has no groupmod: it cannot give a group another number" >&2; exit 1 ;;
del) delgroup "$n" ;;
esac
fi`

func (group) Plan(a groupArgs, s host.Seen) (play.Plan, error) {
	is, err := host.Get(s, a.fact())
	if err != nil {
		return play.Plan{}, err
	}
	data := value.MapOf("name", value.String(a.Name), "state", value.String(a.State))
	want := numberOr(a.GID)
	flag := func(on bool, f string) string {
		if on {
			return f
		}
		return ""
	}
	run := func(verb, what string) (play.Plan, error) {
		cmd := sh.Script(groupStep, verb, a.Name, want, flag(a.System, "-r"), flag(a.NonUnique, "-o"), flag(a.Force, "-f"))
		predicted := data.Clone()
		if want != "" && verb != "del" {
			predicted.Put("gid", number(want))
		}
		plan := play.Plan{Steps: []host.Step{host.Run{Cmd: cmd, What: what}}, Result: play.Result{Changed: true, Data: predicted}}
		if verb != "del" {
			plan.Then = func([]host.Output) (play.Bound, error) { return kit.Stage(a.after(data)), nil }
		}
		return plan, nil
	}
	switch {
	case a.State == "absent" && is[0] == "":
		return kit.Unchanged("there is no group "+a.Name, data), nil
	case a.State == "absent":
		return run("del", "remove the group "+a.Name)
	case is[0] == "" && is[1] != "" && !a.NonUnique:
		return kit.Failure("groupadd: GID '%s' already exists (it is the group %s)", want, is[1]), nil
	case is[0] == "":
		return run("add", "make the group "+a.Name)
	case want != "" && want != is[0]:
		return run("mod", "give the group "+a.Name+" the number "+want)
	}
	data.Put("gid", number(is[0]))
	data.Put("system", value.Bool(a.System))
	return kit.Unchanged("the group "+a.Name+" is as it shall be", data), nil
}

// after reads what the group became.
func (a groupArgs) after(data *value.Map) func(host.Seen) (play.Plan, error) {
	return func(s host.Seen) (play.Plan, error) {
		now, err := host.Get(s, a.fact())
		if err != nil {
			return play.Plan{}, err
		}
		out := data.Clone()
		out.Put("gid", number(now[0]))
		out.Put("system", value.Bool(a.System))
		return play.Plan{Result: play.Result{Changed: true, Data: out}}, nil
	}
}

func number(s string) value.Value {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return value.Null()
	}
	return value.Int(n)
}
