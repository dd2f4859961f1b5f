// Package nested has the filters and plug-ins of ansible.utils over nested data:
// paths, keys in depth, places in lists.
package nested

import (
	"slices"

	"remoterun/playbooks/jinja/core"
)

// Names are all names of the shelf: adding a family is a file and a line here.
func Names() []core.Entry {
	return slices.Concat(
		pathsEntries(),
		indexEntries(),
		paramEntries(),
		keyEntries(),
		nestedLookups(),
	)
}
