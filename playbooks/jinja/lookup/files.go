package lookup

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"remoterun/playbooks/jinja/ansible"
	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/lex"
	"remoterun/playbooks/jinja/py/pypath"
	"remoterun/playbooks/jinja/py/pystr"
	"remoterun/runner/value"
)

// fileLookupEntries are the plug-ins that read the laptop's files, commands
// and URLs.
func fileLookupEntries() []core.Entry {
	family := []core.Entry{
		{Name: "file", Sig: "file(*names, lstrip=False, rstrip=True)", Example: "{{ query('file', '/no/such', errors='ignore') }}", Shows: "[]", Func: lookupFile},
		{Name: "unvault", Sig: "unvault(*names)", Example: "{{ query('unvault', '/no/such', errors='ignore') }}", Shows: "[]", Func: lookupUnvault},
		{Name: "template", Sig: "template(*names, template_vars={}, convert_data=True)", Example: "{{ query('template', '/no/such', errors='ignore') }}", Shows: "[]", Func: lookupTemplate, Spread: core.SpreadNone},
		{Name: "fileglob", Sig: "fileglob(*patterns)", Example: "{{ query('fileglob', '/no/such/*') }}", Shows: "[]", Func: lookupFileglob},
		{Name: "first_found", Sig: "first_found(*names, files=[], paths=[], skip=False)", Example: "{{ query('first_found', '/no/such', skip=true) }}", Shows: "[]", Func: lookupFirstFound},
		{Name: "pipe", Sig: "pipe(*commands)", Example: "{{ lookup('pipe', 'echo hi') }}", Shows: "hi", Func: lookupPipe},
		{Name: "lines", Sig: "lines(*commands)", Example: "{{ query('lines', 'echo a; echo b') }}", Shows: "['a', 'b']", Func: lookupLines},
		{Name: "url", Sig: "url(*urls, split_lines=True)", Example: "{{ query('url', 'http://127.0.0.1:1/', errors='ignore') }}", Shows: "[]", Func: lookupURL},
	}
	for i := range family {
		family[i].Impure = true
	}
	return core.Lookups(family, false)
}

var errNoSystem = errors.New("no files, commands or URLs can be reached here")

// reach returns the system, or the error that there is none.
func reach(c *core.Call) (core.System, error) {
	if sys := c.System(); sys != nil {
		return sys, nil
	}
	return nil, errNoSystem
}

// marksOfFile are those of what stands in a file.
func marksOfFile(c *core.Call, path string) value.Marks {
	if v, ok := c.System().(core.VaultSystem); ok && v.Vaulted(path) {
		return value.Masked
	}
	return 0
}

// readNamed finds and reads one file of a kind (files, templates).
func readNamed(c *core.Call, term value.Value, kind string) (text, path string, err error) {
	if _, err := reach(c); err != nil {
		return "", "", err
	}
	name, err := core.WantText(term, "the name of a file")
	if err != nil {
		return "", "", err
	}
	data, path, err := c.ReadFile(name, kind)
	if path == "" && err != nil {
		return "", "", fmt.Errorf("could not locate file in lookup: %s", name)
	}
	if err == nil {
		err = c.Fits(len(data))
	}
	return string(data), path, err
}

func lookupFile(c *core.Call) (value.Value, error) {
	opt, err := c.Options("lstrip", "rstrip")
	if err != nil {
		return value.Value{}, err
	}
	var out []value.Value
	for _, t := range c.Args {
		text, path, err := readNamed(c, t, "files")
		if err != nil {
			return value.Value{}, err
		}
		if core.TruthOr(core.Optional(opt, "lstrip"), false) {
			text = strings.TrimLeftFunc(text, pystr.Space)
		}
		if core.TruthOr(core.Optional(opt, "rstrip"), true) {
			text = strings.TrimRightFunc(text, pystr.Space)
		}
		out = append(out, value.MarkedString(text, marksOfFile(c, path)))
	}
	return value.List(out...), nil
}

