package certs

import (
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// readArgs are the arguments of modules that read such a file.
type readArgs struct {
	Path     string `arg:"path" type:"path" help:"the file on the host"`
	Content  string `arg:"content" help:"its text itself, instead"`
	Encoding string `arg:"name_encoding" default:"ignore" help:"ignore: names of domains as they stand there"`
	Backend  string `arg:"select_crypto_backend" default:"auto" choices:"auto,cryptography" help:"accepted: it is read on the laptop"`
}

func (a readArgs) validate() *play.ArgError {
	switch {
	case a.Path == "" && a.Content == "":
		return &play.ArgError{Msg: "one of the following is required: path, content"}
	case a.Path != "" && a.Content != "":
		return &play.ArgError{Msg: "parameters are mutually exclusive: path|content"}
	case a.Encoding != "ignore":
		return &play.ArgError{Arg: "name_encoding", Msg: fmt.Sprintf("%s is not there: names are given as they stand, with ignore", a.Encoding)}
	}
	return nil
}

func (a readArgs) facts() []host.Question {
	if a.Path == "" {
		return nil
	}
	return kit.Hint(a.Path, kit.Content(a.Path))
}

// read is the text; stop is why there is none, what being read.
func (a readArgs) read(s host.Seen, what string) (text []byte, stop *play.Plan, err error) {
	if a.Path == "" {
		return []byte(a.Content), nil, nil
	}
	p, err := kit.Place(s, a.Path)
	if err != nil {
		return nil, nil, err
	}
	ans, err := s.Answer(kit.Content(p))
	if err == nil && ans.Status != 0 {
		why := "[Errno 2] No such file or directory"
		if ans.Status != 3 {
			why = "[Errno 13] Permission denied"
		}
		f := kit.Failure("Error while reading %s file from disk: %s: '%s'", what, why, p)
		stop = &f
	}
	return ans.Stdout, stop, err
}

// known is a plan that only tells.
func known(m *value.Map) play.Plan { return kit.Unchanged("it was read", m) }

// OpenSSLCSRInfo reads requests.
func OpenSSLCSRInfo() play.Module {
	return kit.Define(kit.Doc{Name: "openssl_csr_info", Short: "what a request for a certificate says"}, csrInfo{})
}

type csrInfoArgs struct{ readArgs }

type csrInfo struct{}

func (csrInfo) Validate(a csrInfoArgs) *play.ArgError { return a.validate() }

func (csrInfo) Facts(a csrInfoArgs) []host.Question { return a.facts() }

func (csrInfo) Plan(a csrInfoArgs, s host.Seen) (play.Plan, error) {
	text, stop, err := a.read(s, "CSR")
	if err != nil || stop != nil {
		return kit.Stopped(stop, err)
	}
	r, err := parseRequest(text)
	if err != nil {
		return kit.Failure("%s", err), nil
	}
	m := r.describe()
	m.Put("public_key_fingerprints", r.public.fingerprints())
	m.Put("signature_valid", value.Bool(r.by(r.public)))
	if !r.by(r.public) {
		p := kit.Failure("CSR signature is invalid!")
		p.Result.Data = m
		return p, nil
	}
	return known(m), nil
}

// certInfoArgs are the arguments of x509_certificate_info.
type certInfoArgs struct {
	readArgs
	ValidAt *value.Map `arg:"valid_at" help:"times by names of one's own (from now: +1w, or 20300101000000Z): the result says whether it counts then"`
}

// X509CertificateInfo reads certificates.
func X509CertificateInfo() play.Module {
	return kit.Define(kit.Doc{Name: "x509_certificate_info", Short: "what a certificate says, and whether it counts"}, x509Info{})
}

type x509Info struct{}

func (x509Info) Validate(a certInfoArgs) *play.ArgError {
	for k, v := range a.ValidAt.All() {
		s, ok := v.AsString()
		if !ok {
			return &play.ArgError{Msg: fmt.Sprintf("The value for valid_at.%s must be of type string (got %s)", value.Str(k), value.TypeName(v))}
		}
		if _, err := parseMoment(s, "valid_at."+value.Str(k)); err != nil {
			return &play.ArgError{Msg: err.Error()}
		}
	}
	return a.validate()
}

// clock is the host's, in seconds.
func clock() host.Fact[time.Time] {
	return host.Fact[time.Time]{
		Q: host.NewProbe("date -u +%s").Plain().Wide(),
		Parse: func(a host.Answer) (time.Time, error) {
			n, err := strconv.ParseInt(strings.TrimSpace(string(a.Stdout)), 10, 64)
			if err != nil {
				err = fmt.Errorf("the host's date gave no seconds: %q", a.Stdout)
			}
			return time.Unix(n, 0).UTC(), err
		},
	}
}

func (x509Info) Facts(a certInfoArgs) []host.Question { return append(a.facts(), clock().Q) }

func (x509Info) Plan(a certInfoArgs, s host.Seen) (play.Plan, error) {
	text, stop, err := a.read(s, "certificate")
	if err != nil || stop != nil {
		return kit.Stopped(stop, err)
	}
	now, err := host.Get(s, clock())
	if err != nil {
		return play.Plan{}, err
	}
	if b, _ := pem.Decode(text); b == nil && a.Path != "" && len(text) > 0 && text[0] == 0x30 {
		text = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: text})
	}
	c, err := parseCertificate(text)
	if err != nil {
		return kit.Failure("%s", err), nil
	}
	m := c.describe()
	at := value.NewMap()
	for k, v := range a.ValidAt.All() {
		when, _ := parseMoment(value.Str(v), "")
		t := when.when(now)
		at.Put(value.Str(k), value.Bool(!t.Before(c.notBefore) && !t.After(c.notAfter)))
	}
	m.Put("valid_at", value.FromMap(at))
	m.Put("expired", value.Bool(c.notAfter.Before(now)))
	return known(m), nil
}

