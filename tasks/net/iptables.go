package net

import (
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// iptablesArgs are the arguments of iptables.
type iptablesArgs struct {
	Table      string     `arg:"table" default:"filter" choices:"filter,mangle,nat,raw,security" help:"the table"`
	State      string     `arg:"state" default:"present" choices:"absent,present" help:"whether the rule shall be there"`
	Action     string     `arg:"action" default:"append" choices:"append,insert" help:"where a new rule goes"`
	IPVersion  string     `arg:"ip_version" default:"ipv4" choices:"ipv4,ipv6" help:"iptables or ip6tables"`
	Chain      string     `arg:"chain" help:"the chain; needed unless flush"`
	RuleNum    string     `arg:"rule_num" help:"with insert: before which rule"`
	Protocol   *string    `arg:"protocol" help:"-p; ! before a value of any argument means not"`
	Wait       *string    `arg:"wait" help:"-w: seconds to wait for another iptables"`
	Source     *string    `arg:"source" help:"-s"`
	ToSource   *string    `arg:"to_source" help:"--to-source"`
	Dest       *string    `arg:"destination" help:"-d"`
	ToDest     *string    `arg:"to_destination" help:"--to-destination"`
	Match      []string   `arg:"match" help:"-m"`
	TCPFlags   *value.Map `arg:"tcp_flags" help:"--tcp-flags: lists flags and flags_set"`
	Jump       *string    `arg:"jump" help:"-j"`
	Gateway    *string    `arg:"gateway" help:"--gateway of jump TEE"`
	LogPrefix  *string    `arg:"log_prefix" help:"--log-prefix; jump is LOG then"`
	LogLevel   *string    `arg:"log_level" help:"--log-level, 0 to 7 or its name; jump is LOG then"`
	Goto       *string    `arg:"goto" help:"-g"`
	InIf       *string    `arg:"in_interface" help:"-i"`
	OutIf      *string    `arg:"out_interface" help:"-o"`
	Fragment   *string    `arg:"fragment" help:"-f"`
	Counters   *string    `arg:"set_counters" help:"-c"`
	SourcePort *string    `arg:"source_port" help:"--source-port"`
	DestPort   *string    `arg:"destination_port" help:"--destination-port"`
	DestPorts  []string   `arg:"destination_ports" help:"--dports of multiport"`
	ToPorts    *string    `arg:"to_ports" help:"--to-ports"`
	DSCP       *string    `arg:"set_dscp_mark" help:"--set-dscp; jump is DSCP then"`
	DSCPClass  *string    `arg:"set_dscp_mark_class" help:"--set-dscp-class; jump is DSCP then"`
	Comment    *string    `arg:"comment" help:"a comment of the rule"`
	CTState    []string   `arg:"ctstate" help:"states of connections: NEW, ESTABLISHED, RELATED …"`
	SrcRange   *string    `arg:"src_range" help:"--src-range"`
	DstRange   *string    `arg:"dst_range" help:"--dst-range"`
	MatchSet   *string    `arg:"match_set" help:"--match-set: an ipset"`
	SetFlags   *string    `arg:"match_set_flags" help:"which side match_set looks at: src, dst, src,dst or dst,src"`
	Limit      *string    `arg:"limit" help:"--limit"`
	LimitBurst *string    `arg:"limit_burst" help:"--limit-burst"`
	UIDOwner   *string    `arg:"uid_owner" help:"--uid-owner"`
	GIDOwner   *string    `arg:"gid_owner" help:"--gid-owner"`
	RejectWith *string    `arg:"reject_with" help:"--reject-with"`
	ICMPType   *string    `arg:"icmp_type" help:"--icmp-type"`
	Syn        string     `arg:"syn" default:"ignore" choices:"ignore,match,negate" help:"the packet that begins a TCP connection"`
	Flush      bool       `arg:"flush" default:"no" help:"remove every rule of the chain, or of all chains"`
	Policy     string     `arg:"policy" choices:"ACCEPT,DROP,QUEUE,RETURN" help:"the chain's policy"`
	Manage     bool       `arg:"chain_management" default:"no" help:"make a chain that is missing; remove one that is absent"`
}

// IPTables keeps rules of the kernel's filter.
func IPTables() play.Module {
	return kit.Define(kit.Doc{Name: "iptables", Short: "rules of the kernel's packet filter"}, iptables{})
}

type iptables struct{}

func (iptables) Validate(a iptablesArgs) *play.ArgError {
	switch {
	case a.DSCP != nil && a.DSCPClass != nil:
		return &play.ArgError{Msg: "parameters are mutually exclusive: set_dscp_mark|set_dscp_mark_class"}
	case a.Flush && a.Policy != "":
		return &play.ArgError{Msg: "parameters are mutually exclusive: flush|policy"}
	case !a.Flush && a.Chain == "":
		return &play.ArgError{Arg: "chain", Msg: "Either chain or flush parameter must be specified."}
	case strings.HasPrefix(a.Chain, "-") || strings.ContainsAny(a.Chain, " \t\n"):
		return &play.ArgError{Arg: "chain", Msg: "is not valid as the name of a chain"}
	case a.Jump != nil && strings.EqualFold(*a.Jump, "tee") && a.Gateway == nil:
		return &play.ArgError{Arg: "gateway", Msg: "jump is TEE but all of the following are missing: gateway"}
	case (a.LogPrefix != nil || a.LogLevel != nil) && a.Jump != nil && *a.Jump != "LOG":
		return &play.ArgError{Arg: "jump", Msg: "Logging options can only be used with the LOG jump target."}
	case a.SetFlags != nil && !slices.Contains([]string{"src", "dst", "src,dst", "dst,src"}, *a.SetFlags):
		return &play.ArgError{Arg: "match_set_flags", Msg: *a.SetFlags + " is not one of: src, dst, src,dst, dst,src"}
	}
	return nil
}

// ruleWords are the words of a rule as it is made.
type ruleWords struct {
	match []string // modules that are loaded anyway
	words []string
}

func (r *ruleWords) param(v *string, flag string) {
	switch {
	case v == nil:
	case strings.HasPrefix(*v, "!"):
		r.words = append(r.words, "!", flag, strings.TrimSpace((*v)[1:]))
	default:
		r.words = append(r.words, flag, *v)
	}
}

func (r *ruleWords) csv(l []string, flag string) {
	if len(l) > 0 {
		r.words = append(r.words, flag, strings.Join(l, ","))
	}
}

func (r *ruleWords) module(on bool, name string) {
	if on && !slices.Contains(r.match, name) {
		r.words = append(r.words, "-m", name)
	}
}

// rule are the words of the rule, in the order in which Ansible's module writes
// them.
func (a iptablesArgs) rule() []string {
	r := &ruleWords{match: a.Match}
	jump := a.Jump
	if jump == nil && (a.LogPrefix != nil || a.LogLevel != nil) {
		log := "LOG"
		jump = &log
	}
	if a.Wait != nil {
		r.words = append(r.words, "-w", *a.Wait)
	}
	r.param(a.Protocol, "-p")
	r.param(a.Source, "-s")
	r.param(a.Dest, "-d")
	for _, m := range a.Match {
		r.param(&m, "-m")
	}
	r.words = append(r.words, a.tcpFlags()...)
	r.param(jump, "-j")
	if jump != nil && strings.EqualFold(*jump, "tee") {
		r.param(a.Gateway, "--gateway")
	}
	r.param(a.LogPrefix, "--log-prefix")
	r.param(a.LogLevel, "--log-level")
	r.param(a.ToDest, "--to-destination")
	r.module(len(a.DestPorts) > 0, "multiport")
	r.csv(a.DestPorts, "--dports")
	r.param(a.ToSource, "--to-source")
	r.param(a.Goto, "-g")
	r.param(a.InIf, "-i")
	r.param(a.OutIf, "-o")
	r.param(a.Fragment, "-f")
	r.param(a.Counters, "-c")
	r.param(a.SourcePort, "--source-port")
	r.param(a.DestPort, "--destination-port")
	r.param(a.ToPorts, "--to-ports")
	r.param(a.DSCP, "--set-dscp")
	r.param(a.DSCPClass, "--set-dscp-class")
	a.matches(r, jump != nil)
	return r.words
}

// matches adds what only some packets have.
func (a iptablesArgs) matches(r *ruleWords, jumps bool) {
	switch a.Syn {
	case "match":
		r.words = append(r.words, "--syn")
	case "negate":
		r.words = append(r.words, "!", "--syn")
	}
	if slices.Contains(a.Match, "state") {
		r.csv(a.CTState, "--state")
	} else {
		r.module(len(a.CTState) > 0, "conntrack")
		r.csv(a.CTState, "--ctstate")
	}
	r.module(a.SrcRange != nil || a.DstRange != nil, "iprange")
	r.param(a.SrcRange, "--src-range")
	r.param(a.DstRange, "--dst-range")
	r.module(a.MatchSet != nil, "set")
	r.param(a.MatchSet, "--match-set")
	if a.SetFlags != nil {
		r.words = append(r.words, *a.SetFlags)
	}
	r.module(a.Limit != nil || a.LimitBurst != nil, "limit")
	r.param(a.Limit, "--limit")
	r.param(a.LimitBurst, "--limit-burst")
	r.module(a.UIDOwner != nil || a.GIDOwner != nil, "owner")
	r.param(a.UIDOwner, "--uid-owner")
	r.param(a.GIDOwner, "--gid-owner")
	if !jumps && a.RejectWith != nil {
		r.words = append(r.words, "-j", "REJECT")
	}
	r.param(a.RejectWith, "--reject-with")
	r.param(a.ICMPType, map[string]string{"ipv4": "--icmp-type", "ipv6": "--icmpv6-type"}[a.IPVersion])
	r.module(a.Comment != nil, "comment")
	r.param(a.Comment, "--comment")
}

func (a iptablesArgs) tcpFlags() []string {
	list := func(k string) string {
		v, ok := a.TCPFlags.Lookup(k)
		if !ok {
			return ""
		}
		l, err := kit.AsStrings(v)
		if err != nil {
			return ""
		}
		return strings.Join(l, ",")
	}
	if a.TCPFlags == nil || list("flags") == "" || list("flags_set") == "" {
		return nil
	}
	return []string{"--tcp-flags", list("flags"), list("flags_set")}
}

// ruleText asks the kernel: program, table, chain, then the rule. It prints whether
// the rule is there, whether the chain is, and the chain's policy.
const ruleText sh.Constant = `LC_ALL=C; export LC_ALL
p=$1 t=$2 c=$3; shift 3
command -v "$p" >/dev/null || { echo missing; exit 0; }
if [ $# -gt 0 ] && "$p" -w -t "$t" -C "$c" "$@" >/dev/null 2>&1 || { [ $# -gt 0 ] && "$p" -t "$t" -C "$c" "$@" >/dev/null 2>&1; }; then echo rule; else echo none; fi
if [ -n "$c" ]; then
l=$("$p" -t "$t" -S "$c" 2>&1) && echo chain || printf "none %s\n" "$(printf "%s" "$l" | head -n 1)"
printf "%s\n" "$l" | sed -n "s/^-P [^ ]* \([A-Z]*\).*/\1/p"
fi`

func (a iptablesArgs) program() string {
	return map[string]string{"ipv4": "iptables", "ipv6": "ip6tables"}[a.IPVersion]
}

func (a iptablesArgs) question() host.Probe {
	rule := a.rule()
	if a.Flush || a.Policy != "" {
		rule = nil
	}
	return host.NewProbe(ruleText, append([]string{a.program(), a.Table, a.Chain}, rule...)...)
}

func (iptables) Facts(a iptablesArgs) []host.Question { return []host.Question{a.question()} }

// stepsText runs one command of the filter.
const filterText sh.Constant = `"$@"`

func (iptables) Plan(a iptablesArgs, s host.Seen) (play.Plan, error) {
	ans, err := s.Answer(a.question())
	if err != nil {
		return play.Plan{}, err
	}
	l := kit.Lines{Rest: string(ans.Stdout)}
	rule := l.Next()
	chain, policy := l.Next(), l.Next()
	if rule == "missing" {
		return kit.Failure(`Failed to find required executable "%s" on the host`, a.program()), nil
	}
	words := a.rule()
	data := value.MapOf("chain", value.String(a.Chain), "table", value.String(a.Table), "ip_version", value.String(a.IPVersion),
		"rule", value.String(strings.Join(words, " ")), "state", value.String(a.State), "flush", value.Bool(a.Flush))
	p := play.Plan{Result: play.Result{Changed: true, Data: data}, Repeats: a.Flush}
	run := func(act string, more ...string) {
		args := []string{a.program(), "-t", a.Table, act}
		if a.Chain != "" {
			args = append(args, a.Chain)
		}
		args = append(args, more...)
		p.Steps = append(p.Steps, host.Run{Cmd: sh.Script(filterText, args...), What: kit.OneLine(strings.Join(args, " "))})
	}
	switch {
	case a.Flush:
		run("-F")
	case a.Policy != "" && policy == "":
		return kit.Failure("Can't detect current policy%s", strings.TrimPrefix(chain, "none")), nil
	case a.Policy != "" && policy != a.Policy:
		run("-P", a.Policy)
	case a.Policy != "":
	case a.State == "absent" && len(words) == 0:
		if chain == "chain" && a.Manage {
			run("-X")
		} else if chain == "chain" {
			p.Note, p.Result.Msg = "chain_management is no", "the chain stays: chain_management is no"
			return p, nil
		}
	case a.State == "absent" && rule == "rule":
		run("-D", words...)
	case a.State == "present" && rule != "rule":
		if chain != "chain" && a.Manage {
			run("-N")
		}
		if a.Action == "insert" {
			if a.RuleNum != "" {
				words = append([]string{a.RuleNum}, words...)
			}
			run("-I", words...)
		} else if len(words) > 0 || !a.Manage {
			run("-A", words...)
		}
	}
	if len(p.Steps) == 0 {
		return kit.Unchanged("the filter is as it shall be", data), nil
	}
	return p, nil
}
