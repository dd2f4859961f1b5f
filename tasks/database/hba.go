package database

import (
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// hbaRule is one rule of a pg_hba file. src is a network with its length where it
// is one; empty means local.
type hbaRule struct {
	kind, db, usr, src, method, options, comment string
	// first says that the comment is the first key of the rule's mapping.
	first bool
}

// hbaError is what is wrong with a rule, in Ansible's words.
type hbaError string

func (e hbaError) Error() string { return string(e) }

func hbaErr(format string, args ...any) error { return hbaError(fmt.Sprintf(format, args...)) }

// hbaKey is what makes two rules one: Ansible's module leaves the type out.
type hbaKey struct{ src, db, usr string }

func hbaTypes() []string {
	return []string{"local", "host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc"}
}

func hbaMethods() []string {
	return []string{"trust", "reject", "md5", "password", "gss", "sspi", "krb5", "ident", "peer", "ldap", "radius", "cert", "pam", "scram-sha-256"}
}

// newHBARule puts a rule in order; its address becomes a network.
func newHBARule(r hbaRule, mask string) (hbaRule, error) {
	oneOf := func(what, word string, list []string) error {
		return hbaErr("invalid %s %s (should be one of '%s').", what, word, strings.Join(list, "', '"))
	}
	switch {
	case r.method == "" || r.kind == "":
		return r, hbaErr("Missing %s in rule %s", map[bool]string{true: "method", false: "type"}[r.method == ""], r)
	case !slices.Contains(hbaMethods(), r.method):
		return r, oneOf("method", r.method, hbaMethods())
	case !slices.Contains(hbaTypes(), r.kind):
		return r, oneOf("connection type", r.kind, hbaTypes())
	case r.kind == "local":
		r.src = ""
		return r, nil
	case r.src == "":
		return r, hbaErr("Missing src in rule %s", r)
	case strings.Contains(r.src, "/"):
		return r, nil
	}
	if mask != "" {
		net, err := maskedNetwork(r.src, mask)
		r.src = net.String()
		return r, err
	}
	if net, ok := hbaNetwork(r.src); ok {
		r.src = net.String()
	}
	return r, nil
}

// maskedNetwork is an address with a mask as a network.
func maskedNetwork(src, mask string) (netip.Prefix, error) {
	a, err := netip.ParseAddr(src)
	if err != nil {
		return netip.Prefix{}, hbaErr("Mask was specified, but source %q is not valid ip", src)
	}
	m, err := netip.ParseAddr(mask)
	if err != nil {
		return netip.Prefix{}, hbaErr("Mask %s seems to be invalid", mask)
	}
	n, ended, begun := 0, false, false
	for _, b := range m.AsSlice() {
		for i := 7; i >= 0; i-- {
			one := b>>i&1 == 1
			if one && ended {
				return netip.Prefix{}, hbaErr("IP mask %s seems invalid (binary value has 1 after 0)", mask)
			}
			begun = begun || one
			ended = begun && !one
			n += bits.OnesCount8(b >> i & 1)
		}
	}
	net := netip.PrefixFrom(a, n)
	if !net.IsValid() {
		return net, hbaErr("%s/%d is not valid address range", src, n)
	}
	return net.Masked(), nil
}

// hbaNetwork reads an address, a network, and one with a mask behind the slash.
func hbaNetwork(src string) (netip.Prefix, bool) {
	addr, length, slash := strings.Cut(src, "/")
	a, err := netip.ParseAddr(addr)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	n := a.BitLen()
	if slash {
		if n, err = strconv.Atoi(length); err != nil {
			n = maskLength(a, length)
		}
	}
	net := netip.PrefixFrom(a, n)
	return net.Masked(), net.IsValid()
}

// maskLength is the length that a mask of IPv4 means, in either of its ways; -1 when
// it is none.
func maskLength(a netip.Addr, mask string) int {
	m, err := netip.ParseAddr(mask)
	if err != nil || !a.Is4() || !m.Is4() {
		return -1
	}
	b := m.As4()
	v := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	for _, w := range []uint32{v, ^v} {
		if n := bits.LeadingZeros32(^w); n+bits.TrailingZeros32(w) == 32 {
			return n
		}
	}
	return -1
}

// key is what the rule is known by.
func (r hbaRule) key() hbaKey {
	if r.kind == "local" {
		return hbaKey{"local", r.db, r.usr}
	}
	if net, ok := hbaNetwork(r.src); ok {
		return hbaKey{net.String(), r.db, r.usr}
	}
	return hbaKey{r.src, r.db, r.usr}
}

// line is the rule as the file has it, without its comment.
func (r hbaRule) line() string {
	cols := []string{r.kind, r.db, r.usr, r.src, r.method, r.options}
	return strings.Join(slices.DeleteFunc(cols, func(s string) bool { return s == "" }), "\t")
}

// fields are the rule as results show it.
func (r hbaRule) fields() *value.Map {
	m := value.NewMap()
	put := func(k, v string) {
		if v != "" {
			m.Put(k, kit.HostText(v))
		}
	}
	if r.first {
		put("comment", r.comment)
	}
	put("type", r.kind)
	put("db", r.db)
	put("usr", r.usr)
	put("src", r.src)
	put("method", r.method)
	put("options", r.options)
	if !r.first {
		put("comment", r.comment)
	}
	return m
}

// String is Python's text of the mapping.
func (r hbaRule) String() string { return value.Repr(value.FromMap(r.fields())) }

// hbaFile is what a pg_hba file says.
type hbaFile struct {
	comments []string
	rules    []hbaRule // each key once
}

// readHBA reads a file's text. With keep a comment behind a rule stays there.
func readHBA(text string, keep bool) (*hbaFile, error) {
	f := &hbaFile{}
	for line := range strings.Lines(text) {
		body, comment := cutHBA(strings.TrimSpace(line))
		if comment != "" && (body == "" || !keep) {
			f.comments = append(f.comments, "#"+comment)
			comment = ""
		}
		if body == "" {
			continue
		}
		r, err := parseHBA(body)
		if err != nil {
			return nil, err
		}
		r.comment = comment
		f.add(r)
	}
	return f, nil
}

// cutHBA divides a line from its comment; # in quotes begins none.
func cutHBA(line string) (body, comment string) {
	quoted := false
	for i, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '#' && !quoted:
			return strings.TrimRight(line[:i], " \t"), line[i+1:]
		}
	}
	return line, ""
}

