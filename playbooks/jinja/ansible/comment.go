package ansible

import (
	"fmt"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
)

// commentEntries are the comment filter alone: it has a page of options.
func commentEntries() []core.Entry {
	return core.StrictAll([]core.Entry{{
		Name:    "comment",
		Sig:     "comment(style='plain', decoration, beginning, end, prefix, prefix_count=1, postfix, postfix_count=1, newline)",
		Example: "{{ 'managed' | comment }}", Shows: "#\n# managed\n#", Func: filterComment,
	}})
}

// commentStyle returns the options of a style.
func commentStyle(style string) (map[string]string, bool) {
	styles := map[string]map[string]string{
		"plain":  {"decoration": "# "},
		"erlang": {"decoration": "% "},
		"c":      {"decoration": "// "},
		"cblock": {"beginning": "/*", "decoration": " * ", "end": " */"},
		"xml":    {"beginning": "<!--", "decoration": " - ", "end": "-->"},
	}
	s, ok := styles[style]
	return s, ok
}

func filterComment(c *core.Call) (value.Value, error) {
	text, err := core.WantText(c.In, "the text of a comment")
	if err != nil {
		return value.Value{}, err
	}
	o, err := commentOptions(c)
	if err != nil {
		return value.Value{}, err
	}
	return o.render(c, text)
}

// commenting is the options of one comment, all filled in.
type commenting struct {
	s             map[string]string
	before, after int64
}

func commentOptions(c *core.Call) (commenting, error) {
	style := "plain"
	args := value.NewMap()
	for k, v := range c.Kw.All() {
		args.Set(k, v)
	}
	if v, ok := args.Lookup("style"); ok {
		style = value.Str(v)
		args.Delete(value.String("style"))
	}
	if len(c.Args) > 0 {
		style = value.Str(c.Args[0])
	}
	preset, ok := commentStyle(style)
	if !ok {
		return commenting{}, fmt.Errorf("'%s' is not a style of comments: plain, erlang, c, cblock or xml", style)
	}
	side := preset["decoration"]
	if v, ok := args.Lookup("decoration"); ok {
		side = value.Str(v)
	}
	o := commenting{s: map[string]string{"newline": "\n", "prefix": strings.TrimRight(side, " \t\n\r\v\f"), "postfix": strings.TrimRight(side, " \t\n\r\v\f")}, before: 1, after: 1}
	for k, v := range preset {
		o.s[k] = v
	}
	return o, o.override(args)
}

func (o *commenting) override(args *value.Map) error {
	for k, v := range args.All() {
		var err error
		switch name, _ := k.AsString(); name {
		case "prefix_count":
			o.before, err = core.AsInteger(v)
		case "postfix_count":
			o.after, err = core.WantInt(v, 1)
		default:
			o.s[name] = value.Str(v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o commenting) render(c *core.Call, text string) (value.Value, error) {
	nl, deco := o.s["newline"], o.s["decoration"]
	lines := int64(strings.Count(text, nl)) + max(0, o.before) + max(0, o.after)
	if err := c.Fits(int(lines) * (len(deco) + len(o.s["prefix"]) + len(o.s["postfix"]) + 1)); err != nil {
		return value.Value{}, err
	}
	var b strings.Builder
	if o.s["beginning"] != "" {
		b.WriteString(o.s["beginning"] + nl)
	}
	if p := o.s["prefix"]; p != "" {
		if p != nl {
			p += nl
		}
		b.WriteString(strings.Repeat(p, int(max(0, o.before))))
	}
	body := deco + strings.ReplaceAll(text, nl, nl+deco)
	b.WriteString(strings.ReplaceAll(body, deco+nl, strings.TrimRight(deco, " \t\n\r\v\f")+nl))
	b.WriteString(strings.Repeat(nl+o.s["postfix"], int(max(0, o.after))))
	if o.s["end"] != "" {
		b.WriteString(nl + o.s["end"])
	}
	return core.Text(b.String())
}
