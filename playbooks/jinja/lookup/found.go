package lookup

import (
	"errors"
	"fmt"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/py/pypath"
	"remoterun/runner/value"
)

// search is what first_found looks for.
type search struct {
	names []string
	skip  bool
}

func lookupFirstFound(c *core.Call) (value.Value, error) {
	if _, err := reach(c); err != nil {
		return value.Value{}, err
	}
	var s search
	if err := s.terms(c.Args, c.Kw); err != nil {
		return value.Value{}, err
	}
	for _, n := range s.names {
		if p, err := c.Find(n, c.FilesKind()); err == nil {
			return value.Strings(p), nil
		}
	}
	if s.skip {
		return value.List(), nil
	}
	return value.Value{}, fmt.Errorf("No file was found when using first_found. Tried: %s", strings.Join(s.names, ", "))
}

// terms adds what terms name; the last skip counts, as in Ansible.
func (s *search) terms(terms []value.Value, kw *value.Map) error {
	for _, t := range terms {
		options := kw
		switch {
		case core.MappingLike(t):
			options, _ = t.AsMap()
		case core.ListLike(t):
			if err := s.terms(t.Items(), kw); err != nil {
				return err
			}
			continue
		case !t.IsString():
			return fmt.Errorf("Invalid term supplied, can handle string, mapping or list of strings but got: %s for %s", core.PyType(t), value.Show(t))
		}
		if err := s.one(t, options); err != nil {
			return err
		}
	}
	return nil
}

func (s *search) one(t value.Value, options *value.Map) error {
	var files, paths []string
	s.skip = false
	for k, v := range options.All() {
		switch name := value.Str(k); name {
		case "files":
			files = splitSigns(v, ",;")
		case "paths":
			paths = splitSigns(v, ",:;")
		case "skip":
			s.skip = core.WordTruth(v)
		default:
			return fmt.Errorf("unknown option '%s': files, paths or skip", name)
		}
	}
	switch {
	case len(paths) > 0:
		for _, p := range paths {
			for _, f := range files {
				s.names = append(s.names, pypath.Join(p, f))
			}
		}
	case len(files) > 0:
		s.names = files
	case t.IsString():
		s.names = append(s.names, value.Str(t))
	default:
		return errors.New("first_found needs files")
	}
	return nil
}

// splitSigns splits text, or each text of a list, at any of the signs.
func splitSigns(v value.Value, signs string) []string {
	if s, ok := v.AsString(); ok {
		var out []string
		for {
			i := strings.IndexAny(s, signs)
			if i < 0 {
				return append(out, s)
			}
			out = append(out, s[:i])
			s = s[i+1:]
		}
	}
	var out []string
	for _, it := range v.Items() {
		out = append(out, splitSigns(it, signs)...)
	}
	return out
}
