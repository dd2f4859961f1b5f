package ssh

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"remoterun/runner/host"
)

// Shown is the key that a server shows, beside what known_hosts has of it.
type Shown struct {
	NewKey
	// Problem is empty for a key that is known.
	Problem KeyProblem
	Err     *HostKeyError // the problem in words

	addr string
	key  ssh.PublicKey
}

// errLooked ends a handshake whose only purpose was the server's key.
var errLooked = errors.New("the key was seen")

// Look asks a server for its key, and logs in nowhere but at jump hosts. Of
// several keys it is the one of a stored type, where the server has such a one.
func (d *Dialer) Look(ctx context.Context, t Target) (*Shown, error) {
	s, err := d.Config.settle(t)
	if err != nil {
		return nil, err
	}
	var seen Shown
	client, err := d.connect(ctx, t, s, 0, &seen)
	if client != nil {
		_ = client.Close()
	}
	if seen.key != nil {
		return &seen, nil
	}
	return nil, &host.TransportError{Host: t.Name, During: "connect to " + s.host + ":" + strconv.Itoa(s.port), Err: err}
}

// take keeps the key and ends the handshake.
func (s *Shown) take(k *known, of settings) ssh.HostKeyCallback {
	check := k.callback(context.Background(), of.known, nil)
	return func(name string, remote net.Addr, key ssh.PublicKey) error {
		err := check(name, remote, key)
		if err != nil && !errors.As(err, &s.Err) {
			return err
		}
		if s.Err != nil {
			s.Problem = s.Err.Problem
		}
		s.NewKey = NewKey{Host: knownhosts.Normalize(k.addr), Type: key.Type(), Fingerprint: ssh.FingerprintSHA256(key), File: of.known[0]}
		s.addr, s.key = k.addr, key
		return errLooked
	}
}

// Acceptable reports a key that the operator may accept: one that contradicts
// none that is stored.
func (s *Shown) Acceptable() bool { return s.Problem == KeyUnknown || s.Problem == KeyOtherType }

// Remember writes the key to known_hosts.
func (s *Shown) Remember() error {
	if !s.Acceptable() {
		return s.Err
	}
	return remember(s.File, s.addr, s.key)
}

// allAlgorithms are those of the stored types, then the others.
func (k *known) allAlgorithms() []string {
	out := slices.Clone(k.algorithms())
	for _, a := range usualOrder(ssh.SupportedAlgorithms().HostKeys) {
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}
