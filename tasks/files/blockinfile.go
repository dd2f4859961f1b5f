package files

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/pyre"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// blockArgs are the arguments of blockinfile.
type blockArgs struct {
	Path        string   `arg:"path,dest,destfile,name" need:"yes" type:"path" help:"the file"`
	State       string   `arg:"state" default:"present" choices:"absent,present" help:"whether the block shall be there"`
	Marker      string   `arg:"marker" default:"# {mark} ANSIBLE MANAGED BLOCK" help:"the lines around the block; {mark} becomes marker_begin and marker_end"`
	Block       kit.Body `arg:"block,content" help:"the lines between the markers; without any, the block is removed"`
	After       *string  `arg:"insertafter" help:"put a new block behind the last line that fits this Python expression, or EOF"`
	Before      *string  `arg:"insertbefore" help:"put a new block before the last line that fits this Python expression, or BOF"`
	Create      bool     `arg:"create" default:"no" help:"make a missing file, and its folder"`
	Backup      bool     `arg:"backup" default:"no" help:"keep the old file under a name with the time"`
	Validate    string   `arg:"validate" help:"a command that must accept the new file, %s is its name"`
	MarkerBegin string   `arg:"marker_begin" default:"BEGIN" help:"what {mark} becomes before the block"`
	MarkerEnd   string   `arg:"marker_end" default:"END" help:"what {mark} becomes behind it"`
	AppendLine  bool     `arg:"append_newline" default:"no" help:"an empty line behind the block, where there is none"`
	PrependLine bool     `arg:"prepend_newline" default:"no" help:"an empty line before the block, where there is none"`
	Unsafe      bool     `arg:"unsafe_writes" default:"no" help:"write in place where a rename is refused"`
	kit.Attrs
}

// BlockInFile keeps lines between markers in a file.
func BlockInFile() play.Module {
	return kit.Define(kit.Doc{Name: "blockinfile", Short: "lines of a text file between markers"}, blockinfile{})
}

type blockinfile struct{}

func (blockinfile) Validate(a blockArgs) *play.ArgError {
	if a.After != nil && a.Before != nil {
		return &play.ArgError{Msg: "parameters are mutually exclusive: insertbefore|insertafter"}
	}
	for arg, e := range map[string]*string{"insertafter": a.After, "insertbefore": a.Before} {
		if e != nil && *e != "EOF" && *e != "BOF" {
			if _, err := kit.CompilePy(*e, pyre.Flags{}); err != nil {
				return &play.ArgError{Arg: arg, Msg: err.Error()}
			}
		}
	}
	if _, err := kit.Validation(a.Validate); err != nil {
		return &play.ArgError{Arg: "validate", Msg: err.Error()}
	}
	if a.Mode.Preserves() {
		return &play.ArgError{Arg: "mode", Msg: kit.NoSource}
	}
	return nil
}

func (a blockArgs) file() kit.TextFile {
	return kit.TextFile{Path: a.Path, Attrs: a.Attrs, Create: a.Create || a.State == "absent", Backup: a.Backup, Unsafe: a.Unsafe,
		Validate: a.Validate, Secret: a.Block.Marks.Secret(), Absent: "Path %s does not exist !", RC: true}
}

func (blockinfile) Facts(a blockArgs) []host.Question { return a.file().Facts() }

func (blockinfile) Plan(a blockArgs, s host.Seen) (play.Plan, error) {
	f := a.file()
	at, stop, err := f.Find(s)
	if err != nil || stop != nil {
		return kit.Stopped(stop, err)
	}
	if !at.There() && !a.Create {
		return coded(257, "Path %s does not exist !", at.Path), nil
	}
	if !at.There() && a.State == "absent" {
		p := kit.Unchanged("the file is not there", value.NewMap())
		p.Result.Msg = "File " + at.Path + " not present"
		return p, nil
	}
	lines, inserted, err := a.edit(keepEnds(at.Old))
	if err != nil {
		return kit.Failure("%v", err), nil
	}
	text := []byte(strings.Join(lines, ""))
	changed, msg := true, "Block inserted"
	switch {
	case at.There() && bytes.Equal(text, at.Old):
		changed, msg = false, ""
	case !at.There():
		msg = "File created"
	case !inserted:
		msg = "Block removed"
	}
	return f.Become(s, at, text, changed, msg, value.MapOf("msg", value.String(""), "diff", lineDiffs(at.Path)))
}

// block is the block with its markers, one line each; empty = there shall be none.
func (a blockArgs) block() (lines []string, begin, end string) {
	begin = strings.ReplaceAll(a.Marker, "{mark}", a.MarkerBegin) + "\n"
	end = strings.ReplaceAll(a.Marker, "{mark}", a.MarkerEnd) + "\n"
	text := a.Block.S
	if a.State == "absent" || text == "" {
		return nil, begin, end
	}
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	lines = append([]string{begin}, keepEnds([]byte(text))...)
	return append(lines, end), begin, end
}

// edit returns the lines of the file as they shall be, and whether a block is
// among them.
func (a blockArgs) edit(lines []string) ([]string, bool, error) {
	block, begin, end := a.block()
	first, last := -1, -1
	for i, l := range lines {
		if l == begin {
			first = i
		}
		if l == end {
			last = i
		}
	}
	at := min(first, last)
	if first < 0 || last < 0 {
		var err error
		if at, err = a.place(lines); err != nil {
			return nil, false, err
		}
	} else {
		lines = slices.Delete(slices.Clone(lines), at, max(first, last)+1)
	}
	lines = slices.Clone(lines)
	if at > 0 && !strings.HasSuffix(lines[at-1], "\n") {
		lines[at-1] += "\n"
	}
	if len(block) > 0 && a.PrependLine && at > 0 && lines[at-1] != "\n" {
		block = slices.Insert(block, 0, "\n")
	}
	if len(block) > 0 && a.AppendLine && at < len(lines) && lines[at] != "\n" {
		block = append(block, "\n")
	}
	return slices.Insert(lines, at, block...), len(block) > 0, nil
}

// place is where a block goes that is not there yet.
func (a blockArgs) place(lines []string) (int, error) {
	expr, behind := a.Before, false
	if a.Before == nil {
		expr, behind = a.After, true
	}
	if expr == nil || behind && *expr == "EOF" {
		return len(lines), nil
	}
	if !behind && *expr == "BOF" {
		return 0, nil
	}
	re, err := kit.CompilePy(*expr, pyre.Flags{})
	if err != nil {
		return 0, err
	}
	if re.Multiline() {
		return lineOf(re, strings.Join(lines, ""), behind, len(lines))
	}
	at := len(lines)
	for i, l := range lines {
		m, err := kit.SearchLine(re, l)
		if err != nil {
			return 0, err
		}
		if m != nil {
			at = i
			if behind {
				at++
			}
		}
	}
	return at, nil
}

// lineOf is the line before or behind the first match of an expression that is
// sought in the whole text; otherwise where there is none.
func lineOf(re *pyre.Regexp, text string, behind bool, otherwise int) (int, error) {
	m, err := kit.SearchLine(re, text)
	if m == nil || err != nil {
		return otherwise, err
	}
	from, to := m.Span()
	runes := []rune(text)
	if !utf8.ValidString(text) {
		runes = []rune(kit.Latin(text))
	}
	if behind {
		return strings.Count(string(runes[:to]), "\n") + 1, nil
	}
	return strings.Count(string(runes[:from]), "\n"), nil
}
