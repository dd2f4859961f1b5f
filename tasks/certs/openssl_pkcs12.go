package certs

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"path"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// pkcs12Args are the arguments of openssl_pkcs12.
type pkcs12Args struct {
	Path       string   `arg:"path" need:"yes" type:"path" help:"the archive; with action: parse the file that gets its content"`
	Action     string   `arg:"action" default:"export" choices:"export,parse" help:"make an archive, or write what is in one (src) as PEM without a passphrase"`
	Src        string   `arg:"src" type:"path" help:"with action: parse: the archive"`
	CertPath   string   `arg:"certificate_path" type:"path" help:"the certificate on the host"`
	Others     []string `arg:"other_certificates,ca_certificates" type:"path" help:"files of the host with further certificates: the first of each counts"`
	All        bool     `arg:"other_certificates_parse_all" default:"no" help:"every certificate of those files counts"`
	Name       string   `arg:"friendly_name,name" help:"what the key and its certificate are called in it; needed to make one"`
	Passphrase kit.Body `arg:"passphrase" secret:"yes" help:"what it is encrypted with; without one it is not"`
	KeyPath    string   `arg:"privatekey_path" type:"path" help:"the private key on the host"`
	KeyContent kit.Body `arg:"privatekey_content" secret:"yes" help:"the private key itself, instead"`
	KeyPass    kit.Body `arg:"privatekey_passphrase" secret:"yes" help:"its passphrase"`
	Level      string   `arg:"encryption_level" default:"auto" choices:"auto,compatibility2022" help:"compatibility2022 is what older programs read (3DES, SHA-1), auto what the host's openssl does"`
	Iter       int      `arg:"iter_size" help:"rounds of the passphrase, for encryption and MAC; default: openssl's, 50000 with compatibility2022"`
	MACIter    int      `arg:"maciter_size" help:"accepted: iter_size counts for both"`
	State      string   `arg:"state" default:"present" choices:"absent,present" help:"whether it shall be there"`
	Force      bool     `arg:"force" default:"no" help:"make it anew each time"`
	Backup     bool     `arg:"backup" default:"no" help:"keep what was there beside it, under a name with the time"`
	Content    bool     `arg:"return_content" default:"no" help:"give it in the result, in base64"`
	Backend    string   `arg:"select_crypto_backend" default:"auto" choices:"auto,cryptography,pyopenssl" help:"accepted: the work is the host's openssl's"`
	Unsafe     bool     `arg:"unsafe_writes" default:"no" help:"write in place where a rename is refused"`
	kit.Attrs
}

// OpenSSLPKCS12 keeps archives of a key and its certificates.
func OpenSSLPKCS12() play.Module {
	return kit.Define(kit.Doc{Name: "openssl_pkcs12", Short: "PKCS#12 archives of a key and its certificates"}, pkcs12{})
}

type pkcs12 struct{}

func (pkcs12) Validate(a pkcs12Args) *play.ArgError {
	for _, p := range [][2]string{{"passphrase", a.Passphrase.S}, {"privatekey_passphrase", a.KeyPass.S}} {
		if strings.ContainsAny(p[1], "\n\r\x00") {
			return &play.ArgError{Arg: p[0], Msg: "holds no line break"}
		}
	}
	switch {
	case a.KeyPath != "" && a.KeyContent.S != "":
		return &play.ArgError{Msg: "parameters are mutually exclusive: privatekey_path|privatekey_content"}
	case a.Action == "parse" && a.Src == "":
		return &play.ArgError{Msg: "action is parse but all of the following are missing: src"}
	case a.Iter < 0:
		return &play.ArgError{Arg: "iter_size", Msg: "is at least 1"}
	case a.State == "present" && a.Action == "export" && a.Name == "":
		return &play.ArgError{Msg: "Friendly_name is required"}
	case strings.ContainsAny(a.Name, "\n\r\x00"):
		return &play.ArgError{Arg: "friendly_name", Msg: "holds no line break"}
	case a.State == "present" && a.Action == "export" && a.KeyPath+a.KeyContent.S+a.CertPath == "" && len(a.Others) == 0:
		return &play.ArgError{Msg: "You must supply at least one of key, cert, or cas"}
	}
	return a.file().validate()
}

