package certs

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// csrArgs are the arguments of openssl_csr.
type csrArgs struct {
	fileArgs
	requestArgs
}

// requestArgs are what a request says, and who signs it.
type requestArgs struct {
	KeyPath    string   `arg:"privatekey_path" type:"path" help:"the private key on the host"`
	KeyContent kit.Body `arg:"privatekey_content" secret:"yes" help:"the private key itself, instead"`
	KeyPass    kit.Body `arg:"privatekey_passphrase" secret:"yes" help:"its passphrase"`
	Digest     string   `arg:"digest" default:"sha256" help:"sha256, sha384, sha512, sha1 or md5"`
	Version    int      `arg:"version" default:"1" help:"1"`

	Subject *value.Map  `arg:"subject" help:"entries of the subject by name; a list gives several of one name"`
	Ordered value.Value `arg:"subject_ordered" help:"the subject as a list of mappings of one entry each, in this order"`
	C       string      `arg:"country_name,C,countryName" help:"an entry of the subject"`
	ST      string      `arg:"state_or_province_name,ST,stateOrProvinceName" help:"an entry of the subject"`
	L       string      `arg:"locality_name,L,localityName" help:"an entry of the subject"`
	O       string      `arg:"organization_name,O,organizationName" help:"an entry of the subject"`
	OU      string      `arg:"organizational_unit_name,OU,organizationalUnitName" help:"an entry of the subject"`
	CN      string      `arg:"common_name,CN,commonName" help:"an entry of the subject"`
	Email   string      `arg:"email_address,E,emailAddress" help:"an entry of the subject"`

	SAN        []string `arg:"subject_alt_name,subjectAltName" help:"names that it is for: DNS:, IP:, email:, URI:, RID:, dirName:, otherName:"`
	SANHard    bool     `arg:"subject_alt_name_critical,subjectAltName_critical" default:"no" help:"who does not understand it shall refuse"`
	FromCN     bool     `arg:"use_common_name_for_san,useCommonNameForSAN" default:"yes" help:"take the common name where there is no subject_alt_name"`
	Usage      []string `arg:"key_usage,keyUsage" help:"what the key is for: digitalSignature, keyEncipherment, keyCertSign …"`
	UsageHard  bool     `arg:"key_usage_critical,keyUsage_critical" default:"no" help:"the same of key_usage"`
	Extra      []string `arg:"extended_key_usage,extKeyUsage,extendedKeyUsage" help:"serverAuth, clientAuth … or numbers"`
	ExtraHard  bool     `arg:"extended_key_usage_critical,extKeyUsage_critical,extendedKeyUsage_critical" default:"no" help:"the same of extended_key_usage"`
	Basic      []string `arg:"basic_constraints,basicConstraints" help:"CA:TRUE or CA:FALSE, pathlen:0"`
	BasicHard  bool     `arg:"basic_constraints_critical,basicConstraints_critical" default:"no" help:"the same of basic_constraints"`
	Staple     bool     `arg:"ocsp_must_staple,ocspMustStaple" default:"no" help:"a server must give an answer of OCSP with it"`
	StapleHard bool     `arg:"ocsp_must_staple_critical,ocspMustStaple_critical" default:"no" help:"the same of ocsp_must_staple"`
	Permitted  []string `arg:"name_constraints_permitted" help:"names below which a CA may sign"`
	Excluded   []string `arg:"name_constraints_excluded" help:"names below which it may not"`
	LimitsHard bool     `arg:"name_constraints_critical" default:"no" help:"the same of name_constraints"`

	MakeKeyID  bool        `arg:"create_subject_key_identifier" default:"no" help:"the key's identifier, made of the key"`
	KeyID      string      `arg:"subject_key_identifier" help:"that identifier in hex, with colons"`
	AuthID     string      `arg:"authority_key_identifier" help:"the identifier of the CA's key"`
	AuthIssuer []string    `arg:"authority_cert_issuer" help:"names of who signed the CA's certificate; needs authority_cert_serial_number"`
	AuthSerial *number     `arg:"authority_cert_serial_number" help:"the number of the CA's certificate"`
	CRL        value.Value `arg:"crl_distribution_points" help:"where lists of revoked ones are: mappings of full_name or relative_name, crl_issuer, reasons"`
}

