package play

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/secret"
	"remoterun/runner/value"
)

// Scope answers names for one host and one task.
type Scope interface {
	// Var returns a variable raw: text in it that is not unsafe may be a
	// template, which Expr renders with the same scope. Errors (a fact that
	// must be asked for first) pass through Expr by %w.
	Var(name string) (v value.Value, ok bool, err error)
	// Names lists what can be asked for, for "did you mean".
	Names() []string
	// Dirs are the folders in which lookups and includes find files, in order.
	Dirs() []string
}

// Uses is what a value's templates can ask for.
type Uses struct {
	Names []string // root names that are read
	// Own are those that a template gives a value itself somewhere (a loop's, a
	// set, a macro's): where they are read, they need not be variables.
	Own []string
	// Absent are errors of names that it does not have and may come to call: lookups,
	// tests and filters that stand as text.
	Absent []error
	// Impure says that the answer may differ from call to call (password, pipe,
	// url, random, now): such a value is rendered at its task's turn only.
	Impure bool
	// Laptop says that it may read files of the laptop (a lookup, an include): where
	// the play's own tasks work on the laptop it is rendered at its turn only, too.
	Laptop bool
}

// Expr is the expression language. Implementations cache what they parse and
// are safe for concurrent use. Every error names file:line:column when the text
// has an Origin, and wraps foreign errors with %w.
type Expr interface {
	// Inspect parses every template in v (deep); bare reads text as an
	// expression without braces (when:, until:).
	Inspect(v value.Value, bare bool) (Uses, error)
	// Render renders every template in v (deep), keys of mappings too. A
	// template that is one expression keeps that expression's value.
	Render(ctx context.Context, v value.Value, s Scope) (value.Value, error)
	// Test evaluates a condition: bare text, a boolean, or a list of which all
	// must hold.
	Test(ctx context.Context, cond value.Value, s Scope) (bool, error)
	// File renders the text of a template file, marks included.
	File(ctx context.Context, name, text string, s Scope) (value.Value, error)
	// Lookup runs a lookup plug-in by name (with_ loops).
	Lookup(ctx context.Context, plugin string, terms value.Value, s Scope) (value.Value, error)
}

// Module is one kind of task as the engine sees it; tasks.Define makes one.
type Module interface {
	// Spec names the arguments, for lint, docs and "did you mean".
	Spec() Spec
	// Check finds what is wrong with arguments before any host is touched:
	// unknown names, missing ones, and values that hold no template and have
	// the wrong type. All mistakes at once.
	Check(args *value.Map) []*ArgError
	// Bind checks rendered arguments and returns the task ready to be planned.
	// Errors are *ArgError. It does no I/O except through in.
	Bind(ctx context.Context, args *value.Map, in Inputs) (Bound, error)
}

// Bound is a module with its arguments.
type Bound interface {
	// Facts is a hint which questions a plan will read first.
	Facts() []host.Question
	// Plan is pure: answers in, steps and result out. It returns *host.ErrNeed
	// when an answer is missing.
	Plan(s host.Seen) (Plan, error)
}

// LaptopBound is a Bound that may work on the laptop alone although its module
// does not always (Spec.Local): then no connection is opened at its turn, nothing
// of the tasks behind it is asked ahead, and no look ahead goes past it. Every
// Bound that tasks.Define makes is one.
type LaptopBound interface {
	Bound
	Laptop() bool
}

// Spec describes a module's arguments.
type Spec struct {
	Name string
	Args []Arg
	// Short is one line for docs.
	Short string
	// FreeForm names the argument that text after the module's name becomes
	// (_raw_params); empty = the module takes none.
	FreeForm string
	// Local says that the module works on the laptop and opens no connection.
	Local bool
	// ToLaptop says that it writes files of the laptop: what stands behind it may
	// read them, and is looked at when its turn has come.
	ToLaptop bool
	// Waited says that its task cannot be a job (async): part of the work is the
	// laptop's, or Ansible's module is not one either.
	Waited bool
	// Kept is the name under which its jobs find what reads their results, empty = Name.
	Kept string
}

// Arg describes one argument.
type Arg struct {
	Name     string
	Aliases  []string
	Type     string // str, int, bool, float, list, dict, path, raw, mode, bytes
	Elements string // of list
	Required bool
	Default  string // as shown in docs, empty = none
	Choices  []string
	Secret   bool // no_log: masked in every sink
	Help     string
}

// NoArgument is what ArgError says of a name that is none of a module's arguments.
const NoArgument = "there is no such argument"

// NotGiven is what ArgError says of an argument that is needed and not there.
const NotGiven = "is required"

