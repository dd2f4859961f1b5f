package files

import (
	"path"
	"regexp"
	"strings"
)

// syncRule is one of rsync's patterns.
type syncRule struct {
	take   bool // --include
	dirs   bool // it means folders only
	match  *regexp.Regexp
	anchor bool // it begins at the top
	whole  bool // it is compared with the whole path, not the last part
}

// newRule reads a pattern: a slash at its end means folders, one at its beginning the
// top; without any slash it is compared with names, else with the end of the path.
// * stops at slashes, ** does not.
func newRule(p string, take bool) syncRule {
	r := syncRule{take: take}
	p, r.dirs = strings.CutSuffix(p, "/")
	p, r.anchor = strings.CutPrefix(p, "/")
	r.whole = r.anchor || strings.Contains(p, "/") || strings.Contains(p, "**")
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		switch {
		case strings.HasPrefix(p[i:], "/***"):
			b.WriteString("(/.*)?")
			i += 3
		case strings.HasPrefix(p[i:], "**"):
			b.WriteString(".*")
			i++
		case p[i] == '*':
			b.WriteString("[^/]*")
		case p[i] == '?':
			b.WriteString("[^/]")
		case p[i] == '[' && strings.Contains(p[i+1:], "]"):
			end := i + 1 + strings.Index(p[i+1:], "]")
			set := strings.ReplaceAll(p[i+1:end], `\`, `\\`)
			if rest, ok := strings.CutPrefix(set, "!"); ok {
				set = "^" + rest
			}
			b.WriteString("[" + set + "]")
			i = end
		case p[i] == '\\' && i+1 < len(p):
			i++
			b.WriteString(regexp.QuoteMeta(p[i : i+1]))
		default:
			b.WriteString(regexp.QuoteMeta(p[i : i+1]))
		}
	}
	start := "^"
	if !r.anchor {
		start = "(^|/)"
	}
	re, err := regexp.Compile(start + b.String() + "$")
	if err != nil { // a set that is none: the pattern means itself
		re = regexp.MustCompile(start + regexp.QuoteMeta(p) + "$")
	}
	r.match = re
	return r
}

// fits reports whether a name below the top is meant.
func (r syncRule) fits(name string, dir bool) bool {
	if r.dirs && !dir {
		return false
	}
	if !r.whole {
		name = path.Base(name)
	}
	return r.match.MatchString(name)
}

// excludes is the first rule's word; without one nothing is left out.
func (o syncOptions) excludes(name string, dir bool) bool {
	for _, r := range o.rules {
		if r.fits(name, dir) {
			return !r.take
		}
	}
	return false
}

// protects reports what is excluded by its own name or by that of a folder above it:
// delete leaves it alone.
func (o syncOptions) protects(name string, dir bool) bool {
	for {
		if o.excludes(name, dir) {
			return true
		}
		if name = path.Dir(name); name == "." {
			return false
		}
		dir = true
	}
}
