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
	"remoterun/tasks/tde/memory"
	"remoterun/tasks/tde/stack"
)

// lookArgs are the arguments of tde_look.
type lookArgs struct {
	stack.Stack
	Image  string `arg:"image" default:"percona/percona-distribution-postgresql:17" help:"image of the encrypted server (tde_image)"`
	Cipher string `arg:"cipher" default:"aes_128" choices:"aes_128,aes_256" help:"cipher of tables and WAL, for the overlay that is printed"`
	Swap   string `arg:"swap" default:"refuse" choices:"refuse,accept" help:"whether swap that reaches a disk is accepted (tde_swap)"`
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
	return []host.Question{folderAt(a.Dir).Q, compose.Version().Q, a.Compose().Config().Q, compose.ImageNamed(a.Image).Q, memory.Mount(a.RAMDir()).Q, engineKind().Q}
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
	mem, err := host.Get(s, memory.Mount(a.RAMDir()))
	if err != nil {
		return nil, false, err
	}
	for _, err := range []error{mem.CheckRAM(), mem.CheckSwap(a.Swap == "accept")} {
		if err != nil {
			out = append(out, err.Error())
		}
	}
	kind, err := host.Get(s, engineKind())
	if err != nil {
		return nil, false, err
	}
	if kind != "" {
		return append(out, kind), false, nil // of another engine, or none, is all below
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

// engineKind says what is wrong with the engine's kind, "" = nothing, or there is
// none that answers root. The laptop cannot tell root's engine what another user's
// has, and with user namespaces the keyring's owner is not the server's user.
func engineKind() host.Fact[string] {
	return host.Fact[string]{Q: host.NewProbe(engineText, "", "engine"), Parse: func(a host.Answer) (string, error) {
		word, rest, _ := strings.Cut(strings.TrimSpace(string(a.Stdout)), " ")
		switch word {
		case "rootless":
			return "Docker runs rootless (" + rest + "): the project has to be in an engine of root's", nil
		case "userns":
			return "Docker runs with userns-remap: the database's user could not read the keyring; take userns-remap out of /etc/docker/daemon.json", nil
		}
		return "", nil
	}}
}

// engineText prints "rootless SOCKET" where only users have engines, "userns" where
// root's maps its users, else nothing. $1 stands before paths.
const engineText = `o=$(docker info -f '{{.SecurityOptions}}' 2>/dev/null)
case $o in
*rootless*) echo "rootless $DOCKER_HOST"; exit 0 ;;
*name=userns*) echo userns; exit 0 ;;
?*) exit 0 ;;
esac
[ ! -S "$1/var/run/docker.sock" ] || exit 0
for f in "$1"/run/user/*/docker.sock; do
	if [ -S "$f" ]; then echo "rootless ${f#"$1"}"; break; fi
done
exit 0`

// folderAt asks whether a folder is there.
func folderAt(dir string) host.Fact[bool] {
	return host.Fact[bool]{Q: host.NewProbe(`[ -d "$1" ] && echo yes || echo no`, dir, "folder"), Parse: func(a host.Answer) (bool, error) {
		return strings.TrimSpace(string(a.Stdout)) == "yes", nil
	}}
}
