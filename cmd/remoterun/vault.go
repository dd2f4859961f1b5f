package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"remoterun/runner/disk"
	"remoterun/runner/secret"
	"remoterun/runner/secret/vault"
)

// vaultFlags are those of the commands below vault.
type vaultFlags struct {
	projectFlags
	with, newID, name string
	opener            *opener
	fresh             *opener // rekey: the new secret
}

// vaultCommand makes and opens files of Ansible's vault.
func vaultCommand(a *app) *cobra.Command {
	c := &cobra.Command{Use: "vault", Short: "Encrypt files and values as ansible-vault does", RunE: func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usage("vault has no command %q; it has %s", args[0], strings.Join(subNames(c), ", "))
		}
		return c.Help()
	}}
	seals := func(f *vaultFlags, c *cobra.Command) {
		c.Flags().StringVar(&f.with, "encrypt-vault-id", "", "the vault `ID` to encrypt with, when several secrets are given")
	}
	c.AddCommand(
		vaultOn(a, "encrypt FILE...", "Encrypt files in place", seals, func(ctx context.Context, f *vaultFlags, path string) error {
			return rewrite(a, path, func(text []byte) ([]byte, error) { return f.opener.vaults.Encrypt(ctx, text, f.with) })
		}),
		vaultOn(a, "decrypt FILE...", "Decrypt files in place", nil, func(ctx context.Context, f *vaultFlags, path string) error {
			return rewrite(a, path, func(text []byte) ([]byte, error) { return unlocked(ctx, f, text) })
		}),
		vaultOn(a, "view FILE...", "Print what files hold", nil, func(ctx context.Context, f *vaultFlags, path string) error {
			text, err := os.ReadFile(path)
			if err == nil {
				text, err = unlocked(ctx, f, text)
			}
			if err == nil {
				_, err = a.out.Write(text)
			}
			return err
		}),
		vaultOn(a, "rekey FILE...", "Encrypt files with another secret", func(f *vaultFlags, c *cobra.Command) {
			c.Flags().StringVar(&f.newID, "new-vault-id", "", "the new secret: `LABEL@FILE`, LABEL@prompt or a file")
		}, func(ctx context.Context, f *vaultFlags, path string) error {
			return rewrite(a, path, func(text []byte) ([]byte, error) {
				plain, err := unlocked(ctx, f, text)
				if err != nil {
					return nil, err
				}
				return f.fresh.vaults.Encrypt(ctx, plain, "")
			})
		}),
		vaultOn(a, "edit FILE...", "Edit what files hold with $EDITOR", nil, func(ctx context.Context, f *vaultFlags, path string) error { return editVault(ctx, a, f, path) }),
		vaultOn(a, "create FILE...", "Write new encrypted files with $EDITOR", seals, func(ctx context.Context, f *vaultFlags, path string) error {
			if _, err := os.Lstat(path); err == nil {
				return fmt.Errorf("%s exists: remoterun vault edit %s changes it", path, path)
			}
			text, err := edited(ctx, a, path, nil)
			if err == nil {
				text, err = f.opener.vaults.Encrypt(ctx, text, f.with)
			}
			if err != nil {
				return err
			}
			return disk.Write(path, text, 0o600)
		}),
		vaultString(a, seals),
	)
	return c
}

func subNames(c *cobra.Command) []string {
	var out []string
	for _, s := range c.Commands() {
		out = append(out, s.Name())
	}
	return out
}

// vaultOn is a command that does the same to each of its files.
func vaultOn(a *app, use, short string, more func(*vaultFlags, *cobra.Command), do func(context.Context, *vaultFlags, string) error) *cobra.Command {
	var f vaultFlags
	name, _, _ := strings.Cut(use, " ")
	c := &cobra.Command{Use: use, Short: short, RunE: func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usage("which file? remoterun vault %s FILE", name)
		}
		if err := vaultSecrets(c.Context(), a, &f, name == "rekey"); err != nil {
			return err
		}
		for _, path := range args {
			if err := do(c.Context(), &f, path); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
		return nil
	}}
	addVaultFlags(&f, c, more)
	return c
}

func addVaultFlags(f *vaultFlags, c *cobra.Command, more func(*vaultFlags, *cobra.Command)) {
	f.addVaults(c)
	if more != nil {
		more(f, c)
	}
}