// file are the arguments that it shares with the other modules.
func (a pkcs12Args) file() fileArgs {
	return fileArgs{Path: a.Path, State: a.State, Force: a.Force, Backup: a.Backup, Content: a.Content, Unsafe: a.Unsafe, Attrs: a.Attrs}
}

func (a pkcs12Args) key() key { return key{path: a.KeyPath, content: a.KeyContent, pass: a.KeyPass} }

// keyed reports that a private key is to be in it.
func (a pkcs12Args) keyed() bool { return a.KeyPath != "" || a.key().given() }

// paths are all that it names: the file, the archive, the key, the certificate, the
// others.
func (a pkcs12Args) paths() []string {
	return append([]string{a.Path, a.Src, a.KeyPath, a.CertPath}, a.Others...)
}

// questions are all that a plan asks.
func (a pkcs12Args) questions(p []string) []host.Question {
	qs := []host.Question{kit.LookAt(p[0], "", false).Q}
	if a.State == "absent" {
		return qs
	}
	if a.Content {
		qs = append(qs, kit.Content(p[0]))
	}
	if a.Action == "parse" {
		return append(qs, askP12(p[1], p[0], a.Passphrase).Q)
	}
	qs = append(qs, askP12(p[0], "", a.Passphrase).Q)
	if a.keyed() {
		qs = append(qs, a.key().ask(p[2]).Q)
	}
	for _, c := range p[3:] {
		if c != "" {
			qs = append(qs, kit.Content(c))
		}
	}
	return qs
}

func (pkcs12) Facts(a pkcs12Args) []host.Question {
	return kit.Hint(strings.Join(a.paths(), ""), a.questions(a.paths())...)
}

func (pkcs12) Plan(a pkcs12Args, s host.Seen) (play.Plan, error) {
	if !a.Mode.Given() {
		_ = a.Mode.ParseArg(value.String("0400"))
	}
	p, err := places(s, a.paths()...)
	if err != nil {
		return play.Plan{}, err
	}
	if err := host.All(s, a.questions(p)...); err != nil {
		return play.Plan{}, err
	}
	f, stop, err := a.file().place(s)
	switch {
	case err == nil && stop != nil && f.look.Folder == "":
		return *noFolder(path.Dir(f.path), "'%s'"), nil
	case err != nil || stop != nil:
		return kit.Stopped(stop, err)
	case a.State == "absent":
		return a.file().remove(f, a.data(f.path, nil, "")), nil
	case a.Action == "parse":
		return a.parse(s, f, p[1])
	}
	return a.export(s, f, p)
}

// inside is what is to be in an archive.
type inside struct {
	key    *publicKey
	cert   *certificate
	others []*certificate
}

// wanted reads what is to be in it; why is the reason for which it cannot be.
func (a pkcs12Args) wanted(s host.Seen, p []string) (in inside, why string, err error) {
	if a.keyed() {
		st, err := host.Get(s, a.key().ask(p[2]))
		if err != nil {
			return in, "", err
		}
		if why := a.key().cannot(st, p[2]); why != "" {
			return in, why, nil
		}
		in.key = st.public
	}
	for i, at := range p[3:] {
		if at == "" {
			continue
		}
		ans, err := s.Answer(kit.Content(at))
		if err != nil {
			return in, "", err
		}
		if ans.Status != 0 {
			return in, unread(ans.Status, at), nil
		}
		list, err := certificatesIn(ans.Stdout)
		switch {
		case err != nil:
			return in, at + ": " + err.Error(), nil
		case len(list) == 0 && (i == 0 || !a.All):
			return in, at + ": Unable to load PEM file: it holds no CERTIFICATE", nil
		case i == 0:
			in.cert = list[0]
		case a.All:
			in.others = append(in.others, list...)
		default:
			in.others = append(in.others, list[0])
		}
	}
	if in.key != nil && in.cert != nil && !in.key.same(in.cert.public) {
		return in, "The private key does not belong to the certificate " + p[3], nil
	}
	return in, "", nil
}

// certificatesIn are all of a file in PEM, in their order.
func certificatesIn(text []byte) ([]*certificate, error) {
	var out []*certificate
	for {
		b, rest := pem.Decode(text)
		if b == nil {
			return out, nil
		}
		text = rest
		if b.Type != "CERTIFICATE" && b.Type != "X509 CERTIFICATE" {
			continue
		}
		c, err := parseCertificate(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.Bytes}))
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
}

