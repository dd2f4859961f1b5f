package ansible

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
)

// urlEntries are the filters and tests of URLs.
func urlEntries() []core.Entry {
	tests := core.Tests([]core.Entry{
		{Name: "uri", Sig: "uri(schemes=None)", Example: "{{ 'http://x' is uri }}", Shows: "True", Func: testURI},
		{Name: "url", Sig: "url(schemes=None)", Example: "{{ 'x/y' is url }}", Shows: "False", Func: testURL},
		{Name: "urn", Sig: "urn", Example: "{{ 'urn:isbn:1' is urn }}", Shows: "True", Func: testURN},
	})
	return core.StrictAll(append(tests,
		core.Entry{Name: "urlsplit", Sig: "urlsplit(query='')", Example: "{{ 'http://h:80/p' | urlsplit('hostname') }}", Shows: "h", Func: filterURLSplit},
		core.Entry{Name: "urldecode", Sig: "urldecode", Example: "{{ 'a%20b+c' | urldecode }}", Shows: "a b c", Func: filterURLDecode},
	))
}

// pyURL is what Python's urlsplit makes of a URL.
type pyURL struct{ scheme, netloc, path, query, fragment string }

func urlSplit(s string) (pyURL, error) {
	s = strings.TrimLeft(s, "\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f ")
	s = strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(s)
	var u pyURL
	if i := strings.IndexByte(s, ':'); i > 0 && isScheme(s[:i]) {
		u.scheme, s = strings.ToLower(s[:i]), s[i+1:]
	}
	if strings.HasPrefix(s, "//") {
		end := strings.IndexAny(s[2:], "/?#")
		if end < 0 {
			end = len(s) - 2
		}
		u.netloc, s = s[2:2+end], s[2+end:]
		if err := checkNetloc(u.netloc); err != nil {
			return u, err
		}
	}
	s, u.fragment, _ = strings.Cut(s, "#")
	u.path, u.query, _ = strings.Cut(s, "?")
	return u, nil
}

func isScheme(s string) bool {
	if c := s[0] | 0x20; c < 'a' || c > 'z' {
		return false
	}
	return strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789+-.") == ""
}

func checkNetloc(n string) error {
	open, end := strings.Contains(n, "["), strings.Contains(n, "]")
	if open != end {
		return errors.New("Invalid IPv6 URL")
	}
	if open {
		_, inner, _ := strings.Cut(n, "[")
		inner, _, _ = strings.Cut(inner, "]")
		if _, err := netip.ParseAddr(inner); err != nil && !strings.HasPrefix(inner, "v") {
			return fmt.Errorf("'%s' does not appear to be an IPv4 or IPv6 address", inner)
		}
	}
	return nil
}

// user returns the name and password before the host.
func (u pyURL) user() (name, password value.Value) {
	at := strings.LastIndexByte(u.netloc, '@')
	if at < 0 {
		return value.Null(), value.Null()
	}
	n, p, ok := strings.Cut(u.netloc[:at], ":")
	if !ok {
		return value.String(n), value.Null()
	}
	return value.String(n), value.String(p)
}

// host returns the host's name in small letters and the text of the port.
func (u pyURL) host() (host, port string) {
	h := u.netloc[strings.LastIndexByte(u.netloc, '@')+1:]
	if _, inner, ok := strings.Cut(h, "["); ok {
		host, port, _ = strings.Cut(inner, "]")
		_, port, _ = strings.Cut(port, ":")
		return strings.ToLower(host), port
	}
	host, port, _ = strings.Cut(h, ":")
	name, zone, ok := strings.Cut(host, "%")
	if ok {
		return strings.ToLower(name) + "%" + zone, port
	}
	return strings.ToLower(host), port
}

func (u pyURL) port() (value.Value, error) {
	_, p := u.host()
	if p == "" {
		return value.Null(), nil
	}
	n, err := strconv.ParseInt(p, 10, 64)
	if err != nil {
		return value.Value{}, fmt.Errorf("Port could not be cast to integer value as %s", value.Repr(value.String(p)))
	}
	if n < 0 || n > 65535 {
		return value.Value{}, errors.New("Port out of range 0-65535")
	}
	return value.Int(n), nil
}

func filterURLSplit(c *core.Call) (value.Value, error) {
	a, err := c.Bind("query=", "alias=")
	if err != nil {
		return value.Value{}, err
	}
	s, ok := c.In.AsString()
	if !ok {
		return value.Value{}, fmt.Errorf("'%s' object has no attribute 'decode'", value.TypeName(c.In))
	}
	u, err := urlSplit(s)
	if err != nil {
		return value.Value{}, err
	}
	port, err := u.port()
	if err != nil {
		return value.Value{}, err
	}
	host := value.Null()
	if h, _ := u.host(); h != "" {
		host = value.String(h)
	}
	name, password := u.user()
	m := value.MapOf("fragment", value.String(u.fragment), "hostname", host, "netloc", value.String(u.netloc), "password", password,
		"path", value.String(u.path), "port", port, "query", value.String(u.query), "scheme", value.String(u.scheme), "username", name)
	query := core.TextOr(a[0], "")
	if query == "" {
		return value.FromMap(m), nil
	}
	v, ok := m.Lookup(query)
	if !ok {
		return value.Value{}, fmt.Errorf("%s: unknown URL component: %s", core.TextOr(a[1], "urlsplit"), query)
	}
	return v, nil
}

func filterURLDecode(c *core.Call) (value.Value, error) {
	s, ok := c.In.AsString()
	if !ok {
		return value.Value{}, fmt.Errorf("'%s' object has no attribute 'replace'", value.TypeName(c.In))
	}
	var b strings.Builder
	s = strings.ReplaceAll(s, "+", " ")
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1:i+3]) {
			t, _ := url.PathUnescape(s[i : i+3])
			b.WriteString(t)
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return core.Text(strings.ToValidUTF8(b.String(), "\ufffd"))
}

// schemesMatch is the check that the tests share; what is no text is no URI.
func schemesMatch(c *core.Call, a value.Value) (pyURL, bool) {
	s, ok := c.In.AsString()
	if !ok {
		return pyURL{}, c.In.IsNull() && !value.Truth(core.NullIfUndefined(a))
	}
	u, err := urlSplit(s)
	if err != nil {
		return u, false
	}
	if !value.Truth(core.NullIfUndefined(a)) {
		return u, true
	}
	in, err := c.Contains(a, value.String(u.scheme))
	return u, in && err == nil
}

func testURI(c *core.Call) (value.Value, error) {
	a, err := c.Bind("schemes=")
	if err != nil {
		return value.Value{}, err
	}
	_, ok := schemesMatch(c, a[0])
	return value.Bool(ok), nil
}

func testURL(c *core.Call) (value.Value, error) {
	a, err := c.Bind("schemes=")
	if err != nil {
		return value.Value{}, err
	}
	u, ok := schemesMatch(c, a[0])
	return value.Bool(ok && (u.netloc != "" || u.scheme == "file")), nil
}

func testURN(c *core.Call) (value.Value, error) {
	_, ok := schemesMatch(c, value.List(value.String("urn")))
	return value.Bool(ok), nil
}

func isHex(s string) bool {
	return s != "" && strings.Trim(strings.ToLower(s), "0123456789abcdef") == ""
}
