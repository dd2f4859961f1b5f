package certs

import (
	"encoding/pem"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/kit"
)

// sslWords are k_ssl: openssl with its words, the passphrase $k_pw as descriptor 3
// and the caller's stdin. The shell itself writes the passphrase into the pipe: it is
// in no argument, no environment and no file.
const sslWords = `k_ssl() { { printf "%s\n" "$k_pw" | { exec 3<&0 0<&4; exec openssl "$@"; } } 4<&0; }
k_der() {
case $1 in
Ed25519) printf '\060\056\002\001\000\060\005\006\003\053\145\160\004\042\004\040' ;;
X25519) printf '\060\056\002\001\000\060\005\006\003\053\145\156\004\042\004\040' ;;
Ed448) printf '\060\107\002\001\000\060\005\006\003\053\145\161\004\073\004\071' ;;
X448) printf '\060\106\002\001\000\060\005\006\003\053\145\157\004\072\004\070' ;;
esac
}
`

// keyText tells of a private key: path (empty: it comes on stdin), type to take a
// key in raw form for. Stdin is the passphrase's line, then the key. It prints what is
// there (none, dir, closed, pkcs1, pkcs8, raw, unknown-pem, given), enc or - for
// whether it is encrypted, yes or no for whether the host has openssl; then the public
// key, in PEM, of a key that the passphrase opens. Who owns the folder may have put a
// file without end there: more than a key can be is not read.
const keyText sh.Constant = sslWords + `IFS= read -r k_pw || :
o=no e=- big=
if command -v openssl >/dev/null; then o=yes; fi
f=given
if [ -n "$1" ]; then
a= b=
if [ -d "$1" ]; then f=dir
elif [ ! -e "$1" ]; then f=none
elif [ ! -f "$1" ] || [ ! -r "$1" ]; then f=closed
elif [ "$(head -c 65537 "$1" | wc -c)" -gt 65536 ]; then f=raw big=big
else
{ IFS= read -r a; IFS= read -r b; } 2>/dev/null <"$1"
r=$(printf "\r")
case ${a%"$r"} in
"-----BEGIN PRIVATE KEY-----") f=pkcs8 ;;
"-----BEGIN ENCRYPTED PRIVATE KEY-----") f=pkcs8 e=enc ;;
-----BEGIN\ ?*\ PRIVATE\ KEY-----) f=pkcs1 ;;
-----BEGIN\ ?*-----) f=unknown-pem ;;
*) f=raw ;;
esac
case $b in Proc-Type:*ENCRYPTED*) e=enc ;; esac
fi
fi
echo "$f $e $o"
case $f$o$big in *no | none* | dir* | closed* | *big) exit 0 ;; esac
case $f in
given) k_ssl pkey -passin fd:3 -pubout ;;
raw) { k_der "$2"; head -c 65536 "$1"; } | k_ssl pkey -inform DER -pubout ;;
*) head -c 65536 "$1" | k_ssl pkey -passin fd:3 -pubout ;;
esac 2>/dev/null
exit 0`

// key is a private key that a module uses: a file of the host, or given as text.
type key struct {
	path    string
	content kit.Body
	pass    kit.Body
	raw     string // the type that a file without PEM is taken for
}

// given reports that the playbook has the key.
func (k key) given() bool { return k.content.S != "" }

// input is what its scripts read.
func (k key) input() string { return k.pass.S + "\n" + k.content.S }

// keyState is what a host has told of a private key.
type keyState struct {
	form      string // what keyText says is there
	encrypted bool
	openssl   bool
	public    *publicKey // nil = it cannot be opened
}

// there reports a file that can be read, or a key that was given.
func (k keyState) there() bool {
	return k.form != "none" && k.form != "dir" && k.form != "closed"
}

// ask is the question about the key; path is the host's.
func (k key) ask(path string) host.Fact[keyState] {
	if path != "" {
		path = kit.Safe(path)
	}
	return host.Fact[keyState]{Q: host.NewProbe(keyText, path, k.raw).WithStdin(k.input()).Plain(), Parse: k.parse}
}

func (k key) parse(a host.Answer) (keyState, error) {
	l := kit.Lines{Rest: string(a.Stdout)}
	f := append(strings.Fields(l.Next()), "", "", "")
	st := keyState{form: f[0], encrypted: f[1] == "enc", openssl: f[2] == "yes"}
	if st.form == "given" {
		st.encrypted = strings.Contains(k.content.S, "ENCRYPTED")
	}
	if b, _ := pem.Decode([]byte(l.Rest)); b != nil && b.Type == "PUBLIC KEY" {
		st.public, _ = parsePublic(b.Bytes)
	}
	return st, nil
}

// opens reports whether the passphrase is the key's, none given being that of one
// that is not encrypted.
func (k key) opens(st keyState) bool {
	return st.public != nil && st.encrypted == (k.pass.S != "")
}

// cannot says in Ansible's words why a key cannot be used, empty = it can.
func (k key) cannot(st keyState, path string) string {
	switch {
	case st.form == "none":
		return "[Errno 2] No such file or directory: '" + path + "'"
	case st.form == "dir":
		return "[Errno 21] Is a directory: '" + path + "'"
	case st.form == "closed":
		return "[Errno 13] Permission denied: '" + path + "'"
	case st.encrypted != (k.pass.S != ""):
		return "Wrong or empty passphrase provided for private key"
	case st.public == nil:
		return "Wrong passphrase provided for private key"
	}
	return ""
}
