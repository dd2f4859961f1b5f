// Package jinja is Ansible's Jinja2: it joins the evaluator (core) and the
// names of the language, which stand on shelves of their own, and is what
// everybody else imports. Adding a family of names is a line in families.
package jinja

import (
	"slices"

	"remoterun/playbooks/jinja/core"
)

type (
	// Engine renders. It is safe for concurrent use.
	Engine = core.Engine
	// Options tune an Engine.
	Options = core.Options
	// Error is a template or expression that could not be read or rendered.
	Error = core.Error
	// System is what lookups reach of the laptop; those below are what some
	// systems can do beside it.
	System       = core.System
	ConfigSystem = core.ConfigSystem
	DirSystem    = core.DirSystem
	LinkSystem   = core.LinkSystem
	SealSystem   = core.SealSystem
	VaultSystem  = core.VaultSystem
)

// New returns an engine with every filter, test, lookup and global.
func New(opt Options) *Engine { return core.New(opt, language()) }

// Templated reports whether text can hold a template.
func Templated(s string) bool { return core.Templated(s) }

// language is the whole of it.
func language() core.Language {
	return core.Language{Entries: families(), Methods: allMethods(), Date: yamlDate}
}

// families lists every family of names: adding one is a file and a line here.
func families() []core.Entry {
	return slices.Concat(
		textFilterEntries(),
		sequenceFilterEntries(),
		selectFilterEntries(),
		numberFilterEntries(),
		testEntries(),
		globalEntries(),
		queryEntries(),
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
		dataLookupEntries(),
		varLookupEntries(),
		fileLookupEntries(),
		tableLookupEntries(),
		passwordLookupEntries(),
		datetimeEntries(),
		dictEntries(),
		listEntries(),
		csvEntries(),
		unicodeEntries(),
		timeEntries(),
		randomStringEntries(),
		jmesEntries(),
		ipaddrEntries(),
		ipnetEntries(),
		hwaddrEntries(),
		pathsEntries(),
		indexEntries(),
		paramEntries(),
		keyEntries(),
		nestedLookups(),
		ipTestEntries(),
		formEntries(),
	)
}
