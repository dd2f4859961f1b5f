// Package play holds the nouns that are run (Play, Block, Task, Handler) and
// the faces that others implement (Expr, Module, Inventory, Loader, Prompter).
// It is vocabulary only: it does no I/O, evaluates nothing and prints nothing.
package play

import (
	"cmp"
	"fmt"
	"slices"

	"remoterun/runner/value"
)

// Playbook is a loaded file with its plays in order.
type Playbook struct {
	Path  string
	Plays []*Play
}

// Play is one play. Values of keywords are raw: they may hold templates.
type Play struct {
	Keywords
	Hosts        value.Value // pattern: text or list of text
	Strategy     string      // linear, free; empty = the project's own, else linear
	Serial       []value.Value
	MaxFail      value.Value // max_fail_percentage, null = off
	GatherFacts  value.Value // null = by configuration
	GatherSubset []value.Value
	FactPath     value.Value // fact_path, null = the usual folder
	ForceHandler value.Value // force_handlers
	Order        string      // inventory (default), reverse_inventory, sorted, …
	// Lock names the host lock that the whole play holds, empty = none.
	Lock      value.Value
	VarsFiles []value.Value
	// KnownVars are the variables of those VarsFiles whose names are constant, as they
	// were read before the run: names of imported files may use them.
	KnownVars  *value.Map
	VarsPrompt []Prompt
	Pre        []Item // pre_tasks
	Tasks      []Item
	Post       []Item // post_tasks
	// Handlers are those of the play's roles first, then its own; each role's are
	// a block with its Role set.
	Handlers []Item
	// Roles are those whose variables every task of the play sees: roles, and what
	// import_role takes in, in their order.
	Roles []*Role
	// Dir is the folder of the playbook: relative sources are looked up there.
	Dir string
}

// Prompt is one entry of vars_prompt. A private one is a sealed secret.
type Prompt struct {
	Name, Text string
	Private    bool
	Confirm    bool
	Default    value.Value // null = none
	// Hashed is a template that makes the value of the answer, which it finds under
	// the prompt's name; null = the value is the answer.
	Hashed value.Value
	Pos    value.Pos
}

// Item is a *Task or a *Block.
type Item interface{ Words() *Keywords }

// Keywords are what plays, blocks and tasks share. What an inner one does not
// set (null, nil) is inherited from the outer one by the engine; When, Tags and
// Vars add up.
type Keywords struct {
	Name value.Value
	Pos  value.Pos
	When []value.Value // bare expressions, all must hold
	Tags []string
	Vars *value.Map
	Env  []value.Value // environment: mappings, inner ones win

	Become       value.Value
	BecomeUser   value.Value
	BecomeMethod value.Value
	BecomeFlags  value.Value
	BecomeExe    value.Value
	RemoteUser   value.Value
	Connection   value.Value
	Port         value.Value

	CheckMode         value.Value
	Diff              value.Value
	NoLog             value.Value
	RunOnce           value.Value
	IgnoreErrors      value.Value
	IgnoreUnreachable value.Value
	AnyErrorsFatal    value.Value
	Delegate          value.Value // delegate_to
	DelegateFacts     value.Value
	Throttle          value.Value
	Timeout           value.Value // seconds

}

// Task is one task or handler. Module is the name as written (a template: the
// module is known at the task's turn, and Action is empty); Args is raw.
type Task struct {
	Keywords
	Module string
	// Action is the short name of what is run ("copy" for ansible.builtin.copy),
	// and Use the module; nil = one of the engine's own actions.
	Action string
	Use    Module
	// Lacks says of a module that Ansible has and remoterun has not what the task
	// fails with at its turn; empty = it can be run.
	Lacks string
	// Args are the module's arguments by name; free-form text is under
	// "_raw_params", as in Ansible. An args: keyword is merged in.
	Args    *value.Map
	ArgsPos value.Pos

	Register    string
	ChangedWhen []value.Value // bare expressions; nil = the module's word
	FailedWhen  []value.Value
	Loop        *Loop
	Until       []value.Value
	Retries     value.Value
	Delay       value.Value
	Async       value.Value // seconds
	Poll        value.Value // seconds
	Notify      []value.Value
	Listen      []string // handlers only
	Handler     bool
	// Dir is the folder of the task's file: relative sources are looked up there,
	// and before in the folders of its Role.
	Dir  string
	Role *Role // nil outside of roles
}

