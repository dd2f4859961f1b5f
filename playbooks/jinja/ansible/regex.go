package ansible

import (
	"errors"
	"fmt"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/pyre"
	"remoterun/runner/value"
)

// regexes are compiled regular expressions, and what is done with them.
type regexes struct{ cache pyre.Cache }

// regexEntries are the filters and tests over Python's regular expressions.
func regexEntries() []core.Entry {
	rc := &regexes{}
	filters := []core.Entry{
		{Name: "regex_replace", Sig: "regex_replace(pattern='', replacement='', ignorecase=False, multiline=False)", Example: `{{ 'foo1' | regex_replace('^(\\w)', '<\\1>') }}`, Shows: "<f>oo1", Func: rc.replace, Lax: true},
		{Name: "regex_search", Sig: "regex_search(regex, *groups, ignorecase=False, multiline=False)", Example: `{{ 'server42' | regex_search('[0-9]+') }}`, Shows: "42", Func: rc.search},
		{Name: "regex_findall", Sig: "regex_findall(regex, multiline=False, ignorecase=False)", Example: `{{ 'a1b2' | regex_findall('[0-9]') }}`, Shows: "['1', '2']", Func: rc.findall},
		{Name: "regex_escape", Sig: "regex_escape(re_type='python')", Example: `{{ 'a.b' | regex_escape }}`, Shows: `a\.b`, Func: regexEscape},
	}
	tests := []core.Entry{
		{Name: "match", Sig: "match(pattern='', ignorecase=False, multiline=False)", Example: "{{ 'web1' is match('web') }}", Shows: "True", Func: rc.test(pyre.Match)},
		{Name: "search", Sig: "search(pattern='', ignorecase=False, multiline=False)", Example: "{{ 'web1' is search('[0-9]') }}", Shows: "True", Func: rc.test(pyre.Search)},
		{Name: "regex", Sig: "regex(pattern='', ignorecase=False, multiline=False, match_type='search')", Example: "{{ 'web1' is regex('^w.*1$') }}", Shows: "True", Func: rc.test("")},
	}
	return core.StrictAll(append(filters, core.Tests(tests)...))
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

func (rc *regexes) replace(c *core.Call) (value.Value, error) {
	params := []core.Param{"pattern=", "replacement=", "ignorecase=", "multiline="}
	a, err := c.Bind(params...)
	if err == nil {
		err = c.AllDefined(params, a, "pattern", "ignorecase", "multiline")
	}
	if err != nil {
		return value.Value{}, err
	}
	re, err := rc.argument(a[0], a[2], a[3], pyre.Search)
	if err != nil {
		return value.Value{}, err
	}
	if m, err := re.Find(value.Str(c.In)); err != nil || m == nil && a[1].IsUndefined() {
		return value.String(value.Str(c.In)), err
	}
	if err := c.AllDefined(params, a, "replacement"); err != nil {
		return value.Value{}, err
	}
	with := core.TextOr(a[1], "")
	if core.Given(a[1]) && !a[1].IsString() || a[1].IsNull() {
		return value.Value{}, fmt.Errorf("decoding to str: need a bytes-like object, %s found", value.TypeName(a[1]))
	}
	return substitute(c, re, value.Str(c.In), with)
}

func (rc *regexes) argument(pattern, ignorecase, multiline value.Value, how pyre.How) (*pyre.Regexp, error) {
	p, err := patternOf(pattern)
	if err != nil {
		return nil, err
	}
	return rc.cache.Compile(p, how, pyre.Flags{IgnoreCase: core.TruthOr(ignorecase, false), Multiline: core.TruthOr(multiline, false)})
}

// substitute is re.sub.
func substitute(c *core.Call, re *pyre.Regexp, s, with string) (value.Value, error) {
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
		if err := c.Work(from - at + 8); err != nil {
			return value.Value{}, err
		}
		b.WriteString(string(runes[at:from]))
		b.WriteString(tmpl.Expand(m))
		at = to
		if err := c.Fits(b.Len()); err != nil {
			return value.Value{}, err
		}
		if m, err = m.Next(); err != nil {
			return value.Value{}, err
		}
	}
	b.WriteString(string(runes[at:]))
	return value.String(b.String()), nil
}

func (rc *regexes) search(c *core.Call) (value.Value, error) {
	kw := c.Kw
	if len(c.Args) == 0 {
		if v, ok := kw.Lookup("regex"); ok {
			c.Args = []value.Value{v}
		} else {
			return value.Value{}, errors.New("regex_search() missing 1 required positional argument: 'regex'")
		}
	}
	flag := func(name string) value.Value { v, _ := kw.Lookup(name); return v }
	re, err := rc.argument(c.Args[0], flag("ignorecase"), flag("multiline"), pyre.Search)
	if err != nil {
		return value.Value{}, err
	}
	wanted, err := searchGroups(c.Args[1:])
	if err != nil {
		return value.Value{}, err
	}
	m, err := re.Find(value.Str(c.In))
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

func (rc *regexes) findall(c *core.Call) (value.Value, error) {
	a, err := c.Bind("regex", "multiline=", "ignorecase=")
	if err != nil {
		return value.Value{}, err
	}
	re, err := rc.argument(a[0], a[2], a[1], pyre.Search)
	if err != nil {
		return value.Value{}, err
	}
	var out []value.Value
	s := value.Str(c.In)
	m, err := re.Find(s)
	for ; m != nil && err == nil; m, err = m.Next() {
		out = append(out, allGroups(re, m))
		from, to := m.Span()
		if err := c.Work(to - from + 8); err != nil {
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

func regexEscape(c *core.Call) (value.Value, error) {
	a, err := c.Bind("re_type=")
	if err != nil {
		return value.Value{}, err
	}
	special := ""
	switch kind := core.TextOr(a[0], "python"); kind {
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
	for _, r := range value.Str(c.In) {
		if strings.ContainsRune(special, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return core.Text(b.String())
}

// test is the test of that name; regex takes the way of matching as an
// argument.
func (rc *regexes) test(named pyre.How) core.Function {
	return func(c *core.Call) (value.Value, error) {
		params := []core.Param{"pattern=", "ignorecase=", "multiline="}
		if named == "" {
			params = append(params, "match_type=")
		}
		a, err := c.Bind(params...)
		if err != nil {
			return value.Value{}, err
		}
		how := named
		if how == "" {
			if how = pyre.How(core.TextOr(a[3], "search")); how != pyre.Search && how != pyre.Match && how != pyre.FullMatch {
				return value.Value{}, fmt.Errorf("'%s' is not a way to match: search, match or fullmatch", how)
			}
		}
		re, err := rc.argument(a[0], a[1], a[2], how)
		if err != nil {
			return value.Value{}, err
		}
		m, err := re.Find(value.Str(c.In))
		return value.Bool(m != nil), err
	}
}
