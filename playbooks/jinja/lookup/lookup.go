// Package lookup has the plug-ins of lookup() and query(), and these two. What they
// reach of the laptop is the System's.
package lookup

import (
	"slices"

	"remoterun/playbooks/jinja/core"
)

// Names are all names of the shelf: adding a family is a file and a line here.
func Names() []core.Entry {
	return slices.Concat(
		queryEntries(),
		dataLookupEntries(),
		varLookupEntries(),
		fileLookupEntries(),
		tableLookupEntries(),
		passwordLookupEntries(),
	)
}
