// Package ast reads playbooks: YAML in, the nouns of runner/play out, and every
// mistake of every file at once, each with its place, what is allowed and what
// was probably meant. It opens no connection, runs nothing and prints nothing.
//
// A session reads a project by readers that stand on each other: findings (what is
// wrong) and names (of variables) at the bottom, then words (values of keywords),
// files, binder (modules and arguments), roleReader (folders of roles), taskReader
// and playReader. A where travels down with what an inner noun inherits. A role is
// one more way to a list of tasks: a where with a role set.
package ast

import (
	"os"
	"path/filepath"
	"slices"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// Modules finds modules by name, with their collection or without: a name under
// a collection that the module is not in is not found.
type Modules interface {
	Find(name string) (play.Module, bool)
	Names() []string
}

// Library finds programs in folders that it is told of.
type Library interface {
	Add(dir string)
	Find(name string) (play.Module, bool)
}

// Env is what reading a playbook needs of the world.
type Env struct {
	// File reads a file of the laptop and opens it when it is a vault; the
	// second answer says whether it was one. nil = plain os.ReadFile.
	File func(path string) (data []byte, vaulted bool, err error)
	// Decrypt opens the text of an inline !vault value; nil = such values are
	// mistakes.
	Decrypt func(text string, at value.Pos) ([]byte, error)
	// Exists reports whether the laptop has the file; nil = os.Stat.
	Exists func(path string) bool
	// Modules are the kinds of tasks.
	Modules Modules
	// Own are programs of the project's own (library folders), nil = none. They win
	// over modules of the same name.
	Own Library
	// Actions are what the engine itself does (debug, set_fact …), by short name.
	Actions map[string]play.Spec
	// Expr parses templates and conditions.
	Expr play.Expr
	// Defines reports whether inventory or the command line defines a variable;
	// nil = not known, and no undefined name is looked for.
	Defines func(name string) bool
	// Extra are the extra variables (-e); names of imported files may use them.
	Extra *value.Map
	// Names are the magic variables that are the same for a whole run; names of
	// imported files may use them, too.
	Names *value.Map
	// RolesPath and CollectionsPath are where roles are looked for beside those of
	// the project.
	RolesPath, CollectionsPath []string
	// Strict makes mistakes of duplicate keys: our own playbooks have none.
	Strict bool
}

func (e *Env) file(path string) ([]byte, bool, error) {
	if e.File != nil {
		return e.File(path)
	}
	data, err := os.ReadFile(path)
	return data, false, err
}

func (e *Env) exists(path string) bool {
	if e.Exists != nil {
		return e.Exists(path)
	}
	_, err := os.Stat(path)
	return err == nil
}

// kind is what a task's name stands for: a module, or an action of the engine.
type kind struct {
	name   string // short
	module play.Module
	spec   play.Spec
	own    bool // a program of the project's, which may define any variable
}

func (e *Env) kind(name string) (kind, bool) {
	own := play.Own(name)
	if spec, ok := e.Actions[own]; ok {
		return kind{name: own, spec: spec}, true
	}
	if e.Own != nil {
		if m, ok := e.Own.Find(name); ok {
			return kind{name: m.Spec().Name, module: m, spec: m.Spec(), own: true}, true
		}
	}
	if e.Modules == nil {
		return kind{}, false
	}
	m, ok := e.Modules.Find(name)
	if !ok {
		return kind{}, false
	}
	return kind{name: m.Spec().Name, module: m, spec: m.Spec()}, true
}

// library tells of the programs beside a playbook or in a role.
func (e *Env) library(dir string) {
	if e.Own != nil {
		e.Own.Add(filepath.Join(dir, "library"))
	}
}

// kinds lists every name that a task can have.
func (e *Env) kinds() []string {
	var out []string
	if e.Modules != nil {
		out = e.Modules.Names()
	}
	for n := range e.Actions {
		out = append(out, n)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// later are parts of Ansible that are known and not there yet.
var later = map[string]string{
	"debugger":        "the task debugger is not there yet",
	"include":         "include of a playbook is gone from Ansible: use import_playbook",
	"import_playbook": "import_playbook stands among the plays of a playbook, not among tasks",
}

func isLater(word string) (string, bool) {
	why, ok := later[play.Own(word)]
	return why, ok
}
