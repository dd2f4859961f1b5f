package compose

import (
	"slices"
	"strings"

	"remoterun/runner/value/yaml"
)

// Edited puts an addition into a file of the user's own, by lines: what the
// addition sets instead becomes comments, ours are marked, and every other byte
// stays. first says that compose reads no file before this one. What cannot be
// edited so that all else means the same is a *Clash with the reason.
func (s Source) Edited(a Addition, first bool) (string, error) {
	text := StripOurs(s.Text)
	e, err := newEdit(s.Path, text, a)
	if err != nil {
		return "", err
	}
	if s.Link {
		return "", e.no("it is a symbolic link, and what it is a link to may be another project's, too")
	}
	if err := e.edit(a, first); err != nil {
		return "", err
	}
	after := e.text()
	if why := e.unsound(text, after, a); why != "" {
		return "", e.no("it is written in a way that is not edited line by line (%s)", why)
	}
	return after, nil
}

// edit is a file on its way to become another one.
type edit struct {
	file  string
	lines []string // without their "\n"
	kept  []bool   // lines that become comments
	put   map[int][]string
	crlf  bool
	root  *yaml.Node
	// aliases are all of the file.
	aliases []*yaml.Node
}

func newEdit(file, text string, a Addition) (*edit, error) {
	e := &edit{file: file, lines: strings.Split(text, "\n"), put: map[int][]string{}, crlf: strings.Contains(text, "\r\n")}
	e.kept = make([]bool, len(e.lines))
	if strings.Count(text, "\r") != strings.Count(text, "\r\n") || strings.ContainsAny(text, "\u0085\u2028\u2029") {
		return nil, e.no("it has line ends of a kind of their own")
	}
	var err error
	if e.root, err = yaml.Tree([]byte(text)); err != nil {
		return nil, e.no("it cannot be read: %s", err)
	}
	if e.root == nil || e.root.Kind != yaml.Mapping || e.root.Flow {
		return nil, e.no("it is not written as a block of keys")
	}
	each(e.root, func(n *yaml.Node) {
		if n.Kind == yaml.Alias {
			e.aliases = append(e.aliases, n)
		}
	})
	return e, nil
}

func (e *edit) no(problem string, args ...any) *Clash { return clash(e.file, byHand, problem, args...) }

// each calls f with a node and all below it.
func each(n *yaml.Node, f func(*yaml.Node)) {
	f(n)
	if n.Kind == yaml.Alias {
		return
	}
	for _, c := range n.Items {
		each(c, f)
	}
}

// edit plans what becomes of which line.
func (e *edit) edit(a Addition, first bool) error {
	key, services := e.root.Entry("services")
	skey, svc := services.Entry(a.Service)
	switch {
	case svc == nil:
		return e.no("service %s is not in it", a.Service)
	case svc.Kind != yaml.Mapping || len(svc.Items) == 0:
		return e.no("service %s is made of another part of the file", a.Service)
	}
	if name := e.usedElsewhere(svc, false); name != "" {
		return e.no("other parts of it take service %s over (*%s), and would be changed, too", a.Service, name)
	}
	if other := extended(services, a.Service); other != "" {
		return e.no("service %s extends service %s, and would be changed, too", other, a.Service)
	}
	pieces := fitted(a.pieces(), svc, first)
	if err := e.volumes(a, key.Line-1); err != nil {
		return err
	}
	from, to := e.extent(e.root, key, len(e.lines))
	if services.Flow {
		return e.flowServices(from, to, key, services, a.Service, pieces)
	}
	sfrom, sto := e.extent(services, skey, to)
	if svc.Flow {
		return e.flowService(sfrom, sto, skey, svc, pieces)
	}
	return e.block(svc, sto, pieces)
}

