package reach

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"

	"remoterun/runner/keyword"
	"remoterun/runner/value"
)

// Connection variables are read whole or refused, with the place where they
// stand: a part of one would lead to another machine, port or user.

// VariableError is a connection variable that is not valid.
type VariableError struct {
	At         string // where it stands, "" = not known
	Name, Text string
}

func (e *VariableError) Error() string {
	if e.At == "" {
		return e.Name + ": " + e.Text
	}
	return e.At + ": " + e.Name + ": " + e.Text
}

// connError is a connection variable that is not valid.
func connError(name string, raw value.Value, format string, args ...any) error {
	return &VariableError{At: value.PosOf(raw).String(), Name: name, Text: fmt.Sprintf(format, args...)}
}

// placed adds where a variable stands whose value knows no place: a number, a boolean.
func placed(scope any, err error) error {
	var e *VariableError
	if s, ok := scope.(interface{ Place(name string) string }); ok && errors.As(err, &e) && e.At == "" {
		e.At = s.Place(e.Name)
	}
	return err
}

// ParsePort reads a port: decimal digits alone, from 1 to 65535.
func ParsePort(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 65535 || strings.Trim(text, "0123456789") != "" {
		return 0, fmt.Errorf("%q is not a valid port (1 to 65535)", text)
	}
	return n, nil
}

// portOf reads a port variable; nothing and null leave it to the connection.
func portOf(name string, raw, v value.Value) (int, error) {
	text := value.Str(v)
	if v.IsNull() || v.IsOmit() || v.IsString() && text == "" {
		return 0, nil
	}
	n, err := ParsePort(text)
	if err != nil {
		return 0, connError(name, raw, "%v", err)
	}
	return n, nil
}

// wordOf reads an address, a user or the like: one word without blanks.
func wordOf(name string, raw, v value.Value) (string, error) {
	if v.IsNull() || v.IsOmit() {
		return "", nil
	}
	text := value.Str(v)
	if !v.IsString() && !v.IsNumber() || v.Kind() == value.KindBool {
		return "", connError(name, raw, "a text is expected, not %s", value.Show(v))
	}
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return "", connError(name, raw, "%q is not valid: it holds a blank or a control character", value.Show(v))
	}
	return text, nil
}

// userOf reads the user to become; an option of the become program is none.
func userOf(name string, raw, v value.Value) (string, error) {
	text, err := wordOf(name, raw, v)
	if err == nil && strings.HasPrefix(text, "-") {
		err = connError(name, raw, "%q is not valid as a user: it begins with a dash", text)
	}
	return text, err
}

// textOf reads what may be several words.
func textOf(name string, raw, v value.Value) (string, error) {
	if !v.IsString() || strings.ContainsFunc(value.Str(v), unicode.IsControl) {
		return "", connError(name, raw, "a text is expected, not %s", value.Show(v))
	}
	return value.Str(v), nil
}

// methodOf reads how another user is become.
func methodOf(name string, raw, v value.Value) (string, error) {
	text := value.Str(v)
	if text != "sudo" && text != "su" && text != "doas" {
		return "", connError(name, raw, "%q is not one of sudo, su, doas", text)
	}
	return text, nil
}

// kindOf reads how a host is connected to; "" leaves it to ssh.
func kindOf(name string, raw, v value.Value) (string, error) {
	text, err := wordOf(name, raw, v)
	if err != nil {
		return "", err
	}
	switch text {
	case "", "local", "ssh", "smart", "paramiko", "paramiko_ssh":
		return text, nil
	}
	return "", connError(name, raw, "%q is not one of ssh, local", text)
}

// pathOf reads the path of a file, in which blanks may be.
func pathOf(name string, raw, v value.Value) (string, error) {
	if v.IsNull() || v.IsOmit() {
		return "", nil
	}
	text := value.Str(v)
	if !v.IsString() || strings.ContainsFunc(text, unicode.IsControl) {
		return "", connError(name, raw, "%q is not valid as a path", value.Show(v))
	}
	return text, nil
}

// flagOf reads a boolean variable by Ansible's words.
func flagOf(name string, raw, v value.Value) (bool, error) {
	b, ok := keyword.Truth(v)
	if !ok {
		return false, connError(name, raw, "%q is not a boolean: yes or no", value.Show(v))
	}
	return b, nil
}

// addrOf reads a host's name or address: one with a port in it, a scheme or
// brackets would be looked up as a name that nobody has, and an empty one would lead
// to the laptop itself.
func addrOf(name string, raw, v value.Value) (string, error) {
	text, err := wordOf(name, raw, v)
	if err == nil && text == "" && v.IsString() {
		return "", connError(name, raw, "it is empty: leave it out, and the host's name is its address")
	}
	if err != nil || !strings.ContainsAny(text, ":[]/@") {
		return text, err
	}
	if _, err := netip.ParseAddr(text); err == nil {
		return text, nil
	}
	return "", connError(name, raw, "%q is not a name or an address: an IPv6 address stands without brackets, a port in ansible_port, a user in ansible_user", text)
}
