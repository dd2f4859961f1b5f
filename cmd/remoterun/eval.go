package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"remoterun/inventory/config"
	"remoterun/playbooks/jinja"
	"remoterun/playbooks/jinja/laptop"
	"remoterun/runner/secret/vault"
	"remoterun/runner/value"
)

// engine makes the expression language over the operator's own machine, with
// the extensions that ansible.cfg asks for; op opens the vaults that lookups
// read, nil leaves them closed.
func (a *app) engine(op *opener) *jinja.Engine {
	cfg := a.cfg
	if cfg == nil {
		cfg, _ = a.config() // eval and template want nothing else of it
	}
	if cfg == nil {
		cfg = &config.Config{}
	}
	l := laptop.System{Environ: a.env, SealVault: vault.Seal, OpenVault: vault.Unseal, Settings: func(name string) (value.Value, bool) { return configured{a}.setting(cfg, name) }}
	if op != nil {
		l.Open = op.read
	}
	asked := func(name string) bool { return slices.Contains(cfg.JinjaExtensions, "jinja2.ext."+name) }
	return jinja.New(jinja.Options{System: l, Do: asked("do"), LoopControls: asked("loopcontrols")})
}

func (a *app) evalCommand() *cobra.Command {
	var f evalFlags
	var lines bool
	c := &cobra.Command{
		Use:   "eval EXPRESSION",
		Short: "Evaluate an expression or template and show its text, value and type",
		Example: `  remoterun eval 'port + 1' -e '{port: 8080}'
  remoterun eval '{{ name }}-{{ port }}' -e name=web -e port=80
  remoterun eval http_port -l web1`,
		Args: func(_ *cobra.Command, args []string) error {
			if want := 1; lines {
				want = 0
				if len(args) != want {
					return usage("eval --jsonl takes no expression: it reads them from standard input")
				}
			} else if len(args) != want {
				return usage("eval takes one expression (quote it for the shell)")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if lines {
				return evalLines(cmd.Context(), a.engine(nil), cmd.InOrStdin(), cmd.OutOrStdout())
			}
			s, err := f.scope(cmd.Context(), a)
			if err != nil {
				return err
			}
			return a.evalOne(cmd, a.engine(f.opener), args[0], s)
		},
	}
	f.add(c)
	c.Flags().BoolVar(&lines, "jsonl", false, `read lines {"template": …, "vars": {…}, "file": bool} and answer each with {"text": …, "native": …, "error": …}`)
	return c
}

func (f *evalFlags) add(c *cobra.Command) {
	f.projectFlags.add(c)
	c.Flags().Lookup("limit").Usage = "the `HOST` whose variables are meant"
}

// evalOne shows one expression. Text without tags is an expression itself.
func (a *app) evalOne(cmd *cobra.Command, e *jinja.Engine, text string, s *evalScope) error {
	shift := 0
	if !jinja.Templated(text) {
		text, shift = "{{ "+text+" }}", len("{{ ")
	}
	shown, native, textErr, nativeErr := e.Both(cmd.Context(), "expression", text, false, s)
	if err := cmp.Or(textErr, nativeErr); err != nil {
		return atSource(err, shift)
	}
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "text:  %s\nvalue: %s\ntype:  %s\n", value.Show(shown), showRepr(native), value.TypeName(native))
	return showUses(w, e, text, s)
}

// atSource counts columns in the expression as the user wrote it.
func atSource(err error, shift int) error {
	var e *jinja.Error
	if errors.As(err, &e) && e.Pos.Line == 1 {
		e.Pos.Col = max(1, e.Pos.Col-shift)
	}
	return err
}

// showRepr is Python's repr with secrets masked.
func showRepr(v value.Value) string {
	s := value.Show(value.List(v))
	return strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
}

// showUses lists every variable that the text leads to, with where it came
// from.
func showUses(w io.Writer, e *jinja.Engine, text string, s *evalScope) error {
	names, err := allUses(e, value.String(text), s)
	if err != nil || len(names) == 0 {
		return err
	}
	fmt.Fprintln(w, "variables:")
	for _, n := range names {
		v, _, err := s.Var(n)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "  %s = %s, from %s\n", n, showRepr(v), s.from(n))
	}
	return nil
}

// allUses follows the names that a template reads through the variables'
// own templates; names that are no variables are left out.
func allUses(e *jinja.Engine, v value.Value, s *evalScope) ([]string, error) {
	var out []string
	seen := map[string]bool{}
	queue := []value.Value{v}
	for len(queue) > 0 {
		u, err := e.Inspect(queue[0], false)
		if err != nil {
			return nil, err
		}
		queue = queue[1:]
		for _, n := range u.Names {
			if seen[n] || s.from(n) == "" {
				continue
			}
			seen[n] = true
			out = append(out, n)
			v, _, err := s.Var(n)
			if err != nil {
				return nil, err
			}
			queue = append(queue, v)
		}
	}
	return out, nil
}