// vaultSecrets takes the secrets of the command line; where none is given, one is
// asked for.
func vaultSecrets(ctx context.Context, a *app, f *vaultFlags, again bool) error {
	p := newPrompts(0, false, secret.NewRedactor())
	if a.terminal != nil {
		p.open = a.terminal
	}
	r := secret.NewRedactor()
	if len(f.vaultIDs)+len(f.vaultFiles) == 0 {
		f.askVault = true
	}
	var err error
	if f.opener, err = a.newOpener(ctx, &f.projectFlags, p, r); err != nil || !again {
		return err
	}
	next := projectFlags{vaultIDs: []string{f.newID}}
	if f.newID == "" {
		next = projectFlags{vaultIDs: []string{"default@prompt"}}
	}
	f.fresh, err = a.newOpener(ctx, &next, p, r)
	return err
}

// unlocked is what a vault holds.
func unlocked(ctx context.Context, f *vaultFlags, text []byte) ([]byte, error) {
	if !vault.Is(text) {
		return nil, errors.New("this is not a vault: it does not begin with $ANSIBLE_VAULT")
	}
	plain, _, err := f.opener.vaults.Decrypt(ctx, text)
	return plain, err
}

// rewrite replaces a file by what of makes of it; "-" is stdin and stdout.
func rewrite(a *app, path string, of func([]byte) ([]byte, error)) error {
	if path != "-" {
		return rewriteFile(path, of)
	}
	text, err := io.ReadAll(a.in)
	if err == nil {
		text, err = of(text)
	}
	if err == nil {
		_, err = a.out.Write(text)
	}
	return err
}

// rewriteFile replaces a file, whole or not at all; it can be read by its owner
// alone then. What of leaves as it is is not written. A link stays one.
func rewriteFile(path string, of func([]byte) ([]byte, error)) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	was, err := os.ReadFile(real)
	if err != nil {
		return err
	}
	text, err := of(was)
	if err != nil || bytes.Equal(text, was) {
		return err
	}
	return disk.Write(real, text, 0o600)
}

// editVault opens a vault in the editor and encrypts it again, with the id that it
// had.
func editVault(ctx context.Context, a *app, f *vaultFlags, path string) error {
	return rewriteFile(path, func(text []byte) ([]byte, error) {
		if !vault.Is(text) {
			return nil, errors.New("this is not a vault: remoterun vault encrypt makes one of it")
		}
		plain, label, err := f.opener.vaults.Decrypt(ctx, text)
		if err != nil {
			return nil, err
		}
		after, err := edited(ctx, a, path, plain)
		if err != nil || bytes.Equal(after, plain) {
			return text, err
		}
		return f.opener.vaults.Encrypt(ctx, after, label)
	})
}

// edited is a text as the operator's editor leaves it. The plain text lies in a
// folder of its own, in memory where the machine has one, as long as it is edited.
func edited(ctx context.Context, a *app, name string, plain []byte) ([]byte, error) {
	where := ""
	if is, err := os.Stat("/dev/shm"); err == nil && is.IsDir() {
		where = "/dev/shm"
	}
	dir, err := os.MkdirTemp(where, "remoterun-vault-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, filepath.Base(name))
	if err := os.WriteFile(file, plain, 0o600); err != nil {
		return nil, err
	}
	editor := "vi"
	for _, n := range []string{"VISUAL", "EDITOR"} {
		if e, ok := a.env(n); ok && strings.TrimSpace(e) != "" {
			editor = e
		}
	}
	words := append(strings.Fields(editor), file)
	c := exec.CommandContext(ctx, words[0], words[1:]...) // #nosec G204: the operator's own editor
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("the editor %s: %w; nothing was written", editor, err)
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the editor %s removed its file; nothing was written", editor)
	}
	return text, err
}

// vaultString prints values for a YAML file.
func vaultString(a *app, more func(*vaultFlags, *cobra.Command)) *cobra.Command {
	var f vaultFlags
	c := &cobra.Command{Use: "encrypt-string [TEXT...]", Short: "Print values encrypted for a YAML file; without TEXT that of stdin", RunE: func(c *cobra.Command, args []string) error {
		if err := vaultSecrets(c.Context(), a, &f, false); err != nil {
			return err
		}
		if len(args) == 0 {
			text, err := io.ReadAll(a.in)
			if err != nil {
				return err
			}
			args = []string{string(text)}
		}
		for _, text := range args {
			sealed, err := f.opener.vaults.Encrypt(c.Context(), []byte(text), f.with)
			if err != nil {
				return err
			}
			head := "!vault |\n"
			if f.name != "" {
				head = f.name + ": " + head
			}
			fmt.Fprint(a.out, head)
			for l := range strings.Lines(string(sealed)) {
				fmt.Fprint(a.out, "          "+l)
			}
		}
		return nil
	}}
	addVaultFlags(&f, c, more)
	c.Flags().StringVarP(&f.name, "name", "n", "", "the variable's `NAME`, printed before the value")
	return c
}
