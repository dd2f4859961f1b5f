package target

import (
	"context"
	"fmt"
	"path"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/tasks/compose"
	"remoterun/tasks/kit"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/stack"
)

// lookArgs are the arguments of tde_look.
type lookArgs struct {
	stack.Stack
	Image  string `arg:"image" default:"percona/percona-distribution-postgresql:17" help:"image of the encrypted server (tde_image)"`
	Cipher string `arg:"cipher" default:"aes_128" choices:"aes_128,aes_256" help:"cipher of tables and WAL, for the overlay that is printed"`
	Print  bool   `arg:"print" default:"no" help:"show the overlay, and a patch that puts it into the compose file that has the service; nothing else is looked at"`

	host string
}

// lookModule says everything that a project lacks at once, before anybody is asked
// for anything.
type lookModule struct{}

// NewLook makes the module tde_look.
func NewLook() play.Module {
	return kit.Define(kit.Doc{Name: "tde_look", Short: "says all at once what a host lacks for an encrypted database"}, lookModule{})
}

func (lookModule) Validate(a lookArgs) *play.ArgError { return a.Stack.Validate() }

// Resolve notes the host's name for messages.
func (lookModule) Resolve(_ context.Context, a *lookArgs, in play.Inputs) error {
	a.host = in.Host()
	return nil
}

func (lookModule) Facts(a lookArgs) []host.Question {
	return []host.Question{folderAt(a.Dir).Q, compose.Version().Q, a.Compose().Config().Q, compose.ImageNamed(a.Image).Q}
}

func (m lookModule) Plan(a lookArgs, s host.Seen) (play.Plan, error) {
	if a.Print {
		return a.print(s)
	}
	if err := host.All(s, m.Facts(a)...); err != nil {
		return play.Plan{}, err
	}
	lacks, image, err := a.lacks(s)
	if err != nil {
		return play.Plan{}, err
	}
	if len(lacks) > 0 {
		p := guard.FailedPlan(guard.Refuse("host "+a.host, "then: remoterun setup "+a.host, "missing: %s", strings.Join(lacks, "; ")))
		p.Result.Data.Put("missing", guard.List("", lacks...).Value)
		return p, nil
	}
	callers, err := a.callers(s)
	if err != nil {
		return play.Plan{}, err
	}
	return play.Plan{Note: "nothing is missing", Result: play.Result{Warnings: callers, Data: guard.Data(guard.Bool("image", image), guard.List("missing"))}}, nil
}

// lacks are what is missing, each with what helps; image says that it is there
// already: setup pulls it otherwise.
func (a lookArgs) lacks(s host.Seen) (out []string, image bool, err error) {
	there, err := host.Get(s, folderAt(a.Dir))
	if err != nil {
		return nil, false, err
	}
	if !there {
		out = append(out, "the folder "+a.Dir+" is not there (tde_compose_dir)")
	}
	version, err := host.Get(s, compose.Version())
	switch {
	case err != nil:
		return append(out, err.Error()), false, nil // nothing below can be asked
	case compose.OlderThan(version, oldestCompose):
		out = append(out, fmt.Sprintf("docker compose is %s, and %s or newer is needed", version, oldestCompose))
	}
	if there {
		cfg, err := host.Get(s, a.Compose().Config())
		if err == nil {
			_, err = cfg.Service(a.Service)
		}
		if err != nil {
			out = append(out, err.Error()+" (tde_compose_files, tde_service)")
		}
	}
	img, err := host.Get(s, compose.ImageNamed(a.Image))
	if err != nil {
		out = append(out, err.Error())
	}
	return out, img != nil, nil
}

// callers are warnings about scripts, units and crontabs that would not read the
// overlay, which is not written yet.
func (a lookArgs) callers(s host.Seen) ([]string, error) {
	f, err := host.Get(s, a.Override())
	if err != nil {
		return nil, err
	}
	found, err := host.Get(s, a.Compose().Callers(f.Path))
	var out []string
	for _, c := range found {
		out = append(out, c.String()+": the encrypted database would not be started by it; "+c.Edit(path.Base(f.Path))+", or have it in the compose file itself (tde_apply: edit)")
	}
	return out, err
}

// folderAt asks whether a folder is there.
func folderAt(dir string) host.Fact[bool] {
	return host.Fact[bool]{Q: host.NewProbe(`[ -d "$1" ] && echo yes || echo no`, dir, "folder"), Parse: func(a host.Answer) (bool, error) {
		return strings.TrimSpace(string(a.Stdout)) == "yes", nil
	}}
}
