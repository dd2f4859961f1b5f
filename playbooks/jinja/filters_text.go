package jinja

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"remoterun/playbooks/jinja/py/pystr"
	"remoterun/runner/value"
)

// textFilterEntries are Jinja's filters that make text of text.
func textFilterEntries() []entry {
	return strictAll([]entry{
		{name: "capitalize", sig: "capitalize", example: "{{ 'heLLo wOrld' | capitalize }}", shows: "Hello world", fn: textFilter(pystr.Capitalize)},
		{name: "lower", sig: "lower", example: "{{ 'ABC' | lower }}", shows: "abc", fn: textFilter(pystr.Lower)},
		{name: "upper", sig: "upper", example: "{{ 'abc' | upper }}", shows: "ABC", fn: textFilter(pystr.Upper)},
		{name: "title", sig: "title", example: "{{ 'hello big-world' | title }}", shows: "Hello Big-World", fn: textFilter(titleWords)},
		{name: "string", sig: "string", example: "{{ 42 | string | type_debug }}", shows: "str", fn: filterString},
		{name: "trim", sig: "trim(chars=None)", example: "{{ '  x ' | trim }}", shows: "x", fn: filterTrim},
		{name: "striptags", sig: "striptags", example: "{{ '<b>a</b>  c' | striptags }}", shows: "a c", fn: textFilter(stripTags)},
		{name: "escape", aliases: []string{"e", "forceescape"}, sig: "escape", example: "{{ '<a & b>' | e }}", shows: "&lt;a &amp; b&gt;", fn: textFilter(htmlEscape)},
		{name: "safe", sig: "safe", example: "{{ '<b>' | safe }}", shows: "<b>", fn: filterString},
		{name: "center", sig: "center(width=80)", example: "[{{ 'x' | center(5) }}]", shows: "[  x  ]", fn: filterCenter},
		{name: "format", sig: "format(*args, **kwargs)", example: "{{ '%s-%02d' | format('a', 7) }}", shows: "a-07", fn: filterFormat},
		{name: "replace", sig: "replace(old, new, count=None)", example: "{{ 'aaa' | replace('a', 'b', 2) }}", shows: "bba", fn: filterReplace},
		{name: "indent", sig: "indent(width=4, first=False, blank=False)", example: "{{ 'a\nb' | indent(2) }}", shows: "a\n  b", fn: filterIndent},
		{name: "truncate", sig: "truncate(length=255, killwords=False, end='...', leeway=5)", example: "{{ 'foo bar baz qux' | truncate(9) }}", shows: "foo...", fn: filterTruncate, lax: true},
		{name: "wordcount", sig: "wordcount", example: "{{ 'a bc  d' | wordcount }}", shows: "3", fn: filterWordCount},
		{name: "wordwrap", sig: "wordwrap(width=79, break_long_words=True, wrapstring=None, break_on_hyphens=True)", example: "{{ 'aa bb cc' | wordwrap(5) }}", shows: "aa bb\ncc", fn: filterWordWrap, lax: true},
		{name: "urlize", sig: "urlize(trim_url_limit=None, nofollow=False, target=None, rel=None)", example: "{{ 'see https://example.com' | urlize }}", shows: `see <a href="https://example.com" rel="noopener">https://example.com</a>`, fn: filterURLize},
		{name: "xmlattr", sig: "xmlattr(autospace=True)", example: "<a{{ {'id': 'x', 'n': none} | xmlattr }}>", shows: `<a id="x">`, fn: filterXMLAttr},
		{name: "pprint", sig: "pprint", example: "{{ {'b': 1} | pprint }}", shows: "{'b': 1}", fn: filterPprint},
		{name: "attr", sig: "attr(name)", example: "{{ {'a': 1} | attr('x') | default('no attribute') }}", shows: "no attribute", fn: filterAttr, undefined: true, spread: spreadNone},
	})
}

