package inventory

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"

	"remoterun/runner/value"
)

// maxRange bounds what one line's ranges may expand to.
const maxRange = 100_000

// splitPort takes a port from the end of an address: "host:2222",
// "[::1]:2200", "[::1]". ok is false when there is none and no brackets.
func splitPort(s string) (rest, port string, ok bool) {
	if strings.HasPrefix(s, "[") {
		if i := strings.LastIndex(s, "]"); i == len(s)-1 && validIPv6(s[1:i]) {
			return s[1:i], "", true
		}
		i := strings.LastIndex(s, "]:")
		if i > 0 && digits(s[i+2:]) && validHost(s[1:i], true) && !strings.HasPrefix(s[1:], "[") {
			return s[1:i], s[i+2:], true
		}
	}
	i := strings.LastIndexByte(s, ':')
	if i < 0 || !digits(s[i+1:]) {
		return s, "", false
	}
	if outside := stripBrackets(s[:i]); strings.ContainsAny(outside, ":[]") {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// stripBrackets removes complete bracketed parts.
func stripBrackets(s string) string {
	for {
		i := strings.IndexByte(s, '[')
		if i < 0 {
			return s
		}
		j := strings.IndexByte(s[i:], ']')
		if j < 0 {
			return s
		}
		s = s[:i] + s[i+j+1:]
	}
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// parseAddress reads a name or address with a port (0 = none, -1 = a number that
// is no port). ok is false for what cannot be one; ranges allows [1:3] in it.
func parseAddress(s string, ranges bool) (name string, port int, ok bool) {
	rest, digits, has := splitPort(s)
	if !has {
		return s, 0, validHost(s, ranges)
	}
	if !validHost(rest, ranges) {
		return s, 0, false
	}
	if digits == "" {
		return rest, 0, true
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n == 0 {
		n = -1
	}
	return rest, n, true
}

// validHost reports an IPv4 or IPv6 address or a name by DNS's rules, with
// underscores and letters of any alphabet allowed.
func validHost(s string, ranges bool) bool {
	if !ranges && strings.Contains(s, "[") {
		return false
	}
	return s != "" && (validIPv6(s) || validName(s))
}

// validIPv6 takes each range for its first number.
func validIPv6(s string) bool {
	for {
		i := strings.IndexByte(s, '[')
		if i < 0 {
			break
		}
		j := strings.IndexByte(s[i:], ']')
		if j < 0 {
			return false
		}
		first, _, _ := strings.Cut(s[i+1:i+j], ":")
		s = s[:i] + first + s[i+j+1:]
	}
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6()
}

// validName takes each range for one letter.
func validName(s string) bool {
	var flat strings.Builder
	for s != "" {
		if s[0] == '[' {
			j := strings.IndexByte(s, ']')
			if j < 0 || !nameRange(s[1:j]) {
				return false
			}
			flat.WriteByte('x')
			s = s[j+1:]
			continue
		}
		i := strings.IndexByte(s, '[')
		if i < 0 {
			i = len(s)
		}
		flat.WriteString(s[:i])
		s = s[i:]
	}
	for _, label := range strings.Split(flat.String(), ".") {
		if label == "" || label[0] == '-' || strings.HasSuffix(label, "-") || strings.HasSuffix(label, "_") {
			return false
		}
		for _, r := range label {
			if r != '-' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
				return false
			}
		}
	}
	return true
}

// nameRange reports a:c, 1:20 or either with a step.
func nameRange(s string) bool {
	parts := strings.Split(s, ":")
	if len(parts) != 2 && len(parts) != 3 || len(parts) == 3 && !digits(parts[2]) {
		return false
	}
	return digits(parts[0]) && digits(parts[1]) || letter(parts[0]) && letter(parts[1])
}

func letter(s string) bool {
	return len(s) == 1 && (s[0]|0x20) >= 'a' && (s[0]|0x20) <= 'z'
}

// expandHosts reads a host pattern of an inventory: names with ranges, and a
// port that holds for all of them.
func expandHosts(pattern string) (names []string, port int, err error) {
	rest, n, ok := parseAddress(pattern, true)
	switch {
	case ok && (n < 0 || n > 65535):
		return nil, 0, fmt.Errorf("port of %q is not between 1 and 65535", pattern)
	case !ok:
		rest = pattern
		if err := hostSlip(pattern); err != nil {
			return nil, 0, err
		}
	}
	names, err = expandRange(rest, 0)
	return names, n, err
}

// hostSlip names the slips that would otherwise become hosts with odd names.
func hostSlip(s string) error {
	switch {
	case strings.Count(s, "[") != strings.Count(s, "]"):
		return fmt.Errorf("%q: a bracket is missing", s)
	case strings.HasSuffix(s, ":"):
		return fmt.Errorf("host %q ends in a colon, which is kept for ports", s)
	case s == "---":
		return errors.New(`"---" begins a YAML file, and this is read as INI (name the file .yml)`)
	case s == "" || strings.ContainsAny(s, " \t\n"):
		return fmt.Errorf("%q is not a valid host name", s)
	case strings.Contains(s, "="):
		return fmt.Errorf("%q stands where a host's name is expected (variables of a group stand under [group:vars])", s)
	case strings.Contains(s, "@"):
		user, name, _ := strings.Cut(s, "@")
		return fmt.Errorf("%q: a login name is given as a variable: %s ansible_user=%s", s, name, user)
	case strings.Contains(s, ","):
		return fmt.Errorf("%q: one host in a line, without commas", s)
	case strings.HasPrefix(s, "!") || strings.HasPrefix(s, "&") || strings.ContainsAny(s, "*?"):
		return fmt.Errorf("%q is a pattern, not a host's name", s)
	}
	if _, p, found := strings.Cut(stripBrackets(s), ":"); found && !strings.Contains(p, ":") && !digits(p) {
		return fmt.Errorf("port %q of host %q is not a valid port", p, s)
	}
	return nil
}

// expandRange expands the first range in a name, then those behind it.
func expandRange(name string, made int) ([]string, error) {
	i := strings.IndexByte(name, '[')
	if i < 0 {
		return []string{name}, nil
	}
	j := strings.IndexByte(name, ']')
	if j < i {
		return nil, fmt.Errorf("%q: a bracket is missing", name)
	}
	seq, err := rangeValues(name[i+1 : j])
	if err != nil {
		return nil, fmt.Errorf("host range [%s]: %w", name[i+1:j], err)
	}
	var out []string
	for _, s := range seq {
		more, err := expandRange(name[:i]+s+name[j+1:], made+len(out))
		if err != nil {
			return nil, err
		}
		if out = append(out, more...); made+len(out) > maxRange {
			return nil, fmt.Errorf("host range: more than %d hosts in one line", maxRange)
		}
	}
	return out, nil
}

const asciiLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// rangeValues lists what begin:end or begin:end:step stands for, both ends
// taken in; leading zeros give the width.
func rangeValues(s string) ([]string, error) {
	parts := strings.Split(s, ":")
	if len(parts) != 2 && len(parts) != 3 {
		return nil, errors.New("must be begin:end or begin:end:step")
	}
	beg, end, step := parts[0], parts[1], 1
	if beg == "" {
		beg = "0"
	}
	if end == "" {
		return nil, errors.New("the end is missing")
	}
	if len(parts) == 3 {
		n, err := strconv.Atoi(parts[2])
		if err != nil || n < 1 {
			return nil, fmt.Errorf("step %q is not a number above 0", parts[2])
		}
		step = n
	}
	if letter(beg) && letter(end) {
		return letterRange(beg, end, step)
	}
	lo, err1 := strconv.Atoi(beg)
	hi, err2 := strconv.Atoi(end)
	switch {
	case err1 != nil || err2 != nil || !digits(beg) || !digits(end):
		return nil, errors.New("begin and end must be two numbers or two letters")
	case beg[0] == '0' && len(beg) > 1 && len(beg) != len(end):
		return nil, errors.New("begin and end must have the same number of digits when begin starts with 0")
	case lo > hi:
		return nil, errors.New("begin must not be above end")
	case (hi-lo)/step > maxRange:
		return nil, fmt.Errorf("more than %d hosts in one line", maxRange)
	}
	width := 0
	if beg[0] == '0' && len(beg) > 1 {
		width = len(beg)
	}
	var out []string
	for n := lo; n <= hi; n += step {
		out = append(out, fmt.Sprintf("%0*d", width, n))
	}
	return out, nil
}

func letterRange(beg, end string, step int) ([]string, error) {
	lo, hi := strings.Index(asciiLetters, beg), strings.Index(asciiLetters, end)
	if lo > hi {
		return nil, errors.New("begin must not be behind end")
	}
	var out []string
	for i := lo; i <= hi; i += step {
		out = append(out, asciiLetters[i:i+1])
	}
	return out, nil
}

// wholeNumber reads what Python's int() takes.
func wholeNumber(v value.Value) (int, error) {
	if f, ok := v.AsFloat(); ok && f > -1e9 && f < 1e9 {
		return int(f), nil
	}
	if s, ok := v.AsString(); ok {
		if n, err := strconv.Atoi(strings.TrimSpace(s)); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%s is not a whole number", value.Repr(v))
}
