package pgtde

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/tasks/tde/seal"
)

func TestParseHeaders(t *testing.T) {
	head := strings.Repeat("ab", HeaderSize)
	for name, c := range map[string]struct {
		answer host.Answer
		files  int
		err    string
	}{
		"no data folder": {answer: host.Answer{Status: 3}},
		"no key folder":  {answer: host.Answer{Stdout: []byte("end\n")}},
		"two":            {answer: host.Answer{Stdout: []byte(head + " pg_tde/1663_keys\n" + head + " pg_tde/wal_keys\nend\n")}, files: 2},
		"cut":            {answer: host.Answer{Stdout: []byte(head + " pg_tde/1663_keys\n")}, err: "not whole"},
		"no hex":         {answer: host.Answer{Stdout: []byte("zz pg_tde/1663_keys\nend\n")}, err: "1663_keys"},
	} {
		t.Run(name, func(t *testing.T) {
			files, err := ParseHeaders(c.answer)
			if c.err == "" {
				c.err = "ok"
			}
			outcome(t, c.err, err)
			if len(files) != c.files || len(files) > 0 && hex.EncodeToString(files[0].Head) != head {
				t.Errorf("%d files, want %d", len(files), c.files)
			}
		})
	}
}

func FuzzCheckHeaders(f *testing.F) {
	k := keyringOf(f, 128, "a")
	good := sealHeader(f, k, "a", "TDE\x04")
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := CheckHeaders([]HeaderFile{{Head: b}}, k)
		if err != nil {
			t.Fatal(err)
		}
		same := len(b) >= HeaderSize && bytes.Equal(b[HeaderAAD:HeaderSize], good[HeaderAAD:HeaderSize])
		if got[0].State == HeaderOK && !same {
			t.Error("a header was accepted that the key did not make")
		}
	})
}

func TestHeaderVectors(t *testing.T) {
	k := keyringOf(t, 128, "sync-1", "sync-2")
	if *update {
		other := keyringOf(t, 128, "sync-2", "sync-3")
		cut := sealHeader(t, k, "sync-1", "TDE\x04")[:319]
		for name, v := range map[string]struct {
			expect HeaderState
			head   []byte
		}{
			"database":          {HeaderOK, sealHeader(t, k, "sync-1", "TDE\x04")},
			"server":            {HeaderOK, sealHeader(t, k, "sync-2", "WEK\x02")},
			"database-of-2.1":   {HeaderOK, sealHeader(t, k, "sync-1", "TDE\x03")},
			"server-of-2.1":     {HeaderOK, sealHeader(t, k, "sync-2", "WEK\x01")},
			"database-of-fork":  {HeaderOK, sealHeader(t, k, "sync-2", "TDE\x06")},
			"server-of-fork":    {HeaderOK, sealHeader(t, k, "sync-1", "WEK\x03")},
			"longer-than-it-is": {HeaderOK, append(sealHeader(t, k, "sync-1", "WEK\x02"), 1, 2, 3)},
			"missing":           {HeaderMissing, sealHeader(t, other, "sync-3", "TDE\x04")},
			"unknown-version":   {HeaderUnknown, sealHeader(t, k, "sync-1", "TDE\x09")},
			"cut":               {HeaderUnknown, cut},
			"wrong-key":         {HeaderWrongKey, flipAt(sealHeader(t, k, "sync-2", "TDE\x04"), 290)},
			"provider-changed":  {HeaderWrongKey, flipAt(sealHeader(t, k, "sync-2", "TDE\x04"), 12)},
		} {
			writeVector(t, "header/"+name, "expect", v.expect, "keyring", bytesOf(t, k), "header", v.head)
		}
	}
	readVectors(t, "header", func(t *testing.T, v vector) {
		k, err := seal.ParseKeyring(v.bytes(t, "keyring"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := CheckHeaders([]HeaderFile{{Name: "pg_tde/1663_keys", Head: v.bytes(t, "header")}}, k)
		if err != nil || string(got[0].State) != v.values["expect"] {
			t.Errorf("%+v %v, expected %s", got, err, v.values["expect"])
		}
	})
}

// FuzzParseHeaders: what a host prints of key files and data folders.
func FuzzParseHeaders(f *testing.F) {
	k := keyringOf(f, 128, "a")
	head := hex.EncodeToString(sealHeader(f, k, "a", "TDE\x04"))
	f.Add(head + " pg_tde/5_keys\nend\n")
	f.Add("owner 26 26 /v/_data\n" + head + " /v/_data/pg_tde/5_keys\nend\n")
	f.Add("owner 99999999999999999999 -1 /v\nend\n")
	f.Add("owner 26 26\n" + head + "\nend\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseClusters(host.Answer{Stdout: []byte(text)})
		if err != nil {
			return
		}
		checks, err := CheckHeaders(c.Headers, k)
		if err != nil || len(checks) != len(c.Headers) {
			t.Errorf("%d checks of %d headers: %v", len(checks), len(c.Headers), err)
		}
		for _, d := range c.Folders {
			if d.UID < 0 || d.GID < 0 {
				t.Errorf("an owner that is none: %+v", d)
			}
		}
	})
}