// number is a whole number of any length.
type number struct{ n *big.Int }

// ParseArg reads the number.
func (n *number) ParseArg(v value.Value) error {
	b, ok := v.AsBig()
	if !ok {
		b, ok = new(big.Int).SetString(strings.TrimSpace(value.Str(v)), 10)
	}
	if !ok {
		return fmt.Errorf("%s is not an integer", value.Repr(v))
	}
	n.n = b
	return nil
}

// ArgType is the type's name in docs.
func (*number) ArgType() string { return "int" }

// OpenSSLCSR keeps requests for certificates.
func OpenSSLCSR() play.Module {
	return kit.Define(kit.Doc{Name: "openssl_csr", Short: "requests for certificates"}, csr{})
}

type csr struct{}

func (csr) Validate(a csrArgs) *play.ArgError {
	if a.State == "present" && a.KeyPath == "" && a.KeyContent.S == "" {
		return &play.ArgError{Msg: "state is present but any of the following are missing: privatekey_path, privatekey_content"}
	}
	if err := a.check(); err != nil {
		return err
	}
	return a.validate()
}

// check reports what no request can say.
func (a requestArgs) check() *play.ArgError {
	both := func(x, y string) *play.ArgError {
		return &play.ArgError{Msg: "parameters are mutually exclusive: " + x + "|" + y}
	}
	switch {
	case a.KeyPath != "" && a.KeyContent.S != "":
		return both("privatekey_path", "privatekey_content")
	case a.Subject.Len() > 0 && !a.Ordered.IsNull():
		return both("subject", "subject_ordered")
	case (a.AuthIssuer == nil) != (a.AuthSerial == nil):
		return &play.ArgError{Msg: "parameters are required together: authority_cert_issuer, authority_cert_serial_number"}
	case a.Version != 1:
		return &play.ArgError{Arg: "version", Msg: fmt.Sprintf("value of version must be one of: 1, got: %d", a.Version)}
	case a.MakeKeyID && a.KeyID != "":
		return &play.ArgError{Msg: "subject_key_identifier cannot be specified if create_subject_key_identifier is true"}
	case strings.ContainsAny(a.KeyPass.S, "\n\r\x00"):
		return &play.ArgError{Arg: "privatekey_passphrase", Msg: "holds no line break"}
	}
	if _, err := a.wanted(&publicKey{}); err != nil {
		return &play.ArgError{Msg: err.Error()}
	}
	return nil
}

func (a requestArgs) key() key { return key{path: a.KeyPath, content: a.KeyContent, pass: a.KeyPass} }

// entries are the subject's, in the order of the arguments.
func (a requestArgs) entries() ([]pair, error) {
	var out []pair
	for _, p := range []pair{{"C", a.C}, {"ST", a.ST}, {"L", a.L}, {"O", a.O}, {"OU", a.OU}, {"CN", a.CN}, {"emailAddress", a.Email}} {
		if p.text != "" {
			out = append(out, p)
		}
	}
	more, err := entriesOf(a.Subject, "subject")
	if err != nil || a.Ordered.IsNull() {
		return append(out, more...), err
	}
	if len(out) > 0 {
		return nil, errors.New("subject_ordered cannot be combined with any other subject field")
	}
	for i, v := range a.Ordered.Items() {
		m, ok := v.AsMap()
		if !ok || m.Len() != 1 {
			return nil, fmt.Errorf("Entry #%d in subject_ordered must be a dictionary with exactly one key-value pair", i+1)
		}
		more, err := entriesOf(m, "subject_ordered")
		if err != nil {
			return nil, fmt.Errorf("Error while processing entry #%d in subject_ordered: %w", i+1, err)
		}
		out = append(out, more...)
	}
	return out, nil
}

