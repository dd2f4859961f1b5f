package certs

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// privateKeyArgs are the arguments of openssl_privatekey.
type privateKeyArgs struct {
	fileArgs
	Type       string   `arg:"type" default:"RSA" choices:"DSA,ECC,Ed25519,Ed448,RSA,X25519,X448" help:"its kind"`
	Size       int      `arg:"size" default:"4096" help:"bits of RSA and DSA"`
	Curve      string   `arg:"curve" choices:"secp224r1,secp256k1,secp256r1,secp384r1,secp521r1,secp192r1,brainpoolP256r1,brainpoolP384r1,brainpoolP512r1,sect163k1,sect163r2,sect233k1,sect233r1,sect283k1,sect283r1,sect409k1,sect409r1,sect571k1,sect571r1" help:"needed for ECC"`
	Passphrase kit.Body `arg:"passphrase" secret:"yes" help:"what it is encrypted with"`
	Cipher     string   `arg:"cipher" help:"auto, which is AES-256-CBC; a key with a passphrase is encrypted without it, too"`
	Format     string   `arg:"format" default:"auto_ignore" choices:"pkcs1,pkcs8,raw,auto,auto_ignore" help:"auto is pkcs1, of Ed25519, Ed448, X25519 and X448 pkcs8; auto_ignore is the same for a new key and leaves one that is there"`
	Mismatch   string   `arg:"format_mismatch" default:"regenerate" choices:"regenerate,convert" help:"what becomes of a key in another format"`
	Regenerate string   `arg:"regenerate" default:"full_idempotence" choices:"never,fail,partial_idempotence,full_idempotence,always" help:"when one that is there is made anew: never and fail do not, partial_idempotence where kind, size or format differ, full_idempotence also where the passphrase does not open it"`
}

// OpenSSLPrivateKey keeps private keys.
func OpenSSLPrivateKey() play.Module {
	return kit.Define(kit.Doc{Name: "openssl_privatekey", Short: "private keys for TLS, made on the host"}, privateKey{})
}

type privateKey struct{}

func (privateKey) Validate(a privateKeyArgs) *play.ArgError {
	switch {
	case a.Type == "ECC" && a.Curve == "":
		return &play.ArgError{Msg: "type is ECC but all of the following are missing: curve"}
	case a.Cipher != "" && a.Passphrase.S == "":
		return &play.ArgError{Msg: "parameters are required together: cipher, passphrase"}
	case a.Cipher != "" && a.Cipher != "auto":
		return &play.ArgError{Arg: "cipher", Msg: `Cryptography backend can only use "auto" for cipher option.`}
	case strings.ContainsAny(a.Passphrase.S, "\n\r\x00"):
		return &play.ArgError{Arg: "passphrase", Msg: "holds no line break"}
	case a.State == "present" && !a.writable():
		return &play.ArgError{Arg: "format", Msg: fmt.Sprintf("Cryptography backend cannot serialize the private key in the required format %q", a.Format)}
	case (a.Type == "RSA" || a.Type == "DSA") && a.Size < 512:
		return &play.ArgError{Arg: "size", Msg: "key_size must be at least 512-bits."}
	case a.Type == "DSA" && a.Size != 1024 && a.Size != 2048 && a.Size != 3072 && a.Size != 4096:
		return &play.ArgError{Arg: "size", Msg: "Key size must be 1024, 2048, 3072, or 4096 bits."}
	}
	return a.validate()
}

// plain reports a kind that has a raw form and no traditional one.
func (a privateKeyArgs) plain() bool { return a.Type[0] == 'E' && a.Type != "ECC" || a.Type[0] == 'X' }

// form is the format of a new key.
func (a privateKeyArgs) form() string {
	switch {
	case a.Format != "auto" && a.Format != "auto_ignore":
		return a.Format
	case a.plain():
		return "pkcs8"
	}
	return "pkcs1"
}

// writable reports a format that the kind of key has.
func (a privateKeyArgs) writable() bool {
	switch a.Format {
	case "raw":
		return a.plain() && a.Passphrase.S == ""
	case "pkcs1":
		return !a.plain()
	}
	return true
}

func (a privateKeyArgs) key() key { return key{pass: a.Passphrase, raw: a.Type} }

func (privateKey) Facts(a privateKeyArgs) []host.Question {
	if a.State == "absent" {
		return kit.Hint(a.Path, kit.LookAt(a.Path, "", false).Q)
	}
	return kit.Hint(a.Path, kit.LookAt(a.Path, "", false).Q, a.key().ask(a.Path).Q)
}

