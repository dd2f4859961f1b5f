package tde

import (
	"slices"
	"strings"
)

// ext is an extension that encrypts a cluster. The two that there are have the
// same functions, settings and files behind different prefixes, and the same
// keyring; what else differs between them is in dialect and nowhere else.
type ext string

const (
	pgTDE     ext = "pg_tde"
	openPgTDE ext = "open_pg_tde"
)

// exts are all that are known. Their folders of key files in PGDATA are named
// as they are.
func exts() []ext { return []ext{pgTDE, openPgTDE} }

// fn is the extension's name of a function.
func (e ext) fn(name string) string { return string(e) + "_" + name }

// setting is the extension's name of a setting.
func (e ext) setting(name string) string { return string(e) + "." + name }

// dialect is what one extension has otherwise than the other.
type dialect struct {
	files []keyFile
	// ciphers is what tde_cipher means to it.
	ciphers map[string]cipherUse
	// wishes are settings of the server that go with it, where the server has
	// been built with them.
	wishes []setting
}

// keyFile is a version of the files of keys in PGDATA: how it begins, whether
// it is the WAL's, and how many bytes each entry behind its header has; 0 for one
// from before there was a choice of ciphers, when all was aes_128.
type keyFile struct {
	magic string
	wal   bool
	entry int
}

// cipherUse is a cipher: the settings that choose it, and the numbers that
// entries of relations and of the WAL carry for it.
type cipherUse struct {
	settings       []setting
	relations, wal uint32
}

type setting struct{ name, value string }

func (s setting) String() string { return s.name + "=" + s.value }

// words is settings as the server's shell scripts take them.
func words(list []setting) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = s.String()
	}
	return strings.Join(out, " ")
}

// Ciphers by the names that tde_cipher knows.
const (
	aes128 = "aes_128"
	aes256 = "aes_256"
)

// cipherBits is the length of principal keys for a cipher.
func cipherBits(name string) int {
	if name == aes256 {
		return 256
	}
	return 128
}

func (e ext) dialect() dialect {
	if e == openPgTDE {
		return dialect{
			files: []keyFile{{"TDE\x06", false, 128}, {"WEK\x03", true, 136}},
			// Its setting cipher is for keys and WAL alone; pages have one of
			// their own, which is 128 bits whatever the other says.
			ciphers: map[string]cipherUse{
				aes128: {[]setting{{e.setting("cipher"), "aes_128"}, {e.setting("data_cipher"), "aes_xts"}}, 2, 0},
				aes256: {[]setting{{e.setting("cipher"), "aes_256"}, {e.setting("data_cipher"), "aes_256_xts"}}, 3, 1},
			},
			wishes: []setting{{"encrypt_temp_files", "on"}},
		}
	}
	return dialect{
		// The second two are of 2.1 and before.
		files: []keyFile{{"TDE\x04", false, 96}, {"WEK\x02", true, 104}, {"TDE\x03", false, 0}, {"WEK\x01", true, 0}},
		ciphers: map[string]cipherUse{
			aes128: {[]setting{{e.setting("cipher"), "aes_128"}}, 0, 0},
			aes256: {[]setting{{e.setting("cipher"), "aes_256"}}, 1, 1},
		},
	}
}

// chosen are the settings that have to be made for a cipher: none for the one
// that is the default.
func (e ext) chosen(cipher string) []setting {
	if cipher == aes128 {
		return nil
	}
	return e.dialect().ciphers[cipher].settings
}

// cipherOf is the name of the cipher that an entry of a key file carries, "" for
// one that is not known.
func (e ext) cipherOf(number uint32, wal bool) string {
	for name, c := range e.dialect().ciphers {
		if !wal && c.relations == number || wal && c.wal == number {
			return name
		}
	}
	return ""
}

// owns reports that the extension's own settings, and those that it takes into
// account, are not the user's to give on the command line.
func (e ext) owns(name string) bool {
	if name == e.setting("wal_encrypt") || name == "default_table_access_method" {
		return true
	}
	return slices.ContainsFunc(e.dialect().ciphers[aes128].settings, func(s setting) bool { return s.name == name })
}

// join adds the extension to a server's libraries, in place of the other one:
// with both no server starts.
func (e ext) join(libraries []string) []string {
	var out []string
	for _, l := range libraries {
		if !slices.Contains(exts(), ext(l)) {
			out = append(out, l)
		}
	}
	return append(out, string(e))
}

// magic tells whose key file begins with head, and whether it is the WAL's.
func magic(head []byte) (library string, wal, ok bool) {
	for _, e := range exts() {
		for _, f := range e.dialect().files {
			if f.magic == string(head[:headerMinimum]) {
				return string(e), f.wal, true
			}
		}
	}
	return "", false, false
}

// misfit refuses a cluster that another extension encrypted than the one that
// is configured: its library would not even start on it.
func (s Stack) misfit(d disk) error {
	if d.keys == "" || d.keys == ext(s.Extension) {
		return nil
	}
	return refuse(s.object(), "set tde_extension: "+string(d.keys), "its cluster was encrypted by %s, and tde_extension is %s", d.keys, s.Extension)
}
