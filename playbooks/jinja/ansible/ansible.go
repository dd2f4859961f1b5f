// Package ansible is what ansible.builtin adds to Jinja: filters and tests, dates,
// and now().
package ansible

import (
	"slices"

	"remoterun/playbooks/jinja/core"
)

// Names are all names of the shelf: adding a family is a file and a line here.
func Names() []core.Entry {
	return slices.Concat(
		basicEntries(),
		combineEntries(),
		setEntries(),
		combinatoricEntries(),
		regexEntries(),
		versionEntries(),
		resultEntries(),
		commentEntries(),
		pathEntries(),
		fileTestEntries(),
		hashEntries(),
		cryptEntries(),
		vaultEntries(),
		humanEntries(),
		randomEntries(),
		serialEntries(),
		urlEntries(),
		datetimeEntries(),
	)
}
