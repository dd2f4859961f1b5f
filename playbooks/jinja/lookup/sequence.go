package lookup

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strings"
	"sync"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/py/pynum"
	"remoterun/runner/value"
)

// sequence is the options of the plug-in of that name.
type sequence struct {
	start, stride int64
	end, count    *int64
	format        string
}

var sequenceForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^((0?x?[0-9a-f]+)-)?(0?x?[0-9a-f]+)(/(0?x?[0-9a-f]+))?(:(.+))?$`)
})

func lookupSequence(c *core.Call) (value.Value, error) {
	var out []value.Value
	for _, t := range c.Args {
		s, err := readSequence(value.Str(t))
		if err != nil {
			return value.Value{}, err
		}
		if err := s.check(); err != nil {
			return value.Value{}, err
		}
		items, err := s.items(c)
		if err != nil {
			return value.Value{}, err
		}
		for i, it := range items {
			items[i] = it.With(t.Marks())
		}
		out = append(out, items...)
	}
	return value.List(out...), nil
}

func readSequence(term string) (sequence, error) {
	s := sequence{start: 1, stride: 1, format: "%d"}
	m := sequenceForm().FindStringSubmatch(term)
	if m == nil {
		return s, s.keyed(term)
	}
	fields := map[string]string{"start": m[2], "end": m[3], "stride": m[5]}
	for _, name := range []string{"start", "end", "stride"} {
		if fields[name] == "" {
			continue
		}
		if err := s.set(name, fields[name]); err != nil {
			return s, err
		}
	}
	if m[7] != "" {
		s.format = m[7]
	}
	return s, nil
}

func (s *sequence) keyed(term string) error {
	kv, raw := parseKV(term)
	if len(raw) > 0 {
		return fmt.Errorf("unrecognized arguments to with_sequence: ['%s']", strings.Join(raw, " "))
	}
	for _, p := range kv {
		if p[0] == "format" {
			s.format = p[1]
			continue
		}
		if err := s.set(p[0], p[1]); err != nil {
			return err
		}
	}
	return nil
}

func (s *sequence) set(name, text string) error {
	n, ok := pynum.ParseInt(text, 0)
	if !ok || !n.IsInt64() {
		return fmt.Errorf("can't parse %s=%s as integer", name, text)
	}
	v := n.Int64()
	switch name {
	case "start":
		s.start = v
	case "stride":
		s.stride = v
	case "end":
		s.end = &v
	case "count":
		s.count = &v
	default:
		return fmt.Errorf("unrecognized arguments to with_sequence: ['%s']", name)
	}
	return nil
}

func (s *sequence) check() error {
	switch {
	case s.end == nil && s.count == nil:
		return errors.New("must specify count or end in with_sequence")
	case s.end != nil && s.count != nil:
		return errors.New("can't specify both count and end in with_sequence")
	case s.count != nil && *s.count != 0:
		end := new(big.Int).Mul(big.NewInt(*s.count), big.NewInt(s.stride))
		if end.Add(end, big.NewInt(s.start-1)); !end.IsInt64() {
			return errors.New("the last number of with_sequence does not fit 64 bits")
		}
		last := end.Int64()
		s.end = &last
	case s.count != nil:
		s.start, s.end, s.stride = 0, new(int64), 0
	}
	switch {
	case s.stride > 0 && *s.end < s.start:
		return errors.New("to count backwards make stride negative")
	case s.stride < 0 && *s.end > s.start:
		return errors.New("to count forward don't make stride negative")
	case strings.Count(s.format, "%") != 1:
		return fmt.Errorf("bad formatting string: %s", s.format)
	}
	return nil
}

func (s *sequence) items(c *core.Call) ([]value.Value, error) {
	if s.stride == 0 {
		return nil, nil
	}
	past := int64(1)
	if s.stride < 0 {
		past = -1
	}
	if *s.end == math.MaxInt64 || *s.end == math.MinInt64 {
		return nil, errors.New("the last number of with_sequence does not fit 64 bits")
	}
	list, err := c.Numbers(s.start, *s.end+past, s.stride)
	if err != nil {
		return nil, err
	}
	out := make([]value.Value, len(list.Items()))
	for i, n := range list.Items() {
		if out[i], err = c.Percent(value.String(s.format), n); err != nil {
			return nil, fmt.Errorf("problem formatting %s with %s", value.Repr(n), value.Repr(value.String(s.format)))
		}
	}
	return out, nil
}
