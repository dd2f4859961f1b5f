package containers

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/compose"
	"remoterun/tasks/kit"
)

// composeArgs are the arguments of docker_compose_v2.
type composeArgs struct {
	composeProject
	State         string     `arg:"state" default:"present" choices:"absent,present,restarted,stopped" help:"present: up; absent: down"`
	Services      []string   `arg:"services" help:"only these services"`
	Pull          string     `arg:"pull" default:"policy" choices:"always,missing,never,policy" help:"when images are pulled; policy: as the compose file says"`
	Build         string     `arg:"build" default:"policy" choices:"always,never,policy" help:"when images are built"`
	Recreate      string     `arg:"recreate" default:"auto" choices:"always,never,auto" help:"when containers are made anew"`
	Dependencies  bool       `arg:"dependencies" default:"yes" help:"services that the chosen ones depend on, too"`
	RemoveOrphans bool       `arg:"remove_orphans" default:"no" help:"remove containers of services that are gone from the file"`
	RemoveImages  string     `arg:"remove_images" choices:"all,local" help:"with absent: remove images too"`
	RemoveVolumes bool       `arg:"remove_volumes" default:"no" help:"with absent: remove named volumes too, with all their data"`
	RenewVolumes  bool       `arg:"renew_anon_volumes" default:"no" help:"make anonymous volumes anew"`
	Scale         *value.Map `arg:"scale" help:"services with the number of their containers"`
	Timeout       *int       `arg:"timeout" help:"seconds that a container may take to stop"`
	Wait          bool       `arg:"wait" default:"no" help:"wait until services run and are healthy"`
	WaitTimeout   *int       `arg:"wait_timeout" help:"longest wait in seconds"`
	IgnoreBuild   bool       `arg:"ignore_build_events" default:"yes" help:"without meaning: a build alone is not a change"`
}

// DockerComposeV2 manages compose projects by the host's docker compose.
func DockerComposeV2() play.Module {
	return kit.Define(kit.Doc{Name: "docker_compose_v2", Short: "compose projects, by the host's own docker compose"}, composeV2{})
}

type composeV2 struct{}

func (composeV2) Validate(a composeArgs) *play.ArgError {
	if err := a.validate(); err != nil {
		return err
	}
	if a.WaitTimeout != nil && !a.Wait {
		return &play.ArgError{Arg: "wait_timeout", Msg: "wait_timeout without wait has no meaning"}
	}
	if err := names("services", a.Services); err != nil {
		return err
	}
	for name, n := range a.Scale.All() {
		if i, err := kit.AsInt(n); err != nil || i < 0 {
			return &play.ArgError{Arg: "scale", Msg: fmt.Sprintf("%s: %s is not a number of containers", value.Show(name), value.Show(n))}
		}
	}
	return nil
}

// words are compose's verb and its options.
func (a composeArgs) words(dry bool) []string {
	var out []string
	on := func(is bool, words ...string) {
		if is {
			out = append(out, words...)
		}
	}
	timeout := func() {
		if a.Timeout != nil {
			out = append(out, "--timeout", strconv.Itoa(*a.Timeout))
		}
	}
	switch a.State {
	case "absent":
		out = []string{"down"}
		on(a.RemoveOrphans, "--remove-orphans")
		on(a.RemoveImages != "", "--rmi", a.RemoveImages)
		on(a.RemoveVolumes, "--volumes")
		timeout()
	case "restarted":
		out = []string{"restart"}
		on(!a.Dependencies, "--no-deps")
		timeout()
	default:
		out = []string{"up"}
		on(a.State == "present", "--detach")
		on(a.State == "stopped", "--no-start")
		on(a.Pull != "policy" && !dry, "--pull", a.Pull)
		on(a.Build == "always" && !dry, "--build")
		on(a.Build == "never", "--no-build")
		on(a.Recreate == "always", "--force-recreate")
		on(a.Recreate == "never", "--no-recreate")
		on(a.RemoveOrphans, "--remove-orphans")
		on(!a.Dependencies, "--no-deps")
		on(a.RenewVolumes, "--renew-anon-volumes")
		for name, n := range a.Scale.All() {
			i, _ := kit.AsInt(n)
			out = append(out, "--scale", value.Str(name)+"="+strconv.Itoa(int(i)))
		}
		timeout()
		if a.Wait && !dry && a.State == "present" {
			out = append(out, "--wait")
			if a.WaitTimeout != nil {
				out = append(out, "--wait-timeout", strconv.Itoa(*a.WaitTimeout))
			}
		}
	}
	return append(append(out, "--"), a.Services...)
}

