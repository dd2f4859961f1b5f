package value

import (
	"math/big"
	"testing"
)

func TestRepr(t *testing.T) {
	huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	cases := []struct {
		in   Value
		want string
	}{
		{Null(), "None"},
		{Bool(true), "True"},
		{Big(huge), "123456789012345678901234567890"},
		{Float(1), "1.0"},
		{Float(1e16), "1e+16"},
		{Float(0.00001), "1e-05"},
		{Float(2.5), "2.5"},
		{String("it's"), `"it's"`},
		{String(`it's "x"`), `'it\'s "x"'`},
		{String("a\nb\x00é☃\u200b"), `'a\nb\x00é☃\u200b'`},
		{List(Int(1), String("a"), Null()), "[1, 'a', None]"},
		{Tuple(Int(1)), "(1,)"},
		{FromMap(MapOf("a", Int(1), "b", List())), "{'a': 1, 'b': []}"},
	}
	for _, c := range cases {
		if got := Repr(c.in); got != c.want {
			t.Errorf("Repr = %s, want %s", got, c.want)
		}
	}
}

func TestMapKeysArePythons(t *testing.T) {
	m := NewMap()
	m.Set(Int(1), String("int"))
	m.Set(Bool(true), String("bool"))
	m.Set(Float(1), String("float"))
	if m.Len() != 1 {
		t.Fatalf("1, True and 1.0 are one key in Python; got %d entries", m.Len())
	}
	v, _ := m.Get(Int(1))
	if Str(v) != "float" || Repr(m.Keys()[0]) != "1" {
		t.Errorf("last value and first key must win: %s %s", v.s, Repr(m.Keys()[0]))
	}
	for i := range 100 {
		m.Set(Int(int64(i+10)), Null())
	}
	for i := range 90 {
		m.Delete(Int(int64(i + 10)))
	}
	if m.Len() != 11 || len(m.Keys()) != 11 {
		t.Errorf("after deletes: Len %d, keys %d", m.Len(), len(m.Keys()))
	}
	if _, ok := m.Get(Int(105)); !ok {
		t.Error("a key was lost when the map was compacted")
	}
}

func TestCompareMixedNumbers(t *testing.T) {
	big53 := Int(1<<53 + 1)
	if Equal(big53, Float(1<<53)) {
		t.Error("2**53+1 equals its float neighbour")
	}
	if c, _ := Compare(Float(1.5), Int(2)); c != -1 {
		t.Errorf("1.5 < 2: %d", c)
	}
	if _, err := Compare(Int(1), String("a")); err == nil || err.Error() != "'<' not supported between instances of 'int' and 'str'" {
		t.Errorf("err = %v", err)
	}
}

func TestMarksTravelAndMask(t *testing.T) {
	v := FromMap(MapOf("user", String("bob"), "pw", MarkedString("hunter2", Masked)))
	if got := Show(v); got != "{'user': 'bob', 'pw': '********'}" {
		t.Errorf("Show = %s", got)
	}
	if DeepMarks(v) != Masked {
		t.Errorf("DeepMarks = %v", DeepMarks(v))
	}
	js, err := JSON(v, JSONStyle{MaskSecret: true})
	if err != nil || js != `{"user": "bob", "pw": "********"}` {
		t.Errorf("JSON = %s, %v", js, err)
	}
	u := List(String("x")).With(Unsafe)
	if u.Items()[0].Marks() != Unsafe {
		t.Error("With does not reach into lists")
	}
	m, _ := FromMap(MapOf("k", List(FromMap(MapOf("x", Int(1)))))).With(Unsafe).AsMap()
	inner, _ := m.Lookup("k")
	deep, _ := inner.Items()[0].AsMap()
	if m.Keys()[0].Marks() != Unsafe || deep.Keys()[0].Marks() != Unsafe {
		t.Error("With does not reach the keys of mappings")
	}
	if named := MapOf("name", String("x")).With(Masked); named.Keys()[0].Marks() != 0 || named.entries[0].val.Marks() != Masked {
		t.Error("the names of variables are no secret, their values are")
	}
}

func TestJSONRoundTrip(t *testing.T) {
	in := `{"k": [1, 2.5, {"z": null}], "b": 12345678901234567890123, "e": "h\u00e9\ud83d\ude00\n"}`
	v, err := ParseJSON([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	out, err := JSON(v, JSONStyle{})
	if err != nil || out != in {
		t.Errorf("got  %s\nwant %s (%v)", out, in, err)
	}
	for _, bad := range []string{"", "{", `{"a":}`, "1 2", "nope"} {
		if _, err := ParseJSON([]byte(bad)); err == nil {
			t.Errorf("ParseJSON(%q) gave no error", bad)
		}
	}
}

func TestOriginAt(t *testing.T) {
	o := &Origin{Pos: Pos{File: "a.yml", Line: 3, Col: 9}, Lines: []Pos{{"a.yml", 4, 5}, {"a.yml", 5, 5}}}
	if got := o.At(1, 2).String(); got != "a.yml:5:7" {
		t.Errorf("At = %s", got)
	}
	if got := String("x").From(o).Origin().At(0, 0).String(); got != "a.yml:4:5" {
		t.Errorf("At = %s", got)
	}
}
