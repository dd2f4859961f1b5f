package system

import (
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// keypairArgs are the arguments of openssh_keypair.
type keypairArgs struct {
	Path       string  `arg:"path" need:"yes" type:"path" help:"the private key; the public one is beside it, with .pub"`
	Type       string  `arg:"type" default:"rsa" choices:"ecdsa,ed25519,rsa" help:"its kind"`
	Size       int     `arg:"size" default:"0" help:"bits of rsa (4096) and ecdsa (256)"`
	Comment    *string `arg:"comment" help:"its comment"`
	State      string  `arg:"state" default:"present" choices:"absent,present" help:"whether it shall be there"`
	Force      bool    `arg:"force" default:"no" help:"make it anew each time"`
	Regenerate string  `arg:"regenerate" default:"partial_idempotence" choices:"always,fail,full_idempotence,never,partial_idempotence" help:"when one that is there is made anew: never and fail do not, the others where kind or size differ"`
	kit.Attrs
}

// OpenSSHKeypair keeps pairs of keys.
func OpenSSHKeypair() play.Module {
	return kit.Define(kit.Doc{Name: "openssh_keypair", Short: "pairs of SSH keys, made on the host"}, keypair{})
}

type keypair struct{}

func (keypair) Validate(a keypairArgs) *play.ArgError {
	switch {
	case a.Type == "ecdsa" && a.Size != 0 && a.Size != 256 && a.Size != 384 && a.Size != 521:
		return &play.ArgError{Arg: "size", Msg: "For ECDSA keys, size must be one of: 256, 384, 521"}
	case a.Type == "rsa" && a.Size != 0 && a.Size < 1024:
		return &play.ArgError{Arg: "size", Msg: "For RSA keys, the minimum size is 1024 bits"}
	case a.Comment != nil && strings.ContainsAny(*a.Comment, "\n\r"):
		return &play.ArgError{Arg: "comment", Msg: "holds no line break"}
	case a.Mode.Preserves():
		return &play.ArgError{Arg: "mode", Msg: kit.NoSource}
	}
	return nil
}

// size is the one that a new key has.
func (a keypairArgs) size() int {
	switch {
	case a.Type == "ed25519":
		return 256
	case a.Size != 0:
		return a.Size
	case a.Type == "ecdsa":
		return 256
	}
	return 4096
}

func (keypair) Facts(a keypairArgs) []host.Question {
	return kit.Hint(a.Path, kit.LookAt(a.Path, "", false).Q, kit.Content(a.Path+".pub"))
}

// keypairText makes a pair in a folder of its own and puts both in place: path, kind,
// bits, comment, yes to make only the public one again.
const keypairText sh.Constant = kit.Hold + `command -v ssh-keygen >/dev/null || { echo "Failed to find required executable \"ssh-keygen\" on the host" >&2; exit 1; }
_name "${_d:-${TMPDIR:-/tmp}}" d
d=$_t
(umask 077; mkdir "$d") || exit 1
if [ -n "$5" ]; then
ssh-keygen -y -P "" -f "$1" >"$d/k.pub" 2>"$d/e" || { echo "the public key cannot be made of $1: $(cat "$d/e")" >&2; exit 1; }
else ssh-keygen -q -t "$2" -b "$3" -N "" -C "$4" -f "$d/k" >&2 || exit 1; fi
umask 077
k_put() {
k_hold "$1" && k_new && cat <"$2" >&8 && k_see "$k_8" && k_own "" "" "0$3" "" && k_mv || { k_no "$k_e"; exit 1; }
}
if [ -z "$5" ]; then k_put "$1" "$d/k" 600; fi
k_put "$1.pub" "$d/k.pub" 644
cat "$d/k.pub"`

// pubKey is a line of a public key.
type pubKey struct {
	kind    string
	size    int
	comment string
	key     string
}

func parsePub(line string) (pubKey, bool) {
	f := strings.SplitN(strings.TrimSpace(line), " ", 3)
	if len(f) < 2 {
		return pubKey{}, false
	}
	raw, err := base64.StdEncoding.DecodeString(f[1])
	if err != nil {
		return pubKey{}, false
	}
	p := pubKey{key: f[0] + " " + f[1]}
	if len(f) > 2 {
		p.comment = f[2]
	}
	var parts [][]byte
	for len(raw) >= 4 {
		n := int(binary.BigEndian.Uint32(raw))
		if n < 0 || n > len(raw)-4 {
			return pubKey{}, false
		}
		parts = append(parts, raw[4:4+n])
		raw = raw[4+n:]
	}
	switch {
	case f[0] == "ssh-ed25519":
		p.kind, p.size = "ed25519", 256
	case strings.HasPrefix(f[0], "ecdsa-sha2-nistp"):
		p.kind = "ecdsa"
		p.size, _ = strconv.Atoi(strings.TrimPrefix(f[0], "ecdsa-sha2-nistp"))
	case f[0] == "ssh-rsa" && len(parts) == 3:
		n := strings.TrimLeft(string(parts[2]), "\x00")
		p.kind, p.size = "rsa", len(n)*8
	default:
		return pubKey{}, false
	}
	return p, true
}

func (keypair) Plan(a keypairArgs, s host.Seen) (play.Plan, error) {
	p, err := kit.Place(s, a.Path)
	if err != nil {
		return play.Plan{}, err
	}
	look, pub := kit.LookAt(p, "", false), kit.Content(p+".pub")
	if err := host.All(s, look.Q, pub); err != nil {
		return play.Plan{}, err
	}
	at, err := host.Get(s, look)
	if err != nil {
		return play.Plan{}, err
	}
	ans, _ := s.Answer(pub)
	is, ok := parsePub(string(ans.Stdout))
	data := a.data(p, is)
	if at.Target.IsDir() {
		return kit.Failure("%s is a directory. Please specify a path to a file.", p), nil
	}
	if a.State == "absent" {
		return a.remove(p, at.Own.Exists, ans.Status == 0, data), nil
	}
	differs := at.Target.Exists && ok && (is.kind != a.Type || is.size != a.size())
	again := a.Force || a.Regenerate == "always"
	switch {
	case !at.Target.Exists || again || differs && a.Regenerate != "never" && a.Regenerate != "fail":
		return a.make(s, p, at, data, again)
	case differs && a.Regenerate == "fail":
		return kit.Failure("Key has wrong type and/or size. Will not proceed. To force regeneration, call the module with `generate` set to `partial_idempotence`, `full_idempotence` or `always`, or with `force=true`."), nil
	case !ok:
		st := host.Run{Cmd: sh.Script(keypairText, p, "", "", "", "yes"), What: "make the public key of " + p}
		return play.Plan{Steps: []host.Step{st}, Result: play.Result{Changed: true, Data: data}, Finish: kit.After(a.made(p))}, nil
	}
	return a.finish(s, p, at, is, data)
}

// finish plans what is left of a pair that stays: its comment, its attributes.
func (a keypairArgs) finish(s host.Seen, p string, at kit.Look, is pubKey, data *value.Map) (play.Plan, error) {
	plan := play.Plan{Result: play.Result{Changed: true, Data: data}}
	if a.Comment != nil && *a.Comment != is.comment {
		plan.Steps = append(plan.Steps, kit.Write{Path: p + ".pub"}.Step(kit.MadeInput(p+".pub", []byte(is.key+" "+*a.Comment+"\n"))))
		data.Put("comment", value.String(*a.Comment))
	}
	c, err := a.Change(s, at.Target)
	if err != nil {
		return play.Plan{}, err
	}
	if c.Any() {
		plan.Steps = append(plan.Steps, c.Step(p, "", false))
	}
	if len(plan.Steps) == 0 {
		return kit.Unchanged("the pair "+p+" is as it shall be", data), nil
	}
	return plan, nil
}

func (a keypairArgs) make(s host.Seen, p string, at kit.Look, data *value.Map, again bool) (play.Plan, error) {
	comment := ""
	if a.Comment != nil {
		comment = *a.Comment
	}
	steps := []host.Step{host.Run{Cmd: sh.Script(keypairText, p, a.Type, strconv.Itoa(a.size()), comment, ""), What: "make the pair of keys " + p}}
	c := kit.Change{Owner: a.Owner, Group: a.Group}
	var err error
	if c.Mode, err = a.Fresh(s, kit.TypeReg); err != nil {
		return play.Plan{}, err
	}
	if c.Mode == kit.Octal(0o600) {
		c.Mode = ""
	}
	if c.Any() {
		steps = append(steps, c.Step(p, "", false))
	}
	if own := (kit.Change{Owner: a.Owner, Group: a.Group}); own.Any() {
		steps = append(steps, own.Step(p+".pub", "", false))
	}
	return play.Plan{Steps: steps, Repeats: again, Result: play.Result{Changed: true, Data: a.data(p, pubKey{kind: a.Type, size: a.size(), comment: comment})}, Finish: kit.After(a.made(p))}, nil
}

// made reads the public key that the step printed.
func (a keypairArgs) made(p string) func([]host.Output) (play.Result, error) {
	return func(ran []host.Output) (play.Result, error) {
		is, _ := parsePub(string(ran[0].Stdout))
		return play.Result{Changed: true, Data: a.data(p, is)}, nil
	}
}

func (a keypairArgs) data(p string, is pubKey) *value.Map {
	return value.MapOf("filename", value.String(p), "type", value.String(a.Type), "size", value.Int(int64(is.size)), "public_key", kit.HostText(is.key), "comment", kit.HostText(is.comment))
}

func (a keypairArgs) remove(p string, private, public bool, data *value.Map) play.Plan {
	plan := play.Plan{Result: play.Result{Changed: true, Data: data}}
	if private {
		plan.Steps = append(plan.Steps, kit.Remove(p, "private key"))
	}
	if public {
		plan.Steps = append(plan.Steps, kit.Remove(p+".pub", "public key"))
	}
	if len(plan.Steps) == 0 {
		return kit.Unchanged("there is no pair "+p, data)
	}
	return plan
}
