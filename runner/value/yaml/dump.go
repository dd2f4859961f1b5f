package yaml

import (
	"fmt"
	"math"
	"sort"
	"strings"
	"unicode/utf8"

	"remoterun/runner/value"
)

// Style says how Dump lays YAML out.
type Style struct {
	Indent int // 2 to 9; others mean 2
	Width  int // of lines; 0 means 80, less than 0 without end
	// Flow is PyYAML's default_flow_style: FlowLeaves, FlowNone or FlowAll.
	Flow     Flow
	KeepKeys bool // in their order (sort_keys=False)
	ASCII    bool // allow_unicode=False
	Start    bool // explicit_start
	End      bool // explicit_end
	// Quote is default_style: ' " | or >; 0 = as each scalar needs it. Any
	// other sign too, but then no list or mapping is written in one line.
	Quote     rune
	Canonical bool   // every tag written, a line for each item
	Break     string // the line end; "" means \n
	// Directives stand before the document: "%YAML 1.1".
	Directives []string
	// Lib writes as libyaml does, which Ansible uses where it is there: no
	// "..." after a lone scalar, characters beyond U+FFFF escaped.
	Lib bool
	// Anchors writes a list or mapping that stands in several places once, and
	// names it in the others (&id001, *id001).
	Anchors bool
}

// Flow says which containers are written in one line.
type Flow uint8

const (
	FlowNone   Flow = iota // none but empty ones
	FlowLeaves             // those that hold plain scalars only
	FlowAll                // all
)

// Dump writes v as PyYAML's dump does. Errors: what YAML cannot hold.
func Dump(v value.Value, st Style) (string, error) {
	if st.Indent < 2 || st.Indent > 9 {
		st.Indent = 2
	}
	switch {
	case st.Width < 0:
		st.Width = math.MaxInt
	case st.Width <= st.Indent*2:
		st.Width = 80
	}
	if st.Break == "" {
		st.Break = "\n"
	}
	e := &emitter{st: st, indent: -1, whitespace: true, indention: true}
	if st.Anchors {
		e.anchors = anchors{names: map[any]string{}}
		e.anchors.find(v, e.keys)
	}
	e.head()
	if err := e.node(v, context{root: true}); err != nil {
		return "", err
	}
	if st.End || e.openEnded && !st.Lib || e.keeps {
		e.writeIndent()
		e.put("...")
	}
	e.lineBreakOnce()
	return e.b.String(), nil
}

// head writes what stands before the document.
func (e *emitter) head() {
	for _, d := range e.st.Directives {
		e.put(d)
		e.lineBreak()
	}
	if e.st.Start || e.st.Canonical || len(e.st.Directives) > 0 {
		e.put("---")
		e.whitespace, e.indention = false, false
		if e.st.Canonical {
			e.writeIndent()
		}
	}
}

// emitter follows PyYAML's Emitter: whitespace and indention say what the last
// thing written was.
type emitter struct {
	b          strings.Builder
	st         Style
	column     int
	indent     int // -1 = none yet
	flowLevel  int
	whitespace bool
	indention  bool
	openEnded  bool
	keeps      bool // the last thing written is a block that keeps its line ends
	anchors    anchors
}

type context struct{ root, mapping, simpleKey bool }

func (e *emitter) put(s string) {
	e.b.WriteString(s)
	e.column += utf8.RuneCountInString(s)
}

func (e *emitter) lineBreak() {
	e.b.WriteString(e.st.Break)
	e.column, e.whitespace, e.indention = 0, true, true
}

func (e *emitter) lineBreakOnce() {
	if s := e.b.String(); !strings.HasSuffix(s, e.st.Break) {
		e.lineBreak()
	}
}

func (e *emitter) writeIndent() {
	indent := max(e.indent, 0)
	if !e.indention || e.column > indent || e.column == indent && !e.whitespace {
		e.lineBreak()
	}
	if e.column < indent {
		e.whitespace = true
		e.put(strings.Repeat(" ", indent-e.column))
	}
}

func (e *emitter) indicator(s string, needSpace, whitespace, indention bool) {
	if !e.whitespace && needSpace {
		s = " " + s
	}
	e.whitespace = whitespace
	e.indention = e.indention && indention
	e.put(s)
}

// deeper raises the indentation and returns what undoes it.
func (e *emitter) deeper(flow, indentless bool) func() {
	old := e.indent
	switch {
	case e.indent < 0 && flow:
		e.indent = e.st.Indent
	case e.indent < 0:
		e.indent = 0
	case !indentless:
		e.indent += e.st.Indent
	}
	return func() { e.indent = old }
}

func (e *emitter) node(v value.Value, c context) error {
	if mark := e.anchors.mark(v); mark != "" {
		e.indicator(mark, true, false, false)
		if mark[0] == '*' {
			return nil
		}
	}
	switch v.Kind() {
	case value.KindList, value.KindTuple:
		return e.sequence(v, c)
	case value.KindMap:
		m, _ := v.AsMap()
		return e.mapping(v, m, c)
	case value.KindObject:
		m, _, err := value.Mapping(v)
		if err != nil {
			return err
		}
		return e.mapping(v, m, c)
	case value.KindUndefined:
		m, _ := v.AsMissing()
		return fmt.Errorf("%s", m.Message())
	}
	text, isText := scalarText(v)
	e.scalar(text, isText, tagOf(v, isText), c)
	return nil
}

