package memory

import (
	"errors"
	"testing"

	"remoterun/runner/host"
	"remoterun/tasks/tde/guard"
)

func TestMountStates(t *testing.T) {
	const ram = "uid 0\nfs tmpfs remoterun\nkind dir\ndir 0 711 tmpfs own\n"
	for name, c := range map[string]struct {
		text   string
		class  Class
		inRAM  bool
		refuse string // CheckRAM
	}{
		"nothing there":     {"uid 0\nkind none\n", Secure, false, ""},
		"empty folder":      {"uid 0\nkind dir\ndir 0 755 ext2/ext3 shared\n", Secure, false, ""},
		"ours":              {ram, Secure, true, ""},
		"ours with key":     {ram + "entry 26 26 400 292 abcd keyring\n", Secure, true, ""},
		"ramfs, openvz":     {"uid 0\ncontainer openvz\nfs ramfs remoterun\nkind dir\ndir 0 711 ramfs own\n", Hoster, true, ""},
		"swap":              {"swap /dev/sda2\n" + ram, Weak, true, ""},
		"swap in lxc":       {"container lxc\nswap /swapfile\n" + ram, Weak, true, ""},
		"not root":          {"uid 1000\nkind none\n", Secure, false, "needs root"},
		"link":              {"uid 0\nkind link\n", Secure, false, "symbolic link"},
		"file":              {"uid 0\nkind other\n", Secure, false, "not a folder"},
		"somebody's":        {"uid 0\nkind dir\ndir 1000 755 ext2/ext3 shared\n", Secure, false, "owner 1000"},
		"writable":          {"uid 0\nkind dir\ndir 0 777 tmpfs own\nfs tmpfs x\n", Secure, true, ""}, // memory_mount sets it
		"writable folder":   {"uid 0\nkind dir\ndir 0 777 tmpfs shared\n", Secure, false, "others than root"},
		"somebody's mount":  {"uid 0\nkind dir\ndir 5 711 tmpfs own\nfs tmpfs x\n", Secure, true, "then: umount /run/remoterun/p/keyring"},
		"key on a mount":    {"uid 0\nfs ext4 /dev/sdb\nkind dir\ndir 0 755 ext2/ext3 own\nentry 26 26 400 292 abcd keyring\n", Secure, false, "shred -u /run/remoterun/p/keyring/keyring && umount"},
		"a disk":            {"uid 0\nfs ext4 /dev/sdb\nkind dir\ndir 0 755 ext2/ext3 own\n", Secure, false, "on ext4, not in RAM"},
		"a disk over RAM":   {"uid 0\nfs tmpfs remoterun\nfs ext4 /dev/sdb\nkind dir\ndir 0 755 ext2/ext3 own\n", Secure, false, "on ext4"},
		"foreign file":      {ram + "entry 0 0 644 1 - notes\n", Secure, true, "notes"},
		"key on a disk":     {"uid 0\nkind dir\ndir 0 755 ext2/ext3 shared\nentry 26 26 400 292 abcd keyring\n", Secure, false, "holds keyring already"},
		"name with a blank": {ram + "entry 0 0 644 1 - my notes\n", Secure, true, "my notes"},
	} {
		t.Run(name, func(t *testing.T) {
			st, err := Mount("/run/remoterun/p/keyring").Parse(host.Answer{Stdout: []byte(c.text + "end\n")})
			if err != nil {
				t.Fatal(err)
			}
			if st.Class() != c.class || st.InRAM() != c.inRAM {
				t.Errorf("class %s inRAM %v, want %s %v", st.Class(), st.InRAM(), c.class, c.inRAM)
			}
			err = st.CheckRAM()
			if c.refuse == "" {
				c.refuse = "ok"
			}
			outcome(t, c.refuse, err)
			var r *guard.Refusal
			if err != nil && !errors.As(err, &r) {
				t.Errorf("%T is no refusal", err)
			}
			if err := st.CheckSwap(false); (err != nil) != (c.class == Weak) || st.CheckSwap(true) != nil {
				t.Errorf("swap: %v", err)
			}
		})
	}
	for _, text := range []string{"", "uid 0\nkind none\n", "what\nend\n", "dir 0 711\nend\n", "entry x y z - keyring\nend\n"} {
		if _, err := parseMount(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}
