package custody

import "testing"

// What brings copies together is said whatever stands in a path or a name, and not
// twice where what was wrong says it itself.
func TestAdvised(t *testing.T) {
	for _, c := range []struct {
		v    CopiesView
		want string
	}{
		{CopiesView{State: CopyNewer, Said: "000002-ab"}, string(CopyNewer) + ": 000002-ab; next: remoterun key import web1"},
		{CopiesView{State: CopyDamaged, Said: "/home/me/remoterun keys/sync@web1: HEAD is gone"}, string(CopyDamaged) + ": /home/me/remoterun keys/sync@web1: HEAD is gone; next: remoterun key import web1"},
		{CopiesView{State: CopyDamaged, Said: "HEAD: is wrong; remoterun key import web1", Advises: true}, string(CopyDamaged) + ": HEAD: is wrong; remoterun key import web1"},
		{CopiesView{State: CopyMissing}, string(CopyMissing) + "; next: remoterun setup web1"},
		{CopiesView{Said: "/var/lib/remoterun: only root reads it; become: yes", Advises: true}, "/var/lib/remoterun: only root reads it; become: yes"},
	} {
		if got := c.v.Advised("web1"); got != c.want {
			t.Errorf("%+v: %q, want %q", c.v, got, c.want)
		}
	}
}