// describe is what results say of a certificate.
func (c *certificate) describe() *value.Map {
	m := c.signed.describe()
	for _, k := range []string{"name_constraints_permitted", "name_constraints_excluded", "name_constraints_critical"} {
		m.Delete(value.String(k)) // of requests only, as in Ansible
	}
	issuer, ordered := entries(c.issuer)
	m.Put("issuer", issuer)
	m.Put("issuer_ordered", ordered)
	m.Put("version", value.Int(int64(c.version)))
	m.Put("not_before", value.String(stamp(c.notBefore)))
	m.Put("not_after", value.String(stamp(c.notAfter)))
	m.Put("serial_number", value.Big(c.serial))
	m.Put("public_key_fingerprints", c.public.fingerprints())
	m.Put("fingerprints", fingerprints(c.der))
	name := c.algorithm.Algorithm.String()
	if i := slices.IndexFunc(methods(), func(m method) bool { return m.oid == name }); i >= 0 {
		name = methods()[i].name
	}
	m.Put("signature_algorithm", value.String(name))
	m.Put("ocsp_uri", c.access("1.3.6.1.5.5.7.48.1"))
	m.Put("issuer_uri", c.access("1.3.6.1.5.5.7.48.2"))
	return m
}

// access is where more is to be had of a kind, null = nowhere.
func (c *certificate) access(kind string) value.Value {
	e := c.extension("1.3.6.1.5.5.7.1.1")
	if e == nil {
		return value.Null()
	}
	for _, d := range parts(e.Value) {
		var oid asn1.ObjectIdentifier
		rest, err := asn1.Unmarshal(d.Bytes, &oid)
		var at asn1.RawValue
		if _, err2 := asn1.Unmarshal(rest, &at); err == nil && err2 == nil && oid.String() == kind && at.Tag == tagURI {
			return kit.HostText(textOf(at))
		}
	}
	return value.Null()
}
