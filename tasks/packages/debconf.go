package packages

import (
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// debconfArgs are the arguments of debconf.
type debconfArgs struct {
	Name     string    `arg:"name,pkg" need:"yes" help:"the package"`
	Question string    `arg:"question,selection,setting" help:"the question: package/name"`
	Type     string    `arg:"vtype" choices:"boolean,error,multiselect,note,password,seen,select,string,text,title" help:"the answer's type"`
	Value    *kit.Body `arg:"value,answer" help:"the answer"`
	Unseen   bool      `arg:"unseen" default:"no" help:"do not mark it as seen"`
}

// Debconf answers questions of Debian packages.
func Debconf() play.Module {
	return kit.Define(kit.Doc{Name: "debconf", Short: "answers to questions that Debian packages ask"}, debconf{})
}

type debconf struct{}

func (debconf) Validate(a debconfArgs) *play.ArgError {
	switch {
	case (a.Question != "" || a.Type != "" || a.Value != nil) && (a.Question == "" || a.Type == "" || a.Value == nil):
		return &play.ArgError{Msg: "parameters are required together: question, vtype, value"}
	case strings.ContainsAny(a.Name+a.Question, " \t\n") || strings.HasPrefix(a.Name, "-") || a.Name == "":
		return &play.ArgError{Arg: "name", Msg: fmt.Sprintf("%q is not valid as the name of a package", a.Name)}
	case a.Value != nil && strings.ContainsAny(a.Value.S, "\n\r"):
		return &play.ArgError{Arg: "value", Msg: "a line break would begin another answer"}
	}
	return nil
}

func (a debconfArgs) question() host.Probe {
	return host.NewProbe(`LC_ALL=C; export LC_ALL
command -v debconf-show >/dev/null || exit 9
debconf-show "$1"`, a.Name)
}

func (debconf) Facts(a debconfArgs) []host.Question { return []host.Question{a.question()} }

// answerText takes a line for debconf-set-selections on stdin: -u or nothing.
const answerText sh.Constant = `debconf-set-selections $1`

func (debconf) Plan(a debconfArgs, s host.Seen) (play.Plan, error) {
	ans, err := s.Answer(a.question())
	if err != nil {
		return play.Plan{}, err
	}
	if ans.Status == 9 {
		return kit.Failure(`Failed to find required executable "debconf-show" on the host`), nil
	}
	is := value.NewMap()
	for line := range strings.Lines(string(ans.Stdout)) {
		q, v, ok := strings.Cut(strings.TrimLeft(strings.TrimSuffix(line, "\n"), "* "), ":")
		if ok {
			is.Put(q, kit.HostText(strings.TrimPrefix(v, " ")))
		}
	}
	if a.Question == "" {
		return kit.Unchanged("it only reads", value.MapOf("current", value.FromMap(is))), nil
	}
	want := a.Value.S
	if a.Type == "boolean" {
		want = strings.ToLower(want)
		want = map[string]string{"yes": "true", "no": "false"}[want] + map[bool]string{true: want}[want != "yes" && want != "no"]
	}
	had, ok := is.Lookup(a.Question)
	shown := value.MarkedString(want, a.Value.Marks)
	if ok && value.Str(had) == want && a.Type != "password" {
		return kit.Unchanged(a.Question+" is answered so", value.MapOf("current", value.FromMap(is))), nil
	}
	before := value.MapOf(a.Question, had)
	if !ok {
		before = value.MapOf(a.Question, value.String(""))
	}
	flag := ""
	if a.Unseen {
		flag = "-u"
	}
	in := kit.MadeInput("answer", []byte(strings.Join([]string{a.Name, a.Question, a.Type, want}, " ")+"\n"))
	cmd := sh.Script(answerText, flag).With(kit.Stdin(in.Data))
	cmd.Secret = a.Value.Marks&value.Sealed != 0
	after := value.MapOf(a.Question, shown)
	p := play.Plan{
		Steps: []host.Step{host.Run{Cmd: cmd, What: "answer " + a.Question}}, Repeats: a.Type == "password",
		Result: play.Result{Changed: true, Data: value.MapOf("current", value.FromMap(after), "previous", value.FromMap(before))},
	}
	if !a.Value.Marks.Secret() && a.Type != "password" {
		p.Diff = []play.Diff{kit.JSONDiff(before, after)}
	}
	return p, nil
}
