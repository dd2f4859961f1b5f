package tde

import (
	"cmp"
	"fmt"
	"path"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/tasks/kit"
	"remoterun/tasks/pg"
)

// providerArgs are the arguments of tde_provider.
type providerArgs struct {
	Stack
	Name     string `arg:"name" default:"remoterun" help:"name of the key provider"`
	Path     string `arg:"path" type:"path" help:"the keyring file as the server sees it; by default the one in RAM"`
	Database string `arg:"database" help:"a provider of this database alone; by default a global one"`
	State    string `arg:"state" default:"present" choices:"present,absent" help:"absent fails as long as a key of it is in use"`
}

// providerModule keeps a file key provider. Adding one, or changing its path,
// has the server open the file for writing: through the read-only mount of the
// overlay it refuses, which is right.
type providerModule struct{}

func newProvider() play.Module {
	return kit.Define(kit.Doc{Name: "tde_provider", Short: "keeps a file key provider of the server or of one database"}, providerModule{})
}

func (providerModule) Validate(a providerArgs) *play.ArgError {
	if e := a.Stack.Validate(); e != nil {
		return e
	}
	if a.Path != "" && !path.IsAbs(a.Path) {
		return &play.ArgError{Arg: "path", Msg: "begins with /"}
	}
	return nil
}

func (providerModule) Facts(a providerArgs) []host.Question {
	return []host.Question{a.compose().Config().Q, a.compose().Containers().Q}
}

func (m providerModule) Plan(a providerArgs, s host.Seen) (play.Plan, error) {
	to, err := a.login(s, a.Database)
	if err != nil {
		return planOf(err)
	}
	e, scope := ext(a.Extension), "global"
	q := providersQuery(to, e)
	if a.Database != "" {
		scope, q = "database", databaseProvidersQuery(to, e)
	}
	rows, err := pg.Rows(s, q)
	if err != nil {
		return sqlPlan(err)
	}
	want := cmp.Or(a.Path, a.keyringPath())
	var is *providerView
	for _, p := range providersOf(scope, rows) {
		if p.name == a.Name {
			is = &p
		}
	}
	return a.plan(to, e, scope, is, want)
}

// plan is one statement, or none.
func (a providerArgs) plan(to pg.Target, e ext, scope string, is *providerView, want string) (play.Plan, error) {
	data := dataOf(textPair("name", a.Name), textPair("scope", scope), textPair("path", want))
	do := func(what, fn string, args ...string) (play.Plan, error) {
		holes := "$1"
		if len(args) > 1 {
			holes = "$1, $2"
		}
		st := pg.Exec{To: to, SQL: fmt.Sprintf("SELECT %s(%s)", e.fn(fn), holes), Args: pg.Text(args...), What: what}
		return play.Plan{Steps: []host.Step{st}, Result: play.Result{Changed: true, Data: data}}, nil
	}
	switch {
	case a.State == "absent" && is == nil:
		return play.Plan{Note: "there is no provider " + a.Name, Result: play.Result{Data: data}}, nil
	case a.State == "absent":
		return do("delete "+scope+" key provider "+a.Name, "delete_"+scope+"_key_provider", a.Name)
	case is == nil:
		return do("add "+scope+" key provider "+a.Name, "add_"+scope+"_key_provider_file", a.Name, want)
	case is.kind != "file":
		return failedPlan(refuse("key provider "+a.Name, "give it another name", "it is of type %s, not file", is.kind)), nil
	case path.Clean(is.path) != path.Clean(want):
		return do("set the path of "+scope+" key provider "+a.Name, "change_"+scope+"_key_provider_file", a.Name, want)
	}
	return play.Plan{Note: "provider " + a.Name + " is there", Result: play.Result{Data: data}}, nil
}

// login is the way to a database of the stack that has to be running.
func (s Stack) login(seen host.Seen, database string) (pg.Target, error) {
	v, err := s.look(seen)
	if err != nil {
		return pg.Target{}, err
	}
	if !v.running() {
		return pg.Target{}, refuse(s.object(), "run remoterun unlock first", "the container of %s does not run", s.Service)
	}
	return v.sql(cmp.Or(database, "postgres"))
}

// sqlPlan tells what the server refused; links and missing answers go on.
func sqlPlan(err error) (play.Plan, error) {
	if e, ok := pg.AsError(err); ok {
		return play.Plan{Result: play.Failure(e.Error())}, nil
	}
	return planOf(err)
}