// inFlow decides as PyYAML's representer does.
func (e *emitter) inFlow(items []value.Value) bool {
	if e.flowLevel > 0 || len(items) == 0 || e.st.Flow == FlowAll || e.st.Canonical {
		return true
	}
	if e.st.Flow == FlowNone || e.st.Quote != 0 {
		return false
	}
	for _, it := range items {
		switch it.Kind() {
		case value.KindList, value.KindTuple, value.KindMap, value.KindObject:
			return false
		}
	}
	return true
}

func (e *emitter) sequence(v value.Value, c context) error {
	items := v.Items()
	e.tag("!!seq")
	if e.inFlow(items) {
		e.indicator("[", true, true, false)
		e.flowLevel++
		undo := e.deeper(true, false)
		for i, it := range items {
			e.flowGap(i)
			if err := e.node(it, context{}); err != nil {
				return err
			}
		}
		undo()
		e.flowLevel--
		e.flowEnd(len(items))
		e.indicator("]", false, false, false)
		return nil
	}
	undo := e.deeper(false, c.mapping && !e.indention)
	for _, it := range items {
		e.writeIndent()
		e.indicator("-", true, false, true)
		if err := e.node(it, context{}); err != nil {
			return err
		}
	}
	undo()
	return nil
}

func (e *emitter) flowGap(i int) {
	if i > 0 {
		e.indicator(",", false, false, false)
	}
	if e.st.Canonical || e.column > e.st.Width {
		e.writeIndent()
	}
}

// flowEnd is what stands behind the last of n items.
func (e *emitter) flowEnd(n int) {
	if e.st.Canonical && n > 0 {
		e.indicator(",", false, false, false)
		e.writeIndent()
	}
}

// tag writes a tag where all of them are wanted.
func (e *emitter) tag(name string) {
	if e.st.Canonical {
		e.indicator(name, true, false, false)
	}
}

func (e *emitter) mapping(v value.Value, m *value.Map, c context) error {
	keys := e.keys(m)
	e.tag("!!map")
	all := append([]value.Value{}, keys...)
	for _, k := range keys {
		it, _ := m.Get(k)
		all = append(all, it)
	}
	flow := e.inFlow(all)
	var undo func()
	if flow {
		e.indicator("{", true, true, false)
		e.flowLevel++
		undo = e.deeper(true, false)
	} else {
		undo = e.deeper(false, false)
	}
	for i, k := range keys {
		if flow {
			e.flowGap(i)
		} else {
			e.writeIndent()
		}
		it, _ := m.Get(k)
		if err := e.pair(k, it, flow); err != nil {
			return err
		}
	}
	undo()
	if flow {
		e.flowLevel--
		e.flowEnd(len(keys))
		e.indicator("}", false, false, false)
	}
	return nil
}

// keys are a mapping's in the order in which they are written.
func (e *emitter) keys(m *value.Map) []value.Value {
	keys := m.Keys()
	if e.st.KeepKeys {
		return keys
	}
	sorted := append([]value.Value{}, keys...)
	if err := value.Sort(sorted); err == nil {
		return sorted
	}
	sort.SliceStable(keys, func(i, j int) bool { return value.Str(keys[i]) < value.Str(keys[j]) })
	return keys
}

func (e *emitter) pair(k, v value.Value, flow bool) error {
	text, _ := scalarText(k)
	simple := !e.st.Canonical && text != "" && !strings.Contains(text, "\n") && len(text) < 128
	if simple {
		if err := e.node(k, context{mapping: true, simpleKey: true}); err != nil {
			return err
		}
		e.indicator(":", false, false, false)
		return e.node(v, context{mapping: true})
	}
	e.indicator("?", true, false, !flow)
	if err := e.node(k, context{mapping: true}); err != nil {
		return err
	}
	if !flow || e.st.Canonical || e.column > e.st.Width {
		e.writeIndent()
	}
	e.indicator(":", true, false, !flow)
	return e.node(v, context{mapping: true})
}

// scalarText is a scalar's text, and whether it is text that must not be read
// as something else.
func scalarText(v value.Value) (text string, isText bool) {
	switch v.Kind() {
	case value.KindNull:
		return "null", false
	case value.KindBool:
		b, _ := v.AsBool()
		return map[bool]string{true: "true", false: "false"}[b], false
	case value.KindInt, value.KindBig:
		return value.Repr(v), false
	case value.KindFloat:
		return floatText(v), false
	case value.KindOpaque:
		return value.Str(v), false
	}
	return value.Str(v), true
}

func floatText(v value.Value) string {
	s := strings.ToLower(value.Repr(v))
	switch s {
	case "inf":
		return ".inf"
	case "-inf":
		return "-.inf"
	case "nan":
		return ".nan"
	}
	if !strings.Contains(s, ".") && strings.Contains(s, "e") {
		s = strings.Replace(s, "e", ".0e", 1)
	}
	return s
}
