// Package action holds what the engine itself does as a task (debug, set_fact,
// meta …): values that say what they need of the engine, and functions that return
// what they did as data. They change no host; the engine carries out what they say.
package action

import (
	"context"
	"sync"

	"remoterun/runner/play"
	"remoterun/runner/secret"
	"remoterun/runner/value"
)

// Action is one of them. What is true of it for the engine stands here once.
type Action struct {
	Spec play.Spec
	// Run does it. Errors are failures of the task; *host.ErrNeed passes through,
	// and Run is called again.
	Run func(ctx context.Context, t *Turn, args *value.Map) (Did, error)
	// Raw leaves the arguments as written: the action renders them itself.
	Raw   bool
	Ahead Ahead
	// Once runs it for one host of those in step, OnceFor where it says so.
	Once    bool
	OnceFor func(t *play.Task) bool
	// InTurn runs it on one host after the other, in their order.
	InTurn bool
	// Quiet actions show nothing and are not counted.
	Quiet bool
	// Stepwise says that items of a loop may depend on what those before them did.
	Stepwise bool
	// TakesFiles says that the task's vars are those of a file that it takes in, and
	// count for its own condition, too.
	TakesFiles bool
	// Silent says that its tasks are counted, and not itself when it went well.
	Silent bool
	// Forgets says that it waits: what was asked of the host before is of before.
	Forgets bool
}

// Ahead is what a look ahead does at an action.
type Ahead uint8

const (
	// Stops: what stands behind it is looked at when it has run.
	Stops Ahead = iota
	// Passes: it changes nothing, whatever it shows.
	Passes
	// Sets: Run is pure and its facts are known ahead, unless they cannot be
	// worked out yet.
	Sets
)

// Turn is an action's turn on one host: what it may read, and whom it may ask.
type Turn struct {
	Task    *play.Task
	ID      string // of the task in events: prompts are told apart by it
	Host    string
	Scope   play.Scope
	PlayDir string
	// Dirs are the folders in which the task's files are looked up.
	Dirs []string
	// Locals are the variables of the loop's item, as an included file sees them.
	Locals    *value.Map
	Verbosity int

	Expr      play.Expr
	Inventory play.Inventory
	Loader    play.Loader
	Prompter  play.Prompter
	Redactor  *secret.Redactor
	// Operator is held while the operator is asked.
	Operator *sync.Mutex
	// Waits tells what the host waits for, Warn what the operator should know.
	Waits, Warn func(text string)
}

// Did is what an action did: its result, and what the engine carries out when it
// went well.
type Did struct {
	Result play.Result
	// Facts are set for the host, in ansible_facts too when Cached.
	Facts  *value.Map
	Cached bool
	// Vars are variables of a file, taken in for the host.
	Vars *value.Map
	// File is a file of tasks to enter.
	File string
	// Role is a role to enter; its variables count for later tasks when Public.
	Role   *play.RoleUse
	Public bool
	// Regrouped is a host whose groups or variables in the inventory changed.
	Regrouped string
	Steer     Steer
}

// Steer is what a meta action does to the run.
type Steer uint8

const (
	Nothing Steer = iota
	FlushHandlers
	EndHost
	EndBatch
	EndRole
	EndPlay
	ClearFacts
	ClearHostErrors
	ResetConnection
	RefreshInventory
)

// Of is the action that a task stands for; nil = it runs a module, or none.
func Of(t *play.Task) *Action {
	if t == nil || t.Use != nil {
		return nil
	}
	return actions[t.Action]
}

// Specs lists the specs of the actions by short name, for the binder. An argument
// named "*" stands for any name.
func Specs() map[string]play.Spec {
	out := make(map[string]play.Spec, len(actions))
	for n, a := range actions {
		out[n] = a.Spec
	}
	return out
}

func text(name, help string) play.Arg { return play.Arg{Name: name, Type: "str", Help: help} }

func arg(name, kind, help string) play.Arg { return play.Arg{Name: name, Type: kind, Help: help} }

