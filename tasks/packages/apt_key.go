package packages

import (
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// aptKeyArgs are the arguments of apt_key.
type aptKeyArgs struct {
	ID        string `arg:"id" help:"the key: its fingerprint, or the last 16 or 8 digits of it"`
	URL       string `arg:"url" help:"where the host fetches it"`
	Data      string `arg:"data" help:"the key itself, armoured"`
	File      string `arg:"file" type:"path" help:"a file of the host that holds it"`
	Keyserver string `arg:"keyserver" help:"a server that has it by its id"`
	Keyring   string `arg:"keyring" type:"path" help:"the file of keys; without one, a file of its own among those that apt trusts"`
	State     string `arg:"state" default:"present" choices:"absent,present" help:"whether apt shall trust it"`
	Validate  bool   `arg:"validate_certs" default:"yes" help:"refuse certificates that the host does not trust"`
}

// AptKey keeps keys that apt trusts.
func AptKey() play.Module {
	return kit.Define(kit.Doc{Name: "apt_key", Short: "keys that apt trusts"}, aptKey{})
}

type aptKey struct{}

func (aptKey) Validate(a aptKeyArgs) *play.ArgError {
	given := 0
	for _, s := range []string{a.Data, a.File, a.Keyserver, a.URL} {
		if s != "" {
			given++
		}
	}
	switch {
	case given > 1:
		return &play.ArgError{Msg: "parameters are mutually exclusive: data|file|keyserver|url"}
	case a.ID != "" && !validID(a.ID):
		return &play.ArgError{Arg: "id", Msg: "Invalid key_id"}
	case a.ID == "" && a.Keyserver != "":
		return &play.ArgError{Arg: "id", Msg: "Missing key_id, required with keyserver."}
	case a.ID == "" && given == 0:
		return &play.ArgError{Arg: "id", Msg: "Invalid key_id: a key is named by id, data, file or url"}
	case a.State == "present" && given == 0:
		return &play.ArgError{Msg: "No key to add: url, data, file or keyserver says where it is"}
	}
	if a.URL != "" || a.Keyserver != "" {
		if err := a.request().Check(); err != nil {
			return &play.ArgError{Arg: "url", Msg: err.Error()}
		}
	}
	if a.Data != "" {
		if _, err := readKeys([]byte(a.Data)); err != nil {
			return &play.ArgError{Arg: "data", Msg: "holds " + err.Error()}
		}
	}
	return nil
}

// request asks for the key at its address or at a keyserver.
func (a aptKeyArgs) request() kit.Request {
	u := a.URL
	if a.Keyserver != "" {
		u = keyserver(a.Keyserver, a.ID)
	}
	return fetchKey(u, a.Validate)
}

func fetchKey(u string, validate bool) kit.Request {
	return kit.Request{HTTP: kit.HTTP{Agent: "ansible-httpget", Validate: validate, Proxy: true, Netrc: true}, URL: u, Timeout: 30, Follow: true}
}

// keyserver is the address of a key at a server: hkp is HTTP on port 11371.
func keyserver(server, id string) string {
	scheme, rest, ok := strings.Cut(server, "://")
	if !ok {
		scheme, rest = "hkp", server
	}
	rest = strings.TrimSuffix(rest, "/")
	switch scheme {
	case "hkps":
		scheme = "https"
	case "hkp":
		scheme = "http"
		if !strings.Contains(rest, ":") {
			rest += ":11371"
		}
	}
	return fmt.Sprintf("%s://%s/pks/lookup?op=get&options=mr&search=0x%s", scheme, rest, cleanID(id))
}

func (aptKey) Facts(a aptKeyArgs) []host.Question {
	return kit.Hint(a.Keyring, rings(a.Keyring).Q)
}

func (m aptKey) Plan(a aptKeyArgs, s host.Seen) (play.Plan, error) {
	words, err := kit.ExpandAll(s, []string{a.Keyring, a.File})
	if err != nil {
		return play.Plan{}, err
	}
	a.Keyring, a.File = words[0], words[1]
	have, err := host.Get(s, rings(a.Keyring))
	if err != nil {
		return play.Plan{}, err
	}
	if a.ID != "" && a.State == "present" && have.has(a.ID) {
		return kit.Unchanged("apt trusts "+a.ID, a.data(a.ID, have.ids(), have.ids())), nil
	}
	if a.ID != "" && a.State == "absent" {
		return a.remove(have, []string{a.ID})
	}
	keys, stop, err := a.keys(s)
	if err != nil || stop != "" {
		return kit.Failure("%s", stop), err
	}
	if a.State == "absent" {
		var ids []string
		for _, k := range keys {
			ids = append(ids, k.ids[0])
		}
		return a.remove(have, ids)
	}
	id := keys[0].ids[0]
	need := have.without(keys)
	if len(need) == 0 {
		return kit.Unchanged("apt trusts "+id, a.data(id, have.ids(), have.ids())), nil
	}
	st, err := have.add(a.Keyring, need)
	if err != nil {
		return kit.Failure("%v", err), nil
	}
	after := have.ids()
	for _, k := range need {
		after = append(after, k.ids[0])
	}
	return play.Plan{Steps: []host.Step{st}, Result: play.Result{Changed: true, Data: a.data(id, have.ids(), after)}}, nil
}

// keys are those of data, file, url or keyserver; stop is why there is none.
func (a aptKeyArgs) keys(s host.Seen) (keys []pgpKey, stop string, err error) {
	text, from := []byte(a.Data), "data"
	switch {
	case a.File != "":
		ans, err := s.Answer(kit.Content(a.File))
		if err != nil {
			return nil, "", err
		}
		if ans.Status != 0 {
			return nil, fmt.Sprintf("%s is not there, or cannot be read", a.File), nil
		}
		text, from = ans.Stdout, a.File
	case a.Data == "":
		_, keys, stop, err := keyAt(s, a.request(), a.ID, noKeyAt)
		return keys, stop, err
	}
	return pick(text, from, a.ID)
}

// noKeyAt is what is said of a URL that gave nothing: it, and why.
const noKeyAt = "error getting key from url: %s, %s"

// keyAt fetches keys; stop is why there is none (failed, of the URL and the reason),
// or not the wanted one.
func keyAt(s host.Seen, r kit.Request, id, failed string) (raw []byte, keys []pgpKey, stop string, err error) {
	ans, err := s.Answer(r.Read())
	if err != nil {
		return nil, nil, "", err
	}
	if ans.Status != 0 {
		return nil, nil, fmt.Sprintf(failed, r.URL, kit.OneLine(string(ans.Stdout))), nil
	}
	keys, stop, err = pick(ans.Stdout, r.URL, id)
	return ans.Stdout, keys, stop, err
}

// pick reads keys and looks whether the wanted one is among them.
func pick(text []byte, from, id string) (keys []pgpKey, stop string, err error) {
	keys, bad := readKeys(text)
	if bad != nil {
		stop := fmt.Sprintf("%s holds %v", from, bad)
		if head := strings.TrimSpace(string(text[:min(len(text), 200)])); strings.HasPrefix(head, "<") {
			stop += ", but a web page: a proxy may stand before the server"
		}
		return nil, stop, nil
	}
	if id == "" {
		return keys, "", nil
	}
	for _, k := range keys {
		if k.is(id) {
			return keys, "", nil
		}
	}
	return nil, fmt.Sprintf("%s holds the key %s, not %s: nothing was added", from, keys[0].ids[0], id), nil
}

// remove plans that keys are trusted no more.
func (a aptKeyArgs) remove(have aptRings, ids []string) (play.Plan, error) {
	var p play.Plan
	gone := func(k pgpKey) bool {
		for _, id := range ids {
			if k.is(id) {
				return true
			}
		}
		return false
	}
	var after []string
	for _, f := range have.files {
		var left []byte
		n := 0
		for _, k := range f.keys {
			if gone(k) {
				n++
				continue
			}
			left = append(left, k.data...)
			after = append(after, k.ids[0])
		}
		switch {
		case n == 0:
		case len(left) == 0:
			p.Steps = append(p.Steps, kit.Remove(f.path, "keyring"))
		case strings.HasSuffix(f.path, ".asc"):
			return kit.Failure("%s holds other keys too, armoured: remove the key there by hand", f.path), nil
		default:
			p.Steps = append(p.Steps, kit.Write{Path: f.path}.Step(kit.MadeInput(f.path, left)))
		}
	}
	data := a.data(ids[0], have.ids(), after)
	if len(p.Steps) == 0 {
		return kit.Unchanged("apt does not trust "+ids[0], data), nil
	}
	p.Result = play.Result{Changed: true, Data: data}
	return p, nil
}

func (a aptKeyArgs) data(id string, before, after []string) *value.Map {
	id = cleanID(id)
	return value.MapOf("id", value.String(id), "key_id", value.String(id), "fp", value.String(id), "short_id", value.String(id[len(id)-8:]),
		"before", value.Strings(before...), "after", value.Strings(after...))
}
