package files

import (
	"bytes"
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/pyre"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// lineArgs are the arguments of lineinfile.
type lineArgs struct {
	Path     string    `arg:"path,dest,destfile,name" need:"yes" type:"path" help:"the file"`
	State    string    `arg:"state" default:"present" choices:"absent,present" help:"whether the line shall be there"`
	Regexp   *string   `arg:"regexp,regex" help:"the line to replace or remove, as a Python expression: the last that fits"`
	Search   *string   `arg:"search_string" help:"the line to replace or remove, as text that it contains"`
	Line     *kit.Body `arg:"line,value" help:"the line as it shall be"`
	After    *string   `arg:"insertafter" help:"put a new line behind the last that fits this expression, or EOF"`
	Before   *string   `arg:"insertbefore" help:"put a new line before the last that fits this expression, or BOF"`
	Backrefs bool      `arg:"backrefs" default:"no" help:"line holds \\1 or \\g<name> of regexp; nothing is added when it does not fit"`
	Create   bool      `arg:"create" default:"no" help:"make a missing file"`
	Backup   bool      `arg:"backup" default:"no" help:"keep the old file under a name with the time"`
	First    bool      `arg:"firstmatch" default:"no" help:"the first line that fits instead of the last"`
	Validate string    `arg:"validate" help:"a command that must accept the new file, %s is its name"`
	Unsafe   bool      `arg:"unsafe_writes" default:"no" help:"write in place where a rename is refused"`
	kit.Attrs
}

// LineInFile keeps one line of a file.
func LineInFile() play.Module {
	return kit.Define(kit.Doc{Name: "lineinfile", Short: "one line of a text file"}, lineinfile{})
}

type lineinfile struct{}

func (lineinfile) Validate(a lineArgs) *play.ArgError {
	for _, e := range []struct {
		arg  string
		expr *string
	}{{"regexp", a.Regexp}, {"insertafter", a.After}, {"insertbefore", a.Before}} {
		if e.expr != nil {
			if _, err := kit.CompilePy(*e.expr, pyre.Flags{}); err != nil {
				return &play.ArgError{Arg: e.arg, Msg: err.Error()}
			}
		}
	}
	if _, err := kit.Validation(a.Validate); err != nil {
		return &play.ArgError{Arg: "validate", Msg: err.Error()}
	}
	switch {
	case a.After != nil && a.Before != nil:
		return &play.ArgError{Msg: "parameters are mutually exclusive: insertbefore|insertafter"}
	case a.Regexp != nil && a.Search != nil:
		return &play.ArgError{Msg: "parameters are mutually exclusive: regexp|search_string"}
	case a.Backrefs && a.Search != nil:
		return &play.ArgError{Msg: "parameters are mutually exclusive: backrefs|search_string"}
	case a.Mode.Preserves():
		return &play.ArgError{Arg: "mode", Msg: kit.NoSource}
	case a.State == "present" && a.Backrefs && a.Regexp == nil:
		return &play.ArgError{Arg: "regexp", Msg: "regexp is required with backrefs=true"}
	case a.State == "present" && a.Line == nil:
		return &play.ArgError{Arg: "line", Msg: "line is required with state=present"}
	case a.State == "absent" && a.Line == nil && a.Regexp == nil && a.Search == nil:
		return &play.ArgError{Msg: "one of line, search_string, or regexp is required with state=absent"}
	}
	return nil
}

func (lineinfile) Facts(a lineArgs) []host.Question {
	return kit.Hint(a.Path, kit.TextQuestions(a.Path)...)
}

func (l lineinfile) Plan(a lineArgs, s host.Seen) (play.Plan, error) {
	p, err := kit.Place(s, a.Path)
	if err != nil {
		return play.Plan{}, err
	}
	at, err := kit.TextOf(s, p, a.Create)
	if err != nil {
		return play.Plan{}, err
	}
	switch {
	case at.Look.Target.IsDir():
		return coded(256, "Path %s is a directory !", p), nil
	case !at.There() && a.State == "absent":
		plan := kit.Unchanged("file not present", value.NewMap())
		plan.Result.Msg = "file not present"
		return plan, nil
	case !at.There() && !a.Create:
		return coded(257, "Destination %s does not exist !", p), nil
	case at.Unread:
		return kit.Failure("%s cannot be read", p), nil
	}
	e, err := a.edit(keepEnds(at.Old))
	if err != nil {
		return kit.Failure("%v", err), nil
	}
	plan, err := l.plan(a, s, at, e)
	if text := a.matchesAll(); text != "" && err == nil {
		plan = kit.Warned(plan, text)
	}
	return plan, err
}

// matchesAll is the warning of an expression or text that every line has.
func (a lineArgs) matchesAll() string {
	what, way := "", ""
	switch {
	case a.Regexp != nil && *a.Regexp == "":
		what, way = "regular expression", " If this is desired, use '^' to match every line in the file and avoid this warning."
	case a.Search != nil && *a.Search == "":
		what = "search string"
	default:
		return ""
	}
	return "The " + what + " is an empty string, which will match every line in the file. " +
		"This may have unintended consequences, such as replacing the last line in the file rather than appending." + way
}

// lineDiffs is the diff of every result: whose texts are shown, not returned.
func lineDiffs(path string) value.Value {
	text, attrs := value.String(path+" (content)"), value.String(path+" (file attributes)")
	return value.List(
		value.FromMap(value.MapOf("before", value.String(""), "after", value.String(""), "before_header", text, "after_header", text)),
		value.FromMap(value.MapOf("before_header", attrs, "after_header", attrs)))
}

// coded is a failure with Ansible's number for it.
func coded(rc int64, format string, args ...any) play.Plan {
	p := kit.Failure(format, args...)
	p.Result.Data = value.MapOf("rc", value.Int(rc))
	return p
}

// keepEnds splits text into lines that keep their line ends.
func keepEnds(b []byte) []string {
	var out []string
	for l := range bytes.Lines(b) {
		out = append(out, string(l))
	}
	return out
}

// plan makes one step of the edit and the attributes.
func (lineinfile) plan(a lineArgs, s host.Seen, at kit.TextAt, e edited) (play.Plan, error) {
	c, err := a.Change(s, at.Look.Target)
	if !at.There() && err == nil {
		c = kit.Change{Owner: a.Owner, Group: a.Group}
		c.Mode, err = a.Fresh(s, kit.TypeReg)
	}
	attrs := c.Any() && at.There()
	if err == nil && e.changed && !at.There() {
		attrs, err = a.Beyond(s, c)
	}
	if err != nil {
		return play.Plan{}, err
	}
	msg := e.msg
	if attrs {
		if e.changed {
			msg += " and "
		}
		msg += "ownership, perms or SE linux context changed"
	}
	result := func(backup string) play.Result {
		data := value.MapOf("backup", kit.HostText(backup), "msg", value.String(""), "diff", lineDiffs(at.Path))
		if a.State == "absent" {
			data.Put("found", value.Int(int64(e.found)))
		}
		return play.Result{Changed: e.changed || c.Any() && at.There(), Msg: msg, Data: data}
	}
	plan := play.Plan{Result: result("")}
	text := strings.Join(e.lines, "")
	switch {
	case e.changed:
		words, _ := kit.Validation(a.Validate)
		f := at.Write()
		f.Want, f.Mkdir, f.Backup, f.Unsafe, f.Validate = c, !at.There(), a.Backup && at.There(), a.Unsafe, words
		in := kit.MadeInput(at.Real(), []byte(text))
		in.Secret = a.Line != nil && a.Line.Marks.Secret()
		plan.Steps = []host.Step{f.Step(in)}
		plan.Diff = []play.Diff{{Secret: in.Secret, BeforeHeader: at.Path + " (content)", AfterHeader: at.Path + " (content)", BeforeText: string(at.Old), AfterText: text}}
		plan.ByStatus = true
		plan.Finish = kit.After(func(ran []host.Output) (play.Result, error) {
			_, _, copied, _ := kit.Told(ran[0], at.Path) // what it does not tell fails nothing: the step has succeeded
			return result(copied), nil
		})
	case c.Any() && at.There():
		plan.Steps = []host.Step{c.Step(at.Real(), at.Look.Via(at.Real()), false)}
	default:
		plan.Note = fmt.Sprintf("%s is as it shall be", at.Path)
	}
	return plan, nil
}