// actions is the engine's own small registry, by short name. It is a table and
// never changed.
var actions = map[string]*Action{
	"debug": {
		Spec: play.Spec{Name: "debug", Short: "Print a message or a variable", Args: []play.Arg{arg("msg", "raw", "what to print"), text("var", "the variable to show"), arg("verbosity", "int", "only from this -v level on")}},
		Run:  debug, Raw: true, Ahead: Passes,
	},
	"assert": {
		Spec: play.Spec{Name: "assert", Short: "Fail unless conditions hold", Args: []play.Arg{{Name: "that", Type: "raw", Required: true, Help: "conditions, all must hold"}, {Name: "fail_msg", Aliases: []string{"msg"}, Type: "raw", Help: "what to say when one does not hold"}, arg("success_msg", "raw", "what to say when they hold"), arg("quiet", "bool", "say nothing when they hold")}},
		Run:  assert, Raw: true,
	},
	"fail":     {Spec: play.Spec{Name: "fail", Short: "Fail with a message", Args: []play.Arg{text("msg", "the message")}}, Run: fail},
	"set_fact": {Spec: play.Spec{Name: "set_fact", Short: "Set variables of the host", Args: []play.Arg{{Name: "*", Type: "raw"}, arg("cacheable", "bool", "read and without effect: there is no cache")}}, Run: setFact, Ahead: Sets, Stepwise: true},
	"meta":     {Spec: play.Spec{Name: "meta", Short: "Steer the run", FreeForm: "_raw_params", Args: []play.Arg{{Name: "_raw_params", Type: "str", Required: true, Choices: metaWords, Help: "what to do"}}}, Run: meta, Quiet: true, OnceFor: metaForAll},
	"pause": {
		Spec: play.Spec{Name: "pause", Short: "Wait, or ask the operator", Args: []play.Arg{arg("seconds", "float", "how long to wait"), arg("minutes", "float", "how long to wait"), text("prompt", "the question; without seconds and minutes the operator's answer ends the pause"), arg("echo", "bool", "show what is typed")}},
		Run:  pause, Once: true, Forgets: true,
	},
	"include_tasks": {Spec: play.Spec{Name: "include_tasks", Short: "Take in tasks of a file", FreeForm: "file", Args: []play.Arg{text("file", "the file of tasks"), arg("apply", "dict", "keywords for its tasks")}}, Run: includeTasks, TakesFiles: true},
	"validate_argument_spec": {
		Spec: play.Spec{Name: "validate_argument_spec", Short: "Hold variables against a role's argument_specs", Args: []play.Arg{{Name: "argument_spec", Type: "dict", Required: true, Help: "options by name, as in argument_specs"}, arg("provided_arguments", "dict", "values that count before the variables"), arg("validate_args_context", "dict", "what the result says of where it comes from")}},
		Run:  checkArguments,
	},
	"set_stats": {
		Spec: play.Spec{Name: "set_stats", Short: "Note figures for the end of the run; they are in the result", Args: []play.Arg{{Name: "data", Type: "dict", Required: true, Help: "figures by name"}, arg("per_host", "raw", "figures of this host; any word but yes means no"), arg("aggregate", "raw", "add to what is there (the default)")}},
		Run:  setStats,
	},
	"include_role": {Spec: roleSpec, Run: includeRole, TakesFiles: true, Silent: true},
	"include_vars": {Spec: varsSpec, Run: includeVars, Stepwise: true},
	"add_host":     {Spec: play.Spec{Name: "add_host", Short: "Add a host to the inventory of this run", Args: []play.Arg{{Name: "name", Aliases: []string{"hostname", "host"}, Type: "str", Required: true, Help: "the new host"}, {Name: "groups", Aliases: []string{"group", "groupname"}, Type: "list", Help: "its groups"}, {Name: "*", Type: "raw"}}}, Run: addHost, Once: true, Stepwise: true},
	"group_by":     {Spec: play.Spec{Name: "group_by", Short: "Make groups of what hosts have in common", Args: []play.Arg{{Name: "key", Type: "str", Required: true, Help: "the group's name, mostly a template"}, {Name: "parents", Type: "list", Help: "groups that the new group is in"}}}, Run: groupBy, InTurn: true, Stepwise: true},
}

var metaWords = []string{"noop", "flush_handlers", "end_host", "end_play", "end_batch", "end_role", "clear_facts", "clear_host_errors", "reset_connection", "refresh_inventory"}