func (privateKey) Plan(a privateKeyArgs, s host.Seen) (play.Plan, error) {
	if !a.Mode.Given() {
		_ = a.Mode.ParseArg(value.String("0600"))
	}
	p, err := kit.Place(s, a.Path)
	if err != nil {
		return play.Plan{}, err
	}
	ask := a.key().ask(p)
	qs := []host.Question{kit.LookAt(p, "", false).Q}
	if a.State == "present" {
		qs = append(qs, ask.Q)
	}
	if a.Content && a.State == "present" {
		qs = append(qs, kit.Content(p))
	}
	if err := host.All(s, qs...); err != nil {
		return play.Plan{}, err
	}
	f, stop, err := a.place(s)
	if err != nil || stop != nil {
		return kit.Stopped(stop, err)
	}
	if a.State == "absent" {
		return a.remove(f, a.data(f.path, nil)), nil
	}
	st, err := host.Get(s, ask)
	if err != nil {
		return play.Plan{}, err
	}
	if !st.openssl {
		return noOpenSSL(), nil
	}
	do, why := a.decide(st)
	if why != "" {
		return kit.Failure("%s", why), nil
	}
	data := a.data(f.path, st.public)
	if err := a.content(s, f.path, st, data); err != nil {
		return play.Plan{}, err
	}
	if do != "" {
		return a.write(s, f, st, do, data)
	}
	return a.attributes(s, f, data)
}

const anew = " Will not proceed. To force regeneration, call the module with `generate` set to "

// decide says what is to do: make, convert or nothing; or why it cannot.
func (a privateKeyArgs) decide(st keyState) (do, why string) {
	mayMake := a.Regenerate == "partial_idempotence" || a.Regenerate == "full_idempotence"
	differs := a.Format != "auto_ignore" && st.form != a.form()
	switch {
	case a.Force || a.Regenerate == "always" || st.form == "none":
		return "make", ""
	case !a.key().opens(st) && a.Regenerate == "full_idempotence":
		return "make", ""
	case !a.key().opens(st):
		return "", "Unable to read the key. The key is protected with a another passphrase / no passphrase or broken." + anew + "`full_idempotence` or `always`, or with `force=true`."
	case a.Regenerate != "never" && !a.fits(st.public) && mayMake:
		return "make", ""
	case a.Regenerate != "never" && !a.fits(st.public):
		return "", "Key has wrong type and/or size." + anew + "`partial_idempotence`, `full_idempotence` or `always`, or with `force=true`."
	case differs && a.Mismatch == "convert":
		return "convert", ""
	case differs && mayMake:
		return "make", ""
	case differs && a.Regenerate == "fail":
		return "", "Key has wrong format." + anew + "`partial_idempotence`, `full_idempotence` or `always`, or with `force=true`. To convert the key, set `format_mismatch` to `convert`."
	}
	return "", ""
}

// fits reports a key of the wanted kind and size.
func (a privateKeyArgs) fits(k *publicKey) bool {
	switch {
	case k.kind != a.Type:
		return false
	case a.Type == "ECC":
		return k.curve == a.Curve
	}
	return a.plain() || k.size == a.Size
}

func (a privateKeyArgs) data(p string, k *publicKey) *value.Map {
	m := value.MapOf("filename", value.String(p), "type", value.String(a.Type), "size", value.Int(int64(a.Size)), "fingerprint", k.fingerprints())
	if a.Type == "ECC" {
		m.Put("curve", value.String(a.Curve))
	}
	return m
}

// content puts the text of the key that is there into the result.
func (a privateKeyArgs) content(s host.Seen, p string, st keyState, data *value.Map) error {
	if !a.Content {
		return nil
	}
	ans, err := s.Answer(kit.Content(p))
	data.Put("privatekey", value.Null())
	if st.there() {
		data.Put("privatekey", keyValue(string(ans.Stdout), st.form))
	}
	return err
}

// keyValue is a private key as results have it: in base64 where it is raw, and hidden
// wherever it is shown.
func keyValue(text, form string) value.Value {
	if form == "raw" {
		text = base64.StdEncoding.EncodeToString([]byte(text))
	}
	return value.MarkedString(text, value.Unsafe|value.Masked)
}

