package certs

import (
	"context"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strconv"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/kit"
)

// signText signs: path of the key (empty: it comes on stdin), digest (empty: the kind
// of key has its own), what is signed, in base64. Stdin: the passphrase's line, then
// the key. It prints the signature, in base64.
const signText sh.Constant = kit.Hold + sslWords + `IFS= read -r k_pw || :
_name "${_d:-${TMPDIR:-/tmp}}" d
d=$_t
(umask 077; mkdir "$d") && printf "%s\n" "$3" | openssl base64 -d -A >"$d/tbs" || exit 1
umask 077
k_sign() {
case $1 in "") cat | k_sign /dev/stdin "$2"; return ;; esac # a pipe: stdin itself may be a socket, which has no name
if [ -n "$2" ]; then k_ssl dgst "-$2" -passin fd:3 -sign "$1" -out "$d/sig" "$d/tbs"
else k_ssl pkeyutl -sign -rawin -in "$d/tbs" -passin fd:3 -inkey "$1" -out "$d/sig"; fi
}
if k_e=$(k_sign "$1" "$2" 2>&1) && [ -s "$d/sig" ]; then openssl base64 -A -in "$d/sig"
else echo "openssl could not sign with the private key: $k_e" >&2; exit 1; fi`

// signer is a private key of the host that signs.
type signer struct {
	key    key
	path   string // the host's; empty = the key was given
	public *publicKey
	method method
}

// sign has the host sign; the signature is held against the public key.
func (g signer) sign(ctx context.Context, w host.Writer, tbs []byte) (der []byte, out host.Output, err error) {
	at := g.path
	if at != "" {
		at = kit.Safe(at)
	}
	cmd := sh.Script(signText, at, g.method.digest, base64.StdEncoding.EncodeToString(tbs)).With(sh.Bytes(g.key.input()))
	cmd.Secret = g.key.given() || g.key.pass.S != ""
	out, err = w.Run(ctx, cmd)
	if err != nil || out.Status != 0 {
		return nil, out, err
	}
	sig, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(out.Stdout)))
	if err != nil || len(sig) == 0 {
		return nil, out, fmt.Errorf("the host's openssl gave no signature")
	}
	der = sequence(tbs, g.method.identifier(), must(asn1.BitString{Bytes: sig, BitLength: len(sig) * 8}, ""))
	var info asn1.RawValue
	s, err := open(der, &info)
	if err == nil && !s.by(g.public) {
		err = fmt.Errorf("the host signed with another key than the one that was looked at")
	}
	return der, out, err
}

// signStep makes a request or a certificate: what is to be signed is worked out on the
// laptop, signed on the host, and written there.
type signStep struct {
	signer signer
	kind   string // of the PEM block
	// tbs is what is signed; now is the host's clock, asked for when clock is set.
	tbs   func(now time.Time) ([]byte, error)
	clock bool
	write kit.Write // without a path nothing is written
}

// Describe names the file.
func (s signStep) Describe() string {
	if s.write.Path == "" {
		return "sign a " + strings.ToLower(s.kind)
	}
	return "sign and write the " + strings.ToLower(s.kind) + " " + s.write.Path
}

// Do prints the new DER in base64, and what the write told.
func (s signStep) Do(ctx context.Context, w host.Writer) (host.Output, error) {
	var now time.Time
	if s.clock {
		out, err := w.Run(ctx, sh.Script("date -u +%s"))
		if err != nil || out.Status != 0 {
			return out, err
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(out.Stdout)), 10, 64)
		if err != nil {
			return out, fmt.Errorf("the host's date gave no seconds: %q", out.Stdout)
		}
		now = time.Unix(n, 0).UTC()
	}
	tbs, err := s.tbs(now)
	if err != nil {
		return host.Output{}, err
	}
	der, out, err := s.signer.sign(ctx, w, tbs)
	if err != nil || out.Status != 0 {
		return out, err
	}
	if s.write.Path == "" {
		return host.Output{Stdout: []byte(base64.StdEncoding.EncodeToString(der) + "\n")}, nil
	}
	text := pem.EncodeToMemory(&pem.Block{Type: s.kind, Bytes: der})
	out, err = s.write.Step(kit.MadeInput(s.write.Path, text)).Do(ctx, w)
	out.Stdout = append([]byte(base64.StdEncoding.EncodeToString(der)+"\n"), out.Stdout...)
	return out, err
}

// signedBy reads what such a step printed: the new text, and the name of the backup.
func signedBy(out host.Output, kind, path string) (text []byte, backup string) {
	l := kit.Lines{Rest: string(out.Stdout)}
	der, _ := base64.StdEncoding.DecodeString(l.Next())
	_, _, backup, _ = kit.Told(host.Output{Stdout: []byte(l.Rest)}, path)
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), backup
}