// hbaWords are the columns of a line; what is in quotes is one word, with them.
func hbaWords(line string) []string {
	quoted := false
	return strings.FieldsFunc(line, func(c rune) bool {
		if c == '"' {
			quoted = !quoted
		}
		return !quoted && strings.ContainsRune(" \t\r\f\v", c)
	})
}

// parseHBA reads a rule's line.
func parseHBA(line string) (hbaRule, error) {
	c := hbaWords(line)
	refused := func(format string, args ...any) (hbaRule, error) {
		return hbaRule{}, hbaErr("Rule "+strings.ReplaceAll(line, "%", "%%")+format, args...)
	}
	switch {
	case len(c) < 4:
		return refused(" has too few columns.")
	case !slices.Contains(hbaTypes(), c[0]):
		return refused(" has unknown type: %s.", c[0])
	}
	r, rest, mask := hbaRule{kind: c[0], db: c[1], usr: c[2]}, c[3:], ""
	if r.kind != "local" {
		if r.src, rest = rest[0], rest[1:]; len(rest) > 1 && slices.Contains(hbaMethods(), rest[1]) {
			mask, rest = rest[0], rest[1:]
		}
		if len(rest) == 0 {
			return refused(" has too few columns.")
		}
	}
	if !slices.Contains(hbaMethods(), rest[0]) {
		return refused(" of '%s' type has invalid auth-method '%s'", r.kind, rest[0])
	}
	r.method, r.options = rest[0], strings.Join(rest[1:], " ")
	return newHBARule(r, mask)
}

func (f *hbaFile) find(k hbaKey) int {
	return slices.IndexFunc(f.rules, func(r hbaRule) bool { return r.key() == k })
}

// add puts a rule in the place of the one with its key, or at the end; it reports
// whether that changed something.
func (f *hbaFile) add(r hbaRule) bool {
	i := f.find(r.key())
	switch {
	case i < 0:
		f.rules = append(f.rules, r)
	case f.rules[i].same(r):
		return false
	default:
		f.rules[i] = r
	}
	return true
}

func (f *hbaFile) remove(r hbaRule) bool {
	i := f.find(r.key())
	if i >= 0 {
		f.rules = slices.Delete(f.rules, i, i+1)
	}
	return i >= 0
}

// same compares what two rules say.
func (r hbaRule) same(o hbaRule) bool {
	r.first, o.first = false, false
	return r == o
}

// equal compares the rules of two files, whatever their order.
func (f *hbaFile) equal(o *hbaFile) bool {
	if len(f.rules) != len(o.rules) {
		return false
	}
	for _, r := range f.rules {
		if i := o.find(r.key()); i < 0 || !o.rules[i].same(r) {
			return false
		}
	}
	return true
}

// sorted are the rules in the order of the file: the narrowest source first, then
// databases and users.
func (f *hbaFile) sorted() []hbaRule {
	list := slices.Clone(f.rules)
	slices.SortStableFunc(list, func(a, b hbaRule) int {
		for _, d := range []int{b.sourceWeight() - a.sourceWeight(), a.dbWeight() - b.dbWeight(), a.userWeight() - b.userWeight()} {
			if d != 0 {
				return d
			}
		}
		if a.kind == "local" && b.kind == "local" {
			return strings.Compare(a.line(), b.line())
		}
		return strings.Compare(a.src, b.src)
	})
	return list
}

// sourceWeight is how narrow a source is: the length of a network as IPv6 has it.
func (r hbaRule) sourceWeight() int {
	switch {
	case r.kind == "local":
		return 130
	case r.src == "samehost":
		return 129
	case r.src == "samenet":
		return 96
	case r.src == "all":
		return 0
	case strings.HasPrefix(r.src, "."):
		return 64
	}
	net, ok := hbaNetwork(r.src)
	switch {
	case !ok:
		return 128
	case net.Addr().Is4():
		return net.Bits() * 4
	}
	return net.Bits()
}

func (r hbaRule) dbWeight() int {
	switch r.db {
	case "all":
		return 100000
	case "replication":
		return 0
	case "samerole", "samegroup":
		return 1
	}
	return 1 + strings.Count(r.db, ",")
}

func (r hbaRule) userWeight() int {
	if r.usr == "all" {
		return 1000000
	}
	return 1
}

// text is the file: the comments, then the rules.
func (f *hbaFile) text() string {
	out := strings.Join(f.comments, "\n") + "\n"
	for _, r := range f.sorted() {
		if out += r.line(); r.comment != "" {
			out += "\t#" + r.comment
		}
		out += "\n"
	}
	return out
}
