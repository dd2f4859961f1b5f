package builtin

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/methods"
	"remoterun/playbooks/jinja/py/pystr"
	"remoterun/runner/value"
)

// textFilterEntries are Jinja's filters that make text of text.
func textFilterEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "capitalize", Sig: "capitalize", Example: "{{ 'heLLo wOrld' | capitalize }}", Shows: "Hello world", Func: textFilter(pystr.Capitalize)},
		{Name: "lower", Sig: "lower", Example: "{{ 'ABC' | lower }}", Shows: "abc", Func: textFilter(pystr.Lower)},
		{Name: "upper", Sig: "upper", Example: "{{ 'abc' | upper }}", Shows: "ABC", Func: textFilter(pystr.Upper)},
		{Name: "title", Sig: "title", Example: "{{ 'hello big-world' | title }}", Shows: "Hello Big-World", Func: textFilter(titleWords)},
		{Name: "string", Sig: "string", Example: "{{ 42 | string | type_debug }}", Shows: "str", Func: filterString},
		{Name: "trim", Sig: "trim(chars=None)", Example: "{{ '  x ' | trim }}", Shows: "x", Func: filterTrim},
		{Name: "striptags", Sig: "striptags", Example: "{{ '<b>a</b>  c' | striptags }}", Shows: "a c", Func: textFilter(stripTags)},
		{Name: "escape", Aliases: []string{"e", "forceescape"}, Sig: "escape", Example: "{{ '<a & b>' | e }}", Shows: "&lt;a &amp; b&gt;", Func: textFilter(htmlEscape)},
		{Name: "safe", Sig: "safe", Example: "{{ '<b>' | safe }}", Shows: "<b>", Func: filterString},
		{Name: "center", Sig: "center(width=80)", Example: "[{{ 'x' | center(5) }}]", Shows: "[  x  ]", Func: filterCenter},
		{Name: "format", Sig: "format(*args, **kwargs)", Example: "{{ '%s-%02d' | format('a', 7) }}", Shows: "a-07", Func: filterFormat},
		{Name: "replace", Sig: "replace(old, new, count=None)", Example: "{{ 'aaa' | replace('a', 'b', 2) }}", Shows: "bba", Func: filterReplace},
		{Name: "indent", Sig: "indent(width=4, first=False, blank=False)", Example: "{{ 'a\nb' | indent(2) }}", Shows: "a\n  b", Func: filterIndent},
		{Name: "truncate", Sig: "truncate(length=255, killwords=False, end='...', leeway=5)", Example: "{{ 'foo bar baz qux' | truncate(9) }}", Shows: "foo...", Func: filterTruncate, Lax: true},
		{Name: "wordcount", Sig: "wordcount", Example: "{{ 'a bc  d' | wordcount }}", Shows: "3", Func: filterWordCount},
		{Name: "wordwrap", Sig: "wordwrap(width=79, break_long_words=True, wrapstring=None, break_on_hyphens=True)", Example: "{{ 'aa bb cc' | wordwrap(5) }}", Shows: "aa bb\ncc", Func: filterWordWrap, Lax: true},
		{Name: "urlize", Sig: "urlize(trim_url_limit=None, nofollow=False, target=None, rel=None)", Example: "{{ 'see https://example.com' | urlize }}", Shows: `see <a href="https://example.com" rel="noopener">https://example.com</a>`, Func: filterURLize},
		{Name: "xmlattr", Sig: "xmlattr(autospace=True)", Example: "<a{{ {'id': 'x', 'n': none} | xmlattr }}>", Shows: `<a id="x">`, Func: filterXMLAttr},
		{Name: "pprint", Sig: "pprint", Example: "{{ {'b': 1} | pprint }}", Shows: "{'b': 1}", Func: filterPprint},
		{Name: "attr", Sig: "attr(name)", Example: "{{ {'a': 1} | attr('x') | default('no attribute') }}", Shows: "no attribute", Func: filterAttr, Undefined: true, Spread: core.SpreadNone},
	})
}

func textFilter(f func(string) string) core.Function {
	return func(c *core.Call) (value.Value, error) {
		return value.String(f(c.Str())), c.NoArguments()
	}
}

