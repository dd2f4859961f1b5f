package certs

import (
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// keyInfoArgs are the arguments of openssl_privatekey_info.
type keyInfoArgs struct {
	Path       string   `arg:"path" type:"path" help:"the key on the host"`
	Content    kit.Body `arg:"content" secret:"yes" help:"the key itself, instead"`
	Passphrase kit.Body `arg:"passphrase" secret:"yes" help:"its passphrase"`
	Private    bool     `arg:"return_private_key_data" default:"no" help:"no: the key stays on the host"`
	Backend    string   `arg:"select_crypto_backend" default:"auto" choices:"auto,cryptography" help:"accepted: it is read by the host's openssl"`
}

// OpenSSLPrivateKeyInfo tells of private keys.
func OpenSSLPrivateKeyInfo() play.Module {
	return kit.Define(kit.Doc{Name: "openssl_privatekey_info", Short: "what is public of a private key"}, privateKeyInfo{})
}

type privateKeyInfo struct{}

func (privateKeyInfo) Validate(a keyInfoArgs) *play.ArgError {
	switch {
	case a.Path == "" && a.Content.S == "":
		return &play.ArgError{Msg: "one of the following is required: path, content"}
	case a.Path != "" && a.Content.S != "":
		return &play.ArgError{Msg: "parameters are mutually exclusive: path|content"}
	case a.Private:
		return &play.ArgError{Arg: "return_private_key_data", Msg: "is not there: what is private of a key stays on the host"}
	case strings.ContainsAny(a.Passphrase.S, "\n\r\x00"):
		return &play.ArgError{Arg: "passphrase", Msg: "holds no line break"}
	}
	return nil
}

func (a keyInfoArgs) key() key { return key{path: a.Path, content: a.Content, pass: a.Passphrase} }

func (privateKeyInfo) Facts(a keyInfoArgs) []host.Question {
	return kit.Hint(a.Path, a.key().ask(a.Path).Q)
}

func (privateKeyInfo) Plan(a keyInfoArgs, s host.Seen) (play.Plan, error) {
	paths, err := places(s, a.Path)
	if err != nil {
		return play.Plan{}, err
	}
	st, err := host.Get(s, a.key().ask(paths[0]))
	if err != nil {
		return play.Plan{}, err
	}
	why := a.key().cannot(st, paths[0])
	m := value.MapOf("can_load_key", value.Bool(st.there()), "can_parse_key", value.Bool(why == ""), "key_is_consistent", value.Null())
	fails := func(text string) (play.Plan, error) {
		p := kit.Failure("%s", text)
		p.Result.Data = m
		return p, nil
	}
	switch {
	case !st.there():
		return fails("Error while reading private key file from disk: " + why)
	case !st.openssl:
		return noOpenSSL(), nil
	case why != "":
		return fails(why)
	}
	k := st.public
	m.Put("type", value.String(k.kind))
	m.Put("public_key", value.String(k.pem()))
	m.Put("public_key_fingerprints", k.fingerprints())
	m.Put("public_data", value.FromMap(k.info()))
	return known(m), nil
}
