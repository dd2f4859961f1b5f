package main

import (
	"context"
	"errors"
	"fmt"

	"remoterun/inventory"
	"remoterun/runner/play"
	"remoterun/runner/secret"
	"remoterun/runner/secret/vault"
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// loadInventory reads the inventory that the flags mean. playbook is the folder
// whose group_vars lie on top; empty = none.
func (a *app) loadInventory(ctx context.Context, f *projectFlags, playbook string, op *opener) (*inventory.Inventory, error) {
	sources := f.inventory
	if len(sources) == 0 {
		if sources = inventory.Find(".", nil); len(sources) == 0 {
			a.warn("no inventory was found (./inventory, ./inventory.ini, ./inventory.yaml, ./hosts, or -i): only localhost is known")
		}
	}
	inv, err := inventory.Load(ctx, sources, inventory.Options{Playbook: playbook, Decrypt: op.decrypt, Warn: func(at value.Pos, msg string) {
		if p := at.String(); p != "" {
			msg = p + ": " + msg
		}
		a.warn(msg)
	}})
	if err != nil {
		return nil, &codedError{exitUsage, err}
	}
	return inv, nil
}

// opener opens vaults for the places that meet them.
type opener struct {
	ctx    context.Context // of the whole run: readers of files take none
	vaults *vault.Vaults
	learn  func([]byte)
	// closed, when not nil, is told of vaults that stay closed because there is
	// no secret at all; without it that is an error.
	closed func(at value.Pos)
}

// newOpener takes the secrets in Ansible's order: --vault-id, files, the prompt.
func (a *app) newOpener(ctx context.Context, f *projectFlags, ask play.Prompter, r *secret.Redactor) (*opener, error) {
	var ids []vault.Identity
	for _, s := range f.vaultIDs {
		id, err := vault.ParseIdentity(s)
		if err != nil {
			return nil, &codedError{exitUsage, err}
		}
		ids = append(ids, id)
	}
	for _, path := range f.vaultFiles {
		ids = append(ids, vault.File(path))
	}
	if f.askVault {
		ids = append(ids, vault.Prompt())
	}
	question := func(ctx context.Context, label string) (secret.Sealed, error) {
		if ask == nil {
			return secret.Sealed{}, errors.New("nobody can be asked here")
		}
		text := "Vault password"
		if label != "" {
			text += " (" + label + ")"
		}
		return ask.Secret(ctx, play.Ask{Key: "vault " + label, Text: text, Sealed: true})
	}
	return &opener{ctx: ctx, learn: r.Add, vaults: vault.New(ids, vault.Options{Ask: question, Learn: r.AddSealed, OnlyLabel: a.cfg != nil && a.cfg.VaultIDMatch})}, nil
}

// decrypt opens a !vault value or, when at is a file's first character, a whole
// file. A value's plain text becomes known to the redactor.
func (o *opener) decrypt(text string, at value.Pos) ([]byte, error) {
	if o.closed != nil && o.vaults.Len() == 0 {
		o.closed(at)
		return nil, nil
	}
	plain, _, err := o.vaults.Decrypt(o.ctx, []byte(text))
	if err == nil && (at.Line != 1 || at.Col != 1) {
		o.learn(plain)
	} else if err == nil {
		o.learnFile(plain)
	}
	return plain, err
}

// file opens a file's bytes when they are a vault, and says whether they were.
func (o *opener) file(data []byte) ([]byte, bool, error) {
	if !vault.Is(data) {
		return data, false, nil
	}
	if o.closed != nil && o.vaults.Len() == 0 {
		o.closed(value.Pos{})
		return nil, true, nil
	}
	plain, _, err := o.vaults.Decrypt(o.ctx, data)
	if err == nil {
		o.learnFile(plain)
	}
	return plain, true, err
}

// learnFile makes the texts of a whole vaulted file known to the redactor: what
// a host prints of them later carries no mark. Names of variables are none of
// its secrets, numbers and words like yes would blot out everything.
func (o *opener) learnFile(plain []byte) {
	v, err := yaml.One("", plain, yaml.Options{})
	if err != nil || v.Kind() == value.KindString || v.IsNull() {
		o.learn(plain) // a key, a certificate, a playbook that is checked later
		return
	}
	var texts func(value.Value)
	texts = func(v value.Value) {
		switch v.Kind() {
		case value.KindString:
			s, _ := v.AsString()
			o.learn([]byte(s))
		case value.KindList:
			for _, it := range v.Items() {
				texts(it)
			}
		case value.KindMap:
			m, _ := v.AsMap()
			for _, it := range m.All() {
				texts(it)
			}
		}
	}
	texts(v)
}

// read opens a file that lookups read.
func (o *opener) read(path string, data []byte) ([]byte, error) {
	plain, _, err := o.file(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return plain, nil
}
