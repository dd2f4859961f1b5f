// Package jinja is Ansible's Jinja2: it joins the evaluator (core) and the
// names of the language, which stand on shelves of their own, and is what
// everybody else imports. A new family of names goes to a shelf, a new shelf is
// a line in families.
package jinja

import (
	"slices"

	"remoterun/playbooks/jinja/ansible"
	"remoterun/playbooks/jinja/builtin"
	"remoterun/playbooks/jinja/community"
	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/ip"
	"remoterun/playbooks/jinja/lookup"
	"remoterun/playbooks/jinja/methods"
	"remoterun/playbooks/jinja/nested"
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
	return core.Language{Entries: families(), Methods: methods.All(), Date: ansible.DateOfYAML}
}

// families lists the shelves of names: adding one is a folder and a line here.
func families() []core.Entry {
	return slices.Concat(
		builtin.Names(),
		ansible.Names(),
		community.Names(),
		ip.Names(),
		nested.Names(),
		lookup.Names(),
	)
}
