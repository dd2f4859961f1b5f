package inventory

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Names that a run makes are often a host's own text (group_by, add_host). They
// become paths (host_vars, fetch), words of commands (delegated ssh) and parts of
// patterns: what could mean something else there is refused.

// madeHost checks the name of a host that is added, as OpenSSH checks the names of
// hosts. Ports and IPv6 addresses in brackets are fine.
func madeHost(name string) error {
	if name == "" {
		return &Error{Msg: "a host has no name"}
	}
	if strings.HasPrefix(name, "-") {
		return notMade("host", name, "it begins with -")
	}
	return made("host", name, "'`\"$\\;&<>|(){}*?!,/")
}

// madeGroups checks names of groups. Ansible's own rule (letters, digits and _)
// only warns, and names as Debian-12.5 or bookworm/sid are common.
func madeGroups(names ...string) error {
	for _, n := range names {
		if err := made("group", n, "{}"); err != nil {
			return err
		}
	}
	return nil
}

func made(kind, name, bad string) error {
	for _, r := range name {
		switch {
		case unicode.IsSpace(r):
			return notMade(kind, name, "it has white space")
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar:
			return notMade(kind, name, fmt.Sprintf("it has the control character %q", r))
		case strings.ContainsRune(bad, r):
			return notMade(kind, name, fmt.Sprintf("it has the character %q", r))
		}
	}
	if slices.Contains(strings.Split(name, "/"), "..") {
		return notMade(kind, name, "it has .. as a part of a path")
	}
	return nil
}

func notMade(kind, name, why string) error {
	return &Error{Msg: fmt.Sprintf("%q is not a valid name of a %s: %s; filters make one of it: name | regex_replace('[^A-Za-z0-9_.-]', '_')", name, kind, why)}
}
