package kit

import (
	"net/url"
	"path"
	"strings"
)

// Absolute is an address as it is meant on a page.
func Absolute(page, s string) string {
	base, err := url.Parse(page)
	if err != nil {
		return s
	}
	to, err := base.Parse(s)
	if err != nil {
		return s
	}
	return to.String()
}

// NameOfURL is the last part of a URL's path.
func NameOfURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || path.Base(u.Path) == "/" || path.Base(u.Path) == "." || strings.HasSuffix(u.Path, "/") {
		return "index.html"
	}
	return path.Base(u.Path)
}
