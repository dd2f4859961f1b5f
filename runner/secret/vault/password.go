package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"remoterun/runner/secret"
)

// Identity is one secret as the operator names it: a label, and where the
// password comes from.
type Identity struct {
	// Label is the vault id; DefaultLabel when none was given.
	Label string
	// Source is "prompt", "prompt_ask_vault_pass" (the plain question of -J), or
	// a file: with the password in it, or executable and printing it.
	Source string
	// named says that the label was written.
	named bool
}

// ParseIdentity reads "label@source" or "source", as --vault-id takes it.
func ParseIdentity(s string) (Identity, error) {
	label, source, found := strings.Cut(s, "@")
	if !found {
		label, source = "", s
	}
	if source == "" {
		return Identity{}, fmt.Errorf("vault id %q names no source (label@prompt or label@file is expected)", s)
	}
	id := Identity{Label: label, Source: source, named: label != ""}
	if label == "" {
		id.Label = DefaultLabel
	}
	return id, nil
}

// Prompt is the identity of -J.
func Prompt() Identity { return Identity{Label: DefaultLabel, Source: "prompt_ask_vault_pass"} }

// File is the identity of --vault-password-file.
func File(path string) Identity { return Identity{Label: DefaultLabel, Source: path} }

// name is how messages call the secret.
func (id Identity) name() string {
	if strings.HasPrefix(id.Source, "prompt") {
		return id.Label
	}
	return id.Label + " (" + id.Source + ")"
}

// load finds a secret's password, once: also a failure is kept, so that the
// operator isn't asked again for every vault.
func (v *Vaults) load(ctx context.Context, i int) error {
	id := v.ids[i]
	if id.tried {
		return id.err
	}
	p, err := v.password(ctx, i)
	if err == nil && p.Len() == 0 {
		err = fmt.Errorf("the vault password of %s is empty", id.name())
	}
	if ctx.Err() == nil {
		id.tried = true
	}
	if id.password, id.err = p, err; err == nil && v.opt.Learn != nil {
		v.opt.Learn(p)
	}
	return err
}

func (v *Vaults) password(ctx context.Context, i int) (secret.Sealed, error) {
	switch id := v.ids[i]; id.Source {
	case "prompt":
		return v.ask(ctx, id.Label)
	case "prompt_ask_vault_pass":
		return v.ask(ctx, "")
	default:
		return v.file(ctx, i)
	}
}

// ask takes white space off the ends, as Ansible does.
func (v *Vaults) ask(ctx context.Context, label string) (secret.Sealed, error) {
	if v.opt.Ask == nil {
		return secret.Sealed{}, errors.New("a vault password is needed, and nobody can be asked (--vault-password-file)")
	}
	answer, err := v.opt.Ask(ctx, label)
	if err != nil {
		return secret.Sealed{}, fmt.Errorf("vault password: %w", err)
	}
	var out secret.Sealed
	err = answer.Use(func(b []byte) error {
		out = secret.New(append([]byte(nil), bytes.TrimSpace(b)...))
		return nil
	})
	return out, err
}

// There refuses a file that is not there, or is a folder; it reads and runs nothing.
func (id Identity) There() error {
	if id.Source == "prompt" || id.Source == "prompt_ask_vault_pass" {
		return nil
	}
	_, err := id.stat()
	return err
}

func (id Identity) stat() (fs.FileInfo, error) {
	st, err := os.Stat(id.Source)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("vault password file %s is not there", id.Source)
	case err != nil:
		return nil, fmt.Errorf("vault password file: %w", err)
	case st.IsDir():
		return nil, fmt.Errorf("vault password file %s is a folder", id.Source)
	}
	return st, nil
}

// file reads a password file, or runs it when it is executable. A file that is
// itself a vault is opened with the secrets before it.
func (v *Vaults) file(ctx context.Context, i int) (secret.Sealed, error) {
	id := v.ids[i]
	st, err := id.stat()
	if err != nil {
		return secret.Sealed{}, err
	}
	if st.Mode()&0o111 != 0 {
		return v.program(ctx, id.Identity)
	}
	data, err := os.ReadFile(id.Source)
	if err != nil {
		return secret.Sealed{}, fmt.Errorf("vault password file: %w", err)
	}
	defer clear(data)
	data = bytes.TrimSpace(data)
	if Is(data) {
		env, err := parse(data)
		if err != nil {
			return secret.Sealed{}, fmt.Errorf("vault password file %s: %w", id.Source, err)
		}
		plain, _, err := v.decrypt(ctx, env, i)
		if err != nil {
			return secret.Sealed{}, fmt.Errorf("vault password file %s: %w", id.Source, err)
		}
		defer clear(plain)
		data = bytes.Trim(plain, "\r\n")
	}
	return secret.New(append([]byte(nil), data...)), nil
}

// unknownLabel is the status of a -client program that has no such secret.
const unknownLabel = 2

// program runs a password program. One whose name ends in -client (before an
// ending) is told the label.
func (v *Vaults) program(ctx context.Context, id Identity) (secret.Sealed, error) {
	path, err := filepath.Abs(id.Source)
	if err != nil {
		return secret.Sealed{}, err
	}
	var args []string
	if strings.HasSuffix(strings.TrimSuffix(path, filepath.Ext(path)), "-client") && id.named {
		args = []string{"--vault-id", id.Label}
	}
	run := v.opt.Run
	if run == nil {
		run = runProgram
	}
	out, err := run(ctx, path, args...)
	defer clear(out)
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed) && failed.ExitCode() == unknownLabel && args != nil:
		return secret.Sealed{}, fmt.Errorf("vault password program %s has no secret for the vault id %q", id.Source, id.Label)
	case errors.As(err, &failed):
		return secret.Sealed{}, fmt.Errorf("vault password program %s: %w", id.Source, err)
	case err != nil:
		return secret.Sealed{}, fmt.Errorf("vault password program %s cannot be run: %w (if it holds the password itself, it must not be executable)", id.Source, err)
	}
	return secret.New(append([]byte(nil), bytes.Trim(out, "\r\n")...)), nil
}

// runProgram leaves the terminal to the program: it may ask for something.
func runProgram(ctx context.Context, path string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdin, cmd.Stderr = os.Stdin, os.Stderr
	return cmd.Output()
}
