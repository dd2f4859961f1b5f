package verify

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/value"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/pgtde"
	"remoterun/tasks/tde/seal"
)

// cipherCount is how many keys of relations in one file are for one cipher.
type cipherCount struct {
	file   string
	cipher string // "" = a number that is not known here
	n      int
}

// ciphersOnDisk is what the cluster's key files say of ciphers: each entry
// carries its own in the clear, authenticated by the key that wraps it.
type ciphersOnDisk struct {
	relations []cipherCount
	wal       string   // of the newest encrypted stretch, "" = there is none
	old       []string // files from before there was a choice: aes_128
	unknown   []string // files of a version that is not known here
}

// entriesText reads the key files below $1. The other arguments are MAGIC=SIZE
// of the versions that are known, in hex and bytes of an entry. An entry of a
// relation is its cipher, 8 bytes, and 1 where it is in use; one of the WAL its
// cipher and 2 where it is for an encrypted stretch. SIZE is 0 for files without
// ciphers. Lines: "unknown FILE"; "old FILE"; "file
// FILE", then "N CIPHER USE" for each pair that there is, and "1 read" when the
// file was read to its end; "wal FILE CIPHER" for the newest encrypted stretch.
const entriesText = `cd -- "$1" || exit 5
shift
for f in pg_tde/*_keys open_pg_tde/*_keys; do
	[ -s "$f" ] || continue
	m=$(od -An -v -tx1 -N4 "$f" | tr -d ' \n') size=
	for t; do [ "${t%%=*}" != "$m" ] || size=${t#*=}; done
	n=$(wc -c <"$f")
	if [ -z "$size" ] || [ "$n" -lt 320 ]; then echo "unknown $f"; continue; fi
	if [ "$size" = 0 ]; then echo "old $f"; continue; fi
	case $f in
	*/wal_keys) echo "wal $f $({ [ "$n" = 320 ] || od -An -v -tx1 -j320 -w"$size" "$f"; } | grep '^ .. .. .. .. 02' | tail -n 1 | cut -c1-12)";;
	*) echo "file $f"; { { [ "$n" = 320 ] || od -An -v -tx1 -j320 -w"$size" "$f"; } && echo read; } | cut -c1-12,37-48 | sort | uniq -c;;
	esac
done
echo end`

func ciphersIn(hostData string) host.Fact[ciphersOnDisk] {
	args := []string{hostData}
	for _, e := range pgtde.Extensions() {
		for _, f := range e.Dialect().Files {
			args = append(args, hex.EncodeToString([]byte(f.Magic))+"="+strconv.Itoa(f.Entry))
		}
	}
	return host.Fact[ciphersOnDisk]{Q: host.NewProbe(entriesText, args...).Wide(), Parse: parseCiphers}
}

func parseCiphers(a host.Answer) (c ciphersOnDisk, err error) {
	text, whole := strings.CutSuffix(string(a.Stdout), "end\n")
	bad := func(what string) (ciphersOnDisk, error) {
		return ciphersOnDisk{}, fmt.Errorf("key files of the cluster: %s (status %d)", what, a.Status)
	}
	if a.Status != 0 || !whole {
		return bad("the answer is not whole")
	}
	file, read := "", true
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		switch {
		case len(w) == 2 && w[0] == "unknown":
			c.unknown = append(c.unknown, w[1])
		case len(w) == 2 && w[0] == "old":
			c.old = append(c.old, w[1])
		case len(w) == 6 && w[0] == "wal":
			c.wal = cmp.Or(pgtde.Extension(path.Dir(w[1])).CipherOf(littleEndian(w[2:]), true), "a cipher that is not known here")
		case len(w) == 2 && w[0] == "wal": // none is encrypted
		case len(w) == 2 && w[0] == "file":
			if !read {
				return bad(file + " was not read to its end")
			}
			file, read = w[1], false
		case len(w) == 2 && w[1] == "read":
			read = true
		case len(w) == 9 && littleEndian(w[5:]) == 1:
			n := int(guard.Number(w[0]))
			c.relations = append(c.relations, cipherCount{file, pgtde.Extension(path.Dir(file)).CipherOf(littleEndian(w[1:5]), false), n})
		case len(w) > 9 || file == "":
			return bad("it answers " + strconv.Quote(line))
		}
	}
	if !read {
		return bad(file + " was not read to its end")
	}
	return c, nil
}

