package jinja

import (
	"os"
	"strings"
	"testing"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/example"
	"remoterun/playbooks/jinja/laptop"
	"remoterun/runner/secret/vault"
	"remoterun/runner/value"
)

// TestExamples renders the example of every name in the docs' table.
func TestExamples(t *testing.T) {
	e := core.New(Options{System: laptop.System{SealVault: vault.Seal, OpenVault: vault.Unseal}}, tested())
	for _, x := range tested().Entries {
		t.Run(x.Kind.String()+"/"+x.Name, func(t *testing.T) {
			if x.Example == "" || x.Sig == "" {
				t.Fatal("no example or signature")
			}
			text, _, err, _ := e.Both(t.Context(), "example.j2", x.Example, true, &mapScope{vars: value.NewMap()})
			if err != nil || value.Str(text) != x.Shows {
				t.Errorf("%s\n got %q (%v)\nwant %q", x.Example, value.Str(text), err, x.Shows)
			}
		})
	}
}

// tested is the language and the filters that docs/extending.md builds: what
// every name has to pass is asked of those, too.
func tested() core.Language {
	l := language()
	l.Entries = append(l.Entries, example.Names()...)
	return l
}

// TestFilterOfThePage: docs/extending.md shows the filters that are tried here.
func TestFilterOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/extending.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("example/words.go")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(text), "package example\n")
	if !strings.Contains(string(page), code) {
		t.Error("docs/extending.md does not show example/words.go as it is")
	}
	e := core.New(Options{}, tested())
	for template, want := range map[string]string{
		"{{ 'a b c' | initials(1) }}":         "page:1:14: initials() takes at most 0 arguments (1 given)",
		"{{ [1] | every }}":                   "page:1:10: every() missing required argument: 'n'",
		"{{ [1] | every(0) }}":                "page:1:10: every(0, 0): n is at least 1 and start at least 0",
		"{{ [1, 2, 3] | every(1, start=1) }}": "[2, 3]",
		"{{ 'abcd' | every(3) }}":             "['a', 'd']",
	} {
		got, _, err, _ := e.Both(t.Context(), "page", template, true, &mapScope{vars: value.NewMap()})
		if text := value.Str(got); err == nil && text != want || err != nil && err.Error() != want {
			t.Errorf("%s: %s (%v), want %s", template, text, err, want)
		}
	}
}