// export plans an archive.
func (a pkcs12Args) export(s host.Seen, f at, p []string) (play.Plan, error) {
	is, err := host.Get(s, askP12(p[0], "", a.Passphrase))
	if err != nil {
		return play.Plan{}, err
	}
	if !is.openssl {
		return noOpenSSL(), nil
	}
	in, why, err := a.wanted(s, p)
	if err != nil || why != "" {
		return kit.Failure("%s", why), err
	}
	same := is.form == "open" && (in.key == nil) == (is.public == nil) && (in.key == nil || in.key.same(is.public) && is.named(a.Name))
	if !a.Force && same && is.holds(in.cert, in.others) {
		return a.stays(s, f)
	}
	cmd := func(words []string) sh.Cmd {
		keyed := p[2]
		switch {
		case keyed != "":
			keyed = kit.Safe(keyed)
		case a.keyed():
			keyed = "-"
		}
		rounds := ""
		if a.Iter > 0 {
			rounds = strconv.Itoa(a.Iter)
		} else if a.Level != "auto" {
			rounds = "50000"
		}
		words = append(words, keyed, pemIn(in.cert), pemIn(in.others...), a.Name, kit.Yes(a.Passphrase.S != ""), kit.Yes(a.Level != "auto"), rounds, kit.Yes(a.Content))
		return sh.Script(makeP12Text, words...).With(sh.Bytes(a.KeyPass.S + "\n" + a.Passphrase.S + "\n" + a.KeyContent.S))
	}
	return a.write(s, f, "make the archive "+f.real(), cmd)
}

// pemIn are certificates in PEM, in base64.
func pemIn(list ...*certificate) string {
	var text []byte
	for _, c := range list {
		if c != nil {
			text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.der})...)
		}
	}
	return base64.StdEncoding.EncodeToString(text)
}

// parse plans a file with what is in an archive.
func (a pkcs12Args) parse(s host.Seen, f at, src string) (play.Plan, error) {
	is, err := host.Get(s, askP12(src, f.path, a.Passphrase))
	switch {
	case err != nil:
		return play.Plan{}, err
	case is.form == "none":
		return kit.Failure("%s", unread(3, src)), nil
	case is.form == "dir":
		return kit.Failure("[Errno 21] Is a directory: '%s'", src), nil
	case is.form == "closed":
		return kit.Failure("%s", unread(1, src)), nil
	case !is.openssl:
		return noOpenSSL(), nil
	case is.form != "open":
		return kit.Failure("Invalid password or PKCS12 data"), nil
	case is.same && !a.Force:
		return a.stays(s, f)
	}
	return a.write(s, f, "write what is in "+src+" to "+f.real(), func(words []string) sh.Cmd {
		return sh.Script(parseP12Text, append(words, kit.Safe(src), kit.Yes(a.Content))...).With(sh.Bytes(a.Passphrase.S + "\n"))
	})
}

// unread is what Python says of a file that cannot be read.
func unread(status int, path string) string {
	if status == 3 {
		return "[Errno 2] No such file or directory: '" + path + "'"
	}
	return "[Errno 13] Permission denied: '" + path + "'"
}

