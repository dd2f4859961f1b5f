package facts

import (
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/value"
)

// FuzzFacts: whatever a host says of itself is facts without a panic, and what
// could be read as a template in it, in a name too, bears the mark of a host's
// text.
func FuzzFacts(f *testing.F) {
	for _, s := range []string{
		"@uname\nLinux\nweb1\n6.1\nx86_64\n#1\n@os\nNAME=\"{{ lookup('pipe','id') }}\"\nID=debian\nVERSION_ID=\"12\"\n@debian\n12.5\n",
		"@local\n@fact x.fact\n" + strings.Repeat("[", 200_000) + "\n", "@local\n@fact x.fact\n{\"{{ a }}\": [\"{% b %}\", 1e999, 9223372036854775808]}\n",
		"@local\n@fact /d/x.fact\n half\n @failed {{ n }}\n{{ why }}\n@disks\ndisk sda 9223372036854775807 x 0 0 0\npart sda1 1 -1\n@diskids\nid {{ i }} /dev/sda\n", "@local\n@fact {{ x }}.fact\n[{{ s }}]\n{{ k }}={{ v }}\n", "@mem\nMemTotal: 9223372036854775807 kB\nMemFree: -1 kB\n", "@nproc\n99999999999999999999\n@up\n-1e400 x\n1e99 nan inf\n",
		"@ip\n2: eth0 inet 10.0.0.1/999 brd {{ x }}\n2: eth0 inet6 ::/-1\n@route\nIface\neth0 00000000 GGGGGGGG\n", "@mounts\n/dev/{{ x }} /\\040{{ m }} ext4 rw 0 0\n@sizes\n9223372036854775807 9223372036854775807 1 1 1 1 /\n0 0 0 0 0 0 /\n",
		"@date\n99999 99 99 99 99 99 9223372036854775808 {{ z }} +9999 x x x\n", "@env\n{{ K }}={{ v }}\nA\n=\n", "@dns\nnameserver {{ x }}\n@cmdline\n{{ a }}={{ b }} c\n@hostkeys\nssh-rsa {{ x }}\n@dmi\nbios_date={{ x }}\n",
		"@user\n{{ u }}\n-1\nx\n@container\n{{ c }}\n@selinux\n{{ s }}\n@python\n{{ p }}\n@uuids\n{{ u }} /dev/{{ d }}\n@net\neth{{ x }} 1500 1 0x1003 up aa:bb\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		facts, err := gathered{}.Facts(host.Answer{Stdout: []byte(s)})
		if err != nil {
			return
		}
		var look func(v value.Value)
		look = func(v value.Value) {
			if text, ok := v.AsString(); ok && v.Marks()&value.Unsafe == 0 && (strings.Contains(text, "{{") || strings.Contains(text, "{%") || strings.Contains(text, "{#")) {
				t.Errorf("%q is not marked as a host's", text)
			}
			for _, it := range v.Items() {
				look(it)
			}
			if m, ok := v.AsMap(); ok {
				for k, it := range m.All() {
					look(k)
					look(it)
				}
			}
		}
		look(value.FromMap(facts).With(value.Unsafe)) // as the store of variables keeps them
	})
}
