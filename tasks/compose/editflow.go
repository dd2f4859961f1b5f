package compose

import (
	"slices"
	"strings"

	"remoterun/runner/value/yaml"
)

// from is the text from where a node begins to the end of the line before end.
func (e *edit) from(n *yaml.Node, end int) string {
	line := []rune(e.lines[n.Line-1])
	at := min(n.Column-1, len(line))
	return strings.Join(append([]string{string(line[at:])}, e.lines[n.Line:max(n.Line, end)]...), "\n")
}

// flowMerged is one key with our names and, behind them, what the user's flow
// collection has else; raw is its text, val what it says.
func flowMerged(name, raw string, val *yaml.Node, ours []string) ([]string, bool) {
	names := childNames(ours)
	lines := []string{name + ":"}
	switch {
	case val.Kind == yaml.Alias && val.Of.Kind == yaml.Mapping:
		return append(append(lines, "  <<: *"+val.Text), indented(ours, "  ")...), true
	case val.Kind == yaml.Scalar && val.Text == "" || val.Kind == yaml.Scalar && nothing(val.Text):
		return append(lines, indented(ours, "  ")...), true
	case val.Kind == yaml.Alias || val.Kind == yaml.Scalar:
		return nil, false
	}
	items, ok := flowItems(raw)
	list := val.Kind == yaml.Sequence
	if !ok {
		return nil, false
	}
	lines = append(lines, indented(asList(ours, list), "  ")...)
	for i, it := range items {
		said := strings.Trim(it.key, `"'`)
		if list && i < len(val.Items) {
			said, _, _ = strings.Cut(val.Items[i].Text, "=")
		}
		if !slices.Contains(names, said) {
			lines = append(lines, indented(it.lines(), "  ")...)
		}
	}
	return lines, true
}

// flowService writes a service that is on one line as a block.
func (e *edit) flowService(from, to int, key, svc *yaml.Node, pieces []piece) error {
	lines, err := e.asBlock(key.Text, e.from(svc, to), svc, pieces)
	if err != nil {
		return err
	}
	e.before(key, lines)
	e.keep(from, to)
	return nil
}

// flowServices does so with all services: each of the others stays as it is written.
func (e *edit) flowServices(from, to int, key, services *yaml.Node, service string, pieces []piece) error {
	items, ok := flowItems(e.from(services, to))
	if !ok || len(items) != len(services.Items)/2 || services.Anchor != "" {
		return e.no("its services are on one line, and not understood")
	}
	lines := []string{"services:"}
	for i, it := range items {
		if services.Items[2*i].Text != service {
			lines = append(lines, indented(it.lines(), "  ")...)
			continue
		}
		block, err := e.asBlock(it.key, it.val, services.Items[2*i+1], pieces)
		if err != nil {
			return err
		}
		lines = append(lines, indented(block, "  ")...)
	}
	e.before(key, lines)
	e.keep(from, to)
	return nil
}

// asBlock is a service of a flow as a block with our pieces.
func (e *edit) asBlock(key, raw string, svc *yaml.Node, pieces []piece) ([]string, error) {
	items, ok := flowItems(raw)
	if !ok || len(items) != len(svc.Items)/2 {
		return nil, e.no("service %s is on one line, and not understood", key)
	}
	lines := []string{key + ":"}
	for _, p := range pieces {
		i := 0
		for i < len(items) && svc.Items[2*i].Text != p.name {
			i++
		}
		switch {
		case !slices.Contains(merging, p.name):
			if i < len(items) && e.usedElsewhere(svc.Items[2*i+1], true) != "" {
				return nil, e.no("other parts of it take %s of the service over", p.name)
			}
			lines = append(lines, indented(p.lines, "  ")...)
		case i == len(items) && mergedIn(svc, p.name):
			return nil, e.no("%s of the service comes from another part of it (<<)", p.name)
		case i == len(items):
			lines = append(lines, indented(p.lines, "  ")...)
		default:
			both, ok := flowMerged(p.name, items[i].val, svc.Items[2*i+1], childrenOf(p.lines, p.name))
			if !ok || e.usedElsewhere(svc.Items[2*i+1], true) != "" {
				return nil, e.no("%s of the service is not understood", p.name)
			}
			lines = append(lines, indented(both, "  ")...)
		}
	}
	for i, it := range items {
		name := svc.Items[2*i].Text
		if name != "build" && !slices.ContainsFunc(pieces, func(p piece) bool { return p.name == name }) {
			lines = append(lines, indented(it.lines(), "  ")...)
		}
	}
	return lines, nil
}

// unsound says why an edit is not taken: it has to come out again byte by byte, and
// what is not ours has to mean what it meant; "" = nothing is wrong.
func (e *edit) unsound(before, after string, a Addition) string {
	if StripOurs(after) != before {
		return "it could not be taken back"
	}
	root, err := yaml.Tree([]byte(after))
	if err != nil {
		return err.Error()
	}
	was, is := otherwise(e.root, a), otherwise(root, a)
	for i := range max(len(was), len(is)) {
		if i >= len(was) || i >= len(is) || was[i] != is[i] {
			what := append(slices.Clone(is), was...)[min(i, len(is)+len(was)-1)]
			if len(what) > 60 {
				what = what[:60] + "..."
			}
			return "of something else: " + what
		}
	}
	_, services := root.Entry("services")
	_, svc := services.Entry(a.Service)
	for _, name := range a.names() {
		if k, _ := svc.Entry(name); k == nil && name != "build" {
			return name + " is not in it"
		}
	}
	return ""
}

// otherwise is all that an addition does not set, as words in an order of its own.
func otherwise(root *yaml.Node, a Addition) []string {
	var out []string
	ours := map[string]bool{}
	names := a.names()
	for _, n := range append(names, "build") {
		ours["/services/"+a.Service+"/"+n] = !slices.Contains(merging, n)
	}
	for _, p := range a.pieces() {
		if slices.Contains(merging, p.name) {
			for _, name := range childNames(childrenOf(p.lines, p.name)) {
				ours["/services/"+a.Service+"/"+p.name+"/"+name] = true
			}
		}
	}
	for _, v := range a.Volumes {
		ours["/volumes/"+v] = true
	}
	merged := func(p string) bool {
		name, ok := strings.CutPrefix(p, "/services/"+a.Service+"/")
		return ok && slices.Contains(merging, name)
	}
	var walk func(n *yaml.Node, p string)
	walk = func(n *yaml.Node, p string) {
		switch {
		case ours[p]:
		case n.Kind == yaml.Alias && merged(p):
			out = append(out, p+"/<<=*"+n.Text)
		case n.Kind == yaml.Alias:
			out = append(out, p+"=*"+n.Text)
		case len(n.Items) == 0 && n.Kind != yaml.Scalar && !merged(p) && p != "/volumes":
			out = append(out, p+"={}")
		case n.Kind == yaml.Mapping:
			for i := 0; i+1 < len(n.Items); i += 2 {
				walk(n.Items[i+1], p+"/"+n.Items[i].Text)
			}
		case n.Kind == yaml.Sequence && merged(p):
			for _, c := range n.Items {
				name, _, _ := strings.Cut(c.Text, "=")
				if !ours[p+"/"+name] {
					out = append(out, p+"/- "+c.Text)
				}
			}
		case n.Kind == yaml.Sequence:
			for i, c := range n.Items {
				walk(c, p+"/"+string(rune('0'+i%10)))
			}
		case n.Text == "" && (merged(p) || p == "/volumes" || p == "/services"):
		default:
			out = append(out, p+"="+n.Tag+n.Text)
		}
	}
	walk(root, "")
	slices.Sort(out)
	return out
}
