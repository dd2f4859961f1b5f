package jinja

import (
	"errors"
	"fmt"
	"strings"

	"remoterun/runner/pyre"
	"remoterun/runner/value"
)

// regexes are compiled regular expressions, and what is done with them.
type regexes struct{ cache pyre.Cache }

// regexEntries are the filters and tests over Python's regular expressions.
func regexEntries() []entry {
	rc := &regexes{}
	filters := []entry{
		{name: "regex_replace", sig: "regex_replace(pattern='', replacement='', ignorecase=False, multiline=False)", example: `{{ 'foo1' | regex_replace('^(\\w)', '<\\1>') }}`, shows: "<f>oo1", fn: rc.replace, lax: true},
		{name: "regex_search", sig: "regex_search(regex, *groups, ignorecase=False, multiline=False)", example: `{{ 'server42' | regex_search('[0-9]+') }}`, shows: "42", fn: rc.search},
		{name: "regex_findall", sig: "regex_findall(regex, multiline=False, ignorecase=False)", example: `{{ 'a1b2' | regex_findall('[0-9]') }}`, shows: "['1', '2']", fn: rc.findall},
		{name: "regex_escape", sig: "regex_escape(re_type='python')", example: `{{ 'a.b' | regex_escape }}`, shows: `a\.b`, fn: regexEscape},
	}
	tests := []entry{
		{name: "match", sig: "match(pattern='', ignorecase=False, multiline=False)", example: "{{ 'web1' is match('web') }}", shows: "True", fn: rc.test(pyre.Match)},
		{name: "search", sig: "search(pattern='', ignorecase=False, multiline=False)", example: "{{ 'web1' is search('[0-9]') }}", shows: "True", fn: rc.test(pyre.Search)},
		{name: "regex", sig: "regex(pattern='', ignorecase=False, multiline=False, match_type='search')", example: "{{ 'web1' is regex('^w.*1$') }}", shows: "True", fn: rc.test("")},
	}
	return strictAll(append(filters, asTests(tests)...))
}

// patternOf refuses what re.compile refuses.
func patternOf(v value.Value) (string, error) {
	if v.IsUndefined() {
		return "", nil
	}
	s, ok := v.AsString()
	if !ok {
		return "", errors.New("first argument must be string or compiled pattern")
	}
	return s, nil
}

func (rc *regexes) replace(c *call) (value.Value, error) {
	params := []param{"pattern=", "replacement=", "ignorecase=", "multiline="}
	a, err := c.bind(params...)
	if err == nil {
		err = c.allDefined(params, a, "pattern", "ignorecase", "multiline")
	}
	if err != nil {
		return value.Value{}, err
	}
	re, err := rc.argument(a[0], a[2], a[3], pyre.Search)
	if err != nil {
		return value.Value{}, err
	}
	if m, err := re.Find(value.Str(c.in)); err != nil || m == nil && a[1].IsUndefined() {
		return value.String(value.Str(c.in)), err
	}
	if err := c.allDefined(params, a, "replacement"); err != nil {
		return value.Value{}, err
	}
	with := textOr(a[1], "")
	if given(a[1]) && !a[1].IsString() || a[1].IsNull() {
		return value.Value{}, fmt.Errorf("decoding to str: need a bytes-like object, %s found", value.TypeName(a[1]))
	}
	return c.substitute(re, value.Str(c.in), with)
}

func (rc *regexes) argument(pattern, ignorecase, multiline value.Value, how pyre.How) (*pyre.Regexp, error) {
	p, err := patternOf(pattern)
	if err != nil {
		return nil, err
	}
	return rc.cache.Compile(p, how, pyre.Flags{IgnoreCase: truthOr(ignorecase, false), Multiline: truthOr(multiline, false)})
}

// substitute is re.sub.
func (c *call) substitute(re *pyre.Regexp, s, with string) (value.Value, error) {
	m, err := re.Find(s)
	if err != nil || m == nil {
		return value.String(s), err
	}
	tmpl, err := re.Template(with)
	if err != nil {
		return value.Value{}, err
	}
	var b strings.Builder
	runes, at := []rune(s), 0
	for m != nil {
		from, to := m.Span()
		if err := c.work(from - at + 8); err != nil {
			return value.Value{}, err
		}
		b.WriteString(string(runes[at:from]))
		b.WriteString(tmpl.Expand(m))
		at = to
		if err := c.fits(b.Len()); err != nil {
			return value.Value{}, err
		}
		if m, err = m.Next(); err != nil {
			return value.Value{}, err
		}
	}
	b.WriteString(string(runes[at:]))
	return value.String(b.String()), nil
}