// littleEndian reads four bytes in hex; words that are none are a number that no
// cipher has.
func littleEndian(bytes []string) uint32 {
	b, err := hex.DecodeString(strings.Join(bytes, ""))
	if err != nil || len(b) != 4 {
		return ^uint32(0)
	}
	return binary.LittleEndian.Uint32(b)
}

// checkCipher: what the server takes for new tables, what the entries of its key
// files say of those that are there and of the WAL, and the wanted key's length
// are all of the cipher that is asked for.
func checkCipher(p *proof) checkResult {
	if p.server == nil {
		return p.noServer()
	}
	if !p.server.Installed {
		return noExtension()
	}
	if p.site.HostData == "" {
		return checkIs(false, noDataFolder)
	}
	want := p.args.Cipher
	bad := p.otherSettings()
	good := 0
	for _, c := range p.ciphers.relations {
		if c.cipher == want {
			good += c.n
			continue
		}
		bad = append(bad, fmt.Sprintf("%s: %s with %s", c.file, value.Count(c.n, "relation"), cmp.Or(c.cipher, "a cipher that is not known here")))
	}
	if len(p.ciphers.old) > 0 && want != pgtde.Aes128 {
		bad = append(bad, "of a version of the extension that knows 128 bits only: "+strings.Join(p.ciphers.old, ", "))
	}
	if w := p.ciphers.wal; w != "" && w != want {
		bad = append(bad, "WAL with "+w)
	}
	if k, ok := p.wantedKey(); ok && k.Bits != pgtde.CipherBits(want) {
		bad = append(bad, fmt.Sprintf("key %s has %d bits", k.Name, k.Bits))
	}
	r := checkIs(len(bad) == 0, "%s: %s; keys of %s; WAL: %s", want, cmp.Or(p.server.Ciphers, "no setting of it"), value.Count(good, "relation"), cmp.Or(p.ciphers.wal, "no stretch with a cipher"))
	if n := len(p.ciphers.old); n > 0 {
		r.Evidence += "; " + value.Count(n, "key file") + " of a version that has no choice"
	}
	r.Details = bad
	if len(bad) == 0 && len(p.ciphers.unknown) > 0 {
		r.Status = CheckNotProved
		r.Details = []string{"of a version that is not known here: " + strings.Join(p.ciphers.unknown, ", ")}
	}
	return r
}

// otherSettings are settings of ciphers that are not as they should be. An
// extension that has none can do nothing but 128 bits.
func (p *proof) otherSettings() []string {
	var bad []string
	is := strings.Fields(p.server.Ciphers)
	for _, s := range pgtde.Extension(p.args.Extension).Dialect().Ciphers[p.args.Cipher].Settings {
		if !slices.Contains(is, s.String()) && (len(is) > 0 || p.args.Cipher != pgtde.Aes128) {
			bad = append(bad, "the server's setting is not "+s.String())
		}
	}
	return bad
}

// wantedKey is the entry of the wanted key, where the keyring is open.
func (p *proof) wantedKey() (seal.Entry, bool) {
	if p.open == nil || len(p.open.Keys) == 0 {
		return seal.Entry{}, false
	}
	wanted := cmp.Or(p.args.Key, p.open.Wanted().Name)
	for _, k := range p.open.Keys {
		if seal.FoldName(k.Name) == seal.FoldName(wanted) {
			return k, true
		}
	}
	return seal.Entry{}, false
}
