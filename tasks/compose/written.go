package compose

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"remoterun/runner/host"
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// Written is what the compose files themselves say of a service, before its
// variables are put in. "config --no-interpolate" would be asked for that, but it
// fails on "${A:-b}:/c" and takes "${A}/c" for a path of the project's folder.
type Written struct {
	Command   []string       // its words, of the file that says it last
	Mounts    []WrittenMount // of all files, the last ones first
	StopGrace string         // stop_grace_period
	// Unread are files that say more of the service and were not read: what it extends
	// of another file, what is included.
	Unread []string
}

// WrittenMount is a volume of a service as a file has it.
type WrittenMount struct {
	Target, Source string
	Text           string // as JSON, which is YAML
}

// Written asks for what the files say of a service: the question of Sources.
func (p Project) Written(service string) host.Fact[Written] {
	files := p.Sources()
	return host.Fact[Written]{Q: files.Q, Parse: func(a host.Answer) (Written, error) {
		all, err := files.Parse(a)
		if err != nil {
			return Written{}, err
		}
		return written(all, service), nil
	}}
}

// composeTags are compose's own, which YAML does not know.
var composeTags = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)(:[ \t]+)!(?:override|reset)\b`) })

func written(files []Source, service string) Written {
	var w Written
	found, included := false, []string{}
	for _, f := range files {
		v, err := yaml.One("compose", composeTags().ReplaceAll([]byte(f.Text), []byte("$1")), yaml.Options{})
		if err != nil {
			continue // compose reads more than we do; values are kept as they are now
		}
		services := entry(v, "services")
		found = found || !entry(services, service).IsNull()
		for _, i := range items(entry(v, "include")) {
			included = append(included, includedPaths(i)...)
		}
		w = w.with(services, service, 0)
	}
	if !found {
		w.Unread = append(w.Unread, included...)
	}
	return w
}

// maxExtends is how many services deep "extends" is followed.
const maxExtends = 20

// with adds what a file says of a service to what files before it say, with what the
// service extends there.
func (w Written) with(services value.Value, service string, depth int) Written {
	svc := entry(services, service)
	from := entry(svc, "extends")
	name, file := value.Null(), value.Null()
	if _, ok := from.AsString(); ok {
		name = from
	} else {
		name, file = entry(from, "service"), entry(from, "file")
	}
	if of, ok := file.AsString(); ok {
		w.Unread = append(w.Unread, of)
	} else if base, ok := name.AsString(); ok && depth < maxExtends {
		w = w.with(services, base, depth+1)
	}
	if words, ok := commandWords(entry(svc, "command")); ok {
		w.Command = words
	}
	if s, ok := entry(svc, "stop_grace_period").AsString(); ok {
		w.StopGrace = s
	}
	var mounts []WrittenMount
	for _, m := range items(entry(svc, "volumes")) {
		if text, err := value.JSON(m, value.JSONStyle{}); err == nil {
			source, target := endsOf(m)
			mounts = append(mounts, WrittenMount{Target: target, Source: source, Text: text})
		}
	}
	w.Mounts = append(mounts, w.Mounts...)
	return w
}

// includedPaths are the files of one entry of "include".
func includedPaths(v value.Value) []string {
	if s, ok := v.AsString(); ok {
		return []string{s}
	}
	p := entry(v, "path")
	if s, ok := p.AsString(); ok {
		return []string{s}
	}
	var out []string
	for _, x := range items(p) {
		out = append(out, value.Str(x))
	}
	return out
}

func entry(v value.Value, name string) value.Value {
	m, ok, err := value.Mapping(v)
	if err != nil || !ok {
		return value.Null()
	}
	out, _ := m.Lookup(name)
	return out
}

func items(v value.Value) []value.Value {
	if _, ok := v.AsSeq(); !ok {
		return nil
	}
	return v.Items()
}

func commandWords(v value.Value) ([]string, bool) {
	if s, ok := v.AsString(); ok {
		return ShellWords(s), true
	}
	var out []string
	for _, w := range items(v) {
		out = append(out, value.Str(w))
	}
	return out, out != nil
}

// endsOf are a mount's source, "" = none, and where it is inside, of either notation.
func endsOf(m value.Value) (source, target string) {
	s, ok := m.AsString()
	if !ok {
		source, _ = entry(m, "source").AsString()
		return source, value.Str(entry(m, "target"))
	}
	parts, depth, from := []string{}, 0, 0
	for i := range len(s) {
		switch {
		case s[i] == '{':
			depth++
		case s[i] == '}':
			depth--
		case s[i] == ':' && depth == 0:
			parts, from = append(parts, s[from:i]), i+1
		}
	}
	parts = append(parts, s[from:])
	if len(parts) == 1 {
		return "", parts[0]
	}
	return parts[0], parts[1]
}

// ShellWords splits a command as compose does, and leaves what is in ${ } whole.
func ShellWords(s string) []string {
	var out []string
	var word strings.Builder
	quote, depth, in := byte(0), 0, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == 0 && depth == 0 && (c == ' ' || c == '\t' || c == '\n'):
			if in {
				out = append(out, word.String())
			}
			word.Reset()
			in = false
			continue
		case strings.HasPrefix(s[i:], "${"):
			depth++
		case c == '}' && depth > 0:
			depth--
		case c == '\\' && quote != '\'' && i+1 < len(s):
			i++
			c = s[i]
		case quote == 0 && (c == '"' || c == '\'') && depth == 0:
			quote, in = c, true
			continue
		case quote == c && depth == 0 && quote != 0:
			quote = 0
			continue
		}
		word.WriteByte(c)
		in = true
	}
	if in {
		out = append(out, word.String())
	}
	return out
}

// Variables splits a text of a compose file at its variables. ok is false where
// one is not closed. The texts between have their $$ undone; there is one more of
// them than variables.
func Variables(s string) (between, variables []string, ok bool) {
	var text strings.Builder
	for i := 0; i < len(s); {
		n := variableAt(s[i:])
		switch {
		case n < 0:
			return nil, nil, false
		case n > 0:
			between, variables = append(between, text.String()), append(variables, s[i:i+n])
			text.Reset()
			i += n
			continue
		case strings.HasPrefix(s[i:], "$$"):
			i++
		}
		text.WriteByte(s[i])
		i++
	}
	return append(between, text.String()), variables, true
}

var plainVariable = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\$[A-Za-z_][A-Za-z0-9_]*`) })

// variableAt is the length of the variable that s begins with, 0 for none, -1 for
// one that is not closed.
func variableAt(s string) int {
	if !strings.HasPrefix(s, "${") {
		return len(plainVariable().FindString(s))
	}
	depth := 0
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '{' && s[i-1] == '$':
			depth++
		case s[i] == '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// Varies reports a text of a compose file that has variables.
func Varies(text string) bool {
	_, variables, ok := Variables(text)
	return !ok || len(variables) > 0
}

// MayBe reports that a text of a compose file is this value, with its variables
// as they may be now.
func MayBe(text, is string) bool {
	return mayBe(text, is, "")
}

// MayEnd reports that a path may end with this text.
func MayEnd(text, is string) bool { return mayBe(text, is, `.*/`) }

func mayBe(text, is, before string) bool {
	between, _, ok := Variables(text)
	if !ok {
		return false
	}
	for i, b := range between {
		between[i] = regexp.QuoteMeta(b)
	}
	re, err := regexp.Compile(fmt.Sprintf(`(?s)\A%s%s\z`, before, strings.Join(between, `.*`)))
	return err == nil && re.MatchString(is)
}
