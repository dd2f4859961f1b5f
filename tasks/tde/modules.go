package tde

import (
	"remoterun/runner/play"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/keys"
	"remoterun/tasks/tde/lock"
	"remoterun/tasks/tde/memory"
	"remoterun/tasks/tde/move"
	"remoterun/tasks/tde/provider"
	"remoterun/tasks/tde/status"
	"remoterun/tasks/tde/target"
	"remoterun/tasks/tde/unlock"
	"remoterun/tasks/tde/verify"
)

// databaseModules are the modules of the database's half.
func databaseModules(d custody.Deps) []play.Module {
	return []play.Module{target.New(d), target.NewLook(), unlock.New(d), lock.New(), status.New(d), provider.NewProvider(), provider.NewPrincipalKey(), verify.New(d), move.New(d)}
}

// All lists the modules of this package.
func All(d custody.Deps) []play.Module {
	d = d.Filled()
	return append([]play.Module{
		keys.New(d),
		memory.Module(),
	}, databaseModules(d)...)
}