// fitted leaves out compose's own tags where nothing is there to be overruled, and
// adds that a build gives way.
func fitted(pieces []piece, svc *yaml.Node, first bool) []piece {
	extends, _ := svc.Entry("extends")
	var out []piece
	for _, p := range pieces {
		if p.name == "build" && first && extends == nil && !mergedIn(svc, p.name) {
			continue
		}
		if first && extends == nil {
			p.lines = slices.Clone(p.lines)
			p.lines[0] = strings.TrimSuffix(p.lines[0], " !override")
		}
		out = append(out, p)
	}
	return out
}

// extended is another service of the file that takes this one over.
func extended(services *yaml.Node, service string) string {
	for i := 0; i+1 < len(services.Items); i += 2 {
		_, ext := services.Items[i+1].Entry("extends")
		if ext == nil {
			continue
		}
		if _, of := ext.Entry("service"); ext.Text == service || of != nil && of.Text == service {
			return services.Items[i].Text
		}
	}
	return ""
}

// usedElsewhere is the name of an anchor at the node, or below it, that is used
// from outside of it.
func (e *edit) usedElsewhere(n *yaml.Node, below bool) string {
	inside, anchored := map[*yaml.Node]bool{}, map[*yaml.Node]bool{n: true}
	each(n, func(c *yaml.Node) {
		inside[c] = true
		anchored[c] = anchored[c] || below
	})
	for _, a := range e.aliases {
		if anchored[a.Of] && !inside[a] {
			return a.Of.Anchor
		}
	}
	return ""
}

// extent are the lines of a block mapping's entry, from 0 and to the one behind;
// the mapping ends before end. Comments and empty lines behind it are the next's.
func (e *edit) extent(m, key *yaml.Node, end int) (from, to int) {
	from = key.Line - 1
	for i := 0; i < len(m.Items); i += 2 {
		if l := m.Items[i].Line - 1; l > from {
			end = min(end, l)
		}
	}
	for i := from + 1; i < end; i++ {
		if strings.HasPrefix(e.lines[i], "---") || strings.HasPrefix(e.lines[i], "...") {
			end = i
		}
	}
	for end > from+1 && idle(e.lines[end-1]) {
		end--
	}
	return from, end
}

// idle reports an empty line or a comment.
func idle(l string) bool {
	t := strings.TrimSpace(l)
	return t == "" || t[0] == '#'
}

func (e *edit) keep(from, to int) {
	for i := from; i < to; i++ {
		e.kept[i] = true
	}
}

// before puts lines of ours, marked, in front of a line that a node begins.
func (e *edit) before(n *yaml.Node, lines []string) {
	l := e.lines[n.Line-1]
	in := l[:len(l)-len(strings.TrimLeft(l, " "))]
	e.put[n.Line-1] = append(e.put[n.Line-1], indented(slices.Concat([]string{Mark}, lines, []string{End}), in)...)
}

// volumes adds ours to the file's, in front of its services where it has none.
func (e *edit) volumes(a Addition, services int) error {
	key, vols := e.root.Entry("volumes")
	lines := a.volumes()
	switch {
	case key == nil:
		skey, _ := e.root.Entry("services")
		e.before(skey, append([]string{"volumes:"}, indented(lines, "  ")...))
		return nil
	case vols.Kind == yaml.Mapping && !vols.Flow && len(vols.Items) > 0:
		e.before(vols.Items[0], lines)
		return nil
	case vols.Kind == yaml.Alias || vols.Kind == yaml.Sequence || e.usedElsewhere(vols, false) != "":
		return e.no("its volumes are made of another part of it")
	}
	from, to := e.extent(e.root, key, len(e.lines))
	if vols.Flow {
		items, ok := flowItems(e.from(vols, to))
		if !ok {
			return e.no("its volumes are on one line, and not understood")
		}
		for _, it := range items {
			lines = append(lines, it.lines()...)
		}
	}
	e.before(key, append([]string{"volumes:"}, indented(lines, "  ")...))
	e.keep(from, to)
	return nil
}