func (rc *regexes) search(c *call) (value.Value, error) {
	kw := c.kw
	if len(c.args) == 0 {
		if v, ok := kw.Lookup("regex"); ok {
			c.args = []value.Value{v}
		} else {
			return value.Value{}, errors.New("regex_search() missing 1 required positional argument: 'regex'")
		}
	}
	flag := func(name string) value.Value { v, _ := kw.Lookup(name); return v }
	re, err := rc.argument(c.args[0], flag("ignorecase"), flag("multiline"), pyre.Search)
	if err != nil {
		return value.Value{}, err
	}
	wanted, err := searchGroups(c.args[1:])
	if err != nil {
		return value.Value{}, err
	}
	m, err := re.Find(value.Str(c.in))
	if err != nil || m == nil {
		return value.Null(), err
	}
	if len(wanted) == 0 {
		return value.String(m.Text()), nil
	}
	var out []value.Value
	for _, id := range wanted {
		n, err := re.Number(id)
		if err != nil {
			return value.Value{}, errors.New("no such group")
		}
		out = append(out, groupValue(m, n))
	}
	return value.List(out...), nil
}

// searchGroups reads \N and \g<name>.
func searchGroups(args []value.Value) ([]string, error) {
	var out []string
	for _, a := range args {
		s, _ := a.AsString()
		name, ok := strings.CutPrefix(s, `\g<`)
		if end := strings.LastIndexByte(name, '>'); ok && end > 0 {
			out = append(out, name[:end])
			continue
		}
		digits, ok := strings.CutPrefix(s, `\`)
		n := len(digits) - len(strings.TrimLeft(digits, "0123456789"))
		if !ok || n == 0 {
			return nil, errors.New("Unknown argument")
		}
		out = append(out, digits[:n])
	}
	return out, nil
}

func (rc *regexes) findall(c *call) (value.Value, error) {
	a, err := c.bind("regex", "multiline=", "ignorecase=")
	if err != nil {
		return value.Value{}, err
	}
	re, err := rc.argument(a[0], a[2], a[1], pyre.Search)
	if err != nil {
		return value.Value{}, err
	}
	var out []value.Value
	s := value.Str(c.in)
	m, err := re.Find(s)
	for ; m != nil && err == nil; m, err = m.Next() {
		out = append(out, allGroups(re, m))
		from, to := m.Span()
		if err := c.work(to - from + 8); err != nil {
			return value.Value{}, err
		}
	}
	return value.List(out...), err
}

// allGroups is what findall makes of one match: its text, its group, or a
// tuple of its groups.
func allGroups(re *pyre.Regexp, m *pyre.Found) value.Value {
	if re.Groups() == 0 {
		return value.String(m.Text())
	}
	items := make([]value.Value, re.Groups())
	for i := range items {
		s, _ := m.Group(i + 1)
		items[i] = value.String(s)
	}
	if len(items) == 1 {
		return items[0]
	}
	return value.Tuple(items...)
}

// groupValue is a group's text as a value, null when it took no part.
func groupValue(m *pyre.Found, n int) value.Value {
	if s, ok := m.Group(n); ok {
		return value.String(s)
	}
	return value.Null()
}

func regexEscape(c *call) (value.Value, error) {
	a, err := c.bind("re_type=")
	if err != nil {
		return value.Value{}, err
	}
	special := ""
	switch kind := textOr(a[0], "python"); kind {
	case "python":
		special = "()[]{}?*+-|^$\\.&~# \t\n\r\v\f"
	case "posix_basic":
		special = `].[^$*\`
	case "posix_extended":
		return value.Value{}, fmt.Errorf("Regex type (%s) not yet implemented", kind)
	default:
		return value.Value{}, fmt.Errorf("Invalid regex type (%s)", kind)
	}
	var b strings.Builder
	for _, r := range value.Str(c.in) {
		if strings.ContainsRune(special, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return textResult(b.String())
}

// test is the test of that name; regex takes the way of matching as an
// argument.
func (rc *regexes) test(named pyre.How) function {
	return func(c *call) (value.Value, error) {
		params := []param{"pattern=", "ignorecase=", "multiline="}
		if named == "" {
			params = append(params, "match_type=")
		}
		a, err := c.bind(params...)
		if err != nil {
			return value.Value{}, err
		}
		how := named
		if how == "" {
			if how = pyre.How(textOr(a[3], "search")); how != pyre.Search && how != pyre.Match && how != pyre.FullMatch {
				return value.Value{}, fmt.Errorf("'%s' is no way to match: search, match or fullmatch", how)
			}
		}
		re, err := rc.argument(a[0], a[1], a[2], how)
		if err != nil {
			return value.Value{}, err
		}
		m, err := re.Find(value.Str(c.in))
		return value.Bool(m != nil), err
	}
}