// dryText runs docker in a folder with options that change nothing; its lines
// are sorted, because compose works on several things at once. Compose 2.26 keeps
// the state of its builder even when it only shows what it would do: it gets a
// folder for that which is gone afterwards, in RAM where there is one.
const dryText = sh.TempAsking + `cd -- "$1" 2>/dev/null || { echo "there is no folder $1"; exit 90; }
shift
_name "${TMPDIR:-/dev/shm}" d
(umask 077; mkdir "$_t") 2>/dev/null || { _name /tmp d; (umask 077; mkdir "$_t") 2>/dev/null; }
if [ -d "$_t" ]; then export BUILDX_CONFIG="$_t"; fi
o=$(docker "$@" 2>&1); r=$?
if [ $r -eq 0 ]; then printf '%s\n' "$o" | sort; else printf '%s\n' "$o"; fi
exit $r`

// listText prints a line per container of the project, without what changes by
// itself.
const listText sh.Constant = `cd -- "$1" 2>/dev/null || exit 90
shift
i=$(docker "$@" ps --all --quiet --no-trunc 2>/dev/null | grep -E '^[0-9a-f]{64}$')
if [ -z "$i" ]; then exit 0; fi
docker inspect --type container --format '{{.Name}}|{{index .Config.Labels "com.docker.compose.service"}}|{{.State.Status}}|{{with index .State "Health"}}{{.Status}}{{end}}|{{.Config.Image}}|{{.Id}}|{{.State.ExitCode}}' $i 2>/dev/null | sort`

// event is one thing that compose does or would do.
type event struct{ what, id, status string }

func eventLine() *regexp.Regexp {
	return regexp.MustCompile(`^\s*(?:DRY-RUN MODE -\s+)?(Network|Image|Volume|Container|Service|Config|Secret)\s+(.+?)\s+(Creating|Created|Starting|Started|Restarting|Restarted|Stopping|Stopped|Killing|Killed|Removing|Removed|Recreate|Recreated|Running|Pulling|Pulled|Building|Built|Waiting|Healthy|Exited|Error.*)\s*$`)
}

// acting are the words of compose that mean a change.
func acting(status string) bool {
	switch status {
	case "Creating", "Starting", "Restarting", "Stopping", "Killing", "Removing", "Recreate":
		return true
	}
	return false
}

// readEvents keeps what changes something, each once.
func readEvents(text string) []event {
	line := eventLine()
	seen := map[event]bool{}
	var out []event
	for l := range strings.Lines(text) {
		m := line.FindStringSubmatch(strings.TrimRight(l, "\n"))
		if m == nil || !acting(m[3]) {
			continue
		}
		e := event{strings.ToLower(m[1]), strings.Trim(m[2], `"`), m[3]}
		if !seen[e] {
			seen[e] = true
			out = append(out, e)
		}
	}
	return out
}

// composeContainer is a line of listText.
type composeContainer struct{ name, service, state, health, image, id, code string }

func readContainers(a host.Answer) []composeContainer {
	var out []composeContainer
	for l := range strings.Lines(string(a.Stdout)) {
		f := strings.Split(strings.TrimSpace(l), "|")
		if len(f) == 7 {
			out = append(out, composeContainer{strings.TrimPrefix(f[0], "/"), f[1], f[2], f[3], f[4], f[5], f[6]})
		}
	}
	return out
}

func (a composeArgs) listQuestion() host.Probe {
	return host.NewProbe(listText, append([]string{a.Src}, a.global(false)...)...).Wide()
}

