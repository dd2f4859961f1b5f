package reach

import (
	"strings"

	"remoterun/runner/keyword"
	"remoterun/runner/value"
)

// unread are variables by which Ansible reaches a host otherwise, and that are not
// followed here: what they are for, and when they ask for something else than is done.
func unread() []struct {
	name, instead string
	asks          func(string) bool
} {
	const config = "connections follow ~/.ssh/config, so write what it says (ProxyJump, IdentityFile and the like) there, under the host's address"
	any := func(v string) bool { return strings.TrimSpace(v) != "" }
	no := func(v string) bool {
		return v != "" && strings.Contains(" no false 0 off n f ", " "+strings.ToLower(v)+" ")
	}
	other := func(usual ...string) func(string) bool {
		return func(v string) bool { return v != "" && !strings.Contains(" "+strings.Join(usual, " ")+" ", " "+v+" ") }
	}
	return []struct {
		name, instead string
		asks          func(string) bool
	}{
		{"ansible_ssh_common_args", config, any}, {"ansible_ssh_extra_args", config, any}, {"ansible_ssh_args", config, any},
		{"ansible_host_key_checking", "host keys are always verified, and 'remoterun trust' accepts one after a question", no},
		{"ansible_ssh_host_key_checking", "host keys are always verified, and 'remoterun trust' accepts one after a question", no},
		{"ansible_shell_type", "commands run under /bin/sh", other("sh")},
		{"ansible_timeout", "-T says how long a login may take", other("10")},
		{"ansible_ssh_timeout", "-T says how long a login may take", other("10")},
	}
}

// Unread are warnings about connection variables of a host that are set and not
// followed: without them a host behind another one is only unreachable.
func Unread(k keyword.Reader) []string {
	var out []string
	for _, u := range unread() {
		raw, ok, err := k.Scope.Var(u.name)
		if err != nil || !ok || raw.IsNull() {
			continue
		}
		v, err := k.Expr.Render(k.Ctx, raw, k.Scope)
		if err != nil || !u.asks(value.Str(v)) {
			continue
		}
		out = append(out, connError(u.name, raw, "it is not read: %s", u.instead).Error())
	}
	return out
}
