package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const canary = "corréct'horse battery\"staple"

func TestNothingPrintsSealed(t *testing.T) {
	type holder struct {
		Name string
		key  Sealed
		ptr  *Sealed
		Open Sealed
	}
	s := New([]byte(canary))
	h := holder{Name: "h", key: s, ptr: &s, Open: s}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%X", "%q"} {
		fmt.Fprintf(&out, verb+verb+verb, s, h, &h)
	}
	js, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(js)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "s", s, "h", h)
	r := NewRedactor()
	r.Add([]byte(canary))
	if i := r.Find([]byte(out.String())); i >= 0 {
		t.Errorf("the secret was printed: …%s", out.String()[max(0, i-40):i+20])
	}
	if !strings.Contains(string(js), `"Open":"********"`) {
		t.Errorf("json = %s", js)
	}
}

func TestNewWipesItsSource(t *testing.T) {
	src := []byte(canary)
	s := New(src)
	if !bytes.Equal(src, make([]byte, len(canary))) {
		t.Error("the caller's slice still holds the secret")
	}
	c := s.Clone()
	if !s.Equal(c) {
		t.Error("a clone differs")
	}
	s.Wipe()
	s.Wipe()
	if err := s.Use(func([]byte) error { return nil }); !errors.Is(err, ErrWiped) {
		t.Errorf("Use after Wipe: %v", err)
	}
	if s.Equal(c) || c.Len() != len(canary) {
		t.Error("wiping one must leave its clone and equal nothing")
	}
}

func TestRedactEncodings(t *testing.T) {
	r := NewRedactor()
	r.Add([]byte(canary))
	js, _ := json.Marshal(canary)
	for _, text := range []string{
		canary, hex.EncodeToString([]byte(canary)), string(js),
		base64.StdEncoding.EncodeToString([]byte("x" + canary + "yz")),
		base64.URLEncoding.EncodeToString([]byte("ab" + canary)),
	} {
		if got := r.Redact("<" + text + ">"); !strings.Contains(got, Mask) {
			t.Errorf("not masked: %s", got)
		}
	}
	if got := r.Redact("battery"); got != "battery" {
		t.Errorf("ordinary text was masked: %s", got)
	}
}

func TestRedactsLinesOfLongSecrets(t *testing.T) {
	r := NewRedactor()
	r.Add([]byte("first-line-canary\nab\n  second-line-canary\n"))
	for text, want := range map[string]string{
		"x first-line-canary y": "x " + Mask + " y", "[second-line-canary]": "[" + Mask + "]", "ab stays": "ab stays",
		"first-line-canary\nab\n  second-line-canary": Mask,
	} {
		if got := r.Redact(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