// entriesOf reads a mapping of names to text or lists of text.
func entriesOf(m *value.Map, arg string) ([]pair, error) {
	var out []pair
	for k, v := range m.All() {
		key := value.Str(k)
		list := v.Items()
		if _, many := v.AsSeq(); !many {
			if _, ok := v.AsString(); !ok {
				return nil, fmt.Errorf("Value for %s in %s must be either a string or a list of strings", key, arg)
			}
			list = []value.Value{v}
		}
		for _, it := range list {
			s, ok := it.AsString()
			switch {
			case !ok:
				return nil, fmt.Errorf("Values %s in %s must be strings", key, arg)
			case s == "":
				return nil, fmt.Errorf("Value for %s in %s must not be an empty string", key, arg)
			}
			out = append(out, pair{key, s})
		}
	}
	return out, nil
}

// names are the alternative names, the common one where there is none else.
func (a requestArgs) names(subject []pair) []string {
	if len(a.SAN) > 0 || !a.FromCN {
		return a.SAN
	}
	for _, p := range subject {
		if p.key == "CN" || p.key == "commonName" {
			return []string{"DNS:" + p.text}
		}
	}
	return nil
}

// wish is what the request shall say.
type wish struct {
	pairs      []pair
	san        []string
	subject    []byte
	extensions []pkix.Extension
}

// wanted works out the request of a key.
func (a requestArgs) wanted(k *publicKey) (w wish, err error) {
	if w.pairs, err = a.entries(); err != nil {
		return w, err
	}
	if w.subject, err = nameDER(w.pairs); err != nil {
		return w, err
	}
	w.san = a.names(w.pairs)
	add := func(there bool, oid string, hard bool, make func() ([]byte, error)) {
		if !there || err != nil {
			return
		}
		var der []byte
		if der, err = make(); err == nil {
			w.extensions = append(w.extensions, extensionOf(oid, hard, der))
		}
	}
	add(len(w.san) > 0, oidSAN, a.SANHard, func() ([]byte, error) {
		names, err := generalNames(w.san, "Subject Alternative Name")
		return sequence(names), err
	})
	add(len(a.Usage) > 0, oidUsage, a.UsageHard, func() ([]byte, error) { return usageDER(a.Usage) })
	add(len(a.Extra) > 0, oidExtra, a.ExtraHard, func() ([]byte, error) { return extraDER(a.Extra) })
	add(len(a.Basic) > 0, oidBasic, a.BasicHard, func() ([]byte, error) { return basicDER(a.Basic) })
	add(a.Staple, oidStaple, a.StapleHard, func() ([]byte, error) { return sequence(must(5, "")), nil })
	add(len(a.Permitted)+len(a.Excluded) > 0, oidLimits, a.LimitsHard, func() ([]byte, error) { return limitsDER(a.Permitted, a.Excluded) })
	add(a.MakeKeyID || a.KeyID != "", oidKeyID, false, func() ([]byte, error) {
		id, err := hexBytes(a.KeyID, "subject_key_identifier")
		if a.MakeKeyID {
			id = k.id()
		}
		return must(id, ""), err
	})
	add(a.AuthID != "" || a.AuthIssuer != nil, oidAuthID, false, a.authority)
	add(!a.CRL.IsNull(), oidCRL, false, func() ([]byte, error) { return pointsDER(a.CRL) })
	return w, err
}

func (a requestArgs) authority() ([]byte, error) {
	var id []byte
	var err error
	if a.AuthID != "" {
		if id, err = hexBytes(a.AuthID, "authority_key_identifier"); err != nil {
			return nil, err
		}
	}
	var serial *big.Int
	if a.AuthSerial != nil {
		serial = a.AuthSerial.n
	}
	return authDER(id, a.AuthIssuer, serial)
}

// fits reports a request that says what is wanted, and is the key's own.
func (w wish) fits(is *signed, k *publicKey, ordered bool) bool {
	for _, oid := range []string{oidSAN, oidUsage, oidExtra, oidBasic, oidStaple, oidLimits, oidKeyID, oidAuthID, oidCRL} {
		i := slices.IndexFunc(w.extensions, func(e pkix.Extension) bool { return e.Id.String() == oid })
		var want *pkix.Extension
		if i >= 0 {
			want = &w.extensions[i]
		}
		if !sameExtension(want, is.extension(oid)) {
			return false
		}
	}
	a, err := parseName(w.subject)
	b, err2 := parseName(is.subject)
	if !ordered {
		a, b = sorted(a), sorted(b)
	}
	return err == nil && err2 == nil && slices.Equal(a, b) && is.public.same(k) && is.by(k)
}

