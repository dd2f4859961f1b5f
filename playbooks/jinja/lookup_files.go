package jinja

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"remoterun/playbooks/jinja/lex"
	"remoterun/playbooks/jinja/py/pypath"
	"remoterun/playbooks/jinja/py/pystr"
	"remoterun/runner/value"
)

// fileLookupEntries are the plug-ins that read the laptop's files, commands
// and URLs.
func fileLookupEntries() []entry {
	family := []entry{
		{name: "file", sig: "file(*names, lstrip=False, rstrip=True)", example: "{{ query('file', '/no/such', errors='ignore') }}", shows: "[]", fn: lookupFile},
		{name: "unvault", sig: "unvault(*names)", example: "{{ query('unvault', '/no/such', errors='ignore') }}", shows: "[]", fn: lookupUnvault},
		{name: "template", sig: "template(*names, template_vars={}, convert_data=True)", example: "{{ query('template', '/no/such', errors='ignore') }}", shows: "[]", fn: lookupTemplate, spread: spreadNone},
		{name: "fileglob", sig: "fileglob(*patterns)", example: "{{ query('fileglob', '/no/such/*') }}", shows: "[]", fn: lookupFileglob},
		{name: "first_found", sig: "first_found(*names, files=[], paths=[], skip=False)", example: "{{ query('first_found', '/no/such', skip=true) }}", shows: "[]", fn: lookupFirstFound},
		{name: "pipe", sig: "pipe(*commands)", example: "{{ lookup('pipe', 'echo hi') }}", shows: "hi", fn: lookupPipe},
		{name: "lines", sig: "lines(*commands)", example: "{{ query('lines', 'echo a; echo b') }}", shows: "['a', 'b']", fn: lookupLines},
		{name: "url", sig: "url(*urls, split_lines=True)", example: "{{ query('url', 'http://127.0.0.1:1/', errors='ignore') }}", shows: "[]", fn: lookupURL},
	}
	for i := range family {
		family[i].impure = true
	}
	return asLookups(family, false)
}

var errNoSystem = errors.New("no files, commands or URLs can be reached here")

// reach answers the system, or the error that there is none.
func (c *call) reach() (System, error) {
	if sys := c.system(); sys != nil {
		return sys, nil
	}
	return nil, errNoSystem
}

// marks are those of what stands in a file.
func (c *call) marks(path string) value.Marks {
	if v, ok := c.system().(VaultSystem); ok && v.Vaulted(path) {
		return value.Masked
	}
	return 0
}

// read finds and reads one file of a kind (files, templates).
func (c *call) read(term value.Value, kind string) (text, path string, err error) {
	if _, err := c.reach(); err != nil {
		return "", "", err
	}
	name, err := wantText(term, "the name of a file")
	if err != nil {
		return "", "", err
	}
	data, path, err := c.readFile(name, kind)
	if path == "" && err != nil {
		return "", "", fmt.Errorf("could not locate file in lookup: %s", name)
	}
	if err == nil {
		err = c.fits(len(data))
	}
	return string(data), path, err
}

func lookupFile(c *call) (value.Value, error) {
	opt, err := c.options("lstrip", "rstrip")
	if err != nil {
		return value.Value{}, err
	}
	var out []value.Value
	for _, t := range c.args {
		text, path, err := c.read(t, "files")
		if err != nil {
			return value.Value{}, err
		}
		if truthOr(optional(opt, "lstrip"), false) {
			text = strings.TrimLeftFunc(text, pystr.Space)
		}
		if truthOr(optional(opt, "rstrip"), true) {
			text = strings.TrimRightFunc(text, pystr.Space)
		}
		out = append(out, value.MarkedString(text, c.marks(path)))
	}
	return value.List(out...), nil
}

func lookupUnvault(c *call) (value.Value, error) {
	if _, err := c.options(); err != nil {
		return value.Value{}, err
	}
	var out []value.Value
	for _, t := range c.args {
		text, path, err := c.read(t, "files")
		if err != nil {
			return value.Value{}, err
		}
		out = append(out, value.MarkedString(text, c.marks(path)))
	}
	return value.List(out...), nil
}

func lookupTemplate(c *call) (value.Value, error) {
	opt, err := c.options("template_vars", "convert_data", "jinja2_native", "variable_start_string", "variable_end_string", "comment_start_string", "comment_end_string")
	if err != nil {
		return value.Value{}, err
	}
	var out []value.Value
	for _, t := range c.args {
		v, err := c.renderFile(t, opt)
		if err != nil {
			return value.Value{}, err
		}
		out = append(out, v)
	}
	return value.List(out...), nil
}