func (a composeArgs) dryQuestion() host.Probe {
	return host.NewProbe(dryText, append([]string{a.Src}, append(a.global(true), a.words(true)...)...)...).Wide()
}

func (composeV2) Facts(a composeArgs) []host.Question {
	return kit.Hint(a.Src, a.dryQuestion(), a.listQuestion())
}

func (m composeV2) Plan(a composeArgs, s host.Seen) (play.Plan, error) {
	src, err := kit.Place(s, a.Src)
	if err != nil {
		return play.Plan{}, err
	}
	a.Src = src
	dry, list := a.dryQuestion(), a.listQuestion()
	if err := host.All(s, dry, list); err != nil {
		return play.Plan{}, err
	}
	would, _ := s.Answer(dry)
	if would.Status != 0 {
		return play.Plan{Result: play.Failure(compose.Fail("docker compose "+a.words(true)[0]+" in "+a.Src, would.Status, string(would.Stdout)).Error())}, nil
	}
	has, _ := s.Answer(list)
	containers := readContainers(has)
	events := readEvents(string(would.Stdout))
	switch {
	case a.State == "stopped":
		return m.stop(a, events, containers), nil
	case len(events) == 0 && !a.acts(containers):
		return kit.Unchanged("the project is as it shall be", a.data(events, containers, "")), nil
	}
	return m.run(a, events, containers, a.step(a.words(false))), nil
}

// acts reports what a simulation cannot tell: pulls, builds, waiting.
func (a composeArgs) acts(containers []composeContainer) bool {
	switch {
	case a.State == "restarted":
		return len(containers) > 0
	case a.State != "present":
		return false
	}
	return a.Pull == "always" || a.Build == "always" || a.Wait && !a.ready(containers)
}

// chosen reports a container of the services that the task names.
func (a composeArgs) chosen(c composeContainer) bool {
	return len(a.Services) == 0 || slices.Contains(a.Services, c.service)
}

// ready reports that every container runs and is healthy.
func (a composeArgs) ready(containers []composeContainer) bool {
	for _, c := range containers {
		if a.chosen(c) && (c.state != "running" || c.health != "" && c.health != "healthy") {
			return false
		}
	}
	return true
}

// composeText runs docker; when compose fails, the last log lines of its
// containers follow. Arguments: folder, how many words are compose's own, words.
const composeText sh.Constant = `cd -- "$1" || exit 90
n=$2; shift 2
docker "$@"; r=$?
if [ $r -eq 0 ]; then exit 0; fi
i=1 m=$#
while [ $i -le $m ]; do a=$1; shift; if [ $i -le $n ]; then set -- "$@" "$a"; fi; i=$((i + 1)); done
l=$(docker "$@" logs --no-color --tail 10 2>/dev/null)
if [ -n "$l" ]; then printf 'last log lines:\n%s\n' "$l" >&2; fi
exit $r`

func (a composeArgs) step(words []string) host.Step {
	global := a.global(false)
	args := append([]string{a.Src, strconv.Itoa(len(global))}, append(global, words...)...)
	what := strings.TrimSuffix(strings.TrimSpace("docker compose "+strings.Join(words, " ")), " --")
	return host.Run{Cmd: sh.Script(composeText, args...), What: what + " in " + a.Src}
}

// stop makes the containers first, as up --no-start does, and stops what runs.
func (m composeV2) stop(a composeArgs, events []event, containers []composeContainer) play.Plan {
	var steps []host.Step
	if len(events) > 0 {
		steps = append(steps, a.step(a.words(false)))
	}
	for _, c := range containers {
		if a.chosen(c) && (c.state == "running" || c.state == "restarting" || c.state == "paused") {
			words := []string{"stop"}
			if a.Timeout != nil {
				words = append(words, "--timeout", strconv.Itoa(*a.Timeout))
			}
			steps = append(steps, a.step(append(append(words, "--"), a.Services...)))
			break
		}
	}
	if steps == nil {
		return kit.Unchanged("nothing of the project runs", a.data(nil, containers, ""))
	}
	plan := m.run(a, events, containers, steps...)
	plan.Result.Changed = true
	return plan
}

