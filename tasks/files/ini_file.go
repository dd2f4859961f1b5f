package files

import (
	"bytes"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// iniArgs are the arguments of ini_file.
type iniArgs struct {
	Path     string     `arg:"path,dest" need:"yes" type:"path" help:"the file"`
	Section  string     `arg:"section" help:"the section; without one, options before the first"`
	Option   *string    `arg:"option" help:"the option; without one, the section itself"`
	Value    *kit.Body  `arg:"value" help:"what the option shall be"`
	Values   *kit.Words `arg:"values" help:"what an option that stands several times shall be"`
	State    string     `arg:"state" default:"present" choices:"absent,present" help:"whether it shall be there"`
	Only     bool       `arg:"exclusive" default:"yes" help:"no other value of the option stays; with absent, all of them go"`
	Tight    bool       `arg:"no_extra_spaces" default:"no" help:"no spaces around ="`
	Spaces   bool       `arg:"ignore_spaces" default:"no" help:"a line that differs in spaces around = alone stays"`
	Bare     bool       `arg:"allow_no_value" default:"no" help:"an option may stand without = and value"`
	Inactive bool       `arg:"modify_inactive_option" default:"yes" help:"a commented option is replaced where it stands"`
	Create   bool       `arg:"create" default:"yes" help:"make a missing file, and its folder"`
	Follow   bool       `arg:"follow" default:"no" help:"edit what a link leads to (a link is followed either way)"`
	Backup   bool       `arg:"backup" default:"no" help:"keep the old file under a name with the time"`
	Unsafe   bool       `arg:"unsafe_writes" default:"no" help:"write in place where a rename is refused"`
	kit.Attrs
}

// INIFile keeps options of an INI file.
func INIFile() play.Module {
	return kit.Define(kit.Doc{Name: "ini_file", Short: "options of an INI file"}, iniFile{})
}

type iniFile struct{}

func (iniFile) Validate(a iniArgs) *play.ArgError {
	switch {
	case a.Value != nil && a.Values != nil:
		return &play.ArgError{Msg: "parameters are mutually exclusive: value|values"}
	case a.State == "present" && a.Option != nil && !a.Bare && a.Value == nil && a.Values == nil:
		return &play.ArgError{Msg: "Parameter 'value(s)' must be defined if state=present and allow_no_value=False."}
	case a.Mode.Preserves():
		return &play.ArgError{Arg: "mode", Msg: kit.NoSource}
	}
	return nil
}

func (a iniArgs) file() kit.TextFile {
	f := kit.TextFile{Path: a.Path, Attrs: a.Attrs, Create: a.Create, Backup: a.Backup, Unsafe: a.Unsafe,
		Absent: "Destination %s does not exist!", RC: true, Quiet: true}
	if a.Value != nil {
		f.Secret = a.Value.Marks.Secret()
	}
	if a.Values != nil {
		for _, v := range *a.Values {
			f.Secret = f.Secret || v.Marks.Secret()
		}
	}
	return f
}

func (iniFile) Facts(a iniArgs) []host.Question { return a.file().Facts() }

func (iniFile) Plan(a iniArgs, s host.Seen) (play.Plan, error) {
	f := a.file()
	at, stop, err := f.Find(s)
	if err != nil || stop != nil {
		return kit.Stopped(stop, err)
	}
	e := a.edit(keepEnds(bytes.TrimPrefix(at.Old, []byte("\xef\xbb\xbf"))))
	return f.Become(s, at, []byte(strings.Join(e.lines, "")), e.changed, e.msg, value.MapOf("path", value.String(at.Path)))
}

// iniEdit is the file's lines while they are edited.
type iniEdit struct {
	iniArgs
	lines   []string
	section []string // of the one that is meant, its heading first
	settled []bool   // lines that were found to be as they shall be, or made so
	left    []*string
	bare    bool // an option without value is there
	changed bool
	msg     string
}

func (a iniArgs) edit(lines []string) *iniEdit {
	e := &iniEdit{iniArgs: a, msg: "OK", left: a.wanted()}
	if len(lines) == 0 {
		lines = []string{"\n"}
	}
	if last := len(lines) - 1; !strings.HasSuffix(lines[last], "\n") {
		lines[last] += "\n"
		e.changed = true
	}
	from, to, found := a.bounds(lines)
	head := "" // what stands for a heading where options before the first section are meant
	if a.Section == "" {
		head, found = "[", true
		e.section = []string{head}
	}
	e.section = append(e.section, lines[from:to]...)
	e.settled = make([]bool, len(e.section))
	switch {
	case a.State == "absent":
		e.remove(found)
	case found:
		e.set()
	}
	if head != "" && len(e.section) > 0 {
		e.section = e.section[1:]
	}
	e.lines = append(append(append([]string{}, lines[:from]...), e.section...), lines[to:]...)
	if !found && a.State == "present" {
		e.addSection()
	}
	return e
}

// wanted are the values that the option shall have, each at its line.
func (a iniArgs) wanted() []*string {
	var out []*string
	switch {
	case a.Value != nil:
		out = append(out, &a.Value.S)
	case a.Values != nil:
		for _, v := range *a.Values {
			out = append(out, &v.S)
		}
	}
	return out
}

// bounds are the first line of the section that is meant and the one behind it.
func (a iniArgs) bounds(lines []string) (from, to int, found bool) {
	if a.Section == "" {
		for to < len(lines) && !strings.HasPrefix(lines[to], "[") {
			to++
		}
		return 0, to, true
	}
	for i, l := range lines {
		if found && strings.HasPrefix(l, "[") {
			return from, i, true
		}
		if name, ok := heading(l); ok && !found && name == strings.TrimSpace(a.Section) {
			from, found = i, true
		}
	}
	if !found {
		return 0, 0, false
	}
	return from, len(lines), true
}

func heading(line string) (string, bool) {
	rest, ok := strings.CutPrefix(line, "[")
	if !ok {
		return "", false
	}
	// A name may hold brackets: the last one of the line ends it.
	end := strings.LastIndexByte(rest, ']')
	if end < 0 {
		return "", false
	}
	return strings.TrimSpace(rest[:end]), true
}

// iniLine is a line that sets the option.
type iniLine struct {
	commented bool
	value     string
}

// reads reads a line as one of the option; commented ones count only where
// inactive is set.
func (a iniArgs) reads(line string, inactive bool) (iniLine, bool) {
	var l iniLine
	s := strings.TrimLeft(strings.TrimSuffix(line, "\n"), " \t")
	if inactive && s != "" && (s[0] == '#' || s[0] == ';') {
		l.commented = true
		s = strings.TrimLeft(s[1:], " \t")
	}
	s, ok := strings.CutPrefix(s, *a.Option)
	if !ok {
		return l, false
	}
	s = strings.TrimLeft(s, " \t")
	if s == "" {
		return l, true
	}
	s, ok = strings.CutPrefix(s, "=")
	l.value = strings.TrimLeft(s, " \t")
	return l, ok
}

func (a iniArgs) line(v string) string {
	if a.Tight {
		return *a.Option + "=" + v + "\n"
	}
	return *a.Option + " = " + v + "\n"
}

// put makes a line what it shall be.
func (e *iniEdit) put(i int, now string) {
	differs := e.section[i] != now
	if old, ok := e.reads(e.section[i], true); ok && e.Spaces && !old.commented {
		n, _ := e.reads(now, true)
		differs = old.value != n.value
	}
	if differs {
		e.section[i] = now
		e.changed, e.msg = true, "option changed"
	}
	e.settled[i] = true
}

// set makes the option what it shall be in a section that is there: lines that
// have a wanted value first, then others of the option, then new ones at the end.
func (e *iniEdit) set() {
	if e.Option == nil {
		return
	}
	e.keep()
	if e.Only && !e.Bare {
		e.reuse()
		e.clear()
	}
	e.add()
}

func (e *iniEdit) keep() {
	for i := range e.section {
		l, ok := e.reads(e.section[i], e.Inactive)
		if !ok || i == 0 {
			continue
		}
		if k := e.index(l.value); k >= 0 {
			now := e.line(l.value)
			if l.value == "" && e.Bare {
				now, e.bare = *e.Option+"\n", true
			}
			e.put(i, now)
			e.left = append(e.left[:k:k], e.left[k+1:]...)
		} else if len(e.left) == 0 && e.Bare {
			e.put(i, *e.Option+"\n")
			e.bare = true
			return
		}
	}
}

func (e *iniEdit) index(v string) int {
	for k, w := range e.left {
		if *w == v {
			return k
		}
	}
	return -1
}

func (e *iniEdit) reuse() {
	for i := 1; i < len(e.section) && len(e.left) > 0; i++ {
		if _, ok := e.reads(e.section[i], e.Inactive); ok && !e.settled[i] {
			e.put(i, e.line(*e.left[0]))
			e.left = e.left[1:]
		}
	}
}

// clear removes other active lines of the option.
func (e *iniEdit) clear() {
	for i := len(e.section) - 1; i > 0; i-- {
		if _, ok := e.reads(e.section[i], false); ok && !e.settled[i] {
			e.section = append(e.section[:i:i], e.section[i+1:]...)
			e.settled = append(e.settled[:i:i], e.settled[i+1:]...)
			e.changed, e.msg = true, "option changed"
		}
	}
}

// add puts what is left behind the section's last line that says something.
func (e *iniEdit) add() {
	at := len(e.section)
	for at > 1 && silent(e.section[at-1]) {
		at--
	}
	var lines []string
	for _, v := range e.left {
		lines = append(lines, e.line(*v))
	}
	if len(e.left) == 0 && e.Bare && !e.bare && e.Value == nil && e.Values == nil {
		lines = []string{*e.Option + "\n"}
	}
	if len(lines) == 0 {
		return
	}
	e.section = append(append(append([]string{}, e.section[:at]...), lines...), e.section[at:]...)
	e.changed, e.msg = true, "option added"
}

// silent reports an empty line or a comment.
func silent(line string) bool {
	s := strings.Trim(line, " \t\n")
	return s == "" || s[0] == '#' || s[0] == ';'
}

func (e *iniEdit) remove(found bool) {
	if !found {
		return
	}
	if e.Option == nil {
		e.section, e.changed, e.msg = nil, true, "section removed"
		return
	}
	var kept []string
	for i, l := range e.section {
		o, ok := e.reads(l, false)
		if i > 0 && ok && (e.Only || e.index(o.value) >= 0) {
			e.changed, e.msg = true, "option changed"
			continue
		}
		kept = append(kept, l)
	}
	e.section = kept
}

func (e *iniEdit) addSection() {
	e.lines = append(e.lines, "["+e.Section+"]\n")
	e.changed, e.msg = true, "only section added"
	switch {
	case e.Option != nil && len(e.left) > 0:
		e.msg = "section and option added"
		for _, v := range e.left {
			e.lines = append(e.lines, e.line(*v))
		}
	case e.Option != nil && e.Bare:
		e.msg = "section and option added"
		e.lines = append(e.lines, *e.Option+"\n")
	}
}
