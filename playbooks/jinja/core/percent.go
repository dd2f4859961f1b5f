package core

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"remoterun/playbooks/jinja/py/pyfmt"
	"remoterun/runner/value"
)

// percent is text % arguments.
func (r *render) percent(f value.Value, s string, arg value.Value) (value.Value, error) {
	if err := Defined(arg); err != nil {
		return value.Value{}, err
	}
	p := &percentArgs{arg: arg, items: []value.Value{arg}}
	if arg.Kind() == value.KindTuple {
		p.items = arg.Items()
	}
	p.mapping, _ = arg.AsMap()
	b := &Buffer{r: r, Marks: f.Marks() | value.DeepMarks(arg)}
	for s != "" {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			i = len(s)
		}
		if err := b.Text(s[:i]); err != nil {
			return value.Value{}, err
		}
		if s = s[i:]; s == "" {
			break
		}
		out, n, err := p.one(s)
		if err == nil {
			err = b.Text(out)
		}
		if err != nil {
			return value.Value{}, err
		}
		s = s[n:]
	}
	// Python takes a list for a mapping here: what is left over is no mistake.
	if p.used < len(p.items) && !isContainer(arg) || arg.Kind() == value.KindTuple && p.used < len(p.items) {
		return value.Value{}, errors.New("not all arguments converted during string formatting")
	}
	return value.MarkedString(b.String(), b.Marks), nil
}

type percentArgs struct {
	arg     value.Value
	items   []value.Value
	used    int
	mapping *value.Map
}

func (p *percentArgs) next() (value.Value, error) {
	if p.used >= len(p.items) {
		return value.Value{}, errors.New("not enough arguments for format string")
	}
	v := p.items[p.used]
	p.used++
	return v, Defined(v)
}

// one formats the conversion that s begins with and answers its length.
func (p *percentArgs) one(s string) (out string, n int, err error) {
	i := 1
	var v value.Value
	keyed := false
	if strings.HasPrefix(s[i:], "(") {
		end := strings.IndexByte(s, ')')
		if end < 0 {
			return "", 0, errors.New("incomplete format key")
		}
		if p.mapping == nil {
			return "", 0, errors.New("format requires a mapping")
		}
		key := s[i+1 : end]
		if v, keyed = p.mapping.Lookup(key); !keyed {
			return "", 0, fmt.Errorf("KeyError: '%s'", key)
		}
		if err := Defined(v); err != nil {
			return "", 0, err
		}
		i = end + 1
	}
	sp := pyfmt.Spec{Align: '>', Fill: ' ', Precision: -1}
	for ; i < len(s) && strings.IndexByte("#0- +", s[i]) >= 0; i++ {
		switch s[i] {
		case '#':
			sp.Alt = true
		case '0':
			sp.Zero = true
		case '-':
			sp.Align = '<'
		case ' ', '+':
			if sp.Sign != '+' {
				sp.Sign = s[i]
			}
		}
	}
	if i, sp.Width, err = p.size(s, i, &sp); err != nil {
		return "", 0, err
	}
	if i < len(s) && s[i] == '.' {
		if i, sp.Precision, err = p.size(s, i+1, nil); err != nil {
			return "", 0, err
		}
	}
	for i < len(s) && strings.IndexByte("hlL", s[i]) >= 0 {
		i++
	}
	if i >= len(s) {
		return "", 0, errors.New("incomplete format")
	}
	verb, n := utf8.DecodeRuneInString(s[i:])
	if verb == '%' {
		return "%", i + n, nil
	}
	if !strings.ContainsRune("diouxXeEfFgGcrsa", verb) {
		return "", 0, fmt.Errorf("unsupported format character '%c' (%#x) at index %d", verb, verb, i)
	}
	if !keyed {
		if v, err = p.next(); err != nil {
			return "", 0, err
		}
	}
	out, err = pyfmt.Percent(byte(verb), v, sp)
	return out, i + n, err
}

// size reads a number or a star.
func (p *percentArgs) size(s string, i int, sp *pyfmt.Spec) (at, n int, err error) {
	if i < len(s) && s[i] == '*' {
		v, err := p.next()
		if err != nil {
			return 0, 0, err
		}
		k, ok := v.AsInt()
		if !ok {
			return 0, 0, errors.New("* wants int")
		}
		if k < 0 && sp != nil {
			sp.Align, k = '<', -k
		}
		if k > pyfmt.MaxWidth {
			return 0, 0, pyfmt.ErrWidth
		}
		return i + 1, int(max(k, 0)), nil
	}
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		if n = n*10 + int(s[i]-'0'); n > pyfmt.MaxWidth {
			return 0, 0, pyfmt.ErrWidth
		}
	}
	return i, n, nil
}
