package pg

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"remoterun/runner/host"
)

// TLS is how a session over the host's connection is encrypted between the host and
// the server, in the words of libpq. The zero value is not at all.
type TLS struct {
	// Mode is disable, allow, prefer, require, verify-ca or verify-full.
	Mode string
	// CA, Cert and Key are files of the host, empty = none.
	CA, Cert, Key string
}

// apply sets what is tried first and, where the mode allows it, second.
func (t TLS) apply(ctx context.Context, r host.Reader, cfg *pgconn.Config) error {
	if t.Mode == "" || t.Mode == "disable" || cfg.Host[0] == '/' {
		return nil
	}
	c, err := t.config(ctx, r, cfg.Host)
	if err != nil {
		return err
	}
	second := func(c *tls.Config) {
		cfg.Fallbacks = []*pgconn.FallbackConfig{{Host: cfg.Host, Port: cfg.Port, TLSConfig: c}}
	}
	switch t.Mode {
	case "allow":
		second(c)
	case "prefer":
		cfg.TLSConfig = c
		second(nil)
	default:
		cfg.TLSConfig = c
	}
	return nil
}

// config is what a handshake checks. A certificate is looked at only where the mode
// says so, or where require has a file of authorities: as libpq does it.
func (t TLS) config(ctx context.Context, r host.Reader, name string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: name, InsecureSkipVerify: true} // #nosec G402: checked below
	if t.Cert != "" || t.Key != "" {
		cert, err := hostFile(ctx, r, t.Cert)
		if err != nil {
			return nil, err
		}
		key, err := hostFile(ctx, r, t.Key)
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("client certificate %s with the key %s: %w", t.Cert, t.Key, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	verify := t.Mode == "verify-ca" || t.Mode == "verify-full"
	switch {
	case verify && t.CA == "":
		return nil, fmt.Errorf("ssl_mode %s needs ca_cert, a file of the host with the certificates of who signs servers'", t.Mode)
	case !verify && (t.Mode != "require" || t.CA == ""):
		return c, nil
	}
	pem, err := hostFile(ctx, r, t.CA)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s on %s holds no certificate", t.CA, r.Name())
	}
	if t.Mode == "verify-full" {
		c.InsecureSkipVerify, c.RootCAs = false, roots
		return c, nil
	}
	c.VerifyConnection = func(s tls.ConnectionState) error { return signedBy(s, roots) }
	return c, nil
}

// signedBy checks a server's certificate, whatever name it has.
func signedBy(s tls.ConnectionState, roots *x509.CertPool) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("the server sent no certificate")
	}
	between := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	return err
}

func hostFile(ctx context.Context, r host.Reader, file string) ([]byte, error) {
	a, err := r.Probe(ctx, host.NewProbe(`cat -- "$1"`, file))
	if err == nil && a.Status != 0 {
		err = fmt.Errorf("the file %q of %s cannot be read", file, r.Name())
	}
	return a.Stdout, err
}
