package packages

import (
	"fmt"
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// rpmKeyArgs are the arguments of rpm_key.
type rpmKeyArgs struct {
	Key         string   `arg:"key" need:"yes" help:"a URL, a file of the host, or the id of a key that is there"`
	State       string   `arg:"state" default:"present" choices:"absent,present" help:"whether rpm shall trust it"`
	Fingerprint []string `arg:"fingerprint" help:"the key that is imported must have it (one of them)"`
	Validate    bool     `arg:"validate_certs" default:"yes" help:"refuse certificates that the host does not trust"`
}

// RPMKey keeps keys that rpm trusts.
func RPMKey() play.Module {
	return kit.Define(kit.Doc{Name: "rpm_key", Short: "keys that rpm trusts"}, rpmKey{})
}

type rpmKey struct{}

func (a rpmKeyArgs) isURL() bool { return strings.Contains(a.Key, "://") }

func (rpmKey) Validate(a rpmKeyArgs) *play.ArgError {
	switch {
	case a.isURL():
		if err := fetchKey(a.Key, a.Validate).Check(); err != nil {
			return &play.ArgError{Arg: "key", Msg: err.Error()}
		}
	case a.State == "present" && validID(a.Key):
		return &play.ArgError{Arg: "key", Msg: "When importing a key, a valid file must be given"}
	}
	return nil
}

// trustedText prints the keys that rpm trusts: the number of each, then the key
// itself where this rpm shows it.
const trustedText sh.Constant = `command -v rpm >/dev/null || exit 9
rpm -q gpg-pubkey --qf "number %{VERSION}\n%{DESCRIPTION}\n" 2>/dev/null || true`

// trusted are the ids and numbers of keys that rpm has.
type trusted struct {
	none bool // there is no rpm
	ids  []string
}

func rpmTrusts() host.Fact[trusted] {
	return host.Fact[trusted]{Q: host.NewProbe(trustedText), Parse: func(a host.Answer) (trusted, error) {
		t := trusted{none: a.Status == 9}
		for part := range strings.SplitSeq("\n"+string(a.Stdout), "\nnumber ") {
			number, text, ok := strings.Cut(part, "\n")
			if !ok || number == "" {
				continue
			}
			t.ids = append(t.ids, strings.ToUpper(number))
			if keys, err := readKeys([]byte(text)); err == nil {
				for _, k := range keys {
					t.ids = append(t.ids, k.ids...)
				}
			}
		}
		return t, nil
	}}
}

// has reports whether one of the ids is a key's, or a part of it: numbers that rpm
// gives are the last eight digits.
func (t trusted) has(id string) bool {
	return slices.ContainsFunc(t.ids, func(have string) bool {
		return strings.HasSuffix(have, id) || len(have) >= 8 && strings.HasSuffix(id, have)
	})
}

func (rpmKey) Facts(a rpmKeyArgs) []host.Question { return []host.Question{rpmTrusts().Q} }

func (m rpmKey) Plan(a rpmKeyArgs, s host.Seen) (play.Plan, error) {
	has, err := host.Get(s, rpmTrusts())
	if err != nil {
		return play.Plan{}, err
	}
	if has.none {
		return kit.Failure(`Failed to find required executable "rpm" on the host`), nil
	}
	id, raw, file := cleanID(a.Key), []byte(nil), ""
	if a.isURL() || !validID(a.Key) {
		var key pgpKey
		var stop string
		if raw, file, key, stop, err = a.key(s); stop != "" || err != nil {
			return kit.Failure("%s", stop), err
		}
		id = key.ids[0]
	}
	there := has.has(id)
	switch {
	case a.State == "absent" && !there:
		return kit.Unchanged("rpm does not trust "+id, value.NewMap()), nil
	case a.State == "absent":
		return a.step(sh.Exec("rpm", "--erase", "--allmatches", "gpg-pubkey-"+strings.ToLower(id[max(0, len(id)-8):])), "trust "+id+" no more"), nil
	case there:
		return kit.Unchanged("rpm trusts "+id, value.NewMap()), nil
	}
	if len(a.Fingerprint) > 0 && !slices.ContainsFunc(a.Fingerprint, func(f string) bool { return cleanID(f) == id }) {
		return kit.Failure("The specified fingerprint, '%s', does not match the key fingerprint '%s'", cleanID(strings.Join(a.Fingerprint, ", ")), id), nil
	}
	return a.step(importing(file, raw), "trust "+id), nil
}

// importText imports a key that comes on stdin; rpm reads files.
const importText sh.Constant = sh.Temp + `_name "${TMPDIR:-/tmp}"
(umask 077; set -C; cat >"$_t") || exit 1
rpm --import "$_t"`

func importing(file string, raw []byte) sh.Cmd {
	if file != "" {
		return sh.Exec("rpm", "--import", file)
	}
	return sh.Script(importText).With(sh.Bytes(string(raw)))
}

func (rpmKeyArgs) step(c sh.Cmd, what string) play.Plan {
	return play.Plan{Steps: []host.Step{host.Run{Cmd: c, What: what}}, Result: play.Result{Changed: true, Data: value.NewMap()}}
}

// key reads the key at its URL or in its file.
func (a rpmKeyArgs) key(s host.Seen) (raw []byte, file string, key pgpKey, stop string, err error) {
	var keys []pgpKey
	if a.isURL() {
		raw, keys, stop, err = keyAt(s, fetchKey(a.Key, a.Validate), "", "failed to fetch key at %s , error was: %s")
		if stop != "" || err != nil {
			return nil, "", key, stop, err
		}
		return raw, "", keys[0], "", nil
	}
	if file, err = kit.Place(s, a.Key); err != nil {
		return nil, "", key, "", err
	}
	ans, err := s.Answer(kit.Content(file))
	if err != nil {
		return nil, "", key, "", err
	}
	if ans.Status != 0 {
		return nil, "", key, "Not a valid key " + a.Key, nil
	}
	keys, bad := readKeys(ans.Stdout)
	if bad != nil {
		return nil, "", key, fmt.Sprintf("Not a valid key %s: it holds %v", a.Key, bad), nil
	}
	return nil, kit.Safe(file), keys[0], "", nil
}