// Unjudged is a condition that could not be judged.
type Unjudged struct {
	Condition value.Value
	Err       error
}

func (e *Unjudged) Error() string { return e.Err.Error() }

// Unwrap returns why.
func (e *Unjudged) Unwrap() error { return e.Err }

// TellingError is a failure with more in its result than a message.
type TellingError struct {
	Err  error
	Data *value.Map
}

func (e *TellingError) Error() string { return e.Err.Error() }

// Unwrap returns why.
func (e *TellingError) Unwrap() error { return e.Err }

// Added is a host of add_host: its name without the port, the port (0 = none was
// given), and whether anything is new.
type Added struct {
	Name string
	Port int
	New  bool
}

// ArgError is a mistake in a task's arguments. Arg is empty when it concerns
// several; Allowed is shown when not nil. Theirs are Ansible's words for it, empty =
// none that people match on. RC is the rc of the failed result, 0 = none.
type ArgError struct {
	Arg     string
	Msg     string
	Theirs  string
	RC      int64
	Allowed []string
	Pos     value.Pos
}

// Place is where it is.
func (e *ArgError) Place() value.Pos { return e.Pos }

func (e *ArgError) Error() string {
	msg := e.Msg
	if e.Arg != "" {
		msg = e.Arg + ": " + msg
	}
	if p := e.Pos.String(); p != "" {
		msg = p + ": " + msg
	}
	return msg
}

// Inputs gives a module the laptop's files: looked up along the task's
// folders, decrypted when vaulted, hashed once per run for all hosts.
type Inputs interface {
	// File finds and reads one file; kind is files, templates, vars or tasks.
	File(kind, name string) (Input, error)
	// Tree lists a folder: files, folders and links, sorted by name.
	Tree(kind, name string) ([]Input, error)
	// Template finds, renders with the task's variables and hashes a file. extra
	// are variables for this file alone; its key "#jinja2" is no variable but
	// overrides ("trim_blocks: False") as the file's own #jinja2: line has them.
	Template(ctx context.Context, name string, extra *value.Map) (Input, error)
	// Bytes makes an input of text that the playbook itself holds.
	Bytes(name string, text value.Value) Input
	// Dest is where modules write what they pull to the laptop (fetch).
	Dest(path string) (string, error)
	// Host is the inventory's name of the host, for messages and file names.
	Host() string
}

// Input is a file of the laptop: bytes by reference, never in a plan.
type Input struct {
	Name   string // relative to what was asked for
	Path   string // on the laptop, for messages
	Mode   uint32 // permission bits of the laptop's file
	Owner  string // the name, or number, of who owns the laptop's file
	Time   int64  // when the laptop's file was modified, in seconds since 1970
	Kind   byte   // 'f' file, 'd' folder, 'l' link
	Link   string // target of a link
	SHA256 string // hex, files only
	SHA1   string // hex, files only: what Ansible calls checksum
	Secret bool   // came from a vault or from secret values
	// Masked is the text of a secret template with ******** where a secret value
	// stood, for --diff; "" = nobody knows which parts are secret.
	Masked string
	Data   Source
}

// Source is bytes by reference: of a large file they stay where they are until
// somebody reads them.
type Source interface {
	// Size is in bytes.
	Size() int64
	// Open returns a reader over the bytes. It fails where they are not those any
	// more that were hashed. What it returns may be an io.ReaderAt, too.
	Open() (io.ReadCloser, error)
	// Bytes returns all of them at once: for texts that are worked on.
	Bytes() ([]byte, error)
}

// Hashed is a Source that knows its MD5, worked out once for whoever asks: a result
// key of Ansible's.
type Hashed interface{ MD5() (string, error) }

// Memory is a Source in memory.
type Memory []byte

// Size is the number of bytes.
func (m Memory) Size() int64 { return int64(len(m)) }

// Open returns a reader over the bytes.
func (m Memory) Open() (io.ReadCloser, error) { return heldReader{bytes.NewReader(m)}, nil }

// Bytes returns them, shared: read only.
func (m Memory) Bytes() ([]byte, error) { return m, nil }

// heldReader is a file of memory.
type heldReader struct{ *bytes.Reader }

// Close does nothing.
func (heldReader) Close() error { return nil }

// Layer is a set of variables with the place they came from.
type Layer struct {
	Name string // "inventory hosts.ini", "group_vars/web.yml", "vars_files secrets.yml"
	Vars *value.Map
}

