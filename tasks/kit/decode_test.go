package kit

import (
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

type inner struct {
	Mode Mode `arg:"mode"`
}

type everything struct {
	Path  string      `arg:"path,dest" need:"yes"`
	State string      `arg:"state" default:"on" choices:"on,no,half"`
	Flag  bool        `arg:"flag" default:"yes"`
	Maybe *bool       `arg:"maybe"`
	N     int         `arg:"n" default:"3"`
	F     float64     `arg:"f"`
	List  []string    `arg:"list" choices:"a,b"`
	Map   *value.Map  `arg:"map"`
	Raw   value.Value `arg:"raw"`
	Text  *string     `arg:"text"`
	Body  Body        `arg:"body"`
	inner
}

type probeModule struct{ got *everything }

func (m probeModule) Facts(everything) []host.Question { return nil }
func (m probeModule) Plan(a everything, _ host.Seen) (play.Plan, error) {
	*m.got = a
	return play.Plan{}, nil
}

func decodeYAML(t *testing.T, text string) (everything, []*play.ArgError) {
	t.Helper()
	v, err := yaml.One("t.yaml", []byte(text), yaml.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, _ := v.AsMap()
	var got everything
	mod := Define(Doc{Name: "t"}, probeModule{&got})
	if errs := mod.Check(m); errs != nil {
		return got, errs
	}
	b, err := mod.Bind(t.Context(), m, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Plan(host.NewSeen(nil)); err != nil {
		t.Fatal(err)
	}
	return got, nil
}

func TestDecodeCoercesAsAnsible(t *testing.T) {
	got, errs := decodeYAML(t, `{dest: 12, flag: "Off", n: "7", f: "2.5", list: "a, b", map: "k=v l=w", raw: [1], text: yes, mode: 0644, state: no, maybe: null}`)
	if errs != nil {
		t.Fatal(errs[0])
	}
	if got.Path != "12" || got.Flag || got.N != 7 || got.F != 2.5 || strings.Join(got.List, "|") != "a|b" || *got.Text != "True" || got.State != "no" || got.Maybe != nil {
		t.Errorf("%+v", got)
	}
	if v, _ := got.Map.Lookup("l"); value.Str(v) != "w" || value.Repr(got.Raw) != "[1]" || got.Mode.octal != 0o644 {
		t.Errorf("%s %s %o", value.Str(v), value.Repr(got.Raw), got.Mode.octal)
	}
	got, _ = decodeYAML(t, `{path: a}`)
	if !got.Flag || got.N != 3 || got.State != "on" || got.List != nil || got.Text != nil {
		t.Errorf("defaults: %+v", got)
	}
}

func TestDecodeNamesEveryMistake(t *testing.T) {
	_, errs := decodeYAML(t, "stat: x\nflag: maybe\nn: 1.5\nlist: [a, c]\nmode: u!x\nraw: '{{ x }}'\nf: '{{ y }}'\n")
	var all []string
	for _, e := range errs {
		all = append(all, e.Error())
	}
	text := strings.Join(all, "\n")
	for _, want := range []string{
		"t.yaml:1:1: stat: there is no such argument", "t.yaml:2:7: flag: 'maybe' is not a boolean", "n: 1.5 is not an integer",
		`list: "c" is not one of: a, b`, `t.yaml:5:7: mode: "u!x" is not a valid mode`, "path: is required",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("missing %q in\n%s", want, text)
		}
	}
	if len(errs) != 6 {
		t.Errorf("%d errors:\n%s", len(errs), text)
	}
}

func TestDecodeKeepsSealedSecretsOutOfCommands(t *testing.T) {
	key := value.MarkedString("k", value.Sealed)
	for _, arg := range []string{"path", "list", "text", "map"} {
		v := key
		switch arg {
		case "list":
			v = value.List(key)
		case "map":
			v = value.FromMap(value.MapOf("a", key))
		}
		m := value.MapOf("path", value.String("p"), arg, v)
		if errs := Define(Doc{Name: "t"}, probeModule{new(everything)}).Check(m); len(errs) != 1 || !strings.Contains(errs[0].Msg, "sealed secret") {
			t.Errorf("%s: %v", arg, errs)
		}
	}
	var got everything
	b, err := Define(Doc{Name: "t"}, probeModule{&got}).Bind(t.Context(), value.MapOf("path", value.String("p"), "body", key), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Plan(host.NewSeen(nil)); err != nil || got.Body.S != "k" || !got.Body.Marks.Secret() {
		t.Errorf("body: %+v %v", got.Body, err)
	}
}

func TestModes(t *testing.T) {
	for _, c := range []struct {
		mode     value.Value
		from, to uint32
	}{
		{value.String("0644"), TypeReg | 0o777, 0o644},
		{value.String("0o755"), TypeReg, 0o755},
		{value.Int(0o2755), TypeDir, 0o2755},
		{value.Int(644), TypeReg, 0o1204},
		{value.Int(644).With(value.Printed), TypeReg, 0o644},
		{value.Int(99999), TypeReg, 0o3237},
		{value.String("77777"), TypeReg, 0o7777},
		{value.String("u=rwX,go=rX"), TypeReg | 0o600, 0o644},
		{value.String("u=rwX,go=rX"), TypeDir | 0o700, 0o755},
		{value.String("a+x,o-r"), TypeReg | 0o644, 0o751},
		{value.String("+w"), TypeReg | 0o444, 0o644},
		{value.String("g=u,o="), TypeReg | 0o750, 0o770},
		{value.String("u+s,+t"), TypeReg | 0o755, 0o5755},
		{value.String("g-s"), TypeDir | 0o2755, 0o755},
		{value.String("u+r-w+x"), TypeReg | 0o200, 0o500},
	} {
		var m Mode
		if err := m.ParseArg(c.mode); err != nil {
			t.Errorf("%s: %v", value.Repr(c.mode), err)
			continue
		}
		if got := m.Apply(c.from, 0o022); got != c.to {
			t.Errorf("%s on %o is %o, want %o", value.Repr(c.mode), c.from, got, c.to)
		}
	}
	for _, bad := range []value.Value{value.Int(-1), value.Int(-1).With(value.Printed), value.Int(688).With(value.Printed), value.String("88"), value.Bool(true), value.Float(6.4), value.String("u=q"), value.String("x")} {
		if err := new(Mode).ParseArg(bad); err == nil {
			t.Errorf("%s was taken for a mode", value.Repr(bad))
		}
	}
}
