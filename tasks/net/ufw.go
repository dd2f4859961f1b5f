package net

import (
	"regexp"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// ufwArgs are the arguments of ufw.
type ufwArgs struct {
	State     string  `arg:"state" choices:"disabled,enabled,reloaded,reset" help:"what the firewall shall be; reset removes all rules"`
	Default   string  `arg:"default,policy" choices:"allow,deny,reject" help:"the policy of what no rule says"`
	Direction string  `arg:"direction" choices:"in,incoming,out,outgoing,routed" help:"which way rule and policy mean"`
	Logging   string  `arg:"logging" choices:"full,high,low,medium,off,on" help:"how much is logged"`
	Insert    *int    `arg:"insert" help:"the rule's number"`
	InsertTo  string  `arg:"insert_relative_to" default:"zero" choices:"first-ipv4,first-ipv6,last-ipv4,last-ipv6,zero" help:"what insert counts from; only zero is done here"`
	Rule      string  `arg:"rule" choices:"allow,deny,limit,reject" help:"what is done with what fits"`
	Log       bool    `arg:"log" default:"no" help:"log what fits"`
	FromIP    string  `arg:"from_ip,from,src" default:"any" help:"from which address"`
	FromPort  string  `arg:"from_port" help:"from which port"`
	ToIP      string  `arg:"to_ip,dest,to" default:"any" help:"to which address"`
	ToPort    string  `arg:"to_port,port" help:"to which port, ports (80,443) or range (1000:2000)"`
	Proto     string  `arg:"proto,protocol" choices:"ah,any,esp,gre,igmp,ipv6,tcp,udp" help:"the protocol"`
	Name      string  `arg:"name,app" help:"a profile of /etc/ufw/applications.d"`
	Delete    bool    `arg:"delete" default:"no" help:"the rule shall not be there"`
	Interface string  `arg:"interface,if" help:"through which interface; needs direction"`
	IfIn      string  `arg:"interface_in,if_in" help:"of route: coming in by it"`
	IfOut     string  `arg:"interface_out,if_out" help:"of route: going out by it"`
	Route     bool    `arg:"route" default:"no" help:"the rule is for what is forwarded"`
	Comment   *string `arg:"comment" help:"a comment of the rule"`
}

// UFW keeps the rules of ufw.
func UFW() play.Module {
	return kit.Define(kit.Doc{Name: "ufw", Short: "the firewall of Ubuntu and Debian"}, ufw{})
}

type ufw struct{}

func (ufw) Validate(a ufwArgs) *play.ArgError {
	switch {
	case a.State == "" && a.Default == "" && a.Logging == "" && a.Rule == "":
		return &play.ArgError{Msg: "Not any of the command arguments {'default': None, 'rule': None, 'state': None, 'logging': None} given"}
	case a.Interface != "" && a.Direction != "in" && a.Direction != "out":
		return &play.ArgError{Arg: "direction", Msg: "Direction must be specified when creating a rule on an interface."}
	case a.Interface != "" && (a.IfIn != "" || a.IfOut != ""):
		return &play.ArgError{Msg: "parameters are mutually exclusive: interface|interface_in, interface|interface_out"}
	case a.IfIn != "" && a.IfOut != "" && !a.Route:
		return &play.ArgError{Arg: "route", Msg: "Only route rules can combine interface_in and interface_out"}
	case a.Name != "" && a.Proto != "":
		return &play.ArgError{Msg: "parameters are mutually exclusive: name|proto"}
	case a.InsertTo != "zero" && a.Insert != nil:
		return &play.ArgError{Arg: "insert_relative_to", Msg: "only zero is done here: give the rule's own number"}
	}
	for _, w := range []string{a.FromIP, a.FromPort, a.ToIP, a.ToPort, a.Interface, a.IfIn, a.IfOut} {
		if strings.HasPrefix(w, "-") || strings.ContainsAny(w, " \t\n") {
			return &play.ArgError{Msg: strconv.Quote(w) + " is not valid in a rule"}
		}
	}
	return nil
}

// ufwText prints the state, the policies and logging, then what --dry-run makes of
// a rule: its words. Without ufw it prints missing.
const ufwText sh.Constant = `LC_ALL=C; export LC_ALL
command -v ufw >/dev/null || { echo missing; exit 0; }
s=$(ufw status verbose 2>&1) || { printf "trouble %s\n" "$s"; exit 0; }
printf "%s\n" "$s" | sed -n -e "s/^Status: /status /p" -e "s/^Logging: /logging /p" -e "s/^Default: /default /p"
for f in /etc/default/ufw; do sed -n "s/^DEFAULT_\([A-Z]*\)_POLICY=\"*\([A-Z]*\)\"*/policy \1 \2/p" "$f" 2>/dev/null; done
sed -n "s/^LOGLEVEL=\(.*\)/loglevel \1/p" /etc/ufw/ufw.conf 2>/dev/null
if [ $# -gt 0 ]; then
d=$(ufw --dry-run "$@" 2>&1)
if [ $? -ne 0 ]; then printf "bad %s\n" "$(printf "%s" "$d" | tr "\n" " ")"
elif printf "%s\n" "$d" | grep -q -e "^Skipping" -e "^Could not delete" || ! printf "%s\n" "$d" | grep -q -e "^### tuple"; then
if printf "%s\n" "$d" | grep -q -e "Skipping\|Could not delete"; then echo same; else echo differs; fi
else echo differs; fi
fi`

func (a ufwArgs) question() host.Probe { return host.NewProbe(ufwText, a.rule()...) }

func (ufw) Facts(a ufwArgs) []host.Question { return []host.Question{a.question()} }

// rule are the words of the rule for ufw.
func (a ufwArgs) rule() []string {
	if a.Rule == "" {
		return nil
	}
	var w []string
	add := func(on bool, words ...string) {
		if on {
			w = append(w, words...)
		}
	}
	add(a.Route, "route")
	add(a.Delete, "delete")
	if a.Insert != nil && !a.Delete {
		w = append(w, "insert", strconv.Itoa(*a.Insert))
	}
	w = append(w, a.Rule)
	dir := strings.TrimSuffix(strings.TrimSuffix(a.Direction, "coming"), "going")
	add(dir == "in" || dir == "out", dir)
	add(a.Interface != "", "on", a.Interface)
	add(a.IfIn != "", "in", "on", a.IfIn)
	add(a.IfOut != "", "out", "on", a.IfOut)
	add(a.Log, "log")
	w = append(w, "from", a.FromIP)
	add(a.FromPort != "", "port", a.FromPort)
	w = append(w, "to", a.ToIP)
	add(a.ToPort != "", "port", a.ToPort)
	add(a.Proto != "", "proto", a.Proto)
	add(a.Name != "", "app", a.Name)
	if a.Comment != nil && !a.Delete {
		w = append(w, "comment", *a.Comment)
	}
	return w
}

// ufwState is what ufwText said.
type ufwState struct {
	missing          bool
	trouble, bad     string
	status, loglevel string
	policy           map[string]string
	same             bool
}

func parseUFW(text string) ufwState {
	st := ufwState{policy: map[string]string{}}
	for line := range strings.Lines(text) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "missing":
			st.missing = true
		case "trouble":
			st.trouble = rest
		case "bad":
			st.bad = strings.TrimSpace(rest)
		case "status":
			st.status = rest
		case "loglevel":
			st.loglevel = strings.TrimSpace(rest)
		case "policy":
			chain, p, _ := strings.Cut(rest, " ")
			st.policy[map[string]string{"INPUT": "in", "OUTPUT": "out", "FORWARD": "routed"}[chain]] = map[string]string{"ACCEPT": "allow", "DROP": "deny", "REJECT": "reject"}[p]
		case "default":
			for _, m := range regexp.MustCompile(`(\w+) \((\w+)\)`).FindAllStringSubmatch(rest, -1) {
				way := map[string]string{"incoming": "in", "outgoing": "out", "routed": "routed"}[m[2]]
				if m[1] != "disabled" {
					st.policy[way] = m[1]
				}
			}
		case "same":
			st.same = true
		}
	}
	return st
}

