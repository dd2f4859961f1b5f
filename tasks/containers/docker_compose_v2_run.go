package containers

import (
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// composeExecArgs are the arguments of docker_compose_v2_exec.
type composeExecArgs struct {
	composeProject
	Service    string `arg:"service" need:"yes" help:"the service"`
	Index      *int   `arg:"index" help:"which of its containers, from 1"`
	Privileged bool   `arg:"privileged" default:"no" help:"with all rights of the host"`
	inside
}

// DockerComposeV2Exec runs programs in containers of a project.
func DockerComposeV2Exec() play.Module {
	return kit.Define(kit.Doc{Name: "docker_compose_v2_exec", Short: "a program in a running service of a compose project"}, composeExec{})
}

type composeExec struct{}

func (composeExec) Validate(a composeExecArgs) *play.ArgError {
	if err := dockerName("service", a.Service); err != nil {
		return err
	}
	if err := a.composeProject.validate(); err != nil {
		return err
	}
	return a.inside.validate(true)
}

func (composeExec) Facts(composeExecArgs) []host.Question { return nil }

func (composeExec) Plan(a composeExecArgs, s host.Seen) (play.Plan, error) {
	src, err := kit.Place(s, a.Src)
	if err != nil {
		return play.Plan{}, err
	}
	w := flags{words: append(append([]string{"docker"}, a.global(false)...), "exec")}
	a.flags(&w)
	w.dict("--env", "=", a.Env)
	if a.Index != nil {
		w.one("--index", strconv.Itoa(*a.Index))
	}
	if a.Privileged {
		w.words = append(w.words, "--privileged")
	}
	if !a.TTY {
		w.words = append(w.words, "--no-TTY")
	}
	words, shown := a.program()
	return a.plan(a.step(src, append(append(w.words, "--", a.Service), words...), "in the service "+a.Service+": "+shown), "exec_id"), nil
}

// composeRunArgs are the arguments of docker_compose_v2_run.
type composeRunArgs struct {
	composeProject
	Service     string   `arg:"service" need:"yes" help:"the service"`
	Build       bool     `arg:"build" default:"no" help:"build its image first"`
	CapAdd      []string `arg:"cap_add" help:"rights that it gets"`
	CapDrop     []string `arg:"cap_drop" help:"rights that it loses"`
	Entrypoint  string   `arg:"entrypoint" help:"instead of the image's"`
	Interactive bool     `arg:"interactive" default:"yes" help:"stdin stays open"`
	Labels      []string `arg:"labels" help:"its labels: name=value"`
	ContName    string   `arg:"name" help:"the new container's name"`
	NoDeps      bool     `arg:"no_deps" default:"no" help:"do not start what it depends on"`
	Publish     []string `arg:"publish" help:"8080:80"`
	QuietPull   bool     `arg:"quiet_pull" default:"no" help:"pull without a word"`
	Orphans     bool     `arg:"remove_orphans" default:"no" help:"remove containers of services that are gone from the file"`
	Cleanup     bool     `arg:"cleanup" default:"no" help:"remove the container behind it"`
	Ports       bool     `arg:"service_ports" default:"no" help:"publish the service's ports"`
	Aliases     bool     `arg:"use_aliases" default:"no" help:"it has the service's names in its networks"`
	Volumes     []string `arg:"volumes" help:"/host:/path"`
	inside
}

// DockerComposeV2Run runs a service of a project once.
func DockerComposeV2Run() play.Module {
	return kit.Define(kit.Doc{Name: "docker_compose_v2_run", Short: "a service of a compose project, run once with a program"}, composeRun{})
}

type composeRun struct{}

func (composeRun) Validate(a composeRunArgs) *play.ArgError {
	if err := dockerName("service", a.Service); err != nil {
		return err
	}
	if err := a.composeProject.validate(); err != nil {
		return err
	}
	return a.inside.validate(false)
}

func (composeRun) Facts(composeRunArgs) []host.Question { return nil }

func (composeRun) Plan(a composeRunArgs, s host.Seen) (play.Plan, error) {
	src, err := kit.Place(s, a.Src)
	if err != nil {
		return play.Plan{}, err
	}
	w := flags{words: append(append([]string{"docker"}, a.global(false)...), "run")}
	a.flags(&w)
	w.dict("--env", "=", a.Env)
	w.many("--cap-add", a.CapAdd)
	w.many("--cap-drop", a.CapDrop)
	w.one("--entrypoint", a.Entrypoint)
	w.many("--label", a.Labels)
	w.one("--name", a.ContName)
	w.many("--publish", a.Publish)
	w.many("--volume", a.Volumes)
	for _, f := range []struct {
		on   bool
		word string
	}{{a.Build, "--build"}, {!a.Interactive, "--interactive=false"}, {a.NoDeps, "--no-deps"}, {a.QuietPull, "--quiet-pull"}, {a.Orphans, "--remove-orphans"},
		{a.Cleanup, "--rm"}, {a.Ports, "--service-ports"}, {a.Aliases, "--use-aliases"}, {!a.TTY, "--no-TTY"}} {
		if f.on {
			w.words = append(w.words, f.word)
		}
	}
	words, shown := a.program()
	return a.plan(a.step(src, append(append(w.words, "--", a.Service), words...), "run the service "+a.Service+": "+shown), "container_id"), nil
}

// composePullArgs are the arguments of docker_compose_v2_pull.
type composePullArgs struct {
	composeProject
	Services  []string `arg:"services" help:"only these services"`
	Policy    string   `arg:"policy" default:"always" choices:"always,missing" help:"missing: only images that are not there"`
	Buildable bool     `arg:"ignore_buildable" default:"no" help:"not those that can be built"`
	Deps      bool     `arg:"include_deps" default:"no" help:"what the services depend on, too"`
}

// DockerComposeV2Pull pulls images of a project.
func DockerComposeV2Pull() play.Module {
	return kit.Define(kit.Doc{Name: "docker_compose_v2_pull", Short: "the images of a compose project, pulled"}, composePull{})
}

type composePull struct{}

func (composePull) Validate(a composePullArgs) *play.ArgError {
	if err := names("services", a.Services); err != nil {
		return err
	}
	return a.validate()
}

// composeImagesText prints the images of a project, each with its id or a -: folder,
// the words of docker that list them.
const composeImagesText sh.Constant = `command -v docker >/dev/null || exit 9
cd -- "$1" 2>/dev/null || { echo "there is no folder $1"; exit 90; }
shift
l=$(docker "$@" 2>&1) || { printf "%s\n" "$l"; exit 1; }
printf "%s\n" "$l" | sort -u | while IFS= read -r i; do
d=$(docker image inspect --format "{{.Id}}" -- "$i" 2>/dev/null) || d=-
printf "%s %s\n" "$i" "$d"
done`

func (a composePullArgs) images() host.Probe {
	words := append(a.global(false), "config", "--images")
	return host.NewProbe(composeImagesText, append(append([]string{a.Src}, words...), a.Services...)...).Wide()
}

func (composePull) Facts(composePullArgs) []host.Question { return nil }

func (m composePull) Plan(a composePullArgs, s host.Seen) (play.Plan, error) {
	src, err := kit.Place(s, a.Src)
	if err != nil {
		return play.Plan{}, err
	}
	a.Src = src
	had, stop, err := a.has(s)
	if err != nil || stop != "" {
		return kit.Failure("%s", stop), err
	}
	if a.Policy == "missing" && !strings.Contains(had+"\n", " -\n") {
		return kit.Unchanged("every image of the project is there", value.MapOf("actions", value.List())), nil
	}
	words := append(append([]string{"docker"}, a.global(false)...), "pull")
	for _, f := range []struct {
		on   bool
		word string
	}{{a.Policy == "missing", "--policy=missing"}, {a.Buildable, "--ignore-buildable"}, {a.Deps, "--include-deps"}} {
		if f.on {
			words = append(words, f.word)
		}
	}
	words = append(append(words, "--"), a.Services...)
	return play.Plan{
		Steps: []host.Step{host.Run{Cmd: sh.Script(insideText, append([]string{"", a.Src}, words...)...), What: "docker compose pull in " + a.Src}}, Repeats: a.Policy == "always",
		Result: play.Result{Changed: true, Data: value.MapOf("actions", value.List())},
		Then: func([]host.Output) (play.Bound, error) {
			return kit.Stage(func(s host.Seen) (play.Plan, error) {
				now, stop, err := a.has(s)
				if err != nil || stop != "" {
					return kit.Failure("%s", stop), err
				}
				actions := pulledNow(had, now)
				return play.Plan{Result: play.Result{Changed: len(actions) > 0, Data: value.MapOf("actions", value.List(actions...))}}, nil
			}), nil
		},
	}, nil
}

// has is what the project's images are; stop is why nobody can tell.
func (a composePullArgs) has(s host.Seen) (list, stop string, err error) {
	ans, err := s.Answer(a.images())
	switch {
	case err != nil:
		return "", "", err
	case ans.Status == 9:
		return "", noDocker, nil
	case ans.Status != 0:
		return "", "docker compose config in " + a.Src + ": " + kit.OneLine(string(ans.Stdout)), nil
	}
	return strings.TrimSpace(string(ans.Stdout)), "", nil
}

// pulledNow are the images that are other ones than before.
func pulledNow(had, now string) []value.Value {
	old := "\n" + had + "\n"
	out := []value.Value{}
	for line := range strings.Lines(now) {
		line = strings.TrimSpace(line)
		if name, _, ok := strings.Cut(line, " "); ok && !strings.Contains(old, "\n"+line+"\n") {
			out = append(out, value.FromMap(value.MapOf("what", value.String("image"), "id", kit.HostText(name), "status", value.String("Pulled"))))
		}
	}
	return out
}
