// Package kit is what modules are made of: Define with typed arguments, plans and
// results, paths and permissions, looks at files and the one way of writing them.
//
// A module says what it wants to know of a host (constant probes with parsers),
// and makes a plan of the answers: pure, no I/O, no clock, no flag for check
// mode. It never prints and never opens a connection. docs/extending.md builds
// one from nothing.
package kit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// Module is one kind of task, typed inside. A is a struct whose fields carry
// tags: see decode.go.
type Module[A any] interface {
	// Facts is a hint what a plan will read first; nil is always right.
	Facts(a A) []host.Question
	// Plan is pure; it returns *host.ErrNeed when an answer is missing.
	Plan(a A, s host.Seen) (play.Plan, error)
}

// Validator is a module with rules over several arguments ("state=link needs
// src"). It is asked when no argument holds a template any more.
type Validator[A any] interface {
	Validate(a A) *play.ArgError
}

// Resolver is a module that reads files of the laptop: it fills fields of a
// before the first plan.
type Resolver[A any] interface {
	Resolve(ctx context.Context, a *A, in play.Inputs) error
}

// Laptop is a module that works on the laptop alone with some arguments
// (a module that opens a sealed file there); Doc.Local is for those that always do.
type Laptop[A any] interface {
	Laptop(a A) bool
}

// Doc is what a module says of itself.
type Doc struct {
	Name  string
	Short string // one line
	// FreeForm names the argument that free text becomes, empty = none.
	FreeForm string
	// Local says that no connection is opened.
	Local bool
	// ToLaptop says that it writes files of the laptop.
	ToLaptop bool
	// Waited says that it takes no async: part of the work is the laptop's.
	Waited bool
	// Options says that Ansible refuses unknown arguments in an action plug-in.
	Options bool
	// Needs are Ansible's words for any required argument that is missing, empty =
	// those that most modules have.
	Needs string
}

// Define makes the module that the engine sees. It panics on a struct whose
// tags are wrong: a mistake in the program that every test finds.
func Define[A any](d Doc, m Module[A]) play.Module {
	args := schemaOf[A]()
	return &module[A]{
		m: m, schema: args, needs: d.Needs, options: d.Options,
		spec: play.Spec{Name: d.Name, Short: d.Short, FreeForm: d.FreeForm, Local: d.Local, ToLaptop: d.ToLaptop, Waited: d.Waited, Args: args.list()},
	}
}

type module[A any] struct {
	m      Module[A]
	schema *schema
	spec   play.Spec
	// needs and options are Doc's.
	needs   string
	options bool
}

func (m *module[A]) Spec() play.Spec { return m.spec }

// Check finds mistakes before any host is touched.
func (m *module[A]) Check(args *value.Map) []*play.ArgError {
	args = m.freeForm(args)
	var a A
	errs, open := m.schema.decode(args, &a, true)
	if len(errs) == 0 && !open {
		if v, ok := m.m.(Validator[A]); ok {
			if err := v.Validate(a); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errs
}

// Bind decodes rendered arguments and reads what the module needs of the laptop.
func (m *module[A]) Bind(ctx context.Context, args *value.Map, in play.Inputs) (play.Bound, error) {
	var a A
	if errs, _ := m.schema.decode(m.freeForm(args), &a, false); len(errs) > 0 {
		return nil, m.refused(errs)
	}
	if v, ok := m.m.(Validator[A]); ok {
		if err := v.Validate(a); err != nil {
			return nil, whole(err)
		}
	}
	if r, ok := m.m.(Resolver[A]); ok {
		if err := r.Resolve(ctx, &a, in); err != nil {
			return nil, err
		}
	}
	return Bound[A]{Module: m.m, Args: a}, nil
}

// whole is an error whose words name the argument themselves: Ansible's, mostly.
func whole(err *play.ArgError) error {
	if err.Theirs != "" {
		return &refusal{err.Theirs, err}
	}
	if err.Arg == "" || !strings.Contains(err.Msg, err.Arg) || err.Allowed != nil {
		return err
	}
	return &refusal{err.Msg, err}
}

// refused is what a task fails with whose arguments are wrong: in Ansible's words,
// on which playbooks match, and in its order.
func (m *module[A]) refused(errs []*play.ArgError) error {
	var missing, unknown []string
	var other *play.ArgError
	for _, e := range errs {
		switch {
		case e.Msg == play.NotGiven:
			missing = append(missing, e.Arg)
		case e.Msg == play.NoArgument:
			unknown = append(unknown, e.Arg)
		case other == nil:
			other = e
		}
	}
	slices.Sort(missing)
	slices.Sort(unknown)
	switch {
	case unknown != nil && m.options:
		return &refusal{"Invalid options for " + m.spec.Name + ": " + strings.Join(unknown, ","), errs[0]}
	case missing != nil && m.needs != "":
		return &refusal{m.needs, errs[0]}
	case missing != nil:
		return &refusal{"missing required arguments: " + strings.Join(missing, ", "), errs[0]}
	case other != nil && other.Theirs != "":
		return &refusal{other.Theirs, other}
	case other != nil:
		return other
	}
	known := slices.Sorted(slices.Values(errs[0].Allowed))
	return &refusal{fmt.Sprintf("Unsupported parameters for (%s) module: %s. Supported parameters include: %s.", m.spec.Name, strings.Join(unknown, ", "), strings.Join(known, ", ")), errs[0]}
}

// refusal is an ArgError in Ansible's words.
type refusal struct {
	text string
	err  *play.ArgError
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.err }

// freeForm renames _raw_params to the argument that it stands for.
func (m *module[A]) freeForm(args *value.Map) *value.Map {
	raw, ok := args.Lookup("_raw_params")
	if !ok || m.spec.FreeForm == "" || m.spec.FreeForm == "_raw_params" {
		return args
	}
	out := args.Clone()
	out.Delete(value.String("_raw_params"))
	out.Put(m.spec.FreeForm, raw)
	return out
}

// Bound is a module with its arguments; Then stages are made of it too.
type Bound[A any] struct {
	Module Module[A]
	Args   A
}

var _ play.LaptopBound = Bound[struct{}]{}

// Facts is the module's hint.
func (b Bound[A]) Facts() []host.Question { return b.Module.Facts(b.Args) }

// Laptop reports whether this very task works on the laptop alone (Laptop of
// the module; play.LaptopBound).
func (b Bound[A]) Laptop() bool {
	l, ok := b.Module.(Laptop[A])
	return ok && l.Laptop(b.Args)
}

// Plan is the module's plan.
func (b Bound[A]) Plan(s host.Seen) (play.Plan, error) { return b.Module.Plan(b.Args, s) }

// Stage is a Bound made of a function: a later stage of a plan (Plan.Then).
type Stage func(s host.Seen) (play.Plan, error)

// Facts gives no hint.
func (Stage) Facts() []host.Question { return nil }

// Plan calls the function.
func (f Stage) Plan(s host.Seen) (play.Plan, error) { return f(s) }
