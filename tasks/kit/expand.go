package kit

import (
	"cmp"
	"maps"
	"path"
	"regexp"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// expandText prints the home of a user ("~" = one's own), then per variable a
// NUL byte and, when it is set, "=" and its value.
const expandText sh.Constant = `u=$1; shift
case $u in
"") ;;
"~") printf %s "$HOME" ;;
*) { getent passwd "$u" 2>/dev/null || cat /etc/passwd; } | while IFS=: read -r a b c d e f g; do if [ "$a" = "$u" ]; then printf %s "$f"; break; fi; done ;;
esac
for n; do printf '\0'; eval "printf %s \"\${$n+=}\${$n-}\""; done`

// variable finds $NAME and ${NAME}, as Python's expandvars does.
func variable() *regexp.Regexp { return regexp.MustCompile(`\$(\w+|\{\w+\})`) }

// Place makes a path of one that a playbook names: a leading ~ and environment
// variables are the host's. Paths without them, nearly all, cost no question.
func Place(s host.Seen, p string) (string, error) {
	if !strings.HasPrefix(p, "~") && !strings.Contains(p, "$") {
		return p, nil
	}
	out, err := ExpandAll(s, []string{p})
	if err != nil {
		return "", err
	}
	return out[0], nil
}

// Hint is what a plan will ask about a path, unless the path has to be expanded
// first.
func Hint(p string, qs ...host.Question) []host.Question {
	if strings.HasPrefix(p, "~") || strings.Contains(p, "$") {
		return nil
	}
	return qs
}

// ExpandAll expands several words: by the task's own environment first, then by the
// host's, with one question each.
func ExpandAll(s host.Seen, words []string) ([]string, error) {
	out := make([]string, len(words))
	for i, w := range words {
		e := expansionOf(w)
		if e.user == "" && e.names == nil {
			out[i] = w
			continue
		}
		known, ask := e.own(s)
		if ask.user != "" || ask.names != nil {
			answer, err := host.Get(s, ask.fact())
			if err != nil {
				return nil, err
			}
			known.home = cmp.Or(known.home, answer.home)
			maps.Copy(known.vars, answer.vars)
		}
		out[i] = e.fill(known.home, known.vars)
	}
	return out, nil
}

// expansion is what a word asks of the host's environment.
type expansion struct {
	word, user string
	names      []string
}

func expansionOf(word string) expansion {
	e := expansion{word: word}
	if strings.HasPrefix(word, "~") {
		e.user, _, _ = strings.Cut(word[1:], "/")
		if e.user == "" {
			e.user = "~"
		}
	}
	for _, m := range variable().FindAllStringSubmatch(word, -1) {
		name := strings.Trim(m[1], "{}")
		if name[0] < '0' || name[0] > '9' {
			e.names = append(e.names, name)
		}
	}
	return e
}

// surroundings are a home and variables; the text of one that is set begins with "=".
type surroundings struct {
	home string
	vars map[string]string
}

// own is what the task's own environment says, and what is left to be asked.
func (e expansion) own(s host.Seen) (known surroundings, ask expansion) {
	known.vars, ask = map[string]string{}, e
	if home, ok := s.Var("HOME"); ok && e.user == "~" {
		known.home, ask.user = home, ""
	}
	ask.names = nil
	for _, n := range e.names {
		if v, ok := s.Var(n); ok {
			known.vars[n] = "=" + v
		} else {
			ask.names = append(ask.names, n)
		}
	}
	return known, ask
}

func (e expansion) fact() host.Fact[surroundings] {
	return host.Fact[surroundings]{
		Q: host.NewProbe(expandText, append([]string{e.user}, e.names...)...),
		Parse: func(a host.Answer) (surroundings, error) {
			parts := strings.Split(string(a.Stdout), "\x00")
			vars := map[string]string{}
			for i, n := range e.names {
				if i+1 < len(parts) && strings.HasPrefix(parts[i+1], "=") {
					vars[n] = parts[i+1]
				}
			}
			return surroundings{parts[0], vars}, nil
		},
	}
}

// fill puts the answers in; what is not set stays as it was written.
func (e expansion) fill(home string, vars map[string]string) string {
	tail := e.word
	if e.user == "" || home == "" {
		home = ""
	} else if i := strings.IndexByte(tail, '/'); i >= 0 {
		tail = tail[i:]
	} else {
		tail = ""
	}
	return home + variable().ReplaceAllStringFunc(tail, func(m string) string {
		if v, ok := vars[strings.Trim(m[1:], "{}")]; ok {
			return v[1:]
		}
		return m
	})
}

// DirOf is the folder of a remote path.
func DirOf(p string) string { return path.Dir(strings.TrimRight(p, "/")) }

// Join puts a relative path into a folder, as Python's os.path.join does.
func Join(dir, p string) string {
	if strings.HasPrefix(p, "/") {
		return p
	}
	return strings.TrimSuffix(dir, "/") + "/" + p
}

// Umask is the file mode mask of the task's identity.
func Umask() host.Fact[uint32] {
	return host.Fact[uint32]{Q: host.NewProbe(`umask`).Plain(), Parse: func(a host.Answer) (uint32, error) {
		n, err := strconv.ParseUint(strings.TrimSpace(string(a.Stdout)), 8, 32)
		return uint32(n), err
	}}
}

// TrimSlash takes slashes off the end of a path, but not the root's.
func TrimSlash(p string) string {
	if t := strings.TrimRight(p, "/"); t != "" {
		return t
	}
	return p
}
