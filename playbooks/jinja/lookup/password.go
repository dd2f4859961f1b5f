package lookup

import (
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"path/filepath"
	"strings"

	"remoterun/playbooks/jinja/ansible"
	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/crypt"
	"remoterun/playbooks/jinja/py/pyrandom"
	"remoterun/playbooks/jinja/py/pystr"
	"remoterun/runner/value"
)

// passwordLookupEntries is the plug-in that makes and keeps passwords.
func passwordLookupEntries() []core.Entry {
	return core.Lookups([]core.Entry{{
		Name: "password", Sig: "password('PATH length=20 chars=ascii_letters,digits,... encrypt=... seed=...', length, chars, encrypt, ident, seed)",
		Example: "{{ lookup('password', '/dev/null length=8 chars=digits seed=x') }}", Shows: "59971697", Func: lookupPassword, Impure: true,
	}}, false)
}

// passwordOptions is what one term asks for.
type passwordOptions struct {
	path           string
	length         int64
	chars          string
	encrypt, ident string
	seed           value.Value
}

func lookupPassword(c *core.Call) (value.Value, error) {
	sys, err := reach(c)
	if err != nil {
		return value.Value{}, err
	}
	known := []string{"length", "encrypt", "chars", "ident", "seed"}
	opt, err := c.Options(known...)
	if err != nil {
		return value.Value{}, err
	}
	out := []value.Value{}
	for _, t := range c.Args {
		rest, o, err := inline(value.Str(t), opt, known...)
		if err != nil {
			return value.Value{}, err
		}
		po, err := readPasswordOptions(c, rest, o)
		if err != nil {
			return value.Value{}, err
		}
		s, err := po.get(sys)
		if err != nil {
			return value.Value{}, err
		}
		out = append(out, value.String(s))
	}
	return value.List(out...), nil
}

func readPasswordOptions(c *core.Call, path string, opt map[string]value.Value) (passwordOptions, error) {
	o := passwordOptions{path: ansible.ExpandUser(c, path), length: 20, encrypt: core.TextOr(core.Optional(opt, "encrypt"), ""), ident: core.TextOr(core.Optional(opt, "ident"), ""), seed: core.NullIfUndefined(core.Optional(opt, "seed"))}
	if !filepath.IsAbs(o.path) {
		if dirs := c.Dirs(); len(dirs) > 0 {
			o.path = filepath.Join(dirs[len(dirs)-1], o.path)
		}
	}
	if v, ok := opt["length"]; ok {
		n, err := core.AsInteger(v)
		if err != nil || n < 0 || n > 1<<16 {
			return o, fmt.Errorf("a password of length %s", value.Show(v))
		}
		o.length = n
	}
	o.chars = passwordChars(core.Optional(opt, "chars"))
	if o.chars == "" {
		return o, errors.New("Cannot choose from an empty sequence")
	}
	return o, nil
}

// passwordChars opens names of Python's string module; other text stands for
// its own letters.
func passwordChars(v value.Value) string {
	specs := []string{"ascii_letters", "digits", ".,:-_"}
	if s, ok := v.AsString(); ok {
		specs = nil
		if strings.Contains(s, ",,") {
			specs = append(specs, ",")
		}
		for _, p := range strings.Split(strings.ReplaceAll(s, ",,", ","), ",") {
			if p != "" {
				specs = append(specs, p)
			}
		}
	} else if core.IsList(v) {
		specs = nil
		for _, it := range v.Items() {
			specs = append(specs, value.Str(it))
		}
	}
	const low, up, dig = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
	const punct, white = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", " \t\n\r\x0b\x0c"
	sets := map[string]string{"ascii_letters": low + up, "ascii_lowercase": low, "ascii_uppercase": up, "digits": dig, "hexdigits": dig + "abcdefABCDEF",
		"octdigits": "01234567", "punctuation": punct, "whitespace": white, "printable": dig + low + up + punct + white}
	var b strings.Builder
	for _, s := range specs {
		if set, ok := sets[s]; ok {
			s = set
		}
		b.WriteString(s)
	}
	return strings.NewReplacer(`"`, "", "'", "").Replace(b.String())
}

// get reads the password that the file keeps, or makes one and keeps it.
func (o passwordOptions) get(sys core.System) (string, error) {
	keep := o.path != "/dev/null"
	var text []byte
	err := error(fs.ErrNotExist)
	if keep {
		text, err = sys.ReadFile(o.path)
	}
	plain, salt, changed := "", "", false
	switch {
	case errors.Is(err, fs.ErrNotExist):
		changed = true
		if plain, err = o.generate(); err != nil {
			return "", err
		}
	case err != nil:
		return "", err
	default:
		plain, salt, o.ident = splitPassword(strings.TrimRightFunc(string(text), pystr.Space), o.ident)
	}
	s, known := crypt.Find(o.encrypt)
	if o.encrypt != "" && salt == "" {
		salt, changed = crypt.RandomSalt(max(s.SaltSize, 8)), true
	}
	if changed && keep {
		if err := sys.WriteFile(o.path, []byte(o.line(plain, salt)+"\n")); err != nil {
			return "", err
		}
	}
	if o.encrypt == "" {
		return plain, nil
	}
	if !known {
		return "", fmt.Errorf("passlib does not support '%s' algorithm", o.encrypt)
	}
	return s.Hash(plain, crypt.Options{Salt: salt, Rounds: s.Rounds, Ident: o.ident})
}

func (o passwordOptions) line(plain, salt string) string {
	if o.encrypt == "" && salt == "" {
		return plain
	}
	if o.encrypt == "bcrypt" && o.ident == "" {
		o.ident = "2b"
	}
	if o.ident != "" {
		return plain + " salt=" + salt + " ident=" + o.ident
	}
	return plain + " salt=" + salt
}

func (o passwordOptions) generate() (string, error) {
	draw, err := pyrandom.Generator(o.seed)
	if err != nil {
		return "", err
	}
	letters := []rune(o.chars)
	out := make([]rune, o.length)
	for i := range out {
		out[i] = letters[draw(big.NewInt(int64(len(letters)))).Int64()]
	}
	return string(out), nil
}

// splitPassword reads "PASSWORD salt=SALT ident=IDENT".
func splitPassword(s, ident string) (plain, salt, id string) {
	i := strings.LastIndex(s, " salt=")
	if i < 0 {
		return s, "", ident
	}
	plain, salt = s[:i], s[i+len(" salt="):]
	if j := strings.LastIndex(salt, " ident="); j >= 0 {
		return plain, salt[:j], salt[j+len(" ident="):]
	}
	return plain, salt, ident
}
