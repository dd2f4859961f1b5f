package tasks

import "remoterun/runner/play"

// All lists the modules. Adding one is a file, a line here, a page in
// docs/modules and cases in testdata: a test counts the four.
func All() []play.Module {
	return []play.Module{
		Apt(),
		Command(),
		Copy(),
		DockerComposeV2(),
		Fetch(),
		File(),
		LineInFile(),
		Mount(),
		Ping(),
		PostgresqlQuery(),
		Raw(),
		Script(),
		Service(),
		Setup(),
		Shell(),
		Slurp(),
		Stat(),
		SystemdService(),
		Template(),
		WaitFor(),
	}
}
