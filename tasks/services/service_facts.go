package services

import (
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// ServiceFacts reads which services there are.
func ServiceFacts() play.Module {
	return kit.Define(kit.Doc{Name: "service_facts", Short: "which services there are and what they do, as facts"}, serviceFacts{})
}

type serviceFactsArgs struct{}

type serviceFacts struct{}

// servicesText prints parts that begin with @ and a name: systemd's units and their
// files, OpenRC's and init's services.
const servicesText sh.Constant = `LC_ALL=C; export LC_ALL
if { [ -d /run/systemd/system ] || [ -n "$1" ]; } && command -v systemctl >/dev/null; then
echo @units
systemctl list-units --no-pager --no-legend --plain --type service --all
echo @files
systemctl list-unit-files --no-pager --no-legend --type service --all
fi
if command -v rc-status >/dev/null; then
echo @openrc
rc-status -a -s -m 2>/dev/null
elif command -v service >/dev/null && ls /etc/init.d/* >/dev/null 2>&1; then
echo @sysv
service --status-all 2>/dev/null
fi
true`

func (serviceFacts) Facts(serviceFactsArgs) []host.Question {
	return []host.Question{host.NewProbe(servicesText, "")}
}

func (serviceFacts) Plan(_ serviceFactsArgs, s host.Seen) (play.Plan, error) {
	ans, err := s.Answer(host.NewProbe(servicesText, ""))
	if err != nil {
		return play.Plan{}, err
	}
	list := value.NewMap()
	part, any := "", false
	for line := range strings.Lines(string(ans.Stdout)) {
		line = strings.TrimSpace(line)
		if p, ok := strings.CutPrefix(line, "@"); ok {
			part, any = p, true
			continue
		}
		oneService(list, part, line)
	}
	if !any {
		p := kit.Unchanged("it only reads", nil)
		p.Result.Skipped = true
		p.Result.Msg = "Failed to find any services. This can be due to privileges or some other configuration issue."
		return p, nil
	}
	facts := value.MapOf("services", value.FromMap(list))
	p := kit.Unchanged("it only reads", value.MapOf("ansible_facts", value.FromMap(facts)))
	p.Result.Facts = facts
	return p, nil
}

// oneService reads a line of a part into the list.
func oneService(list *value.Map, part, line string) {
	put := func(name, state, status, source string) {
		m := value.MapOf("name", kit.HostText(name), "state", kit.HostText(state), "source", value.String(source))
		if status != "" {
			m.Put("status", kit.HostText(status))
		}
		list.Set(kit.HostText(name), value.FromMap(m))
	}
	f := strings.Fields(strings.TrimPrefix(line, "●"))
	switch part {
	case "units":
		if len(f) < 4 || !strings.HasSuffix(f[0], ".service") {
			return
		}
		status := f[2]
		for _, bad := range []string{"not-found", "masked", "failed"} {
			if f[1] == bad || f[2] == bad || f[3] == bad {
				status = bad
			}
		}
		put(f[0], map[bool]string{true: "running", false: "stopped"}[f[3] == "running"], status, "systemd")
	case "files":
		if len(f) < 2 || !strings.HasSuffix(f[0], ".service") {
			return
		}
		had, ok := list.Lookup(f[0])
		if !ok {
			put(f[0], "inactive", f[1], "systemd")
			return
		}
		m, _ := had.AsMap()
		st, _ := m.Lookup("status")
		switch value.Str(st) {
		case "not-found", "masked", "failed":
		default:
			m.Put("status", kit.HostText(f[1]))
		}
	case "openrc":
		if name, rest, ok := strings.Cut(line, "["); ok {
			st := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "]"))
			put(strings.TrimSpace(name), map[bool]string{true: "running", false: st}[st == "started"], "", "openrc")
		}
	case "sysv":
		if len(f) == 4 && f[0] == "[" && (f[1] == "+" || f[1] == "-") {
			put(f[3], map[bool]string{true: "running", false: "stopped"}[f[1] == "+"], "", "sysv")
		}
	}
}