// renderFile renders one template file as the plug-in of that name does.
func (c *call) renderFile(t value.Value, opt map[string]value.Value) (value.Value, error) {
	text, path, err := c.read(t, "templates")
	if err != nil {
		return value.Value{}, err
	}
	vars := value.MapOf("template_path", value.String(path), "template_fullpath", value.String(path))
	if m, ok := opt["template_vars"]; ok {
		extra, isMap := m.AsMap()
		if !isMap {
			return value.Value{}, fmt.Errorf("template_vars must be a mapping, not %s", value.TypeName(m))
		}
		for k, v := range extra.All() {
			vars.Set(k, v)
		}
	}
	v, err := c.template(path, text, delimiters(opt), vars)
	if err != nil {
		return value.Value{}, err
	}
	if truthOr(optional(opt, "convert_data"), true) && v.Marks()&value.Unsafe == 0 {
		v = lex.Literal(v)
	}
	return v.With(c.marks(path)), nil
}

func lookupFileglob(c *call) (value.Value, error) {
	sys, err := c.reach()
	if err != nil {
		return value.Value{}, err
	}
	out := []string{}
	for _, t := range c.args {
		term, err := wantText(t, "a pattern of files")
		if err != nil {
			return value.Value{}, err
		}
		base := pypath.Base(term)
		var dirs []string
		if base != term {
			if dir, err := c.find(pypath.Dir(term), "files"); err == nil {
				dirs = append(dirs, dir)
			}
		} else {
			for _, d := range c.dirs() {
				dirs = append(dirs, filepath.Join(d, "files"), d)
			}
		}
		for _, d := range dirs {
			if found := globFiles(sys, filepath.Join(d, base)); len(found) > 0 {
				out = append(out, found...)
				break
			}
		}
	}
	return value.Strings(out...), nil
}

func lookupPipe(c *call) (value.Value, error) {
	return c.commands(func(out string) []value.Value {
		return []value.Value{value.String(strings.TrimRightFunc(out, pystr.Space))}
	})
}

func lookupLines(c *call) (value.Value, error) { return c.commands(textLines) }

// textLines is Python's splitlines as values.
func textLines(s string) []value.Value {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	if s = strings.TrimSuffix(s, "\n"); s == "" {
		return nil
	}
	return splitText(s, "\n")
}

// commands runs every term in the playbook's folder.
func (c *call) commands(read func(out string) []value.Value) (value.Value, error) {
	sys, err := c.reach()
	if err != nil {
		return value.Value{}, err
	}
	dir := ""
	if dirs := c.dirs(); len(dirs) > 0 {
		dir = dirs[len(dirs)-1]
	}
	out := []value.Value{}
	for _, t := range c.args {
		if value.DeepMarks(t)&value.Sealed != 0 {
			return value.Value{}, errors.New("a sealed secret must not stand in a command")
		}
		text, err := sys.Command(c.ctx, value.Str(t), dir)
		if err != nil {
			return value.Value{}, err
		}
		out = append(out, read(string(text))...)
	}
	return value.List(out...), nil
}

func lookupURL(c *call) (value.Value, error) {
	sys, err := c.reach()
	if err != nil {
		return value.Value{}, err
	}
	split := true
	for k, v := range c.kw.All() {
		switch name := value.Str(k); name {
		case "split_lines":
			split = value.Truth(v)
		case "validate_certs":
			if !value.Truth(v) {
				return value.Value{}, errors.New("certificates are always verified here: validate_certs=False is refused")
			}
		case "timeout", "use_proxy", "follow_redirects", "http_agent", "force":
		default:
			return value.Value{}, fmt.Errorf("the option '%s' is not supported here", name)
		}
	}
	out := []value.Value{}
	for _, t := range c.args {
		if value.DeepMarks(t)&value.Sealed != 0 {
			return value.Value{}, errors.New("a sealed secret must not stand in a URL")
		}
		text, err := sys.Get(c.ctx, value.Str(t))
		if err != nil {
			return value.Value{}, fmt.Errorf("Failed lookup url for %s : %w", value.Show(t), err)
		}
		if split {
			out = append(out, textLines(string(text))...)
		} else {
			out = append(out, value.String(string(text)))
		}
	}
	return value.List(out...), nil
}

// delimiters are a file's signs, as the options of a call set them.
func delimiters(opt map[string]value.Value) func(*lex.Syntax) {
	return func(syn *lex.Syntax) {
		for name, into := range map[string]*string{"variable_start_string": &syn.VarStart, "variable_end_string": &syn.VarEnd, "comment_start_string": &syn.CommentStart, "comment_end_string": &syn.CommentEnd} {
			if s := textOr(optional(opt, name), ""); s != "" {
				*into = s
			}
		}
	}
}
