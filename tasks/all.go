// Package tasks is the one list of modules, and how playbooks' names find them.
// The modules live in a folder per kind; what they share is tasks/kit.
package tasks

import (
	"cmp"
	"slices"

	"remoterun/runner/play"
	"remoterun/tasks/archives"
	"remoterun/tasks/certs"
	"remoterun/tasks/containers"
	"remoterun/tasks/database"
	"remoterun/tasks/door"
	"remoterun/tasks/facts"
	"remoterun/tasks/files"
	"remoterun/tasks/net"
	"remoterun/tasks/packages"
	"remoterun/tasks/repos"
	"remoterun/tasks/services"
	"remoterun/tasks/system"
)

// find finds a module of the list, or what reads jobs of programs of a library.
func find(name string) (play.Module, bool) {
	if name == door.JobName {
		return door.Past(), true
	}
	return NewRegistry(All()...).Find(name)
}

// All lists the modules by name. Adding one is a file, a line in its family below, a
// page in docs/modules and cases in testdata: a test counts the four.
func All() []play.Module {
	all := slices.Concat(ofArchives(), ofCerts(), ofContainers(), ofDatabase(), ofFacts(), ofFiles(), ofNet(), ofPackages(), ofRepos(), ofServices(), ofSystem())
	slices.SortFunc(all, func(a, b play.Module) int { return cmp.Compare(a.Spec().Name, b.Spec().Name) })
	return all
}

func ofArchives() []play.Module {
	return []play.Module{
		archives.Archive(),
		archives.Unarchive(),
	}
}

func ofCerts() []play.Module {
	return []play.Module{
		certs.OpenSSLCSR(),
		certs.OpenSSLCSRInfo(),
		certs.OpenSSLCSRPipe(),
		certs.OpenSSLDHParam(),
		certs.OpenSSLPKCS12(),
		certs.OpenSSLPrivateKey(),
		certs.OpenSSLPrivateKeyInfo(),
		certs.OpenSSLPublicKey(),
		certs.OpenSSLPublicKeyInfo(),
		certs.X509Certificate(),
		certs.X509CertificateInfo(),
	}
}

func ofContainers() []play.Module {
	return []play.Module{
		containers.DockerComposeV2(),
		containers.DockerComposeV2Exec(),
		containers.DockerComposeV2Pull(),
		containers.DockerComposeV2Run(),
		containers.DockerContainer(),
		containers.DockerContainerExec(),
		containers.DockerContainerInfo(),
		containers.DockerHostInfo(),
		containers.DockerImage(),
		containers.DockerImageBuild(),
		containers.DockerImageInfo(),
		containers.DockerImageLoad(),
		containers.DockerImagePull(),
		containers.DockerImageTag(),
		containers.DockerLogin(),
		containers.DockerNetwork(),
		containers.DockerNetworkInfo(),
		containers.DockerPrune(),
		containers.DockerVolume(),
		containers.DockerVolumeInfo(),
	}
}

func ofDatabase() []play.Module {
	return []play.Module{
		database.MysqlDB(),
		database.MysqlInfo(),
		database.MysqlQuery(),
		database.MysqlUser(),
		database.MysqlVariables(),
		database.PostgresqlDB(),
		database.PostgresqlExt(),
		database.PostgresqlInfo(),
		database.PostgresqlOwner(),
		database.PostgresqlPgHBA(),
		database.PostgresqlPing(),
		database.PostgresqlPrivs(),
		database.PostgresqlQuery(),
		database.PostgresqlSchema(),
		database.PostgresqlSet(),
		database.PostgresqlUser(),
	}
}

func ofFacts() []play.Module {
	return []play.Module{
		facts.GatherFacts(),
		facts.Setup(),
	}
}

func ofFiles() []play.Module {
	return []play.Module{
		files.Assemble(),
		files.BlockInFile(),
		files.Copy(),
		files.Fetch(),
		files.File(),
		files.Find(),
		files.Htpasswd(),
		files.INIFile(),
		files.LineInFile(),
		files.PamLimits(),
		files.Replace(),
		files.Slurp(),
		files.Stat(),
		files.Synchronize(),
		files.TempFile(),
		files.Template(),
	}
}

func ofNet() []play.Module {
	return []play.Module{
		net.GetURL(),
		net.IPTables(),
		net.UFW(),
		net.URI(),
		net.WaitFor(),
		net.WaitForConnection(),
	}
}

func ofPackages() []play.Module {
	return []play.Module{
		packages.Apk(),
		packages.Apt(),
		packages.AptKey(),
		packages.AptRepository(),
		packages.DNF(),
		packages.Deb822Repository(),
		packages.Debconf(),
		packages.DpkgSelections(),
		packages.Package(),
		packages.PackageFacts(),
		packages.Pip(),
		packages.RPMKey(),
		packages.Yum(),
		packages.YumRepository(),
	}
}

func ofRepos() []play.Module {
	return []play.Module{
		repos.Git(),
		repos.GitConfig(),
		repos.Subversion(),
	}
}

func ofServices() []play.Module {
	return []play.Module{
		services.Apache2Module(),
		services.Service(),
		services.ServiceFacts(),
		services.SystemdService(),
		services.Sysvinit(),
	}
}

func ofSystem() []play.Module {
	return []play.Module{
		system.Alternatives(),
		system.AsyncStatus(find),
		system.AuthorizedKey(),
		system.Command(),
		system.Cron(),
		system.Getent(),
		system.Group(),
		system.Hostname(),
		system.KnownHosts(),
		system.LocaleGen(),
		system.Modprobe(),
		system.Mount(),
		system.OpenSSHKeypair(),
		system.Ping(),
		system.Raw(),
		system.Reboot(),
		system.Script(),
		system.Shell(),
		system.Sysctl(),
		system.Timezone(),
		system.User(),
	}
}
