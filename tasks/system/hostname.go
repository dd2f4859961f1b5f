package system

import (
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// hostnameArgs are the arguments of hostname.
type hostnameArgs struct {
	Name string `arg:"name" need:"yes" help:"the name"`
	Use  string `arg:"use" choices:"alpine,debian,generic,systemd" help:"how it is set; without it systemd's way where systemd runs, else the file /etc/hostname"`
}

// Hostname sets the host's name.
func Hostname() play.Module {
	return kit.Define(kit.Doc{Name: "hostname", Short: "the host's name"}, hostname{})
}

type hostname struct{}

func (hostname) Validate(a hostnameArgs) *play.ArgError {
	if a.Name == "" || len(a.Name) > 64 || strings.Trim(a.Name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") != "" || strings.HasPrefix(a.Name, "-") {
		return &play.ArgError{Arg: "name", Msg: "must be letters, digits, - and ., at most 64 of them"}
	}
	return nil
}

// hostnameText prints the name now, the one that the next start has, and whether
// systemd runs.
const hostnameText sh.Constant = `cat /proc/sys/kernel/hostname 2>/dev/null || hostname
echo "=$(cat /etc/hostname 2>/dev/null)"
if [ -d /run/systemd/system ] && command -v hostnamectl >/dev/null; then echo systemd; else echo file; fi`

// hostnameStep sets both: name, how.
const hostnameStep sh.Constant = `if [ "$2" = systemd ]; then hostnamectl --pretty set-hostname "$1" && hostnamectl --static set-hostname "$1" && hostnamectl --transient set-hostname "$1"; exit $?; fi
printf '%s\n' "$1" >/etc/hostname && hostname "$1"`

func (hostname) Facts(hostnameArgs) []host.Question {
	return []host.Question{host.NewProbe(hostnameText)}
}

func (hostname) Plan(a hostnameArgs, s host.Seen) (play.Plan, error) {
	ans, err := s.Answer(host.NewProbe(hostnameText))
	if err != nil {
		return play.Plan{}, err
	}
	l := kit.Lines{Rest: string(ans.Stdout)}
	now, boot, how := l.Next(), strings.TrimPrefix(l.Next(), "="), l.Next()
	if a.Use != "" {
		how = a.Use
	}
	short, domain, _ := strings.Cut(a.Name, ".")
	facts := value.MapOf("hostname", value.String(short), "nodename", value.String(a.Name), "fqdn", value.String(a.Name), "domain", value.String(domain))
	data := value.MapOf("name", value.String(a.Name))
	if now == a.Name && boot == a.Name {
		p := kit.Unchanged("the host is called so", data)
		p.Result.Facts = facts
		return p, nil
	}
	texts := [2]string{"hostname = " + now + "\n", "hostname = " + a.Name + "\n"}
	data.Put("diff", value.FromMap(value.MapOf("before", kit.HostText(texts[0]), "after", value.String(texts[1]))))
	return play.Plan{
		Steps:  []host.Step{host.Run{Cmd: sh.Script(hostnameStep, a.Name, how), What: "call the host " + a.Name}},
		Result: play.Result{Changed: true, Data: data, Facts: facts},
		Diff:   []play.Diff{{BeforeText: texts[0], AfterText: texts[1]}},
	}, nil
}
