package certs

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"path"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// publicKeyArgs are the arguments of openssl_publickey.
type publicKeyArgs struct {
	fileArgs
	Format     string   `arg:"format" default:"PEM" choices:"OpenSSH,PEM" help:"PEM, or a line as authorized_keys has it, without a comment"`
	KeyPath    string   `arg:"privatekey_path" type:"path" help:"the private key on the host"`
	KeyContent kit.Body `arg:"privatekey_content" secret:"yes" help:"the private key itself, instead"`
	KeyPass    kit.Body `arg:"privatekey_passphrase" secret:"yes" help:"its passphrase"`
}

// OpenSSLPublicKey keeps public keys.
func OpenSSLPublicKey() play.Module {
	return kit.Define(kit.Doc{Name: "openssl_publickey", Short: "the public half of a private key"}, publicHalf{})
}

type publicHalf struct{}

func (publicHalf) Validate(a publicKeyArgs) *play.ArgError {
	switch {
	case a.State == "present" && a.KeyPath == "" && a.KeyContent.S == "":
		return &play.ArgError{Msg: "state is present but any of the following are missing: privatekey_path, privatekey_content"}
	case a.KeyPath != "" && a.KeyContent.S != "":
		return &play.ArgError{Msg: "parameters are mutually exclusive: privatekey_path|privatekey_content"}
	case strings.ContainsAny(a.KeyPass.S, "\n\r\x00"):
		return &play.ArgError{Arg: "privatekey_passphrase", Msg: "holds no line break"}
	}
	return a.validate()
}

func (a publicKeyArgs) key() key { return key{path: a.KeyPath, content: a.KeyContent, pass: a.KeyPass} }

func (publicHalf) Facts(a publicKeyArgs) []host.Question {
	if a.State == "absent" {
		return kit.Hint(a.Path, kit.LookAt(a.Path, "", false).Q)
	}
	return kit.Hint(a.Path+a.KeyPath, kit.LookAt(a.Path, "", false).Q, kit.Content(a.Path), a.key().ask(a.KeyPath).Q)
}

func (publicHalf) Plan(a publicKeyArgs, s host.Seen) (play.Plan, error) {
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
	switch {
	case err == nil && stop != nil && f.look.Folder == "":
		return *noFolder(path.Dir(f.path), "'%s'"), nil
	case err != nil || stop != nil:
		return kit.Stopped(stop, err)
	case a.State == "absent":
		return a.remove(f, a.data(f.path, nil, nil)), nil
	}
	old, _ := s.Answer(kit.Content(paths[0]))
	st, err := host.Get(s, ask)
	if err != nil {
		return play.Plan{}, err
	}
	if st.form == "none" {
		return a.later(f, old.Stdout, "The private key "+paths[1]+" does not exist"), nil
	}
	if !st.openssl {
		return noOpenSSL(), nil
	}
	if why := a.key().cannot(st, paths[1]); why != "" {
		return kit.Failure("%s", why), nil
	}
	return a.plan(s, f, st.public, old.Stdout)
}

// later is how a task ends whose key is not there. As in Ansible that is seen when the
// file is made: a look ahead at a fresh host, where an earlier task makes the key, goes
// on.
func (a publicKeyArgs) later(f at, old []byte, why string) play.Plan {
	return play.Plan{
		Steps:   []host.Step{host.Run{Cmd: sh.Script(`printf "%s\n" "$1" >&2; exit 1`, why), What: "write the public key " + f.real()}},
		Result:  play.Result{Changed: true, Data: a.data(f.path, nil, old)},
		Repeats: a.Force,
		Finish: func([]host.Output) (play.Result, error) {
			return play.Result{Failed: true, Complete: true, Msg: why}, nil
		},
	}
}

// plan compares the file that is there with the key's public half.
func (a publicKeyArgs) plan(s host.Seen, f at, k *publicKey, old []byte) (play.Plan, error) {
	text := k.pem()
	if a.Format == "OpenSSH" {
		if text = k.openSSH(); text == "" {
			return kit.Failure("OpenSSH has no keys of the type %s", k.kind), nil
		}
	}
	if !a.Force && a.holds(old, k, text) {
		return a.attributes(s, f, a.data(f.path, k, old))
	}
	write, err := a.writing(s, f, old)
	if err != nil {
		return play.Plan{}, err
	}
	return play.Plan{
		Steps: []host.Step{write.Step(kit.MadeInput(write.Path, []byte(text)))}, Repeats: a.Force,
		Result: play.Result{Changed: true, Data: a.data(f.path, k, old)},
		Diff:   []play.Diff{kit.JSONDiff(publicDiffers(old), publicDiffers([]byte(text)))},
		Finish: kit.After(func(ran []host.Output) (play.Result, error) {
			_, _, backup, _ := kit.Told(ran[0], f.path)
			return play.Result{Changed: true, Data: kept(a.data(f.path, k, []byte(text)), backup)}, nil
		}),
	}, nil
}

