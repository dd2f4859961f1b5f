// Package docs holds the modules' pages, which `remoterun doc NAME` prints.
package docs

import "embed"

//go:embed modules/*.md
var files embed.FS

// Module returns a module's page; false when it has none.
func Module(name string) (string, bool) {
	text, err := files.ReadFile("modules/" + name + ".md")
	return string(text), err == nil
}