func filterString(c *core.Call) (value.Value, error) {
	if c.In.IsString() {
		return c.In, c.NoArguments()
	}
	return value.String(c.Str()), c.NoArguments()
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

func filterTrim(c *core.Call) (value.Value, error) {
	a, err := c.Bind("chars=")
	if err != nil {
		return value.Value{}, err
	}
	if a[0].IsUndefined() && len(c.Args) == 0 && !c.Given("chars") || a[0].IsNull() {
		return value.String(strings.TrimFunc(c.Str(), pystr.Space)), nil
	}
	chars, err := c.Text(a[0])
	return value.String(strings.TrimFunc(c.Str(), func(r rune) bool { return strings.ContainsRune(chars, r) })), err
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

func filterCenter(c *core.Call) (value.Value, error) {
	a, err := c.Bind("width=")
	if err != nil {
		return value.Value{}, err
	}
	width, err := c.Integer(a[0], 80)
	if err != nil {
		return value.Value{}, err
	}
	c.In = value.String(c.Str())
	s, err := methods.Padded(c, width, " ", pystr.PadCenter)
	return value.String(s), err
}

func filterFormat(c *core.Call) (value.Value, error) {
	if len(c.Args) > 0 && c.Kw.Len() > 0 {
		return value.Value{}, errors.New("can't handle positional and keyword arguments at the same time")
	}
	arg := value.Tuple(c.Args...)
	if c.Kw.Len() > 0 {
		arg = value.FromMap(c.Kw)
	}
	for _, a := range c.Args {
		if err := core.Defined(a); err != nil {
			return value.Value{}, err
		}
	}
	return c.Percent(value.MarkedString(c.Str(), c.In.Marks()), arg)
}

func filterReplace(c *core.Call) (value.Value, error) {
	a, err := c.Bind("old", "new", "count=")
	if err != nil {
		return value.Value{}, err
	}
	if err := errors.Join(core.Defined(a[0]), core.Defined(a[1])); err != nil {
		return value.Value{}, err
	}
	limit := -1
	if !a[2].IsNull() {
		if limit, err = c.Integer(a[2], -1); err != nil {
			return value.Value{}, err
		}
	}
	s, err := methods.Replace(c, c.Str(), value.Str(a[0]), value.Str(a[1]), limit)
	return value.String(s), err
}

func filterIndent(c *core.Call) (value.Value, error) {
	a, err := c.Bind("width=", "first=", "blank=")
	if err != nil {
		return value.Value{}, err
	}
	if !c.In.IsString() {
		return value.Value{}, core.NoOperator("+=", c.In, value.String(""))
	}
	prefix, isText := a[0].AsString()
	if !isText {
		n, err := c.Integer(a[0], 4)
		if err != nil {
			return value.Value{}, err
		}
		if n > 10_000 {
			return value.Value{}, core.ErrRepeat
		}
		prefix = strings.Repeat(" ", max(n, 0))
	}
	s := c.Str()
	if err := c.Fits(len(s) + strings.Count(s, "\n")*len(prefix)); err != nil {
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

func filterTruncate(c *core.Call) (value.Value, error) {
	params := []core.Param{"length=", "killwords=", "end=", "leeway="}
	a, err := c.Bind(params...)
	if err == nil {
		err = c.AllDefined(params, a, "length", "end", "leeway")
	}
	if err != nil {
		return value.Value{}, err
	}
	length, err := c.Integer(a[0], 255)
	if err != nil {
		return value.Value{}, err
	}
	end := "..."
	if !a[2].IsUndefined() {
		end = value.Str(a[2])
	}
	leeway := 5
	if !a[3].IsNull() {
		if leeway, err = c.Integer(a[3], 5); err != nil {
			return value.Value{}, err
		}
	}
	tail := utf8.RuneCountInString(end)
	if length < tail {
		return value.Value{}, fmt.Errorf("expected length >= %d, got %d", tail, length)
	}
	n, err := c.Length(c.In)
	if err != nil || n <= length+leeway {
		return c.In, err
	}
	if !c.In.IsString() {
		return value.Value{}, fmt.Errorf("can only concatenate %s (not \"str\") to %s", value.TypeName(c.In), value.TypeName(c.In))
	}
	rs := []rune(c.Str())
	kept := string(rs[:length-tail])
	if i := strings.LastIndexByte(kept, ' '); i >= 0 && !value.Truth(a[1]) {
		kept = kept[:i]
	}
	return value.String(kept + end), nil
}

func filterWordCount(c *core.Call) (value.Value, error) {
	n := 0
	inWord := false
	for _, r := range c.Str() {
		isWord := r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r)
		if isWord && !inWord {
			n++
		}
		inWord = isWord
	}
	return value.Int(int64(n)), c.NoArguments()
}

func filterXMLAttr(c *core.Call) (value.Value, error) {
	a, err := c.Bind("autospace=")
	if err != nil {
		return value.Value{}, err
	}
	m, ok, err := value.Mapping(c.In)
	if err != nil {
		return value.Value{}, err
	}
	if !ok {
		return value.Value{}, fmt.Errorf("'%s' object has no attribute 'items'", value.TypeName(c.In))
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

func filterAttr(c *core.Call) (value.Value, error) {
	a, err := c.Bind("name")
	if err != nil {
		return value.Value{}, err
	}
	name, err := c.Text(a[0])
	if err != nil {
		return value.Value{}, err
	}
	if c.In.IsUndefined() {
		return c.In, nil
	}
	return c.Attribute(c.In, name), nil
}
