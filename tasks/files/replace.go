package files

import (
	"fmt"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/pyre"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// replaceArgs are the arguments of replace.
type replaceArgs struct {
	Path     string   `arg:"path,dest,destfile,name" need:"yes" type:"path" help:"the file"`
	Regexp   string   `arg:"regexp" need:"yes" help:"what is replaced, as a Python expression over the whole text; ^ and $ are ends of lines"`
	Replace  kit.Body `arg:"replace" help:"what stands there instead, \\1 and \\g<name> are what regexp took; without it, what fits is removed"`
	After    *string  `arg:"after" help:"only behind what fits this expression"`
	Before   *string  `arg:"before" help:"only before what fits this expression"`
	Backup   bool     `arg:"backup" default:"no" help:"keep the old file under a name with the time"`
	Validate string   `arg:"validate" help:"a command that must accept the new file, %s is its name"`
	Encoding string   `arg:"encoding" default:"utf-8" help:"how the file is encoded: utf-8, or latin-1"`
	Unsafe   bool     `arg:"unsafe_writes" default:"no" help:"write in place where a rename is refused"`
	kit.Attrs
}

// Replace replaces text in a file.
func Replace() play.Module {
	return kit.Define(kit.Doc{Name: "replace", Short: "every place of a text file that fits an expression"}, replace{})
}

type replace struct{}

// section is the expression of the part between after and before; empty = all.
func (a replaceArgs) section() string {
	set := func(s *string) bool { return s != nil && *s != "" }
	switch {
	case set(a.After) && set(a.Before):
		return *a.After + "(?P<subsection>.*?)" + *a.Before
	case set(a.After):
		return *a.After + "(?P<subsection>.*)"
	case set(a.Before):
		return "(?P<subsection>.*)" + *a.Before
	}
	return ""
}

func (replace) Validate(a replaceArgs) *play.ArgError {
	re, err := kit.CompilePy(a.Regexp, pyre.Flags{Multiline: true})
	if err != nil {
		return &play.ArgError{Arg: "regexp", Msg: err.Error()}
	}
	if _, err := re.Template(a.Replace.S); err != nil {
		return &play.ArgError{Arg: "replace", Msg: err.Error()}
	}
	if p := a.section(); p != "" {
		if _, err := kit.CompilePy(p, pyre.Flags{DotAll: true}); err != nil {
			return &play.ArgError{Msg: "after and before: " + err.Error()}
		}
	}
	if _, err := kit.Validation(a.Validate); err != nil {
		return &play.ArgError{Arg: "validate", Msg: err.Error()}
	}
	if a.Mode.Preserves() {
		return &play.ArgError{Arg: "mode", Msg: kit.NoSource}
	}
	if _, ok := textCodec(a.Encoding); !ok {
		return &play.ArgError{Arg: "encoding", Msg: fmt.Sprintf("%q is not known: utf-8, ascii or latin-1", a.Encoding)}
	}
	return nil
}

func (a replaceArgs) file() kit.TextFile {
	return kit.TextFile{Path: a.Path, Attrs: a.Attrs, Backup: a.Backup, Unsafe: a.Unsafe, Validate: a.Validate,
		Secret: a.Replace.Marks.Secret(), Absent: "Path %s does not exist !", RC: true}
}

func (replace) Facts(a replaceArgs) []host.Question { return a.file().Facts() }

func (replace) Plan(a replaceArgs, s host.Seen) (play.Plan, error) {
	f := a.file()
	at, stop, err := f.Find(s)
	if err != nil || stop != nil {
		return kit.Stopped(stop, err)
	}
	codec, _ := textCodec(a.Encoding)
	text, err := codec.decode(at.Old)
	if err != nil {
		return kit.Failure("%s: %v", at.Path, err), nil
	}
	now, n, fits, err := a.edit(text)
	if err != nil {
		return kit.Failure("%s: %v", at.Path, err), nil
	}
	data := value.MapOf("rc", value.Int(0), "msg", value.String(""))
	if !fits {
		p := kit.Unchanged("nothing fits after and before", data)
		p.Result.Msg = "Pattern for before/after params did not match the given file: " + a.section()
		return p, nil
	}
	msg, changed := "", n > 0 && now != text
	if changed {
		msg = fmt.Sprintf("%d replacements made", n)
	}
	raw, err := codec.encode(now)
	if err != nil {
		return kit.Failure("%s: %v", at.Path, err), nil
	}
	return f.Become(s, at, raw, changed, msg, data)
}

// edit returns the new text and how many places were replaced; fits is false
// when nothing fits after and before.
func (a replaceArgs) edit(text string) (now string, n int, fits bool, err error) {
	from, to := 0, len(text)
	if p := a.section(); p != "" {
		re, err := kit.CompilePy(p, pyre.Flags{DotAll: true})
		if err != nil {
			return "", 0, false, err
		}
		m, err := re.Find(text)
		if err != nil || m == nil {
			return text, 0, false, err
		}
		if from, to, err = span(re, m, text); err != nil {
			return "", 0, false, err
		}
	}
	re, err := kit.CompilePy(a.Regexp, pyre.Flags{Multiline: true})
	if err != nil {
		return "", 0, false, err
	}
	tmpl, err := re.Template(a.Replace.S)
	if err != nil {
		return "", 0, false, err
	}
	part, n, err := re.ReplaceAll(text[from:to], tmpl)
	if err != nil {
		return "", 0, false, err
	}
	return text[:from] + part + text[to:], n, true, nil
}

// span is where the part between after and before lies, in bytes.
func span(re *pyre.Regexp, m *pyre.Found, text string) (from, to int, err error) {
	n, err := re.Number("subsection")
	if err != nil {
		return 0, 0, err
	}
	f, t, _ := m.GroupSpan(n)
	runes := []rune(text)
	return len(string(runes[:f])), len(string(runes[:t])), nil
}
