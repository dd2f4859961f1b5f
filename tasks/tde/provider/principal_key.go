package provider

import (
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
	"remoterun/tasks/pg"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/pgtde"
	"remoterun/tasks/tde/seal"
	"remoterun/tasks/tde/stack"
)

// keyArgs are the arguments of tde_principal_key.
type keyArgs struct {
	stack.Stack
	Name     string `arg:"name" need:"yes" help:"name of a key that the keyring holds already"`
	Scope    string `arg:"scope" default:"default" choices:"default,server,database" help:"the default of all databases, the server's own (WAL), or one database's"`
	Database string `arg:"database" help:"the database, for that scope"`
	Provider string `arg:"provider" default:"remoterun" help:"name of the global key provider"`
}

// keyModule sets a principal key. It never makes one: on a missing keyring the
// server would silently make a new file, with a key that no sealed copy holds.
type keyModule struct{}

func NewPrincipalKey() play.Module {
	return kit.Define(kit.Doc{Name: "tde_principal_key", Short: "sets the key of the server, of all databases, or of one"}, keyModule{})
}

func (keyModule) Validate(a keyArgs) *play.ArgError {
	if e := a.Stack.Validate(); e != nil {
		return e
	}
	if (a.Scope == "database") != (a.Database != "") {
		return &play.ArgError{Arg: "database", Msg: "goes with scope: database, and only with it"}
	}
	if len(a.Name) >= seal.NameSize {
		return &play.ArgError{Arg: "name", Msg: fmt.Sprintf("has at most %d bytes", seal.NameSize-1)}
	}
	return nil
}

func (keyModule) Facts(a keyArgs) []host.Question {
	return []host.Question{a.Compose().Config().Q, a.Compose().Containers().Q}
}

func (m keyModule) Plan(a keyArgs, s host.Seen) (play.Plan, error) {
	to, err := a.Login(s, a.Database)
	if err != nil {
		return guard.PlanOf(err)
	}
	e := pgtde.Extension(a.Extension)
	is, err := a.current(s, to, e)
	if err != nil {
		return stack.SQLPlan(err)
	}
	data := guard.Data(guard.Text("name", a.Name), guard.Text("scope", a.Scope), guard.FromHost("before", is.Key))
	if strings.EqualFold(is.Key, a.Name) && is.Provider == a.Provider {
		return play.Plan{Note: "key " + a.Name + " is set", Result: play.Result{Data: data}}, nil
	}
	fn := map[string]string{"default": "set_default_key", "server": "set_server_key", "database": "set_key"}[a.Scope] + "_using_global_key_provider"
	set := pg.Exec{To: to, SQL: fmt.Sprintf("SELECT %s($1, $2)", e.Fn(fn)), Args: pg.Text(a.Name, a.Provider), What: "set key " + a.Name + " (" + a.what() + ")"}
	return play.Plan{
		Steps: []host.Step{set}, Result: play.Result{Changed: true, Data: data},
		Then: func([]host.Output) (play.Bound, error) {
			return kit.Stage(func(s host.Seen) (play.Plan, error) { return a.proved(s, to, e, data) }), nil
		},
	}, nil
}

func (a keyArgs) what() string {
	if a.Database != "" {
		return "database " + a.Database
	}
	return a.Scope
}

// current is the key that is set now.
func (a keyArgs) current(s host.Seen, to pg.Target, e pgtde.Extension) (pgtde.KeyView, error) {
	q := pgtde.KeysQuery(to, e)
	if a.Scope == "database" {
		q = pgtde.DatabaseKeyQuery(to, e)
	}
	rows, err := pg.Rows(s, q)
	if err != nil {
		return pgtde.KeyView{}, err
	}
	for _, r := range rows {
		if k := pgtde.KeyOf(r); k.Scope == a.Scope || a.Scope == "database" {
			return k, nil
		}
	}
	return pgtde.KeyView{}, nil
}

// proved has the server verify the key that was set.
func (a keyArgs) proved(s host.Seen, to pg.Target, e pgtde.Extension, data *value.Map) (play.Plan, error) {
	is, err := a.current(s, to, e)
	if err != nil {
		return stack.SQLPlan(err)
	}
	r, err := host.Get(s, pgtde.VerifyQuery(to, e, a.Scope).Fact())
	if err != nil {
		return play.Plan{}, err
	}
	res := play.Result{Changed: true, Data: data}
	switch {
	case r.Err != nil:
		res.Failed, res.Msg = true, "key "+a.Name+" was set, but the server cannot use it: "+r.Err.Error()
	case !strings.EqualFold(is.Key, a.Name):
		res.Failed, res.Msg = true, "key "+a.Name+" was set, but the server is on "+is.Key
	}
	return play.Plan{Result: res}, nil
}