// sorted are entries in an order of their own, each once.
func sorted(p []pair) []pair {
	out := slices.Clone(p)
	slices.SortFunc(out, func(x, y pair) int { return strings.Compare(x.key+"="+x.text, y.key+"="+y.text) })
	return slices.Compact(out)
}

func (csr) Facts(a csrArgs) []host.Question {
	if a.State == "absent" {
		return kit.Hint(a.Path, kit.LookAt(a.Path, "", false).Q)
	}
	qs := []host.Question{kit.LookAt(a.Path, "", false).Q, kit.Content(a.Path)}
	return kit.Hint(a.Path+a.KeyPath, append(qs, a.key().ask(a.KeyPath).Q)...)
}

func (csr) Plan(a csrArgs, s host.Seen) (play.Plan, error) {
	paths, err := places(s, a.Path, a.KeyPath)
	if err != nil {
		return play.Plan{}, err
	}
	ask := a.key().ask(paths[1])
	qs := []host.Question{kit.LookAt(paths[0], "", false).Q}
	if a.State == "present" {
		qs = append(qs, kit.Content(paths[0]), ask.Q)
	}
	if err := host.All(s, qs...); err != nil {
		return play.Plan{}, err
	}
	f, stop, err := a.place(s)
	if err != nil || stop != nil {
		return kit.Stopped(stop, err)
	}
	if a.State == "absent" {
		w, err := a.wanted(&publicKey{})
		return a.remove(f, a.data(f.path, w, nil)), err
	}
	old, _ := s.Answer(kit.Content(paths[0]))
	st, err := host.Get(s, ask)
	if err != nil {
		return play.Plan{}, err
	}
	if st.there() && !st.openssl {
		return noOpenSSL(), nil
	}
	if why := a.key().cannot(st, paths[1]); why != "" {
		return a.later(f, old.Stdout, why)
	}
	return a.plan(s, f, st.public, paths[1], old.Stdout)
}

// later is how a task ends whose key cannot be used. Where the request has to be made
// anyway, that is seen when it is signed, as in Ansible: a look ahead at a fresh host,
// where an earlier task makes the key, goes on.
func (a csrArgs) later(f at, old []byte, why string) (play.Plan, error) {
	w, err := a.wanted(&publicKey{})
	if _, bad := parseRequest(old); err != nil || bad == nil && !a.Force {
		return kit.Failure("%s", why), nil
	}
	return play.Plan{
		Steps:   []host.Step{host.Run{Cmd: sh.Script(`printf "%s\n" "$1" >&2; exit 1`, why), What: "sign and write the certificate request " + f.real()}},
		Result:  play.Result{Changed: true, Data: a.data(f.path, w, old)},
		Repeats: a.Force,
		Finish: func([]host.Output) (play.Result, error) {
			return play.Result{Failed: true, Complete: true, Msg: why}, nil
		},
	}, nil
}

