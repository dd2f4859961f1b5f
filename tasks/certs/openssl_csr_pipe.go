package certs

import (
	"time"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// csrPipeArgs are the arguments of openssl_csr_pipe.
type csrPipeArgs struct {
	requestArgs
	Content string `arg:"content" help:"the request that there is; it comes back where it says what is wanted"`
	Force   bool   `arg:"force" default:"no" help:"make it anew each time"`
	Backend string `arg:"select_crypto_backend" default:"auto" choices:"auto,cryptography" help:"accepted: the work is the host's openssl's"`
}

// OpenSSLCSRPipe makes requests that are in no file.
func OpenSSLCSRPipe() play.Module {
	return kit.Define(kit.Doc{Name: "openssl_csr_pipe", Short: "requests for certificates, as text in the result"}, csrPipe{})
}

type csrPipe struct{}

func (csrPipe) Validate(a csrPipeArgs) *play.ArgError {
	if a.KeyPath == "" && a.KeyContent.S == "" {
		return &play.ArgError{Msg: "one of the following is required: privatekey_path, privatekey_content"}
	}
	return a.check()
}

func (csrPipe) Facts(a csrPipeArgs) []host.Question {
	return kit.Hint(a.KeyPath, a.key().ask(a.KeyPath).Q)
}

func (csrPipe) Plan(a csrPipeArgs, s host.Seen) (play.Plan, error) {
	paths, err := places(s, a.KeyPath)
	if err != nil {
		return play.Plan{}, err
	}
	st, err := host.Get(s, a.key().ask(paths[0]))
	if err != nil {
		return play.Plan{}, err
	}
	if st.there() && !st.openssl {
		return noOpenSSL(), nil
	}
	if why := a.key().cannot(st, paths[0]); why != "" {
		return kit.Failure("%s", why), nil
	}
	k := st.public
	w, err := a.wanted(k)
	if err != nil {
		return kit.Failure("%s", err), nil
	}
	m, ok := methodOf(k.kind, a.Digest)
	if !ok {
		return kit.Failure("%s", unsigned(k, a.Digest)), nil
	}
	data := func(text []byte) *value.Map {
		out := a.said(w)
		out.Put("csr", textOrNull(text))
		return out
	}
	if is, err := parseRequest([]byte(a.Content)); !a.Force && err == nil && w.fits(is, k, !a.Ordered.IsNull()) {
		return kit.Unchanged("the request says what is wanted", data([]byte(a.Content))), nil
	}
	tbs := w.tbs(k)
	step := signStep{signer: signer{key: a.key(), path: paths[0], public: k, method: m}, kind: "CERTIFICATE REQUEST", tbs: func(time.Time) ([]byte, error) { return tbs, nil }}
	return play.Plan{
		Steps: []host.Step{step}, Repeats: true,
		Result: play.Result{Changed: true, Data: data([]byte(a.Content))},
		Finish: kit.After(func(ran []host.Output) (play.Result, error) {
			text, _ := signedBy(ran[0], "CERTIFICATE REQUEST", "")
			return play.Result{Changed: true, Data: data(text)}, nil
		}),
	}, nil
}
