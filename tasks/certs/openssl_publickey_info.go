package certs

import (
	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// publicInfoArgs are the arguments of openssl_publickey_info.
type publicInfoArgs struct {
	Path    string `arg:"path" type:"path" help:"the file on the host"`
	Content string `arg:"content" help:"its text itself, instead"`
	Backend string `arg:"select_crypto_backend" default:"auto" choices:"auto,cryptography" help:"accepted: it is read on the laptop"`
}

// OpenSSLPublicKeyInfo tells of public keys.
func OpenSSLPublicKeyInfo() play.Module {
	return kit.Define(kit.Doc{Name: "openssl_publickey_info", Short: "what a public key is"}, publicInfo{})
}

type publicInfo struct{}

func (a publicInfoArgs) read() readArgs {
	return readArgs{Path: a.Path, Content: a.Content, Encoding: "ignore"}
}

func (publicInfo) Validate(a publicInfoArgs) *play.ArgError { return a.read().validate() }

func (publicInfo) Facts(a publicInfoArgs) []host.Question { return a.read().facts() }

func (publicInfo) Plan(a publicInfoArgs, s host.Seen) (play.Plan, error) {
	text, stop, err := a.read().read(s, "public key")
	if err != nil || stop != nil {
		return kit.Stopped(stop, err)
	}
	k, err := readPublic(text)
	if err != nil {
		return kit.Failure("%s", err), nil
	}
	return known(value.MapOf("type", value.String(k.kind), "fingerprints", k.fingerprints(), "public_data", value.FromMap(k.info()))), nil
}