// makeKeyText makes a key, or another form of one that is there, in its place. Path,
// the link that led there, folder as it was looked at, owner, group, mode, UID:GID to
// keep, backup (yes or empty), unsafe (yes or empty), type, bits, curve, form, enc or
// empty, the form of the key to convert or empty, yes to print it. Stdin: the
// passphrase.
const makeKeyText sh.Constant = kit.Hold + placeWords + sslWords + `IFS= read -r k_pw || :
k_type=${10} k_bits=${11} k_curve=${12} k_form=${13} k_enc=${14} k_from=${15} k_show=${16}
k_make() {
case $k_type in
RSA) openssl genpkey -algorithm RSA -pkeyopt "rsa_keygen_bits:$k_bits" ;;
DSA) openssl genpkey -genparam -algorithm DSA -pkeyopt "dsa_paramgen_bits:$k_bits" | openssl genpkey -paramfile /dev/stdin ;;
ECC) openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:$k_curve" -pkeyopt ec_param_enc:named_curve ;;
*) openssl genpkey -algorithm "$k_type" ;;
esac
}
k_read() {
case $1 in
raw) { k_der "$k_type"; cat; } | openssl pkey -inform DER ;;
*) k_ssl pkey -passin fd:3 ;;
esac
}
k_shape() {
case $k_form$k_enc in
raw) case $k_type in X448) set -- 56 ;; Ed448) set -- 57 ;; *) set -- 32 ;; esac; openssl pkey -outform DER | tail -c "$1" ;;
pkcs8) openssl pkey ;;
pkcs8enc) k_ssl pkcs8 -topk8 -v2 aes-256-cbc -passout fd:3 ;;
pkcs1) openssl pkey -traditional ;;
pkcs1enc) k_ssl pkey -traditional -aes-256-cbc -passout fd:3 ;;
esac
}
umask 077
k_begin "$1" "$2" "$3"
if [ -n "$k_from" ]; then
k_open "./$k_n" || k_end
k_e=$({ head -c 65536 <"$k_9" | k_read "$k_from" | k_shape >&8; } 2>&1)
else
k_e=$({ k_make | k_shape >&8; } 2>&1)
fi
k_full "the key could not be made" "$k_e"
k_pub=$(k_read "$k_form" <"$k_8" 2>/dev/null | openssl pkey -pubout 2>/dev/null)
[ -n "$k_pub" ] || { k_no "the key could not be made: openssl does not read what it wrote"; k_end; }
if [ -n "$k_show" ]; then k_show=$(openssl base64 -A <"$k_8"); fi
k_place "$4" "$5" "$6" "$7" "$8" "$9"
printf "%s\n%s\n%s\n" "$c" "$k_show" "$k_pub"`

// write plans a new key, or the same in another form.
func (a privateKeyArgs) write(s host.Seen, f at, st keyState, do string, data *value.Map) (play.Plan, error) {
	words, err := a.placing(s, f)
	if err != nil {
		return play.Plan{}, err
	}
	enc, from, what := "", "", "make the private key "+f.real()
	if a.Passphrase.S != "" {
		enc = "enc"
	}
	if do == "convert" {
		from, what = st.form, "convert the private key "+f.real()
	}
	words = append(words, a.Type, strconv.Itoa(a.Size), curves()[a.Curve].openssl, a.form(), enc, from, kit.Yes(a.Content))
	cmd := sh.Script(makeKeyText, words...).With(sh.Bytes(a.Passphrase.S + "\n"))
	cmd.Secret = a.Passphrase.S != "" || a.Content
	plan := play.Plan{
		Steps:   []host.Step{host.Run{Cmd: cmd, What: what}},
		Repeats: a.Force || a.Regenerate == "always",
		Result:  play.Result{Changed: true, Data: data},
		Diff:    []play.Diff{kit.JSONDiff(keyInfo(st), a.wanted())},
		Finish:  kit.After(a.made(f.path, do)),
	}
	return plan, nil
}

// made reads what the step printed: the backup, the key where it is wanted, and the
// public key.
func (a privateKeyArgs) made(p, do string) func([]host.Output) (play.Result, error) {
	return func(ran []host.Output) (play.Result, error) {
		l := kit.Lines{Rest: string(ran[0].Stdout)}
		backup, text := l.Next(), l.Next()
		var k *publicKey
		if b, _ := pem.Decode([]byte(l.Rest)); b != nil {
			k, _ = parsePublic(b.Bytes)
		}
		data := a.data(p, k)
		if a.Content {
			raw, _ := base64.StdEncoding.DecodeString(text)
			data.Put("privatekey", keyValue(string(raw), a.form()))
		}
		res := play.Result{Changed: true, Data: kept(data, backup)}
		if do == "make" && a.Type == "ECC" && curves()[a.Curve].old {
			res.Warnings = []string{"Elliptic curves of type " + a.Curve + " should not be used for new keys!"}
		}
		return res, nil
	}
}

// keyInfo is what a difference shows of a key.
func keyInfo(st keyState) *value.Map {
	m := value.NewMap()
	if !st.there() {
		return m
	}
	m.Put("can_parse_key", value.Bool(st.public != nil))
	if st.public != nil {
		m.Put("type", value.String(st.public.kind))
		m.Put("public_data", value.FromMap(st.public.info()))
		m.Put("public_key", value.String(st.public.pem()))
		m.Put("public_key_fingerprints", fingerprint(st.public.der))
	}
	return m
}

// wanted is what a difference can say of a key that is not made yet.
func (a privateKeyArgs) wanted() *value.Map {
	m := value.MapOf("type", value.String(a.Type))
	switch {
	case a.Type == "ECC":
		m.Put("curve", value.String(a.Curve))
	case !a.plain():
		m.Put("size", value.Int(int64(a.Size)))
	}
	return m
}
