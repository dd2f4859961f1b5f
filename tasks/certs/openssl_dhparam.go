package certs

import (
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"path"
	"strconv"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// dhparamArgs are the arguments of openssl_dhparam.
type dhparamArgs struct {
	Path    string `arg:"path" need:"yes" type:"path" help:"the file"`
	Size    int    `arg:"size" default:"4096" help:"bits of the prime"`
	State   string `arg:"state" default:"present" choices:"absent,present" help:"whether it shall be there"`
	Force   bool   `arg:"force" default:"no" help:"make it anew each time"`
	Backup  bool   `arg:"backup" default:"no" help:"keep what was there beside it, under a name with the time"`
	Content bool   `arg:"return_content" default:"no" help:"give its text in the result"`
	Backend string `arg:"select_crypto_backend" default:"auto" choices:"auto,cryptography,openssl" help:"accepted: the work is the host's openssl's"`
	Unsafe  bool   `arg:"unsafe_writes" default:"no" help:"write in place where a rename is refused"`
	kit.Attrs
}

// OpenSSLDHParam keeps parameters of Diffie and Hellman's.
func OpenSSLDHParam() play.Module {
	return kit.Define(kit.Doc{Name: "openssl_dhparam", Short: "Diffie-Hellman parameters, made on the host"}, dhparam{})
}

type dhparam struct{}

// file are the arguments that it shares with the other modules.
func (a dhparamArgs) file() fileArgs {
	return fileArgs{Path: a.Path, State: a.State, Force: a.Force, Backup: a.Backup, Content: a.Content, Unsafe: a.Unsafe, Attrs: a.Attrs}
}

func (dhparam) Validate(a dhparamArgs) *play.ArgError {
	if a.Size < 512 {
		return &play.ArgError{Arg: "size", Msg: "DH key_size must be at least 512 bits"}
	}
	return a.file().validate()
}

func (dhparam) Facts(a dhparamArgs) []host.Question {
	return kit.Hint(a.Path, kit.LookAt(a.Path, "", false).Q, kit.Content(a.Path), hasOpenSSL())
}

// hasOpenSSL asks whether the host has it.
func hasOpenSSL() host.Probe { return host.NewProbe(`command -v openssl >/dev/null`).Plain() }

// dhSize is the bits of the prime in a file of parameters, 0 = it is none.
func dhSize(text []byte) int {
	b, _ := pem.Decode(text)
	if b == nil || b.Type != "DH PARAMETERS" {
		return 0
	}
	var p struct {
		P, G *big.Int
		Len  int `asn1:"optional"`
	}
	if _, err := asn1.Unmarshal(b.Bytes, &p); err != nil {
		return 0
	}
	return p.P.BitLen()
}

// makeDHText makes parameters: the nine arguments of placing, bits.
const makeDHText sh.Constant = kit.Hold + placeWords + `if [ -n "$6" ]; then umask 077; fi
k_begin "$1" "$2" "$3"
k_e=$(openssl dhparam "${10}" 2>&1 >&8)
k_full "the parameters could not be made" "$k_e"
k_place "$4" "$5" "$6" "$7" "$8" "$9"
printf "%s\n" "$c"
cat <"$k_8"`

func (dhparam) Plan(a dhparamArgs, s host.Seen) (play.Plan, error) {
	p, err := kit.Place(s, a.Path)
	if err != nil {
		return play.Plan{}, err
	}
	qs := []host.Question{kit.LookAt(p, "", false).Q, hasOpenSSL()}
	if a.State == "present" {
		qs = append(qs, kit.Content(p))
	}
	if err := host.All(s, qs...); err != nil {
		return play.Plan{}, err
	}
	args := a.file()
	f, stop, err := args.place(s)
	if err != nil {
		return play.Plan{}, err
	}
	if stop != nil {
		if f.look.Folder == "" {
			stop = noFolder(path.Dir(f.path), "'%s'")
		}
		return *stop, nil
	}
	if a.State == "absent" {
		data := a.data(f.path, nil)
		if !f.look.Target.Exists {
			return kit.Unchanged(f.path+" is not there", data), nil
		}
		return args.remove(f, data), nil
	}
	old, _ := s.Answer(kit.Content(p))
	if has, _ := s.Answer(hasOpenSSL()); has.Status != 0 {
		return noOpenSSL(), nil
	}
	if !a.Force && dhSize(old.Stdout) == a.Size {
		return args.attributes(s, f, a.data(f.path, old.Stdout))
	}
	return a.write(s, f, a.data(f.path, nil))
}

// write plans new parameters.
func (a dhparamArgs) write(s host.Seen, f at, data *value.Map) (play.Plan, error) {
	words, err := a.file().placing(s, f)
	if err != nil {
		return play.Plan{}, err
	}
	what := fmt.Sprintf("make parameters of %d bits in %s", a.Size, f.real())
	return play.Plan{
		Steps:   []host.Step{host.Run{Cmd: sh.Script(makeDHText, append(words, strconv.Itoa(a.Size))...), What: what}},
		Repeats: a.Force,
		Result:  play.Result{Changed: true, Data: data},
		Finish: kit.After(func(ran []host.Output) (play.Result, error) {
			l := kit.Lines{Rest: string(ran[0].Stdout)}
			backup := l.Next()
			return play.Result{Changed: true, Data: kept(a.data(f.path, []byte(l.Rest)), backup)}, nil
		}),
	}, nil
}

func (a dhparamArgs) data(p string, text []byte) *value.Map {
	m := value.MapOf("filename", value.String(p), "size", value.Int(int64(a.Size)))
	switch {
	case a.Content && len(text) > 0:
		m.Put("dhparams", kit.HostText(string(text)))
	case a.Content:
		m.Put("dhparams", value.Null())
	}
	return m
}
