package runner

import (
	"cmp"

	"remoterun/runner/keyword"
	"remoterun/runner/play"
	"remoterun/runner/reach"
	"remoterun/runner/value"
)

// reached are the variables that Ansible makes of how a host is reached, for those
// that nothing else defines.
func (pr *playRun) reached(w keyword.Words) *value.Map {
	d := pr.r.want.Defaults
	by := orText(w.Inner(func(k *play.Keywords) value.Value { return k.Connection }), cmp.Or(d.Connection, "ssh"))
	if value.Str(by) == "smart" {
		by = value.String("ssh")
	}
	wait, no := value.Int(10), value.Bool(false)
	m := value.MapOf("ansible_connection", by, "ansible_timeout", wait, "ansible_ssh_timeout", wait, "ansible_shell_executable", value.String("/bin/sh"), "ansible_pipelining", no, "ansible_ssh_pipelining", no)
	if user := orText(w.Inner(func(k *play.Keywords) value.Value { return k.RemoteUser }), d.RemoteUser); value.Str(user) != "" {
		m.Put("ansible_user", user)
	}
	return m
}

func orText(v value.Value, otherwise string) value.Value {
	if v.IsNull() {
		return value.String(otherwise)
	}
	return v
}

// delegatedTo are the same of a host that a task is delegated to, and what the task
// can read of it.
func delegatedTo(at reach.Endpoint) *value.Map {
	addr := at.Addr
	if at.OnLaptop() && at.Name == "localhost" {
		addr = at.Name // its address is not set but known
	}
	m := value.MapOf("ansible_connection", value.String(at.Connection), "ansible_host", value.String(addr))
	if at.User != "" {
		m.Put("ansible_user", value.String(at.User))
	}
	of := m.Clone()
	of.Put("inventory_hostname", value.String(at.Name))
	m.Put("ansible_delegated_vars", value.FromMap(value.MapOf(at.Name, value.FromMap(of))))
	return untemplated(m)
}
