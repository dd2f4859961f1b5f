// Package ip has the filters and tests of ansible.utils over addresses, networks
// and hardware addresses; how they are reckoned with is ipnet's.
package ip

import (
	"remoterun/playbooks/jinja/core"
)

// Names are all names of the shelf: adding a family is a file and a line here.
func Names() []core.Entry {
	return core.From([]string{"ansible.utils", "ansible.netcommon"},
		ipaddrEntries(),
		ipnetEntries(),
		hwaddrEntries(),
		ipTestEntries(),
		formEntries(),
	)
}
