// Package builtin is Jinja's own part of the language: the filters, tests and
// globals that every template has.
package builtin

import (
	"slices"

	"remoterun/playbooks/jinja/core"
)

// Names are all names of the shelf: adding a family is a file and a line here.
func Names() []core.Entry {
	return slices.Concat(
		textFilterEntries(),
		sequenceFilterEntries(),
		selectFilterEntries(),
		numberFilterEntries(),
		testEntries(),
		globalEntries(),
	)
}