// Inventory is the hosts and groups.
type Inventory interface {
	// Hosts resolves a pattern ("web:&prod:!db1") in inventory order.
	Hosts(pattern string) ([]string, error)
	// Groups maps every group to its hosts in order, all and ungrouped too.
	Groups() *value.Map
	// GroupsOf lists a host's groups, without all, sorted.
	GroupsOf(host string) []string
	// Layers are a host's variables from inventory and group_vars/host_vars,
	// lowest precedence first.
	Layers(host string) ([]Layer, error)
	// Dir is the folder that relative project paths (keys, reports) are in.
	Dir() string
	// Sources are the inventory files, as given.
	Sources() []string
	// AddHost serves add_host: a host, by a name or by name:port, in groups, all made
	// where they are missing.
	AddHost(name string, groups []string, vars *value.Map) (Added, error)
	// AddGroup puts a host into a group and the group into parents, all made
	// where they are missing. Errors: a host that is not there, a loop of groups.
	AddGroup(host, group string, parents []string) (bool, error)
	// Refresh reads the sources anew (meta: refresh_inventory); what add_host and
	// group_by added is gone. With an error everything stays as it was.
	Refresh(ctx context.Context) error
}

// Loader reads files of the project while a playbook runs.
type Loader interface {
	// Tasks loads a file of tasks (include_tasks), bound and checked.
	Tasks(path string, from *Task) (*Included, error)
	// Named is a task whose module's name is a template, bound to the one named.
	Named(t *Task, module string) (*Task, error)
	// Role loads a role that a task takes in (include_role), bound and checked.
	Role(use RoleUse, from *Task) (*Included, error)
	// Vars loads a file of variables, vaults opened.
	Vars(path string) (*value.Map, error)
	// Read returns a file's bytes, decrypted when vaulted, and whether it was.
	Read(path string) (data []byte, vaulted bool, err error)
}

// RoleUse is which role include_role takes in, its templates rendered.
type RoleUse struct {
	Name string
	// From are the files to read in place of main: tasks, vars, defaults, handlers.
	From map[string]string
	// Unchecked leaves the role's argument_specs alone, Once is allow_duplicates:
	// false.
	Unchecked, Once bool
	// Vars are those of the include's vars:, raw, and its loop's item.
	Vars *value.Map
}

// Included is a file or a role that was loaded while the playbook runs.
type Included struct {
	Role     *Role // nil of a file
	Nothing  bool  // the file holds nothing at all, not even an empty list
	Items    []Item
	Handlers []*Block // of the roles in it, a block for each
	Roles    []*Role  // that import_role brought in with it
}

// Ask is one question to the operator.
type Ask struct {
	Key     string // the same key is asked once per run
	Text    string
	Sealed  bool // typed without echo, answered as a sealed secret
	Confirm bool // typed twice
	Default string
	YesNo   bool // answered "yes" or "no"; anything else asks again
}

// Gatherer is what fills ansible_facts: one question and how to read it.
type Gatherer interface {
	// For is the gatherer for a play that wants facts in its own way.
	For(w GatherWish) Gatherer
	// Same reports a gatherer that makes the same facts of the same answer.
	Same(g Gatherer) bool
	Question() host.Question
	// Facts reads the answer: names as in ansible_facts, without "ansible_".
	Facts(a host.Answer) (*value.Map, error)
}

// GatherWish is how a play wants facts.
type GatherWish struct {
	Subset   []string // gather_subset, nil = all
	FactPath string   // fact_path, empty = the usual one
	Env      []string // "NAME=value"
}

// ErrNobody is what a Prompter's error is when there is nobody to ask.
var ErrNobody = errors.New("there is no terminal to ask")

// Prompter asks the operator. Without a terminal it answers an ErrNobody that
// names the flag which would have answered.
type Prompter interface {
	Ask(ctx context.Context, a Ask) (string, error)
	// Secret asks for a sealed secret.
	Secret(ctx context.Context, a Ask) (secret.Sealed, error)
}

// optionsMark begins a line of options in front of a template's text; no
// template file begins so.
const optionsMark = "\x00jinja2:"

// WithTemplateOptions is a template's text with options for Expr.File, written
// as a "#jinja2:" first line has them. Those of the file's own go before them.
func WithTemplateOptions(options, text string) string {
	return optionsMark + strings.ReplaceAll(options, "\n", `\n`) + "\n" + text
}

// TemplateOptions takes text and options apart again.
func TemplateOptions(text string) (options, rest string) {
	if line, body, ok := strings.Cut(text, "\n"); ok && strings.HasPrefix(line, optionsMark) {
		return line[len(optionsMark):], body
	}
	return "", text
}
