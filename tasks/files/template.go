package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// templateArgs are the arguments of template.
type templateArgs struct {
	Src      string `arg:"src" need:"yes" type:"path" help:"the template, looked up in templates folders"`
	Dest     string `arg:"dest" need:"yes" type:"path" help:"where the text goes"`
	Force    bool   `arg:"force" default:"yes" help:"replace a file that differs"`
	Backup   bool   `arg:"backup" default:"no" help:"keep the old file under a name with the time"`
	Follow   bool   `arg:"follow" default:"no" help:"write what a link leads to instead of replacing the link"`
	Validate string `arg:"validate" help:"a command that must accept the new file, %s is its name"`
	Unsafe   bool   `arg:"unsafe_writes" default:"no" help:"write in place where a rename is refused"`

	NewlineSequence string `arg:"newline_sequence" default:"\\n" help:"the line ends: \\n, \\r or \\r\\n"`
	TrimBlocks      bool   `arg:"trim_blocks" default:"yes" help:"drop the newline behind a block"`
	LstripBlocks    bool   `arg:"lstrip_blocks" default:"no" help:"drop blanks before a block"`
	Encoding        string `arg:"output_encoding" default:"utf-8" help:"the encoding of the file: utf-8, ascii, latin-1 or windows-1252"`

	BlockStart    string `arg:"block_start_string" help:"instead of {%"`
	BlockEnd      string `arg:"block_end_string" help:"instead of %}"`
	VariableStart string `arg:"variable_start_string" help:"instead of {{"`
	VariableEnd   string `arg:"variable_end_string" help:"instead of }}"`
	CommentStart  string `arg:"comment_start_string" help:"instead of {#"`
	CommentEnd    string `arg:"comment_end_string" help:"instead of #}"`
	kit.Attrs

	in play.Input
}

// Template writes a rendered template.
func Template() play.Module {
	return kit.Define(kit.Doc{Name: "template", Short: "a rendered template as a file", Waited: true, Needs: "src and dest are required"}, template{})
}

type template struct{}

func (template) Validate(a templateArgs) *play.ArgError {
	if _, err := kit.Validation(a.Validate); err != nil {
		return &play.ArgError{Arg: "validate", Msg: err.Error()}
	}
	if _, ok := newline(a.NewlineSequence); !ok {
		return &play.ArgError{Arg: "newline_sequence", Msg: fmt.Sprintf("%q is not a line end", a.NewlineSequence), Allowed: []string{`\n`, `\r`, `\r\n`}}
	}
	if _, ok := textCodec(a.Encoding); !ok {
		return &play.ArgError{Arg: "output_encoding", Msg: fmt.Sprintf("unknown encoding: %s", a.Encoding), Allowed: []string{"utf-8", "ascii", "latin-1", "windows-1252"}}
	}
	return nil
}

// newline reads a line end, written with escapes or as it is.
func newline(s string) (string, bool) {
	s = strings.NewReplacer(`\n`, "\n", `\r`, "\r").Replace(s)
	return s, s == "\n" || s == "\r" || s == "\r\n"
}

// overrides are the options that the template language itself takes.
func (a templateArgs) overrides() string {
	var parts []string
	if !a.TrimBlocks {
		parts = append(parts, "trim_blocks: False")
	}
	if a.LstripBlocks {
		parts = append(parts, "lstrip_blocks: True")
	}
	if end, _ := newline(a.NewlineSequence); end != "\n" {
		parts = append(parts, "newline_sequence: "+value.Repr(value.String(end)))
	}
	for _, o := range [][2]string{{"block_start_string", a.BlockStart}, {"block_end_string", a.BlockEnd},
		{"variable_start_string", a.VariableStart}, {"variable_end_string", a.VariableEnd},
		{"comment_start_string", a.CommentStart}, {"comment_end_string", a.CommentEnd}} {
		if o[1] != "" {
			parts = append(parts, o[0]+": "+value.Repr(value.String(o[1])))
		}
	}
	return strings.Join(parts, ", ")
}

// TemplateVars are the variables that a template has beside the task's. Those of times
// are worked out where a template reads them.
func TemplateVars(host, src, dest string, file play.Input) *value.Map {
	return value.MapOf("ansible_managed", value.String("Ansible managed"), "template_host", value.String(host),
		"template_path", value.String(src), "template_fullpath", value.String(file.Path), "template_destpath", value.String(dest),
		"template_uid", value.String(file.Owner), "template_mtime", value.String(fmt.Sprintf("{{ '%%Y-%%m-%%d %%H:%%M:%%S' | strftime(%d) }}", file.Time)),
		"template_run_date", value.String("{{ now() }}"))
}

// Resolve renders the template with the task's variables.
func (template) Resolve(ctx context.Context, a *templateArgs, in play.Inputs) error {
	src, err := in.File("templates", a.Src)
	if err != nil {
		return err
	}
	extra := TemplateVars(in.Host(), a.Src, a.Dest, src)
	if o := a.overrides(); o != "" {
		extra.Put("#jinja2", value.String(o))
	}
	if a.in, err = in.Template(ctx, a.Src, extra); err != nil {
		return err
	}
	a.in.Mode = src.Mode
	return a.encode()
}

// encode puts the text into another encoding than UTF-8.
func (a *templateArgs) encode() error {
	if a.Encoding == "" || strings.HasPrefix(strings.ToLower(a.Encoding), "u") {
		return nil
	}
	c, _ := textCodec(a.Encoding)
	b, err := a.in.Data.Bytes()
	if err != nil {
		return err
	}
	out, err := c.encode(string(b))
	if err != nil {
		return &play.ArgError{Arg: "output_encoding", Msg: err.Error()}
	}
	if !bytes.Equal(out, b) {
		made := kit.MadeInput(a.in.Name, out)
		made.Path, made.Mode, made.Secret, made.Masked = a.in.Path, a.in.Mode, a.in.Secret, a.in.Masked
		a.in = made
	}
	return nil
}

func (a templateArgs) deploy() deploy {
	return deploy{in: a.in, dest: a.Dest, header: a.in.Path, force: a.Force, backup: a.Backup, follow: a.Follow,
		unsafe: a.Unsafe, validate: a.Validate, Attrs: a.Attrs}
}

func (template) Facts(a templateArgs) []host.Question { return a.deploy().facts() }

func (template) Plan(a templateArgs, s host.Seen) (play.Plan, error) {
	if a.in.Data == nil {
		return play.Plan{}, errors.New("the template was not rendered")
	}
	return a.deploy().plan(s)
}
