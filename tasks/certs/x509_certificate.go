package certs

import (
	"context"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// certArgs are the arguments of x509_certificate.
type certArgs struct {
	fileArgs
	Provider   string   `arg:"provider" help:"who signs: selfsigned (the key itself) or ownca (a CA of one's own); needed unless absent"`
	CSRPath    string   `arg:"csr_path" type:"path" help:"the request on the host; needed for ownca"`
	CSRContent string   `arg:"csr_content" help:"the request itself, instead"`
	KeyPath    string   `arg:"privatekey_path" type:"path" help:"the private key on the host; needed for selfsigned, else compared with the certificate"`
	KeyContent kit.Body `arg:"privatekey_content" secret:"yes" help:"the private key itself, instead"`
	KeyPass    kit.Body `arg:"privatekey_passphrase" secret:"yes" help:"its passphrase"`
	AnyTime    bool     `arg:"ignore_timestamps" default:"yes" help:"a certificate that is there stays although not_before and not_after say other times"`

	SelfVersion int    `arg:"selfsigned_version" default:"3" help:"3"`
	SelfDigest  string `arg:"selfsigned_digest" default:"sha256" help:"sha256, sha384, sha512, sha1 or md5"`
	SelfBefore  string `arg:"selfsigned_not_before,selfsigned_notBefore" default:"+0s" help:"when it begins to count: from now (-1d, +2h) or a time (20300101000000Z)"`
	SelfAfter   string `arg:"selfsigned_not_after,selfsigned_notAfter" default:"+3650d" help:"when it ends"`
	SelfKeyID   string `arg:"selfsigned_create_subject_key_identifier" default:"create_if_not_provided" choices:"create_if_not_provided,always_create,never_create" help:"whether it names its key where the request does not, always, or never"`

	CAPath       string   `arg:"ownca_path" type:"path" help:"the CA's certificate on the host"`
	CAContent    string   `arg:"ownca_content" help:"the CA's certificate itself, instead"`
	CAKeyPath    string   `arg:"ownca_privatekey_path" type:"path" help:"the CA's private key on the host"`
	CAKeyContent kit.Body `arg:"ownca_privatekey_content" secret:"yes" help:"the CA's private key itself, instead"`
	CAKeyPass    kit.Body `arg:"ownca_privatekey_passphrase" secret:"yes" help:"its passphrase"`
	CAVersion    int      `arg:"ownca_version" default:"3" help:"3"`
	CADigest     string   `arg:"ownca_digest" default:"sha256" help:"as selfsigned_digest"`
	CABefore     string   `arg:"ownca_not_before" default:"+0s" help:"as selfsigned_not_before"`
	CAAfter      string   `arg:"ownca_not_after" default:"+3650d" help:"as selfsigned_not_after"`
	CAKeyID      string   `arg:"ownca_create_subject_key_identifier" default:"create_if_not_provided" choices:"create_if_not_provided,always_create,never_create" help:"as selfsigned_create_subject_key_identifier"`
	CAAuthID     bool     `arg:"ownca_create_authority_key_identifier" default:"yes" help:"whether it names the CA's key"`

	// What a new one gets, drawn and looked up once for each task; the host's own
	// clock counts when it is made.
	serial *big.Int
	now    time.Time
}

// X509Certificate keeps certificates.
func X509Certificate() play.Module {
	return kit.Define(kit.Doc{Name: "x509_certificate", Short: "certificates, self-signed or of a CA of one's own"}, x509Certificate{})
}

type x509Certificate struct{}

// Resolve draws the number of a new certificate.
func (x509Certificate) Resolve(_ context.Context, a *certArgs, _ play.Inputs) error {
	limit := new(big.Int).Lsh(big.NewInt(1), 159)
	n, err := rand.Int(rand.Reader, limit)
	a.serial, a.now = n.SetBit(n, 64, 1), time.Now()
	return err
}

func (x509Certificate) Validate(a certArgs) *play.ArgError {
	for _, p := range [][2]string{{"privatekey_passphrase", a.KeyPass.S}, {"ownca_privatekey_passphrase", a.CAKeyPass.S}} {
		if strings.ContainsAny(p[1], "\n\r\x00") {
			return &play.ArgError{Arg: p[0], Msg: "holds no line break"}
		}
	}
	for _, p := range [][4]string{
		{"csr_path", a.CSRPath, "csr_content", a.CSRContent}, {"privatekey_path", a.KeyPath, "privatekey_content", a.KeyContent.S},
		{"ownca_path", a.CAPath, "ownca_content", a.CAContent}, {"ownca_privatekey_path", a.CAKeyPath, "ownca_privatekey_content", a.CAKeyContent.S},
	} {
		if p[1] != "" && p[3] != "" {
			return &play.ArgError{Msg: "parameters are mutually exclusive: " + p[0] + "|" + p[2]}
		}
	}
	if a.State == "present" {
		if err := a.provided(); err != nil {
			return err
		}
	}
	return a.validate()
}

// provided reports what the provider lacks.
func (a certArgs) provided() *play.ArgError {
	lacks := func(format string, words ...any) *play.ArgError {
		return &play.ArgError{Msg: fmt.Sprintf(format, words...)}
	}
	const one = "One of %s and %s must be specified for the %s provider."
	switch {
	case a.Provider == "":
		return lacks("state is present but all of the following are missing: provider")
	case a.Provider == "acme" || a.Provider == "entrust":
		return &play.ArgError{Arg: "provider", Msg: a.Provider + " is not there, here certificates are selfsigned or of ownca: for Let's Encrypt run certbot on the host, with command"}
	case a.Provider != "selfsigned" && a.Provider != "ownca":
		return &play.ArgError{Arg: "provider", Msg: fmt.Sprintf("value of provider must be one of: ownca, selfsigned, got: %s", a.Provider)}
	case a.Provider == "selfsigned" && a.KeyPath+a.KeyContent.S == "":
		return lacks(one, "privatekey_path", "privatekey_content", "selfsigned")
	case a.Provider == "ownca" && a.CAPath+a.CAContent == "":
		return lacks(one, "ownca_path", "ownca_content", "ownca")
	case a.Provider == "ownca" && a.CAKeyPath+a.CAKeyContent.S == "":
		return lacks(one, "ownca_privatekey_path", "ownca_privatekey_content", "ownca")
	case a.Provider == "ownca" && a.CSRPath+a.CSRContent == "":
		return lacks("csr_path or csr_content is required for ownca provider")
	case a.rules().version == 2:
		return lacks("The cryptography backend does not support v2 certificates")
	}
	_, err := a.rules().times()
	if err != nil {
		return lacks("%s", err)
	}
	return nil
}

// rules are what the provider's own arguments say.
type rules struct {
	name, digest, before, after, keyID string
	version                            int
	authID                             bool
}

func (a certArgs) rules() rules {
	if a.Provider == "ownca" {
		return rules{"ownca", a.CADigest, a.CABefore, a.CAAfter, a.CAKeyID, a.CAVersion, a.CAAuthID}
	}
	return rules{"selfsigned", a.SelfDigest, a.SelfBefore, a.SelfAfter, a.SelfKeyID, a.SelfVersion, false}
}

// times are when it begins and ends.
func (r rules) times() (t [2]moment, err error) {
	if t[0], err = parseMoment(r.before, r.name+"_not_before"); err == nil {
		t[1], err = parseMoment(r.after, r.name+"_not_after")
	}
	return t, err
}

func (a certArgs) key() key { return key{path: a.KeyPath, content: a.KeyContent, pass: a.KeyPass} }

func (a certArgs) caKey() key {
	return key{path: a.CAKeyPath, content: a.CAKeyContent, pass: a.CAKeyPass}
}

func (x509Certificate) Facts(a certArgs) []host.Question {
	return kit.Hint(a.Path+a.CSRPath+a.KeyPath+a.CAPath+a.CAKeyPath, a.questions([]string{a.Path, a.CSRPath, a.KeyPath, a.CAPath, a.CAKeyPath})...)
}

// questions are all that a plan asks; paths are those of certificate, request, key,
// and the CA's two.
func (a certArgs) questions(paths []string) []host.Question {
	qs := []host.Question{kit.LookAt(paths[0], "", false).Q}
	if a.State == "absent" {
		return qs
	}
	qs = append(qs, kit.Content(paths[0]))
	if a.CSRPath != "" {
		qs = append(qs, kit.Content(paths[1]))
	}
	if a.KeyPath != "" || a.key().given() {
		qs = append(qs, a.key().ask(paths[2]).Q)
	}
	if a.Provider == "ownca" {
		if a.CAPath != "" {
			qs = append(qs, kit.Content(paths[3]))
		}
		qs = append(qs, a.caKey().ask(paths[4]).Q)
	}
	return qs
}

func (x509Certificate) Plan(a certArgs, s host.Seen) (play.Plan, error) {
	paths, err := places(s, a.Path, a.CSRPath, a.KeyPath, a.CAPath, a.CAKeyPath)
	if err != nil {
		return play.Plan{}, err
	}
	if err := host.All(s, a.questions(paths)...); err != nil {
		return play.Plan{}, err
	}
	f, stop, err := a.place(s)
	if a.State == "absent" && err == nil && f.look.Folder == "" {
		return kit.Unchanged(f.path+" is not there", a.data(f.path, nil, nil)), nil
	}
	if err != nil || stop != nil {
		return kit.Stopped(stop, err)
	}
	if a.State == "absent" {
		return a.remove(f, a.data(f.path, nil, nil)), nil
	}
	p, why, err := a.parties(s, paths)
	switch {
	case err != nil:
		return play.Plan{}, err
	case why != "":
		return kit.Failure("%s", why), nil
	case !p.openssl:
		return noOpenSSL(), nil
	}
	return a.plan(s, f, p, paths[0])
}

// parties are who takes part: the request, the key that signs and, for ownca, the CA.
type parties struct {
	request *signed
	key     *publicKey   // the certificate's own, nil = not given
	ca      *certificate // nil = selfsigned
	signer  signer
	openssl bool
}

// parties reads them; why is the reason in Ansible's words for which it cannot be.
func (a certArgs) parties(s host.Seen, paths []string) (p parties, why string, err error) {
	text := func(arg, content, path, what string) []byte {
		if arg == "" || why != "" {
			return []byte(content)
		}
		ans, _ := s.Answer(kit.Content(path))
		if ans.Status != 0 {
			why = fmt.Sprintf("The %s file %s does not exist", what, path)
		}
		return ans.Stdout
	}
	p.openssl = true
	open := func(k key, path, what string) *publicKey {
		st, bad := host.Get(s, k.ask(path))
		if bad != nil {
			err = bad
			return nil
		}
		p.openssl = p.openssl && (st.openssl || !st.there())
		if st.form == "none" && why == "" {
			why = fmt.Sprintf("The %s file %s does not exist", what, path)
		}
		if why == "" && p.openssl {
			why = k.cannot(st, path)
		}
		return st.public
	}
	request := text(a.CSRPath, a.CSRContent, paths[1], "certificate signing request")
	ca := text(a.CAPath, a.CAContent, paths[3], "CA certificate")
	sign := signer{key: a.key(), path: paths[2]}
	if a.Provider == "ownca" {
		sign = signer{key: a.caKey(), path: paths[4]}
		sign.public = open(sign.key, paths[4], "CA private key")
	}
	if a.KeyPath != "" || a.key().given() {
		p.key = open(a.key(), paths[2], "private key")
	}
	if err != nil || why != "" || !p.openssl {
		return p, why, err
	}
	if a.Provider == "selfsigned" {
		sign.public = p.key
	}
	return a.meet(p, sign, request, ca)
}

// meet reads the request and the CA's certificate, and holds them against the keys.
func (a certArgs) meet(p parties, sign signer, request, ca []byte) (parties, string, error) {
	var err error
	p.request = &signed{subject: sequence(), public: sign.public}
	if a.CSRPath+a.CSRContent != "" {
		if p.request, err = parseRequest(request); err != nil {
			return p, "the certificate signing request cannot be read: " + err.Error(), nil
		}
	}
	if a.Provider == "ownca" {
		if p.ca, err = parseCertificate(ca); err != nil {
			return p, "the CA certificate cannot be read: " + err.Error(), nil
		}
		if !p.ca.public.same(sign.public) {
			return p, "The CA private key does not belong to the CA certificate", nil
		}
	}
	m, ok := methodOf(sign.public.kind, a.rules().digest)
	if !ok && (sign.public.kind == "X25519" || sign.public.kind == "X448") {
		return p, unsigned(sign.public, ""), nil
	}
	if !ok {
		return p, fmt.Sprintf("The digest %s is not supported with the cryptography backend", a.rules().digest), nil
	}
	sign.method = m
	p.signer = sign
	return p, "", nil
}

// public is the certificate's key.
func (p parties) public() *publicKey {
	if p.ca == nil {
		return p.key
	}
	return p.request.public
}

// issuer is who signs.
func (p parties) issuer() []byte {
	if p.ca == nil {
		return p.request.subject
	}
	return p.ca.subject
}

// authID is the extension that names the CA's key.
func (p parties) authID() pkix.Extension {
	id := p.ca.keyID()
	if id == nil {
		id = p.ca.public.id()
	}
	der, _ := authDER(id, nil, nil)
	return extensionOf(oidAuthID, false, der)
}

// extensions are the request's, and those that name keys.
func (p parties) extensions(r rules) []pkix.Extension {
	var out []pkix.Extension
	named := false
	for _, e := range p.request.extensions {
		id := e.Id.String()
		if id == oidKeyID && r.keyID == "always_create" || id == oidAuthID && r.authID {
			continue
		}
		named = named || id == oidKeyID
		out = append(out, e)
	}
	if !named && r.keyID != "never_create" {
		out = append(out, extensionOf(oidKeyID, false, must(p.public().id(), "")))
	}
	if r.authID {
		out = append(out, p.authID())
	}
	return out
}

// fits reports a certificate that says what is wanted; why not is nobody's question.
func (p parties) fits(is *certificate, a certArgs) bool {
	r := a.rules()
	t, _ := r.times()
	same := p.key == nil || is.public.same(p.key)
	same = same && p.request.signature == nil || same && p.request.by(p.request.public)
	same = same && p.request.public.same(is.public) && sameName(p.request.subject, is.subject)
	if !same || !sameExtensions(p.extensions(r), is.extensions) {
		return false
	}
	for i, at := range []time.Time{is.notBefore, is.notAfter} {
		if !a.AnyTime && (t[i].relative || !t[i].at.Equal(at)) {
			return false
		}
	}
	if p.ca != nil {
		return is.by(p.ca.public) && sameName(p.ca.subject, is.issuer)
	}
	return is.by(p.key)
}

// sameExtensions compares two lists in any order.
func sameExtensions(want, is []pkix.Extension) bool {
	s := signed{extensions: is}
	for i := range want {
		if e := s.extension(want[i].Id.String()); e == nil || e.Critical != want[i].Critical || string(e.Value) != string(want[i].Value) {
			return false
		}
	}
	return len(want) == len(is)
}

// endless reports wishes that no certificate fulfils.
func (p parties) endless(a certArgs) bool {
	t, _ := a.rules().times()
	late := !a.AnyTime && (t[0].relative || t[1].relative)
	other := p.key != nil && !p.key.same(p.request.public)
	return a.Force || late || other || p.request.signature != nil && !p.request.by(p.request.public)
}

// tbs is what is signed.
func (p parties) tbs(a certArgs, from, to time.Time) ([]byte, error) {
	if from.Year() < 1950 || to.Year() > 9999 || to.Year() < 1950 {
		return nil, fmt.Errorf("a certificate lasts from 1950 to 9999, not from %s to %s", stamp(from), stamp(to))
	}
	parts := [][]byte{
		tlv(asn1.ClassContextSpecific, 0, true, must(2, "")), must(a.serial, ""), p.signer.method.identifier(), p.issuer(),
		sequence(must(from, ""), must(to, "")), p.request.subject, p.public().der,
	}
	if list := p.extensions(a.rules()); len(list) > 0 {
		parts = append(parts, tlv(asn1.ClassContextSpecific, 3, true, extensionsDER(list)))
	}
	return sequence(parts...), nil
}

// plan compares the certificate that is there with the wanted one.
func (a certArgs) plan(s host.Seen, f at, p parties, path string) (play.Plan, error) {
	old, _ := s.Answer(kit.Content(path))
	is, bad := parseCertificate(old.Stdout)
	if !a.Force && bad == nil && p.fits(is, a) {
		return a.attributes(s, f, a.data(f.path, is, old.Stdout))
	}
	write, err := a.writing(s, f, old.Stdout)
	if err != nil {
		return play.Plan{}, err
	}
	t, _ := a.rules().times()
	ahead := &certificate{
		signed:  signed{subject: p.request.subject, public: p.public(), extensions: p.extensions(a.rules())},
		version: 3, serial: a.serial, issuer: p.issuer(), notBefore: t[0].when(a.now), notAfter: t[1].when(a.now),
	}
	step := signStep{
		signer: p.signer, kind: "CERTIFICATE", write: write, clock: t[0].relative || t[1].relative,
		tbs: func(now time.Time) ([]byte, error) { return p.tbs(a, t[0].when(now), t[1].when(now)) },
	}
	return play.Plan{
		Steps: []host.Step{step}, Repeats: p.endless(a),
		Result: play.Result{Changed: true, Data: a.data(f.path, ahead, old.Stdout)},
		Diff:   []play.Diff{kit.JSONDiff(certDiffers(is, bad, old.Stdout), certDiffers(ahead, nil, []byte("new")))},
		Finish: kit.After(func(ran []host.Output) (play.Result, error) {
			text, backup := signedBy(ran[0], "CERTIFICATE", f.path)
			made, err := parseCertificate(text)
			if err != nil {
				made = ahead
			}
			return play.Result{Changed: true, Data: kept(a.data(f.path, made, text), backup)}, nil
		}),
	}, nil
}

// certDiffers is what a difference shows of a certificate.
func certDiffers(c *certificate, bad error, text []byte) *value.Map {
	if len(text) == 0 || bad != nil {
		return differs(nil, "can_parse_certificate", bad, text)
	}
	m := c.describe()
	m.Put("public_key_fingerprints", fingerprint(c.public.der))
	m.Put("fingerprints", fingerprint(c.der))
	m.Put("can_parse_certificate", value.Bool(true))
	return m
}

func (a certArgs) data(p string, c *certificate, text []byte) *value.Map {
	m := value.MapOf("filename", value.String(p), "privatekey", orNull(a.KeyPath), "csr", orNull(a.CSRPath))
	if a.Provider == "ownca" && a.State == "present" {
		m.Put("ca_cert", orNull(a.CAPath))
		m.Put("ca_privatekey", orNull(a.CAKeyPath))
	}
	if c != nil {
		m.Put("notBefore", value.String(stamp(c.notBefore)))
		m.Put("notAfter", value.String(stamp(c.notAfter)))
		m.Put("serial_number", value.Big(c.serial))
	}
	switch {
	case a.Content && len(text) > 0:
		m.Put("certificate", kit.HostText(string(text)))
	case a.Content:
		m.Put("certificate", value.Null())
	}
	return m
}
