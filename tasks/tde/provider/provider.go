package provider

import (
	"cmp"
	"fmt"
	"path"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/tasks/kit"
	"remoterun/tasks/pg"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/pgtde"
	"remoterun/tasks/tde/stack"
)

// providerArgs are the arguments of tde_provider.
type providerArgs struct {
	stack.Stack
	Name     string `arg:"name" default:"remoterun" help:"name of the key provider"`
	Path     string `arg:"path" type:"path" help:"the keyring file as the server sees it; by default the one in RAM"`
	Database string `arg:"database" help:"a provider of this database alone; by default a global one"`
	State    string `arg:"state" default:"present" choices:"present,absent" help:"absent fails as long as a key of it is in use"`
}

// providerModule keeps a file key provider. Adding one, or changing its path,
// has the server open the file for writing: through the read-only mount of the
// overlay it refuses, which is right.
type providerModule struct{}

func NewProvider() play.Module {
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
	return []host.Question{a.Compose().Config().Q, a.Compose().Containers().Q}
}

func (m providerModule) Plan(a providerArgs, s host.Seen) (play.Plan, error) {
	to, err := a.Login(s, a.Database)
	if err != nil {
		return guard.PlanOf(err)
	}
	e, scope := pgtde.Extension(a.Extension), "global"
	q := pgtde.ProvidersQuery(to, e)
	if a.Database != "" {
		scope, q = "database", pgtde.DatabaseProvidersQuery(to, e)
	}
	rows, err := pg.Rows(s, q)
	if err != nil {
		return stack.SQLPlan(err)
	}
	want := cmp.Or(a.Path, a.KeyringPath())
	var is *pgtde.ProviderView
	for _, p := range pgtde.ProvidersOf(scope, rows) {
		if p.Name == a.Name {
			is = &p
		}
	}
	return a.plan(to, e, scope, is, want)
}

// plan is one statement, or none.
func (a providerArgs) plan(to pg.Target, e pgtde.Extension, scope string, is *pgtde.ProviderView, want string) (play.Plan, error) {
	data := guard.Data(guard.Text("name", a.Name), guard.Text("scope", scope), guard.Text("path", want))
	do := func(what, fn string, args ...string) (play.Plan, error) {
		holes := "$1"
		if len(args) > 1 {
			holes = "$1, $2"
		}
		st := pg.Exec{To: to, SQL: fmt.Sprintf("SELECT %s(%s)", e.Fn(fn), holes), Args: pg.Text(args...), What: what}
		return play.Plan{Steps: []host.Step{st}, Result: play.Result{Changed: true, Data: data}}, nil
	}
	switch {
	case a.State == "absent" && is == nil:
		return play.Plan{Note: "there is no provider " + a.Name, Result: play.Result{Data: data}}, nil
	case a.State == "absent":
		return do("delete "+scope+" key provider "+a.Name, "delete_"+scope+"_key_provider", a.Name)
	case is == nil:
		return do("add "+scope+" key provider "+a.Name, "add_"+scope+"_key_provider_file", a.Name, want)
	case is.Kind != "file":
		return guard.FailedPlan(guard.Refuse("key provider "+a.Name, "give it another name", "it is of type %s, not file", is.Kind)), nil
	case path.Clean(is.Path) != path.Clean(want):
		return do("set the path of "+scope+" key provider "+a.Name, "change_"+scope+"_key_provider_file", a.Name, want)
	}
	return play.Plan{Note: "provider " + a.Name + " is there", Result: play.Result{Data: data}}, nil
}
