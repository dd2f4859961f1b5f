// Package community has the filters and plug-ins of community.general that roles
// use.
package community

import (
	"remoterun/playbooks/jinja/core"
)

// Names are all names of the shelf: adding a family is a file and a line here.
func Names() []core.Entry {
	return core.From([]string{"community.general"},
		dictEntries(),
		listEntries(),
		csvEntries(),
		unicodeEntries(),
		timeEntries(),
		randomStringEntries(),
		jmesEntries(),
	)
}
