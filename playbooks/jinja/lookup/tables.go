package lookup

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"remoterun/playbooks/jinja/ansible"
	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/py/inifile"
	"remoterun/runner/pyre"
	"remoterun/runner/value"
)

// tableLookupEntries are the plug-ins that look things up in files of values.
func tableLookupEntries() []core.Entry {
	rc := &patterns{}
	family := []core.Entry{
		{Name: "ini", Sig: "ini(*keys, file='ansible.ini', section='global', type='ini', re=False, default='', case_sensitive=False, allow_no_value=False)", Example: "{{ query('ini', 'key', file='/no/such', errors='ignore') }}", Shows: "[]", Func: rc.lookupINI},
		{Name: "csvfile", Sig: "csvfile(*keys, file='ansible.csv', delimiter='TAB', col=1, default='')", Example: "{{ query('csvfile', 'key', file='/no/such', errors='ignore') }}", Shows: "[]", Func: lookupCSV},
	}
	for i := range family {
		family[i].Impure = true
	}
	return core.Lookups(family, false)
}

// inline joins the options of a call with those written inside a term; the
// rest of the term is the key.
func inline(term string, opt map[string]value.Value, known ...string) (key string, out map[string]value.Value, err error) {
	out = map[string]value.Value{}
	for k, v := range opt {
		out[k] = v
	}
	kv, raw := parseKV(term)
	for _, p := range kv {
		ok := false
		for _, k := range known {
			ok = ok || k == p[0]
		}
		if !ok {
			return "", nil, fmt.Errorf("%s is not a valid option", p[0])
		}
		out[p[0]] = value.String(p[1])
	}
	return strings.Join(raw, " "), out, nil
}

func lookupCSV(c *core.Call) (value.Value, error) {
	known := []string{"file", "delimiter", "col", "default", "encoding"}
	opt, err := c.Options(known...)
	if err != nil {
		return value.Value{}, err
	}
	out := []value.Value{}
	for _, t := range c.Args {
		key, o, err := inline(value.Str(t), opt, known...)
		if err != nil {
			return value.Value{}, err
		}
		if key == "" {
			return value.Value{}, errors.New("Search key is required but was not found")
		}
		v, err := csvCell(c, key, o)
		if err != nil {
			return value.Value{}, fmt.Errorf("csvfile: %w", err)
		}
		if !v.IsNull() {
			out = append(out, v)
		}
	}
	return value.List(out...), nil
}

func csvCell(c *core.Call, key string, opt map[string]value.Value) (value.Value, error) {
	text, path, err := readNamed(c, value.String(core.TextOr(core.Optional(opt, "file"), "ansible.csv")), "files")
	if err != nil {
		return value.Value{}, err
	}
	if text, err = decoded(text, opt); err != nil {
		return value.Value{}, err
	}
	sign := core.TextOr(core.Optional(opt, "delimiter"), "TAB")
	if sign == "TAB" {
		sign = "\t"
	}
	if len([]rune(sign)) != 1 {
		return value.Value{}, errors.New(`"delimiter" must be a 1-character string`)
	}
	col := int64(1)
	if v, ok := opt["col"]; ok {
		if col, err = core.AsInteger(v); err != nil {
			return value.Value{}, err
		}
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = []rune(sign)[0], -1, true
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return core.NullIfUndefined(core.Optional(opt, "default")), nil
		}
		if err != nil {
			return value.Value{}, err
		}
		if row[0] != key {
			continue
		}
		if col < 0 {
			col += int64(len(row))
		}
		if col < 0 || col >= int64(len(row)) {
			return value.Value{}, errors.New("list index out of range")
		}
		return value.MarkedString(row[col], marksOfFile(c, path)), nil
	}
}

// decoded is a file's text in the encoding that the options name.
func decoded(text string, opt map[string]value.Value) (string, error) {
	return ansible.DecodeText([]byte(text), core.TextOr(core.Optional(opt, "encoding"), "utf-8"))
}

func (rc *patterns) lookupINI(c *core.Call) (value.Value, error) {
	known := []string{"file", "section", "type", "re", "default", "case_sensitive", "allow_no_value", "allow_none", "encoding"}
	opt, err := c.Options(known...)
	if err != nil {
		return value.Value{}, err
	}
	out := []value.Value{}
	for _, t := range c.Args {
		key, o := value.Str(t), opt
		if strings.ContainsRune(key, '=') || strings.ContainsRune(strings.TrimSpace(key), ' ') {
			if key, o, err = inline(key, opt, known...); err != nil {
				return value.Value{}, err
			}
			if key == "" {
				return value.Value{}, fmt.Errorf("No key to lookup was provided as first term with in string inline options: %s", value.Show(t))
			}
		}
		found, err := rc.iniValues(c, key, o)
		if err != nil {
			return value.Value{}, err
		}
		out = append(out, found...)
	}
	return value.List(out...), nil
}

// iniValues returns the value of a key, or of all keys that match.
func (rc *patterns) iniValues(c *core.Call, key string, opt map[string]value.Value) ([]value.Value, error) {
	file := core.TextOr(core.Optional(opt, "file"), "ansible.ini")
	text, path, err := readNamed(c, value.String(file), "files")
	if err != nil {
		return nil, err
	}
	if text, err = decoded(text, opt); err != nil {
		return nil, err
	}
	flag := func(name string) bool { return core.WordTruth(core.NullIfUndefined(core.Optional(opt, name))) }
	section := core.TextOr(core.Optional(opt, "section"), "global")
	if core.TextOr(core.Optional(opt, "type"), "ini") == "properties" {
		section, text = "java_properties", "[java_properties]\n"+text
	}
	r := inifile.File{Fold: !flag("case_sensitive"), Bare: flag("allow_no_value") || flag("allow_none")}
	var twice inifile.DuplicateError
	if err := r.Read(text); errors.As(err, &twice) {
		return nil, fmt.Errorf("Duplicate option in '%s': %w", file, err)
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	found, ok := r.Sections[section]
	if m := marksOfFile(c, path); ok && m != 0 {
		found, _ = value.FromMap(found).With(m).AsMap()
	}
	if !ok {
		return nil, fmt.Errorf("No section '%s' in %s", section, file)
	}
	if flag("re") {
		return rc.matching(found, key)
	}
	if r.Fold {
		key = strings.ToLower(key)
	}
	v, ok := found.Lookup(key)
	switch {
	case !ok:
		return []value.Value{value.String(core.TextOr(core.Optional(opt, "default"), ""))}, nil
	case v.IsNull():
		return nil, nil
	}
	return []value.Value{v}, nil
}

func (rc *patterns) matching(found *value.Map, pattern string) ([]value.Value, error) {
	re, err := rc.cache.Compile(pattern, pyre.Match, pyre.Flags{})
	if err != nil {
		return nil, err
	}
	var out []value.Value
	for k, v := range found.All() {
		m, err := re.Find(value.Str(k))
		if err != nil {
			return nil, err
		}
		if m != nil && v.IsNull() {
			v = value.String("") // as ConfigParser lists it
		}
		if m != nil {
			out = append(out, v)
		}
	}
	return out, nil
}
