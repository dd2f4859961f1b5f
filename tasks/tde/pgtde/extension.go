package pgtde

import (
	"slices"
	"strings"
)

// Extension is an extension that encrypts a cluster. The two that there are have the
// same functions, settings and files behind different prefixes, and the same
// keyring; what else differs between them is in dialect and nowhere else.
type Extension string

const (
	PgTDE     Extension = "pg_tde"
	OpenPgTDE Extension = "open_pg_tde"
)

// Extensions are all that are known. Their folders of key files in PGDATA are named
// as they are.
func Extensions() []Extension { return []Extension{PgTDE, OpenPgTDE} }

// Fn is the extension's name of a function.
func (e Extension) Fn(name string) string { return string(e) + "_" + name }

// Setting is the extension's name of a setting.
func (e Extension) Setting(name string) string { return string(e) + "." + name }

// Dialect is what one extension has otherwise than the other.
type Dialect struct {
	Files []KeyFile
	// Ciphers is what tde_cipher means to it.
	Ciphers map[string]CipherUse
	// Wishes are settings of the server that go with it, where the server has
	// been built with them.
	Wishes []Setting
}

// KeyFile is a version of the files of keys in PGDATA: how it begins, whether
// it is the WAL's, and how many bytes each entry behind its header has; 0 for one
// from before there was a choice of ciphers, when all was aes_128.
type KeyFile struct {
	Magic string
	wal   bool
	Entry int
}

// CipherUse is a cipher: the settings that choose it, and the numbers that
// entries of relations and of the WAL carry for it.
type CipherUse struct {
	Settings       []Setting
	relations, wal uint32
}

type Setting struct{ Name, Value string }

func (s Setting) String() string { return s.Name + "=" + s.Value }

// Words is settings as the server's shell scripts take them.
func Words(list []Setting) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = s.String()
	}
	return strings.Join(out, " ")
}

// Ciphers by the names that tde_cipher knows.
const (
	Aes128 = "aes_128"
	Aes256 = "aes_256"
)

// CipherBits is the length of principal keys for a cipher.
func CipherBits(name string) int {
	if name == Aes256 {
		return 256
	}
	return 128
}

func (e Extension) Dialect() Dialect {
	if e == OpenPgTDE {
		return Dialect{
			Files: []KeyFile{{"TDE\x06", false, 128}, {"WEK\x03", true, 136}},
			// Its setting cipher is for keys and WAL alone; pages have one of
			// their own, which is 128 bits whatever the other says.
			Ciphers: map[string]CipherUse{
				Aes128: {[]Setting{{e.Setting("cipher"), "aes_128"}, {e.Setting("data_cipher"), "aes_xts"}}, 2, 0},
				Aes256: {[]Setting{{e.Setting("cipher"), "aes_256"}, {e.Setting("data_cipher"), "aes_256_xts"}}, 3, 1},
			},
			Wishes: []Setting{{"encrypt_temp_files", "on"}},
		}
	}
	return Dialect{
		// The second two are of 2.1 and before.
		Files: []KeyFile{{"TDE\x04", false, 96}, {"WEK\x02", true, 104}, {"TDE\x03", false, 0}, {"WEK\x01", true, 0}},
		Ciphers: map[string]CipherUse{
			Aes128: {[]Setting{{e.Setting("cipher"), "aes_128"}}, 0, 0},
			Aes256: {[]Setting{{e.Setting("cipher"), "aes_256"}}, 1, 1},
		},
	}
}

// Chosen are the settings that have to be made for a cipher: none for the one
// that is the default.
func (e Extension) Chosen(cipher string) []Setting {
	if cipher == Aes128 {
		return nil
	}
	return e.Dialect().Ciphers[cipher].Settings
}

// CipherOf is the name of the cipher that an entry of a key file carries, "" for
// one that is not known.
func (e Extension) CipherOf(number uint32, wal bool) string {
	for name, c := range e.Dialect().Ciphers {
		if !wal && c.relations == number || wal && c.wal == number {
			return name
		}
	}
	return ""
}

// Owns reports that the extension's own settings, and those that it takes into
// account, are not the user's to give on the command line.
func (e Extension) Owns(name string) bool {
	if name == e.Setting("wal_encrypt") || name == "default_table_access_method" {
		return true
	}
	return slices.ContainsFunc(e.Dialect().Ciphers[Aes128].Settings, func(s Setting) bool { return s.Name == name })
}

// Join adds the extension to a server's libraries, in place of the other one:
// with both no server starts.
func (e Extension) Join(libraries []string) []string {
	var out []string
	for _, l := range libraries {
		if !slices.Contains(Extensions(), Extension(l)) {
			out = append(out, l)
		}
	}
	return append(out, string(e))
}

// magic tells whose key file begins with head, and whether it is the WAL's.
func magic(head []byte) (library string, wal, ok bool) {
	for _, e := range Extensions() {
		for _, f := range e.Dialect().Files {
			if f.Magic == string(head[:headerMinimum]) {
				return string(e), f.wal, true
			}
		}
	}
	return "", false, false
}

// WalMagic is how a plain WAL segment of a server version begins.
func WalMagic(major int) string {
	return map[int]string{16: "13d1", 17: "16d1", 18: "18d1"}[major]
}
