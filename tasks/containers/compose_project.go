package containers

import (
	"fmt"
	"strings"

	"remoterun/runner/play"
)

// composeProject is which project the modules of compose mean.
type composeProject struct {
	Src        string   `arg:"project_src" need:"yes" type:"path" help:"the project's folder on the host"`
	Name       string   `arg:"project_name" help:"the project's name; default: as compose finds it"`
	Files      []string `arg:"files" help:"compose files, relative to the folder; default: compose's own choice"`
	EnvFiles   []string `arg:"env_files" help:"files of variables instead of .env"`
	Profiles   []string `arg:"profiles" help:"profiles to switch on"`
	CheckFiles bool     `arg:"check_files_existing" default:"yes" help:"without meaning: compose says itself what is missing"`
	DockerHost string   `arg:"docker_host" help:"the engine's address; default: as docker finds it"`
	Context    string   `arg:"cli_context" help:"docker's context"`
}

func (a composeProject) validate() *play.ArgError {
	if a.DockerHost != "" && a.Context != "" {
		return &play.ArgError{Msg: "parameters are mutually exclusive: docker_host|cli_context"}
	}
	return names("profiles", a.Profiles)
}

// names refuses what compose would read as an option.
func names(arg string, list []string) *play.ArgError {
	for _, s := range list {
		if s == "" || strings.HasPrefix(s, "-") {
			return &play.ArgError{Arg: arg, Msg: fmt.Sprintf("%q is not valid as a name", s)}
		}
	}
	return nil
}

// global are the words before compose's verb.
func (a composeProject) global(dry bool) []string {
	var out []string
	if a.DockerHost != "" {
		out = append(out, "--host", a.DockerHost)
	}
	if a.Context != "" {
		out = append(out, "--context", a.Context)
	}
	out = append(out, "compose", "--ansi", "never", "--progress", "plain")
	if a.Name != "" {
		out = append(out, "--project-name", a.Name)
	}
	for _, f := range a.Files {
		out = append(out, "--file", f)
	}
	for _, f := range a.EnvFiles {
		out = append(out, "--env-file", f)
	}
	for _, p := range a.Profiles {
		out = append(out, "--profile", p)
	}
	if dry {
		out = append(out, "--dry-run")
	}
	return out
}