// block edits a service that is a block of keys.
func (e *edit) block(svc *yaml.Node, end int, pieces []piece) error {
	var head []string
	for _, p := range pieces {
		key, val := svc.Entry(p.name)
		if slices.Contains(merging, p.name) {
			placed, err := e.merge(svc, key, val, end, p)
			if err != nil {
				return err
			}
			if placed {
				continue
			}
		} else if err := e.yield(svc, key, val, end); err != nil {
			return err
		}
		head = append(head, p.lines...)
	}
	key, val := svc.Entry("build")
	if err := e.yield(svc, key, val, end); err != nil {
		return err
	}
	e.before(svc.Items[0], head)
	return nil
}

// yield makes comments of an entry, where it is there.
func (e *edit) yield(svc, key, val *yaml.Node, end int) error {
	if key == nil {
		return nil
	}
	if name := e.usedElsewhere(val, true); name != "" {
		return e.no("other parts of it take %s of the service over (*%s)", key.Text, name)
	}
	e.keep(e.extent(svc, key, end))
	return nil
}

// merge puts our names into the user's mapping or list of one key; false = the
// whole piece goes to the head of the service.
func (e *edit) merge(svc, key, val *yaml.Node, end int, p piece) (placed bool, err error) {
	if key == nil {
		if mergedIn(svc, p.name) {
			return false, e.no("%s of the service comes from another part of it (<<)", p.name)
		}
		return false, nil
	}
	if name := e.usedElsewhere(val, true); name != "" {
		return false, e.no("other parts of it take %s of the service over (*%s)", key.Text, name)
	}
	from, to := e.extent(svc, key, end)
	ours := childrenOf(p.lines, p.name)
	if len(val.Items) > 0 && !val.Flow && val.Kind != yaml.Alias {
		return true, e.mergeBlock(val, to, ours)
	}
	lines, ok := flowMerged(key.Text, e.from(val, to), val, ours)
	if !ok {
		return false, e.no("%s of the service is not understood", p.name)
	}
	e.before(key, lines)
	e.keep(from, to)
	return true, nil
}

// mergedIn reports that a merge key gives the service this name.
func mergedIn(n *yaml.Node, name string) bool {
	_, m := n.Entry("<<")
	if m == nil {
		return false
	}
	parts := []*yaml.Node{m}
	if m.Kind == yaml.Sequence {
		parts = m.Items
	}
	for _, p := range parts {
		if p.Kind == yaml.Alias {
			p = p.Of
		}
		if k, _ := p.Entry(name); k != nil || p != n && mergedIn(p, name) {
			return true
		}
	}
	return false
}

// mergeBlock works on a block: our names come first, and the user's of the same
// name give way.
func (e *edit) mergeBlock(val *yaml.Node, end int, ours []string) error {
	list := val.Kind == yaml.Sequence
	width := 2
	if list {
		width = 1
	}
	names := childNames(ours)
	for i := 0; i < len(val.Items); i += width {
		n := val.Items[i]
		if n.Kind == yaml.Alias {
			n = n.Of
		}
		if n.Kind != yaml.Scalar {
			return e.no("line %d is not understood", n.Line)
		}
		name, _, _ := strings.Cut(n.Text, "=")
		if !list {
			name = n.Text
		}
		if !slices.Contains(names, name) {
			continue
		}
		to := end
		if i+width < len(val.Items) {
			to = val.Items[i+width].Line - 1
		}
		for to > n.Line && idle(e.lines[to-1]) {
			to--
		}
		e.keep(val.Items[i].Line-1, to)
	}
	e.before(val.Items[0], asList(ours, list))
	return nil
}

// text is the file as it has become.
func (e *edit) text() string {
	var out []string
	for i, l := range e.lines {
		for _, p := range e.put[i] {
			if e.crlf {
				p += "\r"
			}
			out = append(out, p)
		}
		if e.kept[i] && !idle(l) {
			one := []string{l}
			kept(one)
			l = one[0]
		}
		out = append(out, l)
	}
	return strings.Join(out, "\n")
}