func lookupUnvault(c *core.Call) (value.Value, error) {
	if _, err := c.Options(); err != nil {
		return value.Value{}, err
	}
	var out []value.Value
	for _, t := range c.Args {
		text, path, err := readNamed(c, t, "files")
		if err != nil {
			return value.Value{}, err
		}
		out = append(out, value.MarkedString(text, marksOfFile(c, path)))
	}
	return value.List(out...), nil
}

func lookupTemplate(c *core.Call) (value.Value, error) {
	opt, err := c.Options("template_vars", "convert_data", "jinja2_native", "variable_start_string", "variable_end_string", "comment_start_string", "comment_end_string")
	if err != nil {
		return value.Value{}, err
	}
	var out []value.Value
	for _, t := range c.Args {
		v, err := renderFile(c, t, opt)
		if err != nil {
			return value.Value{}, err
		}
		out = append(out, v)
	}
	return value.List(out...), nil
}

// renderFile renders one template file as the plug-in of that name does.
func renderFile(c *core.Call, t value.Value, opt map[string]value.Value) (value.Value, error) {
	text, path, err := readNamed(c, t, "templates")
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
	v, err := c.Template(path, text, delimiters(opt), vars)
	if err != nil {
		return value.Value{}, err
	}
	if core.TruthOr(core.Optional(opt, "convert_data"), true) && v.Marks()&value.Unsafe == 0 {
		v = lex.Literal(v)
	}
	return v.With(marksOfFile(c, path)), nil
}

func lookupFileglob(c *core.Call) (value.Value, error) {
	sys, err := reach(c)
	if err != nil {
		return value.Value{}, err
	}
	out := []string{}
	for _, t := range c.Args {
		term, err := core.WantText(t, "a pattern of files")
		if err != nil {
			return value.Value{}, err
		}
		base := pypath.Base(term)
		var dirs []string
		if base != term {
			if dir, err := c.Find(pypath.Dir(term), "files"); err == nil {
				dirs = append(dirs, dir)
			}
		} else {
			for _, d := range c.Dirs() {
				dirs = append(dirs, filepath.Join(d, "files"), d)
			}
		}
		for _, d := range dirs {
			if found := ansible.GlobFiles(sys, filepath.Join(d, base)); len(found) > 0 {
				out = append(out, found...)
				break
			}
		}
	}
	return value.Strings(out...), nil
}

func lookupPipe(c *core.Call) (value.Value, error) {
	return runCommands(c, func(out string) []value.Value {
		return []value.Value{value.String(strings.TrimRightFunc(out, pystr.Space))}
	})
}

func lookupLines(c *core.Call) (value.Value, error) { return runCommands(c, textLines) }

// textLines is Python's splitlines as values.
func textLines(s string) []value.Value {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	if s = strings.TrimSuffix(s, "\n"); s == "" {
		return nil
	}
	return core.SplitText(s, "\n")
}

// runCommands runs every term in the playbook's folder.
func runCommands(c *core.Call, read func(out string) []value.Value) (value.Value, error) {
	sys, err := reach(c)
	if err != nil {
		return value.Value{}, err
	}
	dir := ""
	if dirs := c.Dirs(); len(dirs) > 0 {
		dir = dirs[len(dirs)-1]
	}
	out := []value.Value{}
	for _, t := range c.Args {
		if value.DeepMarks(t)&value.Sealed != 0 {
			return value.Value{}, errors.New("a sealed secret must not stand in a command")
		}
		text, err := sys.Command(c.Ctx, value.Str(t), dir)
		if err != nil {
			return value.Value{}, err
		}
		out = append(out, read(string(text))...)
	}
	return value.List(out...), nil
}

func lookupURL(c *core.Call) (value.Value, error) {
	sys, err := reach(c)
	if err != nil {
		return value.Value{}, err
	}
	split := true
	for k, v := range c.Kw.All() {
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
	for _, t := range c.Args {
		if value.DeepMarks(t)&value.Sealed != 0 {
			return value.Value{}, errors.New("a sealed secret must not stand in a URL")
		}
		text, err := sys.Get(c.Ctx, value.Str(t))
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
			if s := core.TextOr(core.Optional(opt, name), ""); s != "" {
				*into = s
			}
		}
	}
}
