package tde

import "remoterun/runner/play"

// databaseModules are the modules of the database's half.
func databaseModules(d Deps) []play.Module {
	return []play.Module{newInit(d), newUnlock(d), newLock(), newStatus(d), newProvider(), newPrincipalKey(), newVerify(d)}
}
