// Package tasks is the one list of modules, and how playbooks' names find them.
// The modules live in a folder per kind; what they share is tasks/kit.
package tasks

import (
	"remoterun/runner/play"
	"remoterun/tasks/containers"
	"remoterun/tasks/database"
	"remoterun/tasks/files"
	"remoterun/tasks/net"
	"remoterun/tasks/packages"
	"remoterun/tasks/services"
	"remoterun/tasks/system"
)

// All lists the modules. Adding one is a file, a line here, a page in
// docs/modules and cases in testdata: a test counts the four.
func All() []play.Module {
	return []play.Module{
		system.Alternatives(),
		packages.Apk(),
		packages.Apt(),
		packages.AptKey(),
		packages.AptRepository(),
		files.Assemble(),
		system.AuthorizedKey(),
		files.BlockInFile(),
		system.Command(),
		files.Copy(),
		system.Cron(),
		packages.Deb822Repository(),
		packages.Debconf(),
		packages.DNF(),
		containers.DockerComposeV2(),
		containers.DockerContainer(),
		containers.DockerImage(),
		containers.DockerLogin(),
		containers.DockerNetwork(),
		containers.DockerPrune(),
		containers.DockerVolume(),
		packages.DpkgSelections(),
		files.Fetch(),
		files.File(),
		files.Find(),
		net.GetURL(),
		files.Git(),
		system.Getent(),
		system.Group(),
		system.Hostname(),
		files.Htpasswd(),
		files.INIFile(),
		net.IPTables(),
		system.KnownHosts(),
		files.LineInFile(),
		system.LocaleGen(),
		system.Modprobe(),
		system.Mount(),
		system.OpenSSHKeypair(),
		packages.Package(),
		packages.PackageFacts(),
		system.Ping(),
		packages.Pip(),
		database.PostgresqlDB(),
		database.PostgresqlExt(),
		database.PostgresqlPing(),
		database.PostgresqlPrivs(),
		database.PostgresqlQuery(),
		database.PostgresqlSchema(),
		database.PostgresqlUser(),
		system.Raw(),
		system.Reboot(),
		files.Replace(),
		packages.RPMKey(),
		system.Script(),
		services.Service(),
		services.ServiceFacts(),
		system.Setup(),
		system.Shell(),
		files.Slurp(),
		files.Stat(),
		system.Sysctl(),
		services.Sysvinit(),
		services.SystemdService(),
		files.TempFile(),
		files.Template(),
		system.Timezone(),
		net.UFW(),
		files.Unarchive(),
		net.URI(),
		system.User(),
		net.WaitFor(),
		net.WaitForConnection(),
		packages.Yum(),
		packages.YumRepository(),
	}
}