func textFilter(f func(string) string) function {
	return func(c *call) (value.Value, error) {
		return value.String(f(c.str())), c.none()
	}
}

func filterString(c *call) (value.Value, error) {
	if c.in.IsString() {
		return c.in, c.none()
	}
	return value.String(c.str()), c.none()
}

// titleWords is Jinja's title: a letter behind white space, - ( { [ or < is
// large, the others small.
func titleWords(s string) string {
	var b strings.Builder
	start := true
	for _, r := range s {
		if start {
			b.WriteString(pystr.UpperRune(r))
		} else {
			b.WriteRune(unicode.ToLower(r))
		}
		start = unicode.IsSpace(r) || strings.ContainsRune("-({[<", r)
	}
	return b.String()
}

func filterTrim(c *call) (value.Value, error) {
	a, err := c.bind("chars=")
	if err != nil {
		return value.Value{}, err
	}
	if a[0].IsUndefined() && len(c.args) == 0 && !c.given("chars") || a[0].IsNull() {
		return value.String(strings.TrimFunc(c.str(), pystr.Space)), nil
	}
	chars, err := c.text(a[0])
	return value.String(strings.TrimFunc(c.str(), func(r rune) bool { return strings.ContainsRune(chars, r) })), err
}

func stripTags(s string) string {
	var b strings.Builder
	for s != "" {
		i := strings.IndexByte(s, '<')
		if i < 0 {
			b.WriteString(s)
			break
		}
		end := "(>)"
		if strings.HasPrefix(s[i:], "<!--") {
			end = "-->"
		} else {
			end = ">"
		}
		n := strings.Index(s[i:], end)
		if n < 0 {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:i])
		s = s[i+n+len(end):]
	}
	return htmlUnescape(strings.Join(strings.FieldsFunc(b.String(), pystr.Space), " "))
}

var (
	unescaper = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">", "&#34;", `"`, "&quot;", `"`, "&#39;", "'", "&nbsp;", "\u00a0")
	escaper   = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")
)

func htmlUnescape(s string) string { return unescaper.Replace(s) }

func htmlEscape(s string) string { return escaper.Replace(s) }

func filterCenter(c *call) (value.Value, error) {
	a, err := c.bind("width=")
	if err != nil {
		return value.Value{}, err
	}
	width, err := c.integer(a[0], 80)
	if err != nil {
		return value.Value{}, err
	}
	c.in = value.String(c.str())
	s, err := padded(c, width, " ", pystr.PadCenter)
	return value.String(s), err
}

func filterFormat(c *call) (value.Value, error) {
	if len(c.args) > 0 && c.kw.Len() > 0 {
		return value.Value{}, errors.New("can't handle positional and keyword arguments at the same time")
	}
	arg := value.Tuple(c.args...)
	if c.kw.Len() > 0 {
		arg = value.FromMap(c.kw)
	}
	for _, a := range c.args {
		if err := defined(a); err != nil {
			return value.Value{}, err
		}
	}
	return c.percent(value.MarkedString(c.str(), c.in.Marks()), arg)
}

func filterReplace(c *call) (value.Value, error) {
	a, err := c.bind("old", "new", "count=")
	if err != nil {
		return value.Value{}, err
	}
	if err := errors.Join(defined(a[0]), defined(a[1])); err != nil {
		return value.Value{}, err
	}
	limit := -1
	if !a[2].IsNull() {
		if limit, err = c.integer(a[2], -1); err != nil {
			return value.Value{}, err
		}
	}
	s, err := c.replace(c.str(), value.Str(a[0]), value.Str(a[1]), limit)
	return value.String(s), err
}

