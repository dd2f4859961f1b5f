package ast

import (
	"slices"
	"strconv"
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// words reads the values of keywords: each checks its kind and the templates in it.
type words struct {
	*findings
	env   *Env
	names *names
}

func sortWords(words []string) { slices.Sort(words) }

// listOf is v's items, or v alone; null is none.
func listOf(v value.Value) []value.Value {
	if _, ok := v.AsSeq(); ok {
		return v.Items()
	}
	if v.IsNull() {
		return nil
	}
	return []value.Value{v}
}

// whatIs names what stands where something else should.
func whatIs(v value.Value) string {
	switch v.Kind() {
	case value.KindNull:
		return "nothing"
	case value.KindBool:
		return "a boolean"
	case value.KindInt, value.KindBig, value.KindFloat:
		return "a number"
	case value.KindString:
		return "text"
	case value.KindList, value.KindTuple:
		return "a list"
	case value.KindMap:
		return "a mapping"
	}
	return "a " + value.TypeName(v)
}

// itemAt is the place of one item of a keyword's list.
func itemAt(v value.Value, e entry) value.Pos {
	if p := value.PosOf(v); p.Line > 0 {
		return p
	}
	return e.at
}

// text reads a keyword that is text; numbers and booleans are text too.
func (ws *words) text(e entry) value.Value {
	ws.names.inspect(e.v, e.at, slotText)
	switch e.v.Kind() {
	case value.KindList, value.KindTuple, value.KindMap:
		ws.wrong(e.at, "%s must be text, not %s", e.name, whatIs(e.v))
		return value.Null()
	}
	return e.v
}

// oneOf reads text that, when it holds no template, must be one of a few words.
func (ws *words) oneOf(e entry, allowed ...string) value.Value {
	v := ws.text(e)
	if v.IsNull() || value.HasTemplate(v) || slices.Contains(allowed, play.Own(value.Str(v))) {
		return v
	}
	ws.lacks(Lack{e.name, value.Str(v)}, e.at, allowed, value.Str(v), "%s: %q is not known", e.name, value.Str(v))
	return v
}

var boolWords = strings.Fields("y yes on 1 true t 1.0 n no off 0 false f 0.0")

// boolean reads a keyword that is yes or no.
func (ws *words) boolean(e entry) value.Value {
	ws.names.inspect(e.v, e.at, slotText)
	if _, ok := e.v.AsBool(); ok || e.v.IsNull() || value.HasTemplate(e.v) {
		return e.v
	}
	word := strings.ToLower(strings.TrimSpace(value.Str(e.v)))
	switch {
	case slices.Index(boolWords, word) >= 7:
		return value.Bool(false)
	case slices.Contains(boolWords, word):
		return value.Bool(true)
	}
	ws.wrong(e.at, "%s must be yes or no, not %s", e.name, value.Repr(e.v))
	return value.Null()
}

// integer reads a keyword that is a whole number, as text too.
func (ws *words) integer(e entry) value.Value {
	ws.names.inspect(e.v, e.at, slotText)
	if _, ok := e.v.AsInt(); ok || e.v.IsNull() || value.HasTemplate(e.v) {
		return e.v
	}
	if f, ok := e.v.AsFloat(); ok {
		return value.Int(int64(f))
	}
	if n, err := strconv.ParseInt(strings.TrimSpace(value.Str(e.v)), 10, 64); err == nil && e.v.IsString() {
		return value.Int(n)
	}
	ws.wrong(e.at, "%s must be a whole number, not %s", e.name, value.Repr(e.v))
	return value.Null()
}

// number reads a keyword that is any number, as text too.
func (ws *words) number(e entry) value.Value {
	ws.names.inspect(e.v, e.at, slotText)
	if e.v.IsNumber() || e.v.IsNull() || value.HasTemplate(e.v) {
		return e.v
	}
	if f, err := strconv.ParseFloat(strings.TrimSpace(value.Str(e.v)), 64); err == nil && e.v.IsString() {
		return value.Float(f)
	}
	ws.wrong(e.at, "%s must be a number, not %s", e.name, value.Repr(e.v))
	return value.Null()
}

// percent reads a number with or without a percent sign.
func (ws *words) percent(e entry) value.Value {
	if text, ok := e.v.AsString(); ok && !value.HasTemplate(e.v) {
		e.v = value.String(strings.TrimSuffix(strings.TrimSpace(text), "%"))
	}
	return ws.number(e)
}

// texts reads a list of text, or one text, none of which holds a template.
func (ws *words) texts(e entry) []string {
	var out []string
	for _, v := range listOf(e.v) {
		text, ok := v.AsString()
		if ok && e.name == "listen" && value.HasTemplate(v) {
			ws.warn(itemAt(v, e), "listen takes no templates: the topic is %q as it is written", text)
		} else if !ok || value.HasTemplate(v) {
			ws.wrong(itemAt(v, e), "%s must be text without templates, or a list of it", e.name)
			continue
		}
		out = append(out, text)
	}
	return out
}

// anyTexts reads a list of text, or one text; templates may be in it.
func (ws *words) anyTexts(e entry) []value.Value {
	ws.names.inspect(e.v, e.at, slotText)
	var out []value.Value
	for _, v := range listOf(e.v) {
		if !v.IsString() && (!v.IsNumber() || e.name == "hosts") {
			ws.wrong(itemAt(v, e), "%s must be text or a list of text, not %s", e.name, whatIs(v))
			continue
		}
		out = append(out, v)
	}
	return out
}

// conditions reads bare expressions: one, or a list of which all must hold.
func (ws *words) conditions(e entry, sl slot) []value.Value {
	out := []value.Value{}
	for _, v := range listOf(e.v) {
		switch v.Kind() {
		case value.KindString:
			ws.braces(v, e)
			ws.names.inspect(v, itemAt(v, e), sl)
			sl = after(sl)
		case value.KindBool, value.KindInt, value.KindFloat:
		case value.KindNull: // an empty one holds, as in Ansible
			continue
		default:
			ws.wrong(itemAt(v, e), "%s must be an expression or a list of them, not %s", e.name, whatIs(v))
			continue
		}
		out = append(out, v)
	}
	return out
}

// braces warns of a condition that is written as a template.
func (ws *words) braces(v value.Value, e entry) {
	text, _ := v.AsString()
	if value.Templated(text) {
		ws.warn(itemAt(v, e), "conditional statements should not include jinja2 templating delimiters such as {{ }} or {%% %%}: %s: %s", e.name, text)
	}
}

// word reads constant text, such as the name of a variable.
func (ws *words) word(e entry) string {
	text, ok := e.v.AsString()
	if !ok || value.HasTemplate(e.v) {
		ws.wrong(e.at, "%s must be text without templates, not %s", e.name, value.Repr(e.v))
		return ""
	}
	return text
}

// variable reads the constant name of a variable that comes to be.
func (ws *words) variable(e entry) string {
	name := ws.word(e)
	if name != "" && !identifier().MatchString(name) {
		ws.wrong(e.at, "%s: %q is not a valid name of a variable (letters, digits and _, no digit first)", e.name, name)
		return ""
	}
	ws.names.define(name)
	return name
}
