// Package pypath is what Python's posixpath and ntpath do with paths as text.
// It looks at no file.
package pypath

import (
	"errors"
	"slices"
	"strings"
)

// Base is posixpath.basename: what follows the last slash.
func Base(p string) string { return p[strings.LastIndexByte(p, '/')+1:] }

// Dir is posixpath.dirname.
func Dir(p string) string {
	head := p[:strings.LastIndexByte(p, '/')+1]
	if strings.Trim(head, "/") != "" {
		head = strings.TrimRight(head, "/")
	}
	return head
}

// SplitExt cuts the extension of a path; leading dots belong to the name.
func SplitExt(p string) (root, ext string) {
	slash := strings.LastIndexByte(p, '/')
	dot := strings.LastIndexByte(p, '.')
	if dot <= slash || strings.Trim(p[slash+1:dot], ".") == "" {
		return p, ""
	}
	return p[:dot], p[dot:]
}

// Norm is posixpath.normpath.
func Norm(p string) string {
	if p == "" {
		return "."
	}
	lead := 0
	if strings.HasPrefix(p, "/") {
		lead = 1
		if strings.HasPrefix(p, "//") && !strings.HasPrefix(p, "///") {
			lead = 2
		}
	}
	var out []string
	for _, part := range strings.Split(p, "/") {
		switch {
		case part == "" || part == ".":
		case part != "..", lead == 0 && len(out) == 0, len(out) > 0 && out[len(out)-1] == "..":
			out = append(out, part)
		case len(out) > 0:
			out = out[:len(out)-1]
		}
	}
	if s := strings.Repeat("/", lead) + strings.Join(out, "/"); s != "" {
		return s
	}
	return "."
}

// Join is posixpath.join: an absolute path begins anew.
func Join(paths ...string) string {
	out := ""
	for i, p := range paths {
		switch {
		case i == 0, strings.HasPrefix(p, "/"):
			out = p
		case out == "" || strings.HasSuffix(out, "/"):
			out += p
		default:
			out += "/" + p
		}
	}
	return out
}

// Common is posixpath.commonpath: the longest path that all begin with.
func Common(paths []string) (string, error) {
	var common []string
	abs := false
	for i, p := range paths {
		if i > 0 && strings.HasPrefix(p, "/") != abs {
			return "", errors.New("Can't mix absolute and relative paths")
		}
		abs = strings.HasPrefix(p, "/")
		parts := slices.DeleteFunc(strings.Split(p, "/"), func(s string) bool { return s == "" || s == "." })
		if i == 0 {
			common = parts
			continue
		}
		common = common[:shared(common, parts)]
	}
	out := strings.Join(common, "/")
	if abs {
		return "/" + out, nil
	}
	return out, nil
}

// sharedParts is how many parts two paths begin with alike.
func shared(a, b []string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// Rel is posixpath.relpath of two absolute paths.
func Rel(p, start string) string {
	from, to := parts(start), parts(p)
	n := shared(from, to)
	out := strings.Repeat("../", len(from)-n) + strings.Join(to[n:], "/")
	if out = strings.TrimRight(out, "/"); out == "" {
		return "."
	}
	return out
}

// EnvName reads $NAME or ${NAME} at the start of s; n is its length, 0 for none.
func EnvName(s string) (name string, n int) {
	if len(s) < 2 || s[0] != '$' {
		return "", 0
	}
	if s[1] == '{' {
		if end := strings.IndexByte(s, '}'); end > 0 {
			return s[2:end], end + 1
		}
		return "", 0
	}
	n = 1
	for n < len(s) && (s[n] == '_' || s[n] >= '0' && s[n] <= '9' || s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z') {
		n++
	}
	if n == 1 {
		return "", 0
	}
	return s[1:n], n
}

func parts(p string) []string {
	return strings.FieldsFunc(p, func(r rune) bool { return r == '/' })
}