func filterIndent(c *call) (value.Value, error) {
	a, err := c.bind("width=", "first=", "blank=")
	if err != nil {
		return value.Value{}, err
	}
	if !c.in.IsString() {
		return value.Value{}, noOperator("+=", c.in, value.String(""))
	}
	prefix, isText := a[0].AsString()
	if !isText {
		n, err := c.integer(a[0], 4)
		if err != nil {
			return value.Value{}, err
		}
		if n > 10_000 {
			return value.Value{}, errRepeat
		}
		prefix = strings.Repeat(" ", max(n, 0))
	}
	s := c.str()
	if err := c.fits(len(s) + strings.Count(s, "\n")*len(prefix)); err != nil {
		return value.Value{}, err
	}
	return value.String(indented(s, prefix, value.Truth(a[1]), value.Truth(a[2]))), nil
}

// indented puts prefix before every line but the first, and before blank ones
// only when asked. Lines are what str.splitlines() makes.
func indented(s, prefix string, first, blank bool) string {
	lines := pystr.SplitLines(s+"\n", false)
	for i, line := range lines {
		if i > 0 && (blank || line != "") {
			lines[i] = prefix + line
		}
	}
	out := strings.Join(lines, "\n")
	if first {
		out = prefix + out
	}
	return out
}

func filterTruncate(c *call) (value.Value, error) {
	params := []param{"length=", "killwords=", "end=", "leeway="}
	a, err := c.bind(params...)
	if err == nil {
		err = c.allDefined(params, a, "length", "end", "leeway")
	}
	if err != nil {
		return value.Value{}, err
	}
	length, err := c.integer(a[0], 255)
	if err != nil {
		return value.Value{}, err
	}
	end := "..."
	if !a[2].IsUndefined() {
		end = value.Str(a[2])
	}
	leeway := 5
	if !a[3].IsNull() {
		if leeway, err = c.integer(a[3], 5); err != nil {
			return value.Value{}, err
		}
	}
	tail := utf8.RuneCountInString(end)
	if length < tail {
		return value.Value{}, fmt.Errorf("expected length >= %d, got %d", tail, length)
	}
	n, err := c.length(c.in)
	if err != nil || n <= length+leeway {
		return c.in, err
	}
	if !c.in.IsString() {
		return value.Value{}, fmt.Errorf("can only concatenate %s (not \"str\") to %s", value.TypeName(c.in), value.TypeName(c.in))
	}
	rs := []rune(c.str())
	kept := string(rs[:length-tail])
	if i := strings.LastIndexByte(kept, ' '); i >= 0 && !value.Truth(a[1]) {
		kept = kept[:i]
	}
	return value.String(kept + end), nil
}

func filterWordCount(c *call) (value.Value, error) {
	n := 0
	inWord := false
	for _, r := range c.str() {
		isWord := r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r)
		if isWord && !inWord {
			n++
		}
		inWord = isWord
	}
	return value.Int(int64(n)), c.none()
}

func filterXMLAttr(c *call) (value.Value, error) {
	a, err := c.bind("autospace=")
	if err != nil {
		return value.Value{}, err
	}
	m, ok, err := value.Mapping(c.in)
	if err != nil {
		return value.Value{}, err
	}
	if !ok {
		return value.Value{}, fmt.Errorf("'%s' object has no attribute 'items'", value.TypeName(c.in))
	}
	var parts []string
	for k, v := range m.All() {
		if !v.IsNull() && !v.IsUndefined() {
			parts = append(parts, fmt.Sprintf(`%s="%s"`, htmlEscape(value.Str(k)), htmlEscape(value.Str(v))))
		}
	}
	out := strings.Join(parts, " ")
	if out != "" && (a[0].IsUndefined() || value.Truth(a[0])) {
		out = " " + out
	}
	return value.String(out), nil
}

func filterAttr(c *call) (value.Value, error) {
	a, err := c.bind("name")
	if err != nil {
		return value.Value{}, err
	}
	name, err := c.text(a[0])
	if err != nil {
		return value.Value{}, err
	}
	if c.in.IsUndefined() {
		return c.in, nil
	}
	return c.attribute(c.in, name), nil
}