// Names are what a handler's name or topic may be notified by: as it is, and with its
// role before it ("web : restart").
func (t *Task) Names(own string) []string {
	if t.Role == nil {
		return []string{own}
	}
	return []string{own, t.Role.Name + " : " + own, t.Role.Short + " : " + own}
}

// Listens reports a handler that listens to a topic, with its role before it or without.
func (t *Task) Listens(topic string) bool {
	return slices.ContainsFunc(t.Listen, func(own string) bool { return slices.Contains(t.Names(own), topic) })
}

// Title is the task's name as it is written and shown, with its role before it;
// its module's without a name.
func (t *Task) Title() string { return t.Titled(Text(t.Name)) }

// Titled is the title of a task whose name is rendered.
func (t *Task) Titled(name string) string {
	if t.Action == "include_role" {
		if name == "" {
			role, ok := t.Args.Lookup("name")
			if !ok {
				role, _ = t.Args.Lookup("role")
			}
			name = t.Module + " : " + Text(role)
		}
		return name
	}
	if name == "" {
		name = cmp.Or(t.Action, t.Module)
	}
	if t.Role != nil {
		name = t.Role.Name + " : " + name
	}
	return name
}

// Text is a keyword as text; nothing is empty.
func Text(v value.Value) string {
	if v.IsNull() {
		return ""
	}
	return value.Str(v)
}

// Role is one use of a role: what its tasks share. It never changes.
type Role struct {
	Name       string // as shown: of a collection with the collection's name
	Short      string // without it
	Collection string
	Path       string // the role's folder, absolute
	// ID is the same for uses that count as one: the same role with the same
	// parameters, tags and conditions. It runs once on each host, unless Repeats.
	ID      string
	Repeats bool // allow_duplicates
	// Dirs are where its files are looked up: its own folder, then those of the
	// roles that brought it in, nearest first.
	Dirs []string
	// Defaults, Vars and Params are the variables that its own tasks see, those of
	// its dependencies and of the roles that brought it in included.
	Defaults, Vars, Params *value.Map
	// OpenDefaults and OpenVars are what every other task of the play sees.
	OpenDefaults, OpenVars *value.Map
	// OwnDefaults and OwnVars are its own alone.
	OwnDefaults, OwnVars *value.Map
	// Deps are its direct dependencies, Parent the role that brought it in.
	Deps   []*Role
	Parent *Role
}

// Names are what tasks of the role are told of it (role_path and the like).
func (r *Role) Names() *value.Map {
	collection := value.Null()
	if r.Collection != "" {
		collection = value.String(r.Collection)
	}
	return value.MapOf("role_name", value.String(r.Short), "ansible_role_name", value.String(r.Name), "role_path", value.String(r.Path),
		"ansible_collection_name", collection, "role_uuid", value.String(fmt.Sprintf("%p", r)))
}

// AllDeps are the dependencies and theirs, in the order in which they run.
func (r *Role) AllDeps() []*Role {
	var out []*Role
	for _, d := range r.Deps {
		out = append(append(out, d.AllDeps()...), d)
	}
	return out
}

// Loop is loop: or one of the with_ forms.
type Loop struct {
	// Items is the raw list, or the terms of the lookup named With.
	Items value.Value
	// With is the lookup's name of a with_ form ("items", "dict"), else empty.
	With string
	// Var and IndexVar are loop_var, "item" when not set, and index_var. Templates may
	// be in them, as in all that follows.
	Var, IndexVar string
	Label         value.Value // null = the item itself
	Pause         value.Value // seconds between items
	Extended      value.Value // yes or no
	// AllItems: false leaves the list itself out of ansible_loop (extended_allitems).
	AllItems value.Value
	// Break are conditions that end the loop behind the item for which all hold.
	Break []value.Value
	Pos   value.Pos
}

// Block is block/rescue/always.
type Block struct {
	Keywords
	Body, Rescue, Always []Item
	// Role is set on a block that is a whole role: its end is the role's end.
	Role *Role
}

// Words returns the shared keywords.
func (t *Task) Words() *Keywords { return &t.Keywords }

// Words returns the shared keywords.
func (b *Block) Words() *Keywords { return &b.Keywords }
