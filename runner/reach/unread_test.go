package reach

import (
	"strings"
	"testing"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// TestUnread: what Ansible would reach a host by and is not followed is said, where
// it asks for something else than is done.
func TestUnread(t *testing.T) {
	for _, c := range []struct{ name, says, want string }{
		{"ansible_ssh_common_args", "-o ProxyJump={{ 'bastion' }}", "ansible_ssh_common_args: it is not read: connections follow ~/.ssh/config"},
		{"ansible_ssh_extra_args", "-p 1", "ansible_ssh_extra_args: it is not read"},
		{"ansible_ssh_args", "-C", "ansible_ssh_args: it is not read"},
		{"ansible_ssh_common_args", "", ""},
		{"ansible_host_key_checking", "False", "host keys are always verified"},
		{"ansible_host_key_checking", "yes", ""},
		{"ansible_shell_type", "fish", "commands run under /bin/sh"},
		{"ansible_shell_type", "sh", ""},
		{"ansible_timeout", "30", "-T says how long"},
		{"ansible_ssh_timeout", "10", ""},
		{"ansible_port", "22", ""},
	} {
		got := strings.Join(Unread(reader(t, play.Keywords{}, c.name, value.String(c.says))), "; ")
		if !strings.Contains(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("%s=%s: %q, want %q", c.name, c.says, got, c.want)
		}
	}
}
