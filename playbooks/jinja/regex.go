package jinja

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dlclark/regexp2"

	"remoterun/runner/value"
)

// regexEntries are the filters and tests over Python's regular expressions.
func regexEntries() []entry {
	rc := &regexCache{}
	filters := []entry{
		{name: "regex_replace", sig: "regex_replace(pattern='', replacement='', ignorecase=False, multiline=False)", example: `{{ 'foo1' | regex_replace('^(\\w)', '<\\1>') }}`, shows: "<f>oo1", fn: rc.replace},
		{name: "regex_search", sig: "regex_search(regex, *groups, ignorecase=False, multiline=False)", example: `{{ 'server42' | regex_search('[0-9]+') }}`, shows: "42", fn: rc.search},
		{name: "regex_findall", sig: "regex_findall(regex, multiline=False, ignorecase=False)", example: `{{ 'a1b2' | regex_findall('[0-9]') }}`, shows: "['1', '2']", fn: rc.findall},
		{name: "regex_escape", sig: "regex_escape(re_type='python')", example: `{{ 'a.b' | regex_escape }}`, shows: `a\.b`, fn: regexEscape},
	}
	tests := []entry{
		{name: "match", sig: "match(pattern='', ignorecase=False, multiline=False)", example: "{{ 'web1' is match('web') }}", shows: "True", fn: rc.test("match")},
		{name: "search", sig: "search(pattern='', ignorecase=False, multiline=False)", example: "{{ 'web1' is search('[0-9]') }}", shows: "True", fn: rc.test("search")},
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

func (rc *regexCache) replace(c *call) (value.Value, error) {
	a, err := c.bind("pattern=", "replacement=", "ignorecase=", "multiline=")
	if err != nil {
		return value.Value{}, err
	}
	re, err := rc.argument(a[0], a[2], a[3], "search")
	if err != nil {
		return value.Value{}, err
	}
	with := textOr(a[1], "")
	if given(a[1]) && !a[1].IsString() || a[1].IsNull() {
		return value.Value{}, fmt.Errorf("decoding to str: need a bytes-like object, %s found", value.TypeName(a[1]))
	}
	return re.sub(c.rt, value.Str(c.in), with)
}

func (rc *regexCache) argument(pattern, ignorecase, multiline value.Value, anchoring string) (*pyRegex, error) {
	p, err := patternOf(pattern)
	if err != nil {
		return nil, err
	}
	return rc.compile(p, truthOr(ignorecase, false), truthOr(multiline, false), anchoring)
}

// sub is re.sub.
func (p *pyRegex) sub(r *render, s, with string) (value.Value, error) {
	m, err := p.find(s, nil)
	if err != nil || m == nil {
		return value.String(s), err
	}
	parts, err := p.template(with)
	if err != nil {
		return value.Value{}, err
	}
	var b strings.Builder
	runes, at := []rune(s), 0
	for m != nil {
		if err := r.work(m.Index - at + 8); err != nil {
			return value.Value{}, err
		}
		b.WriteString(string(runes[at:m.Index]))
		b.WriteString(p.expand(m, parts))
		at = m.Index + m.Length
		if b.Len() > r.eng.opt.MaxOutput {
			return value.Value{}, errOutput
		}
		if m, err = p.find(s, m); err != nil {
			return value.Value{}, err
		}
	}
	b.WriteString(string(runes[at:]))
	return value.String(b.String()), nil
}

func (rc *regexCache) search(c *call) (value.Value, error) {
	kw := c.kw
	if len(c.args) == 0 {
		if v, ok := kw.Lookup("regex"); ok {
			c.args = []value.Value{v}
		} else {
			return value.Value{}, errors.New("regex_search() missing 1 required positional argument: 'regex'")
		}
	}
	flag := func(name string) value.Value { v, _ := kw.Lookup(name); return v }
	re, err := rc.argument(c.args[0], flag("ignorecase"), flag("multiline"), "search")
	if err != nil {
		return value.Value{}, err
	}
	wanted, err := searchGroups(c.args[1:])
	if err != nil {
		return value.Value{}, err
	}
	m, err := re.find(value.Str(c.in), nil)
	if err != nil || m == nil {
		return value.Null(), err
	}
	if len(wanted) == 0 {
		return value.String(m.String()), nil
	}
	var out []value.Value
	for _, id := range wanted {
		n, err := re.number(id)
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

func (rc *regexCache) findall(c *call) (value.Value, error) {
	a, err := c.bind("regex", "multiline=", "ignorecase=")
	if err != nil {
		return value.Value{}, err
	}
	re, err := rc.argument(a[0], a[2], a[1], "search")
	if err != nil {
		return value.Value{}, err
	}
	var out []value.Value
	s := value.Str(c.in)
	for m, err := re.find(s, nil); m != nil || err != nil; m, err = re.find(s, m) {
		if err != nil {
			return value.Value{}, err
		}
		out = append(out, re.found(m))
		if err := c.rt.work(m.Length + 8); err != nil {
			return value.Value{}, err
		}
	}
	return value.List(out...), nil
}

// found is what findall makes of one match: its text, its group, or a tuple
// of its groups.
func (p *pyRegex) found(m *regexp2.Match) value.Value {
	if p.groups == 0 {
		return value.String(m.String())
	}
	items := make([]value.Value, p.groups)
	for i := range items {
		s, _ := group(m, i+1)
		items[i] = value.String(s)
	}
	if p.groups == 1 {
		return items[0]
	}
	return value.Tuple(items...)
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
func (rc *regexCache) test(anchoring string) function {
	return func(c *call) (value.Value, error) {
		params := []param{"pattern=", "ignorecase=", "multiline="}
		if anchoring == "" {
			params = append(params, "match_type=")
		}
		a, err := c.bind(params...)
		if err != nil {
			return value.Value{}, err
		}
		how := anchoring
		if how == "" {
			if how = textOr(a[3], "search"); how != "search" && how != "match" && how != "fullmatch" {
				return value.Value{}, fmt.Errorf("'%s' is no way to match: search, match or fullmatch", how)
			}
		}
		re, err := rc.argument(a[0], a[1], a[2], how)
		if err != nil {
			return value.Value{}, err
		}
		m, err := re.find(value.Str(c.in), nil)
		return value.Bool(m != nil), err
	}
}