// places finds several paths of the host, empty ones being none.
func places(s host.Seen, paths ...string) ([]string, error) {
	out := make([]string, len(paths))
	for i, p := range paths {
		if p == "" {
			continue
		}
		var err error
		if out[i], err = kit.Place(s, p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// plan compares the request that is there with the wanted one of the key.
func (a csrArgs) plan(s host.Seen, f at, k *publicKey, keyPath string, old []byte) (play.Plan, error) {
	w, err := a.wanted(k)
	if err != nil {
		return kit.Failure("%s", err), nil
	}
	m, ok := methodOf(k.kind, a.Digest)
	if !ok {
		return kit.Failure("%s", unsigned(k, a.Digest)), nil
	}
	is, bad := parseRequest(old)
	if !a.Force && bad == nil && w.fits(is, k, !a.Ordered.IsNull()) {
		return a.attributes(s, f, a.data(f.path, w, old))
	}
	write, err := a.writing(s, f, old)
	if err != nil {
		return play.Plan{}, err
	}
	tbs := w.tbs(k)
	step := signStep{
		signer: signer{key: a.key(), path: keyPath, public: k, method: m}, kind: "CERTIFICATE REQUEST", write: write,
		tbs: func(time.Time) ([]byte, error) { return tbs, nil },
	}
	return play.Plan{
		Steps: []host.Step{step}, Repeats: a.Force,
		Result: play.Result{Changed: true, Data: a.data(f.path, w, old)},
		Diff: []play.Diff{kit.JSONDiff(differs(is, "can_parse_csr", bad, old),
			differs(&signed{subject: w.subject, public: k, extensions: w.extensions}, "can_parse_csr", nil, tbs))},
		Finish: kit.After(func(ran []host.Output) (play.Result, error) {
			text, backup := signedBy(ran[0], "CERTIFICATE REQUEST", f.path)
			return play.Result{Changed: true, Data: kept(a.data(f.path, w, text), backup)}, nil
		}),
	}, nil
}

// unsigned says in Ansible's words why a key cannot sign with a digest.
func unsigned(k *publicKey, digest string) string {
	if k.kind == "X25519" || k.kind == "X448" {
		return "Key must be an rsa, dsa, ec, ed25519, or ed448 private key."
	}
	return fmt.Sprintf("Unsupported digest %q", digest)
}

// tbs is what is signed.
func (w wish) tbs(k *publicKey) []byte {
	return sequence(must(0, ""), w.subject, k.der, w.attributes())
}

// attributes are the request's: the extensions that it asks for.
func (w wish) attributes() []byte {
	var ask []byte
	if len(w.extensions) > 0 {
		oid, _ := dotted(extensionRequest)
		ask = sequence(must(oid, ""), tlv(asn1.ClassUniversal, asn1.TagSet, true, extensionsDER(w.extensions)))
	}
	return tlv(asn1.ClassContextSpecific, 0, true, ask)
}

// writing is the write of a file whose text comes from a step; old is what it held.
func (a fileArgs) writing(s host.Seen, f at, old []byte) (kit.Write, error) {
	t := kit.TextFile{Path: a.Path, Attrs: a.Attrs, Create: true, Backup: a.Backup, Unsafe: a.Unsafe, Quiet: true, Bare: true}
	return t.Writing(s, kit.TextAt{Path: f.path, Look: f.look, Old: old})
}

// words are a list as results have it, null where none was given.
func words(list []string) value.Value {
	if list == nil {
		return value.Null()
	}
	return texts(list)
}

func texts(list []string) value.Value {
	items := make([]value.Value, len(list))
	for i, s := range list {
		items[i] = value.String(s)
	}
	return value.List(items...)
}

func orNull(s string) value.Value {
	if s == "" {
		return value.Null()
	}
	return value.String(s)
}

// said are the arguments as results have them.
func (a requestArgs) said(w wish) *value.Map {
	subject := []value.Value{}
	for _, e := range w.pairs {
		subject = append(subject, value.List(value.String(e.key), value.String(e.text)))
	}
	return value.MapOf("privatekey", orNull(a.KeyPath), "subject", value.List(subject...),
		"subjectAltName", words(w.san), "keyUsage", words(a.Usage), "extendedKeyUsage", words(a.Extra), "basicConstraints", words(a.Basic),
		"ocspMustStaple", value.Bool(a.Staple), "name_constraints_permitted", texts(a.Permitted), "name_constraints_excluded", texts(a.Excluded))
}

func (a csrArgs) data(p string, w wish, text []byte) *value.Map {
	m := a.said(w)
	m.Put("filename", value.String(p))
	if a.Content {
		m.Put("csr", textOrNull(text))
	}
	return m
}

// textOrNull is text of the host, null where there is none.
func textOrNull(text []byte) value.Value {
	if len(text) == 0 {
		return value.Null()
	}
	return kit.HostText(string(text))
}