// makeP12Text makes an archive: the nine arguments of placing, path of the key (-: it
// comes on stdin; empty: none), certificate and further ones, in PEM in base64, name,
// yes for a passphrase, yes for what older programs read, rounds or empty, yes to print
// it. Stdin: the key's passphrase, the archive's, each in a line; the key.
const makeP12Text sh.Constant = kit.Hold + placeWords + sslWords + `IFS= read -r k_pw || :
IFS= read -r k_xp || :
umask 077
_name "${_d:-${TMPDIR:-/tmp}}" d
d=$_t
mkdir "$d" && printf "%s\n" "${11}" | openssl base64 -d -A >"$d/cert" && printf "%s\n" "${12}" | openssl base64 -d -A >"$d/more" || exit 1
k_key=${10} k_name=${13} k_enc=${14} k_lev=${15} k_it=${16} k_show=${17}
k_plain() {
case $k_key in
"") ;;
-) k_ssl pkey -passin fd:3 ;;
*) k_ssl pkey -passin fd:3 <"$k_key" ;;
esac
}
k_export() {
set -- -export -passout fd:3
if [ -n "$k_it" ]; then set -- "$@" -iter "$k_it"; fi
if [ -z "$k_enc" ]; then set -- "$@" -keypbe NONE -certpbe NONE
elif [ -n "$k_lev" ]; then set -- "$@" -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1; fi
if [ -n "$k_key" ]; then set -- "$@" -inkey /dev/stdin -name "$k_name"
else
set -- "$@" -nokeys
if [ -s "$d/cert" ]; then set -- "$@" -caname "$k_name"; fi
fi
if [ ! -s "$d/cert" ] && [ -z "$k_key" ]; then mv "$d/more" "$d/cert"; fi
if [ -s "$d/more" ]; then set -- "$@" -certfile "$d/more"; fi
if [ -s "$d/cert" ]; then set -- "$@" -in "$d/cert"; else set -- "$@" -nocerts; fi
k_pw=$k_xp
k_ssl pkcs12 "$@"
}
k_begin "$1" "$2" "$3"
k_e=$({ k_plain | k_export >&8; } 2>&1)
k_full "the archive could not be made" "$k_e"
if [ -n "$k_show" ]; then k_show=$(openssl base64 -A <"$k_8"); fi
k_place "$4" "$5" "$6" "$7" "$8" "$9"
printf "%s\n%s\n" "$c" "$k_show"`

// parseP12Text writes what is in an archive: the nine arguments of placing, the
// archive, yes to print it. Stdin: the passphrase's line.
const parseP12Text sh.Constant = kit.Hold + placeWords + p12Words + `IFS= read -r k_pw || :
k_in=${10} k_show=${11}
umask 077
k_begin "$1" "$2" "$3"
k_p12open || { k_no "Invalid password or PKCS12 data"; k_end; }
k_p12text >&8
k_full "$k_in" "it holds neither a key nor a certificate"
if [ -n "$k_show" ]; then k_show=$(openssl base64 -A <"$k_8"); fi
k_place "$4" "$5" "$6" "$7" "$8" "$9"
printf "%s\n%s\n" "$c" "$k_show"`

// write plans the step that makes the file.
func (a pkcs12Args) write(s host.Seen, f at, what string, cmd func(words []string) sh.Cmd) (play.Plan, error) {
	words, err := a.file().placing(s, f)
	if err != nil {
		return play.Plan{}, err
	}
	mode := words[5]
	c := cmd(words)
	c.Secret = true
	return play.Plan{
		Steps: []host.Step{host.Run{Cmd: c, What: what}}, Repeats: a.Force,
		Result: play.Result{Changed: true, Data: a.data(f.path, nil, "")},
		Finish: kit.After(func(ran []host.Output) (play.Result, error) {
			l := kit.Lines{Rest: string(ran[0].Stdout)}
			backup, text := l.Next(), l.Next()
			raw, _ := base64.StdEncoding.DecodeString(text)
			return play.Result{Changed: true, Data: kept(a.data(f.path, raw, mode), backup)}, nil
		}),
	}, nil
}

// stays plans a file whose content is as it shall be.
func (a pkcs12Args) stays(s host.Seen, f at) (play.Plan, error) {
	var old []byte
	if a.Content {
		ans, err := s.Answer(kit.Content(f.path))
		if err != nil {
			return play.Plan{}, err
		}
		old = ans.Stdout
	}
	words, err := a.file().placing(s, f)
	if err != nil {
		return play.Plan{}, err
	}
	return a.file().attributes(s, f, a.data(f.path, old, words[5]))
}

func (a pkcs12Args) data(p string, text []byte, mode string) *value.Map {
	m := value.MapOf("filename", value.String(p))
	if a.KeyPath != "" {
		m.Put("privatekey_path", value.String(a.KeyPath))
	}
	if a.Content {
		m.Put("pkcs12", value.Null())
		if len(text) > 0 {
			m.Put("pkcs12", keyValue(string(text), "raw"))
		}
	}
	if n, err := strconv.ParseUint(mode, 8, 32); err == nil {
		m.Put("mode", value.String(fmt.Sprintf("%04o", n)))
	}
	return m
}
