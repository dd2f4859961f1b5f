package certs

import (
	"encoding/pem"
	"strings"
	"unicode/utf16"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/kit"
)

// p12Words are k_p12: openssl pkcs12 that reads the file $k_in with the passphrase
// $k_pw; k_p12open finds out whether it can, with what older openssls wrote, too.
// k_pem is what of it is PEM. Who owns the folder may have put a file without end
// there: more than 1 MiB is not read.
const p12Words = sslWords + `k_p12() { head -c 1048576 <"$k_in" | k_ssl pkcs12 -passin fd:3 $k_old "$@" 2>/dev/null; }
k_p12open() {
for k_old in "" -legacy; do
if k_p12 -noout; then return 0; fi
done
return 1
}
k_pem() { sed -n "/^-----BEGIN/,/^-----END/p"; }
k_p12text() {
k_k=$(k_p12 -nocerts -nodes | k_pem)
[ -z "$k_k" ] || printf "%s\n" "$k_k" | openssl pkey -traditional
k_p12 -nokeys -clcerts | k_pem
k_p12 -nokeys -cacerts | k_pem
}
`

// p12Text tells of an archive: path, a file that may hold its content as PEM, or
// empty. Stdin is the passphrase's line. It prints what is there (none, dir, closed,
// bad: it cannot be opened, open), yes or no for whether the host has openssl, same
// where the other file holds the content; then what openssl says of the key without the
// key itself, the public key in PEM, and the certificates with what openssl says of them.
const p12Text sh.Constant = p12Words + `IFS= read -r k_pw || :
k_in=$1 k_old= o=no f=open s=-
if command -v openssl >/dev/null; then o=yes; fi
if [ -d "$1" ]; then f=dir
elif [ ! -e "$1" ]; then f=none
elif [ ! -f "$1" ] || [ ! -r "$1" ]; then f=closed
elif [ $o = yes ] && ! k_p12open; then f=bad
fi
case $f$o in openyes) ;; *) echo "$f $o -"; exit 0 ;; esac
if [ -n "$2" ] && [ -f "$2" ] && [ "$(k_p12text)" = "$(head -c 1048576 "$2")" ]; then s=same; fi
echo "$f $o $s"
k_p12 -nocerts -nodes | sed "/^-----BEGIN/,/^-----END/d"
k_p12 -nocerts -nodes | openssl pkey -pubout 2>/dev/null
k_p12 -nokeys
exit 0`

// p12State is what a host has told of an archive.
type p12State struct {
	form    string
	openssl bool
	same    bool
	public  *publicKey // of its private key, nil = it holds none
	name    string     // of the key, or of the certificate that is its
	certs   []*certificate
}

// askP12 is the question about an archive; both paths are the host's, text may be empty.
func askP12(path, text string, pass kit.Body) host.Fact[p12State] {
	if text != "" {
		text = kit.Safe(text)
	}
	return host.Fact[p12State]{Q: host.NewProbe(p12Text, kit.Safe(path), text).WithStdin(pass.S + "\n").Plain(), Parse: parseP12}
}

func parseP12(a host.Answer) (p12State, error) {
	l := kit.Lines{Rest: string(a.Stdout)}
	f := append(strings.Fields(l.Next()), "", "", "")
	st := p12State{form: f[0], openssl: f[1] == "yes", same: f[2] == "same"}
	for rest := []byte(l.Rest); ; {
		b, after := pem.Decode(rest)
		if b == nil {
			break
		}
		said := string(rest[:len(rest)-len(after)])
		rest = after
		switch b.Type {
		case "PUBLIC KEY":
			st.public, _ = parsePublic(b.Bytes)
			st.name = friendly(said, st.name)
		case "CERTIFICATE":
			c, err := parseCertificate(pem.EncodeToMemory(b))
			if err != nil {
				continue
			}
			if c.public.same(st.public) {
				st.name = friendly(said, st.name)
			}
			st.certs = append(st.certs, c)
		}
	}
	return st, nil
}

// friendly finds the name that openssl tells in text, else says other.
func friendly(text, other string) string {
	for line := range strings.Lines(text) {
		if n, ok := strings.CutPrefix(strings.TrimLeft(line, " \t"), "friendlyName: "); ok {
			return strings.TrimRight(n, "\r\n")
		}
	}
	return other
}

// named reports the name that is asked for. Some openssls show the lower halves of its
// characters only.
func (st p12State) named(name string) bool {
	var low []byte
	for _, u := range utf16.Encode([]rune(name)) {
		low = append(low, byte(u))
	}
	return st.name == name || st.name == string(low)
}

// holds reports the key's certificate c and the others, in any order.
func (st p12State) holds(c *certificate, others []*certificate) bool {
	want, is := map[string]bool{}, map[string]bool{}
	for _, o := range others {
		want[string(o.der)] = true
	}
	if c != nil {
		want[string(c.der)] = true
	}
	for _, o := range st.certs {
		is[string(o.der)] = true
	}
	for der := range want {
		if !is[der] {
			return false
		}
	}
	return len(want) == len(is)
}
