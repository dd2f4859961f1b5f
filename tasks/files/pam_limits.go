package files

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// limitsArgs are the arguments of pam_limits.
type limitsArgs struct {
	Domain  string `arg:"domain" need:"yes" help:"a user, @group, * or a range of ids"`
	Type    string `arg:"limit_type" need:"yes" choices:"-,hard,soft" help:"which of the two limits; - is both"`
	Item    string `arg:"limit_item" need:"yes" choices:"as,chroot,core,cpu,data,fsize,locks,maxlogins,maxsyslogins,memlock,msgqueue,nice,nofile,nproc,priority,rss,rtprio,sigpending,stack" help:"what is limited"`
	Value   string `arg:"value" need:"yes" help:"a number, or unlimited, infinity, -1"`
	Backup  bool   `arg:"backup" default:"no" help:"keep the old file under a name with the time"`
	Max     bool   `arg:"use_max" default:"no" help:"a larger value that is there stays"`
	Min     bool   `arg:"use_min" default:"no" help:"a smaller value that is there stays"`
	Dest    string `arg:"dest" default:"/etc/security/limits.conf" type:"path" help:"the file"`
	Comment string `arg:"comment" help:"a comment behind the line"`
}

// PamLimits keeps limits of PAM.
func PamLimits() play.Module {
	return kit.Define(kit.Doc{Name: "pam_limits", Short: "limits of users' processes, for PAM"}, pamLimits{})
}

type pamLimits struct{}

// endless reports a value that means no limit.
func endless(v string) bool { return v == "unlimited" || v == "infinity" || v == "-1" }

func (pamLimits) Validate(a limitsArgs) *play.ArgError {
	_, err := strconv.ParseInt(a.Value, 10, 64)
	switch {
	case a.Max && a.Min:
		return &play.ArgError{Msg: "Cannot use use_min and use_max at the same time."}
	case err != nil && !endless(a.Value):
		return &play.ArgError{Arg: "value", Msg: "Argument 'value' can be one of 'unlimited', 'infinity', '-1' or positive number. Refer to manual pages for more details."}
	case a.Domain == "" || strings.ContainsAny(a.Domain, " \t\n#") || strings.ContainsAny(a.Comment, "\n\r"):
		return &play.ArgError{Arg: "domain", Msg: fmt.Sprintf("%q is not valid with its comment in one line", a.Domain)}
	}
	return nil
}

func (a limitsArgs) file() kit.TextFile {
	return kit.TextFile{Path: a.Dest, Backup: a.Backup, Create: true, Bare: true, Quiet: true}
}

func (pamLimits) Facts(a limitsArgs) []host.Question { return a.file().Facts() }

func (pamLimits) Plan(a limitsArgs, s host.Seen) (play.Plan, error) {
	f := a.file()
	at, stop, err := f.Find(s)
	if err != nil || stop != nil {
		return kit.Stopped(stop, err)
	}
	text, msg := a.edit(string(at.Old))
	return f.Become(s, at, []byte(text), text != string(at.Old), msg, value.NewMap())
}

// edit gives every line of this limit the value, or adds one; msg is the line.
func (a limitsArgs) edit(old string) (text, msg string) {
	var out strings.Builder
	found := false
	for line := range strings.Lines(old) {
		body, comment, _ := strings.Cut(strings.TrimRight(line, "\r\n"), "#")
		w := strings.Fields(body)
		if len(w) != 4 || w[0] != a.Domain || !slices.Contains([]string{"hard", "soft", "-"}, w[1]) || w[1] != a.Type || w[2] != a.Item {
			out.WriteString(line)
			continue
		}
		v := a.chosen(w[3])
		if found = true; v == w[3] && (a.Comment == "" || strings.TrimSpace(comment) == a.Comment) {
			out.WriteString(line)
			continue
		}
		if a.Comment == "" && comment != "" {
			msg = a.line(v, strings.TrimSpace(comment))
		} else {
			msg = a.line(v, a.Comment)
		}
		out.WriteString(msg)
	}
	if !found {
		if s := out.String(); s != "" && !strings.HasSuffix(s, "\n") {
			out.WriteString("\n")
		}
		msg = a.line(a.Value, a.Comment)
		out.WriteString(msg)
	}
	return out.String(), strings.TrimSuffix(msg, "\n")
}

// chosen is the value that stays of the one that is there and the one wanted.
func (a limitsArgs) chosen(is string) string {
	if !a.Max && !a.Min {
		return a.Value
	}
	larger := endless(is) && !endless(a.Value)
	if n, err1 := strconv.ParseInt(is, 10, 64); !endless(is) && err1 == nil {
		m, err2 := strconv.ParseInt(a.Value, 10, 64)
		larger = !endless(a.Value) && err2 == nil && n > m
	}
	if larger == a.Max {
		return is
	}
	return a.Value
}

func (a limitsArgs) line(v, comment string) string {
	l := strings.Join([]string{a.Domain, a.Type, a.Item, v}, "\t")
	if comment != "" {
		l += "\t#" + comment
	}
	return l + "\n"
}