// holds reports a file that says the same key in the wanted form; a comment does not
// matter.
func (a publicKeyArgs) holds(old []byte, k *publicKey, text string) bool {
	if a.Format == "PEM" {
		is, err := readPublic(old)
		return err == nil && is.same(k)
	}
	line, rest, _ := strings.Cut(string(old), "\n")
	f := strings.Fields(line)
	return strings.TrimSpace(rest) == "" && len(f) > 1 && f[0]+" "+f[1] == text
}

func (a publicKeyArgs) data(p string, k *publicKey, text []byte) *value.Map {
	print := value.FromMap(value.NewMap())
	if k != nil {
		print = k.fingerprints()
	}
	m := value.MapOf("privatekey", orNull(a.KeyPath), "filename", value.String(p), "format", value.String(a.Format), "fingerprint", print)
	if a.Content {
		m.Put("publickey", textOrNull(text))
	}
	return m
}

// publicDiffers is what a difference shows of a public key.
func publicDiffers(text []byte) *value.Map {
	if len(text) == 0 {
		return value.NewMap()
	}
	k, err := readPublic(text)
	if err != nil {
		return value.MapOf("can_parse_key", value.Bool(false))
	}
	return value.MapOf("can_parse_key", value.Bool(true), "fingerprints", fingerprint(k.der), "type", value.String(k.kind), "public_data", value.FromMap(k.info()))
}

// readPublic reads a public key in PEM, by itself or as RSA alone has it (PKCS#1).
func readPublic(text []byte) (*publicKey, error) {
	b, _ := pem.Decode(text)
	switch {
	case b == nil:
		return nil, errors.New("Error while deserializing key: it holds no PUBLIC KEY")
	case b.Type == "RSA PUBLIC KEY":
		return parsePublic(sequence(sequence(must(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}, ""), tlv(asn1.ClassUniversal, asn1.TagNull, false, nil)), must(asn1.BitString{Bytes: b.Bytes, BitLength: len(b.Bytes) * 8}, "")))
	case b.Type != "PUBLIC KEY":
		return nil, errors.New("Error while deserializing key: it holds no PUBLIC KEY")
	}
	return parsePublic(b.Bytes)
}

// openSSH is the key as a line of authorized_keys, empty for kinds that OpenSSH lacks.
func (k *publicKey) openSSH() string {
	name, parts := "", [][]byte(nil)
	switch {
	case k.kind == "RSA":
		name, parts = "ssh-rsa", [][]byte{mpint(k.exponent.Bytes()), mpint(k.modulus.Bytes())}
	case k.kind == "DSA":
		name, parts = "ssh-dss", [][]byte{mpint(k.p.Bytes()), mpint(k.q.Bytes()), mpint(k.g.Bytes()), mpint(k.y.Bytes())}
	case k.kind == "Ed25519":
		name, parts = "ssh-ed25519", [][]byte{k.bits}
	case k.kind == "ECC" && sshCurves()[k.curve] != "":
		name, parts = "ecdsa-sha2-"+sshCurves()[k.curve], [][]byte{[]byte(sshCurves()[k.curve]), k.bits}
	default:
		return ""
	}
	var b bytes.Buffer
	for _, p := range append([][]byte{[]byte(name)}, parts...) {
		n := len(p)
		b.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		b.Write(p)
	}
	return name + " " + base64.StdEncoding.EncodeToString(b.Bytes())
}

// sshCurves are OpenSSH's names of curves.
func sshCurves() map[string]string {
	return map[string]string{"secp256r1": "nistp256", "secp384r1": "nistp384", "secp521r1": "nistp521"}
}

// mpint is a number of SSH: a first bit that is set would make it negative.
func mpint(b []byte) []byte {
	if len(b) > 0 && b[0] >= 0x80 {
		return append([]byte{0}, b...)
	}
	return b
}