func (ufw) Plan(a ufwArgs, s host.Seen) (play.Plan, error) {
	ans, err := s.Answer(a.question())
	if err != nil {
		return play.Plan{}, err
	}
	st := parseUFW(string(ans.Stdout))
	switch {
	case st.missing:
		return kit.Failure(`Failed to find required executable "ufw" on the host`), nil
	case st.trouble != "":
		return kit.Failure("%s", st.trouble), nil
	case st.bad != "":
		return kit.Failure("%s", st.bad), nil
	}
	cmds := a.commands(st)
	list := []value.Value{}
	p := play.Plan{Repeats: a.State == "reloaded" || a.State == "reset"}
	for _, c := range cmds {
		list = append(list, value.String("ufw "+strings.Join(c, " ")))
		p.Steps = append(p.Steps, host.Run{Cmd: sh.Script(filterText, append([]string{"ufw"}, c...)...), What: kit.OneLine("ufw " + strings.Join(c, " "))})
	}
	data := value.MapOf("commands", value.List(list...))
	if len(cmds) == 0 {
		return kit.Unchanged("the firewall is as it shall be", data), nil
	}
	p.Result = play.Result{Changed: true, Data: data}
	p.Finish = kit.After(func(ran []host.Output) (play.Result, error) {
		r := play.Result{Changed: true, Data: data.Clone()}
		r.Data.Put("msg", kit.HostText(string(ran[len(ran)-1].Stdout)))
		r.Msg = strings.TrimSpace(string(ran[len(ran)-1].Stdout))
		return r, nil
	})
	p.ByStatus = true
	return p, nil
}

// commands are those that have to run, in Ansible's order: rules before the
// firewall is on, so that nobody locks himself out.
func (a ufwArgs) commands(st ufwState) [][]string {
	var out [][]string
	if a.State == "reset" {
		out = append(out, []string{"-f", "reset"})
	}
	if a.Default != "" {
		ways := []string{"in"}
		switch a.Direction {
		case "out", "outgoing":
			ways = []string{"out"}
		case "routed":
			ways = []string{"routed"}
		}
		for _, w := range ways {
			if st.policy[w] != a.Default || a.State == "reset" {
				out = append(out, []string{"default", a.Default, map[string]string{"in": "incoming", "out": "outgoing", "routed": "routed"}[w]})
			}
		}
	}
	if a.Logging != "" && st.loglevel != a.Logging && (a.Logging != "on" || st.loglevel == "off") {
		out = append(out, []string{"logging", a.Logging})
	}
	if a.Rule != "" && !st.same {
		out = append(out, a.rule())
	}
	switch {
	case a.State == "enabled" && st.status != "active", a.State == "disabled" && st.status == "active":
		out = append(out, []string{"-f", strings.TrimSuffix(a.State, "d")})
	case a.State == "reloaded":
		out = append(out, []string{"-f", "reload"})
	}
	return out
}