// run plans the steps, and asks for the containers again behind them.
func (composeV2) run(a composeArgs, events []event, containers []composeContainer, steps ...host.Step) play.Plan {
	words := a.words(false)
	cmd := "docker " + sh.Join(append(a.global(false), words...)...)
	changed := len(events) > 0 || a.State == "restarted"
	return play.Plan{
		Steps:   steps,
		Result:  play.Result{Changed: changed, Data: a.data(events, containers, cmd)},
		Repeats: a.State == "restarted" || a.State == "present" && (a.Pull == "always" || a.Build == "always" || a.Recreate == "always"),
		Finish: func(ran []host.Output) (play.Result, error) {
			out := ran[len(ran)-1]
			done := doneEvents(ran)
			data := a.data(done, containers, cmd)
			for k, v := range kit.Outputs(string(out.Stdout), string(out.Stderr), false).All() {
				data.Set(k, v)
			}
			data.Put("rc", value.Int(int64(out.Status)))
			r := play.Result{Changed: len(done) > 0, Data: data}
			if out.Status != 0 {
				r.Failed = true
				r.Msg = compose.Fail("docker compose "+words[0]+" in "+a.Src, out.Status, complaint(string(out.Stderr))).Error()
				if _, logs, ok := strings.Cut(string(out.Stderr), "last log lines:\n"); ok {
					r.Msg += "\nlast log lines:\n" + strings.TrimRight(logs, "\n")
				}
			}
			return r, nil
		},
		Then: func(ran []host.Output) (play.Bound, error) {
			done := doneEvents(ran)
			return kit.Stage(func(s host.Seen) (play.Plan, error) {
				now, err := s.Answer(a.listQuestion())
				if err != nil {
					return play.Plan{}, err
				}
				out := ran[len(ran)-1]
				data := a.data(done, readContainers(now), cmd)
				for k, v := range kit.Outputs(string(out.Stdout), string(out.Stderr), false).All() {
					data.Set(k, v)
				}
				data.Put("rc", value.Int(0))
				return play.Plan{Result: play.Result{Changed: len(done) > 0, Data: data}}, nil
			}), nil
		},
	}
}

// complaint is what compose said before the logs.
func complaint(stderr string) string {
	said, _, _ := strings.Cut(stderr, "last log lines:\n")
	var keep []string
	line := eventLine()
	for l := range strings.Lines(said) {
		if !line.MatchString(strings.TrimRight(l, "\n")) {
			keep = append(keep, l)
		}
	}
	if keep == nil {
		return said
	}
	return strings.Join(keep, "")
}

func doneEvents(ran []host.Output) []event {
	var out []event
	for _, o := range ran {
		out = append(out, readEvents(string(o.Stderr)+"\n"+string(o.Stdout))...)
	}
	return out
}

// data are the result's keys.
func (a composeArgs) data(events []event, containers []composeContainer, cmd string) *value.Map {
	actions := make([]value.Value, len(events))
	for i, e := range events {
		actions[i] = value.FromMap(value.MapOf("what", value.String(e.what), "id", kit.HostText(e.id), "status", value.String(e.status)))
	}
	list := make([]value.Value, len(containers))
	images := map[string]bool{}
	for i, c := range containers {
		code, _ := kit.AsInt(value.String(c.code))
		list[i] = value.FromMap(value.MapOf("ID", kit.HostText(c.id), "Name", kit.HostText(c.name), "Service", kit.HostText(c.service), "State", kit.HostText(c.state),
			"Health", kit.HostText(c.health), "Image", kit.HostText(c.image), "ExitCode", value.Int(code)))
		images[c.image] = true
	}
	names := make([]string, 0, len(images))
	for n := range images {
		names = append(names, n)
	}
	sort.Strings(names)
	imgs := make([]value.Value, len(names))
	for i, n := range names {
		imgs[i] = kit.HostText(n)
	}
	m := value.MapOf("actions", value.List(actions...), "containers", value.List(list...), "images", value.List(imgs...))
	if cmd != "" {
		m.Put("cmd", value.String(cmd))
	}
	return m
}
