package example

import (
	"slices"

	"remoterun/playbooks/jinja/core"
)

// Names are all names of the shelf: adding a family is a file and a line here.
func Names() []core.Entry {
	return slices.Concat(
		wordEntries(),
	)
}
