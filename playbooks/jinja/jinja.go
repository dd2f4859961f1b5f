package jinja

import "slices"

// families lists every family of names: adding one is a file and a line here.
func families() []entry {
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
		communityEntries(),
		jmesEntries(),
		ipaddrEntries(),
		ipnetEntries(),
		hwaddrEntries(),
		utilEntries(),
		ipTestEntries(),
		communityMoreEntries(),
	)
}

// language is the whole of it.
func language() Language {
	return Language{Entries: families(), Methods: allMethods(), Date: yamlDate}
}

// New returns an engine with every filter, test, lookup and global.
func New(opt Options) *Engine { return newEngine(opt, language()) }
