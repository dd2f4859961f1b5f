package verify

import (
	"crypto/rand"
	"reflect"
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/tasks/tde/pgtde"
)

func TestCiphersOnDisk(t *testing.T) {
	const end = "end\n"
	for name, c := range map[string]struct {
		out    string
		status int
		want   ciphersOnDisk
		bad    bool
	}{
		"nothing": {out: end},
		"pg_tde": {out: "file pg_tde/5_keys\n      1 read\n      2  00 00 00 00 01 00 00 00\n      1  01 00 00 00 01 00 00 00\n     40  01 00 00 00 00 00 00 00\nwal pg_tde/wal_keys  01 00 00 00\n" + end,
			want: ciphersOnDisk{relations: []cipherCount{{"pg_tde/5_keys", pgtde.Aes128, 2}, {"pg_tde/5_keys", pgtde.Aes256, 1}}, wal: pgtde.Aes256}},
		"the fork": {out: "file open_pg_tde/5_keys\n 2  02 00 00 00 01 00 00 00\n 1  03 00 00 00 01 00 00 00\n 1  00 00 00 00 01 00 00 00\n 1 read\nwal open_pg_tde/wal_keys  00 00 00 00\n" + end,
			want: ciphersOnDisk{relations: []cipherCount{{"open_pg_tde/5_keys", pgtde.Aes128, 2}, {"open_pg_tde/5_keys", pgtde.Aes256, 1}, {"open_pg_tde/5_keys", "", 1}}, wal: pgtde.Aes128}},
		"an entry that is just being written": {out: "file pg_tde/5_keys\n 1  00 00 00\n 1 read\n" + end},
		"other versions":                      {out: "unknown pg_tde/5_keys\nwal pg_tde/wal_keys \n" + end, want: ciphersOnDisk{unknown: []string{"pg_tde/5_keys"}}},
		"a file that was not read":            {out: "file pg_tde/5_keys\n 1  00 00 00 00 01 00 00 00\nfile pg_tde/6_keys\n 1 read\n" + end, bad: true},
		"the last was not read":               {out: "file pg_tde/5_keys\n" + end, bad: true},
		"2.1":                                 {out: "old pg_tde/5_keys\nold pg_tde/wal_keys\n" + end, want: ciphersOnDisk{old: []string{"pg_tde/5_keys", "pg_tde/wal_keys"}}},
		"cut":                                 {out: "file pg_tde/5_keys\n 1 read\n", bad: true},
		"no folder":                           {status: 5, bad: true},
		"what nobody asked for":               {out: "hello\n" + end, bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseCiphers(host.Answer{Stdout: []byte(c.out), Status: c.status})
			if (err != nil) != c.bad || !c.bad && !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestEntropy(t *testing.T) {
	random := make([]byte, 1<<16)
	_, _ = rand.Read(random)
	for name, c := range map[string]struct {
		b         []byte
		low, high float64
	}{
		"nothing": {nil, 0, 0}, "one byte": {[]byte("aaaa"), 0, 0}, "two": {[]byte("abab"), 1, 1}, "rows": {[]byte(strings.Repeat("row 1234 of them;", 500)), 3, plainBits}, "random": {random, encryptedBits, 8},
	} {
		if e := entropy(c.b); e < c.low || e > c.high {
			t.Errorf("%s: %.3f", name, e)
		}
	}
}
