package stack

import (
	"path"

	"remoterun/runner/play"
	"remoterun/tasks/compose"
	"remoterun/tasks/tde/memory"
	"remoterun/tasks/tde/seal"
)

// Stack says which database a task is about. Its fields are arguments of every
// module of the database's half.
type Stack struct {
	Project   string   `arg:"project" need:"yes" help:"the project's name (tde_project): names keys, volume and folders"`
	Dir       string   `arg:"compose_dir" need:"yes" type:"path" help:"folder of the compose file on the host"`
	Files     []string `arg:"compose_files" help:"compose files, when they are not compose's own choice; ours is added as the last"`
	Service   string   `arg:"service" default:"postgres" help:"the database's service in the compose file"`
	Extension string   `arg:"extension" default:"pg_tde" choices:"pg_tde,open_pg_tde" help:"which of the two extensions"`

	// rehearsal keeps what a rehearsal of a move makes apart from what is real.
	rehearsal bool
}

// Rehearsing is the stack of a rehearsal: the same keyring, another volume and
// another record.
func (s Stack) Rehearsing() Stack { s.rehearsal = true; return s }

// Names that are kept in data and on hosts (design.md section 7).
const (
	providerName = "remoterun"
	SQLRole      = "remoterun"
	pgPort       = "5432"
)

// StateDir holds what stays on the host, readable by root alone.
func (s Stack) StateDir() string {
	if s.rehearsal {
		return path.Join(seal.StateDir, s.Project, "rehearsal-new")
	}
	return path.Join(seal.StateDir, s.Project)
}

// RAMDir is the mount in RAM, at the same path inside the container.
func (s Stack) RAMDir() string { return memory.MountPath(s.Project) }

// KeyringPath is the keyring in RAM.
func (s Stack) KeyringPath() string { return path.Join(s.RAMDir(), memory.KeyringFile) }

// Volume is the engine's name of the encrypted cluster's volume.
func (s Stack) Volume() string {
	if s.rehearsal {
		return s.Project + "_rehearsal_tde"
	}
	return s.Project + "_tde"
}

// passwordFile holds the password of the role that modules log in as.
func (s Stack) passwordFile() string { return s.StateDir() + "/sql-password" }

// Compose is the stack as compose reads it.
// With a list of files the overlay is one more, behind them.
func (s Stack) Compose() compose.Project {
	p := compose.Project{Dir: s.Dir, Files: s.Files}
	if len(s.Files) > 0 {
		p.Last = OwnFile
	}
	return p
}

// Object names the database in messages.
func (s Stack) Object() string { return "database of " + s.Project }

// Validate refuses names that could not be folders and volumes.
func (s Stack) Validate() *play.ArgError {
	if err := seal.CheckProject(s.Project); err != nil {
		return &play.ArgError{Arg: "project", Msg: err.Error()}
	}
	if !path.IsAbs(s.Dir) {
		return &play.ArgError{Arg: "compose_dir", Msg: "is a folder on the host: it begins with /"}
	}
	return nil
}
