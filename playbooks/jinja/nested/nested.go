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
		core.From([]string{"ansible.utils", "ansible.netcommon"}, pathsEntries(), indexEntries(), paramEntries(), nestedLookups()),
		core.From([]string{"ansible.utils", "community.general"}, keyEntries()),
	)
}
