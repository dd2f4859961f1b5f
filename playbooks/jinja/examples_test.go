package jinja

import (
	"testing"

	"remoterun/playbooks/jinja/laptop"
	"remoterun/runner/secret/vault"
	"remoterun/runner/value"
)

// TestExamples renders the example of every name in the docs' table.
func TestExamples(t *testing.T) {
	e := New(Options{System: laptop.System{SealVault: vault.Seal, OpenVault: vault.Unseal}})
	for _, x := range language().Entries {
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
