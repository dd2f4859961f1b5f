package kit

import (
	"fmt"
	"strconv"
	"strings"

	"remoterun/runner/value"
)

// Mode is the argument type of permissions: octal text ("0644", "644",
// "0o644"), an octal number as YAML reads 0644, symbolic text ("u=rwX,go=rX"),
// or preserve. The zero Mode is "not given".
type Mode struct {
	set, preserve bool
	octal         uint32
	clauses       []modeClause
}

// modeClause is one u+rwX of a symbolic mode.
type modeClause struct {
	who   string // letters of ugo; empty = all, under the umask
	op    byte   // + - =
	perms string
}

// permBits are the bits that chmod sets; typeMask is the kind of the file.
const (
	PermBits = 0o7777
	TypeMask = 0o170000
	TypeDir  = 0o040000
	TypeReg  = 0o100000
	TypeLink = 0o120000
)

// FixedMode is the mode with exactly these bits.
func FixedMode(bits uint32) Mode { return Mode{set: true, octal: bits & PermBits} }

// Given reports a mode that the playbook names.
func (m Mode) Given() bool { return m.set }

// Preserves reports preserve: the mode of the source.
func (m Mode) Preserves() bool { return m.preserve }

// ArgType is the type's name in docs.
func (*Mode) ArgType() string { return "mode" }

// ParseArg reads a mode.
func (m *Mode) ParseArg(v value.Value) error {
	n, number := v.AsInt()
	number = number && v.Kind() != value.KindBool
	if number && v.Marks()&value.Printed == 0 {
		return m.number(n)
	}
	s, ok := v.AsString()
	if number {
		s, ok = strconv.FormatInt(n, 10), true
	}
	if !ok {
		return fmt.Errorf("%s is not a valid mode: write it as text, \"0644\" or \"u=rw,go=r\"", value.Repr(v))
	}
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return nil
	case s == "preserve":
		m.set, m.preserve = true, true
		return nil
	}
	digits := strings.TrimPrefix(strings.TrimPrefix(s, "0o"), "0O")
	if n, err := strconv.ParseUint(digits, 8, 32); err == nil {
		m.set, m.octal = true, uint32(n)&PermBits
		return nil
	}
	return m.symbolic(s)
}

// number takes a number as it is, and of it what a file's mode holds, as Ansible
// does: 644 without quotes is octal 1204, and lint says so.
func (m *Mode) number(n int64) error {
	if n < 0 {
		return fmt.Errorf("%d is not a valid mode: write it as text, \"0644\" or \"u=rw,go=r\"", n)
	}
	m.set, m.octal = true, uint32(n&PermBits)
	return nil
}

func (m *Mode) symbolic(s string) error {
	bad := fmt.Errorf("%q is not a valid mode: octal (\"0644\") or symbolic (\"u=rwX,go=rX\")", s)
	for part := range strings.SplitSeq(s, ",") {
		at := strings.IndexAny(part, "+-=")
		if at < 0 {
			return bad
		}
		who, rest := part[:at], part[at:]
		if strings.Trim(who, "ugoa") != "" {
			return bad
		}
		if strings.Contains(who, "a") {
			who = "ugo"
		}
		for rest != "" {
			end := strings.IndexAny(rest[1:], "+-=") + 1
			if end == 0 {
				end = len(rest)
			}
			perms := rest[1:end]
			if strings.Trim(perms, "rwxXst") != "" && perms != "u" && perms != "g" && perms != "o" {
				return bad
			}
			m.clauses = append(m.clauses, modeClause{who: who, op: rest[0], perms: perms})
			rest = rest[end:]
		}
	}
	m.set = true
	return nil
}

// needsUmask reports a symbolic mode whose outcome depends on the umask.
func (m Mode) needsUmask() bool {
	for _, c := range m.clauses {
		if c.who == "" {
			return true
		}
	}
	return false
}

// Apply returns the permission bits that a file of mode cur (st_mode) gets.
func (m Mode) Apply(cur, umask uint32) uint32 {
	switch {
	case !m.set || m.preserve:
		return cur & PermBits
	case m.clauses == nil:
		return m.octal
	}
	bits := cur & PermBits
	execute := cur&TypeMask == TypeDir || cur&0o111 != 0
	for _, c := range m.clauses {
		bits = c.apply(bits, umask, execute)
	}
	return bits
}

// apply changes bits. Letters that copy (g=u) mean what the clauses before them
// left, as chmod has it: Ansible copies what the file had at first, and then
// "u+x,g=u" is another mode each time that it is applied.
func (c modeClause) apply(bits, umask uint32, execute bool) uint32 {
	who, limit := c.who, uint32(PermBits)
	if who == "" {
		who = "ugo"
		if !strings.ContainsAny(c.perms, "ugo") { // copied bits know no umask, as in Ansible
			limit = PermBits &^ umask
		}
	}
	var add, all uint32
	for _, w := range who {
		shift, special := uint(0), uint32(0o1000)
		switch w {
		case 'u':
			shift, special = 6, 0o4000
		case 'g':
			shift, special = 3, 0o2000
		}
		all |= 7<<shift | special
		add |= c.bits(bits, shift, special, execute)
	}
	add &= limit
	switch c.op {
	case '+':
		return bits | add
	case '-':
		return bits &^ add
	}
	return bits&^all | add
}

// bits are what the clause's letters mean for one of user, group, other.
func (c modeClause) bits(cur uint32, shift uint, special uint32, execute bool) uint32 {
	var out uint32
	for _, p := range c.perms {
		switch p {
		case 'r':
			out |= 4 << shift
		case 'w':
			out |= 2 << shift
		case 'x':
			out |= 1 << shift
		case 'X':
			if execute {
				out |= 1 << shift
			}
		case 's':
			out |= special &^ 0o1000
		case 't':
			out |= special & 0o1000
		case 'u':
			out |= cur >> 6 & 7 << shift
		case 'g':
			out |= cur >> 3 & 7 << shift
		case 'o':
			out |= cur & 7 << shift
		}
	}
	return out
}

// NoSource is the answer to preserve where nothing is copied.
const NoSource = "preserve needs a source file: here is none"

// Word is the mode for the host's own chmod.
func (m Mode) Word() string {
	if m.clauses == nil {
		return Octal(m.octal)
	}
	parts := make([]string, len(m.clauses))
	for i, c := range m.clauses {
		parts[i] = c.who + string(c.op) + c.perms
	}
	return strings.Join(parts, ",")
}
