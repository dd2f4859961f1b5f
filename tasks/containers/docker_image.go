package containers

import (
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// imageArgs are the arguments of docker_image.
type imageArgs struct {
	Name        string     `arg:"name" need:"yes" help:"the image: name, name:tag, name@digest"`
	Tag         string     `arg:"tag" default:"latest" help:"its tag, where name has none"`
	State       string     `arg:"state" default:"present" choices:"absent,present" help:"whether it shall be there"`
	Source      string     `arg:"source" choices:"build,load,local,pull" help:"where it comes from; needed unless absent"`
	Build       *value.Map `arg:"build" help:"path, dockerfile, args, nocache, pull, target, network, labels, platform, cache_from, etc_hosts, shm_size, rm"`
	Load        string     `arg:"load_path" type:"path" help:"with load: an archive on the host"`
	Archive     string     `arg:"archive_path" type:"path" help:"save it to an archive, too"`
	Platform    string     `arg:"platform" help:"with pull: for which machine"`
	Repository  string     `arg:"repository" help:"another name for it"`
	Push        bool       `arg:"push" default:"no" help:"push it to its registry"`
	ForceSource bool       `arg:"force_source" default:"no" help:"fetch or build it although it is there"`
	ForceTag    bool       `arg:"force_tag" default:"no" help:"take the other name from the image that has it"`
	ForceAbsent bool       `arg:"force_absent" default:"no" help:"with absent: although containers use it"`
	dockerCLI
}

// DockerImage keeps images of Docker.
func DockerImage() play.Module {
	return kit.Define(kit.Doc{Name: "docker_image", Short: "images of Docker: pulled, built, loaded, tagged"}, image{})
}

type image struct{}

// ref is the image's whole name.
func (a imageArgs) ref() string { return withTag(a.Name, a.Tag) }

func withTag(name, tag string) string {
	last := name[strings.LastIndexByte(name, '/')+1:]
	if strings.ContainsAny(last, ":@") || strings.HasPrefix(name, "sha256:") {
		return name
	}
	return name + ":" + tag
}

func (image) Validate(a imageArgs) *play.ArgError {
	if err := dockerName("name", a.Name); err != nil {
		return err
	}
	switch {
	case a.State == "present" && a.Source == "":
		return &play.ArgError{Arg: "source", Msg: "state is present but all of the following are missing: source"}
	case a.Source == "build" && textAt(a.Build, "path") == "":
		return &play.ArgError{Arg: "build", Msg: "source is build but all of the following are missing: build"}
	case a.Source == "load" && a.Load == "":
		return &play.ArgError{Arg: "load_path", Msg: "source is load but all of the following are missing: load_path"}
	}
	for k := range a.Build.All() {
		if !strings.Contains(" path dockerfile args nocache pull target network labels platform rm cache_from etc_hosts shm_size ", " "+value.Str(k)+" ") {
			return &play.ArgError{Arg: "build", Msg: "there is no such option of build: " + value.Str(k)}
		}
	}
	return nil
}

func (image) Facts(a imageArgs) []host.Question {
	return []host.Question{a.ask("image", "inspect", "--", a.ref())}
}

func (image) Plan(a imageArgs, s host.Seen) (play.Plan, error) {
	is, stop, err := a.inspect(s, "image", a.ref())
	if err != nil || stop != "" {
		return kit.Failure("%s", stop), err
	}
	data := value.MapOf("image", value.FromMap(is), "actions", value.List())
	if a.State == "absent" {
		if is == nil {
			return kit.Unchanged("there is no image "+a.ref(), data), nil
		}
		words := []string{"image", "rm"}
		if a.ForceAbsent {
			words = append(words, "--force")
		}
		return a.plan([]host.Step{a.run(append(words, a.ref())...)}, value.MapOf("image", value.FromMap(nil)), "", "", ""), nil
	}
	var steps []host.Step
	if is == nil || a.ForceSource {
		if a.Source == "local" {
			return kit.Failure("Cannot find the image %s locally.", a.ref()), nil
		}
		steps = append(steps, a.source())
	}
	if a.Archive != "" {
		at, err := kit.Place(s, a.Archive)
		if err != nil {
			return play.Plan{}, err
		}
		steps = append(steps, a.save(at))
	}
	also, stop, err := a.also(s, is)
	if err != nil || stop != "" {
		return kit.Failure("%s", stop), err
	}
	steps = append(steps, also...)
	if len(steps) == 0 {
		return kit.Unchanged("the image "+a.ref()+" is there", data), nil
	}
	list := []value.Value{}
	for _, st := range steps {
		list = append(list, value.String(st.Describe()))
	}
	data.Put("actions", value.List(list...))
	p := a.plan(steps, data, "image", "image", a.ref())
	p.Repeats = a.ForceSource || a.Push || a.Archive != ""
	if a.ForceSource && is != nil && !a.Push && a.Archive == "" && a.Repository == "" {
		p = a.changedBy(p, textAt(is, "Id"))
	}
	return p, nil
}

// saveText writes what a docker command prints to a file that root alone may read,
// as docker's own --output does: path, the command.
const saveText sh.Constant = kit.Hold + `command -v docker >/dev/null || { echo "Failed to find required executable \"docker\" on the host" >&2; exit 1; }
k_hold "$1" || exit 1
shift
if [ -d "./$k_n" ]; then k_no "$k_p is a directory"; exit 1; fi
umask 077
k_new && "$@" >&8 || exit 1
k_mv || { k_no "$k_e"; exit 1; }`

// save is the step that writes the image to its archive.
func (a imageArgs) save(to string) host.Step {
	words := a.words("image", "save", a.ref())
	return host.Run{Cmd: sh.Script(saveText, append([]string{to}, words...)...), What: "docker image save --output " + to + " " + a.ref()}
}

// source is the step that brings the image.
func (a imageArgs) source() host.Step {
	switch a.Source {
	case "load":
		return a.run("image", "load", "--input", a.Load)
	case "pull":
		words := []string{"image", "pull", "--quiet"}
		if a.Platform != "" {
			words = append(words, "--platform", a.Platform)
		}
		return a.run(append(words, a.ref())...)
	}
	b := a.Build
	words := []string{"image", "build", "--tag", a.ref()}
	for _, o := range [][2]string{{"dockerfile", "--file"}, {"target", "--target"}, {"network", "--network"}, {"platform", "--platform"}, {"shm_size", "--shm-size"}} {
		v := textAt(b, o[0])
		if o[0] == "dockerfile" && v != "" && !strings.HasPrefix(v, "/") {
			v = kit.Join(textAt(b, "path"), v)
		}
		if v != "" {
			words = append(words, o[1], v)
		}
	}
	for _, o := range [][2]string{{"nocache", "--no-cache"}, {"pull", "--pull"}} {
		if on, err := kit.AsBool(at(b, o[0])); err == nil && on {
			words = append(words, o[1])
		}
	}
	for _, o := range [][2]string{{"args", "--build-arg"}, {"labels", "--label"}} {
		m, _ := at(b, o[0]).AsMap()
		for _, p := range pairs(m) {
			words = append(words, o[1], p[0]+"="+p[1])
		}
	}
	hosts, _ := at(b, "etc_hosts").AsMap()
	for _, p := range pairs(hosts) {
		words = append(words, "--add-host", p[0]+":"+p[1])
	}
	for _, v := range texts(at(b, "cache_from")) {
		words = append(words, "--cache-from", v)
	}
	return a.run(append(words, textAt(b, "path"))...)
}

// also are tagging and pushing.
func (a imageArgs) also(s host.Seen, is *value.Map) (steps []host.Step, stop string, err error) {
	name := a.ref()
	if a.Repository != "" {
		name = withTag(a.Repository, a.Tag)
		other, stop, err := a.inspect(s, "image", name)
		if err != nil || stop != "" {
			return nil, stop, err
		}
		if other == nil || a.ForceTag && textAt(other, "Id") != textAt(is, "Id") || is == nil {
			steps = append(steps, a.run("image", "tag", a.ref(), name))
		}
	}
	if a.Push {
		steps = append(steps, a.run("image", "push", "--quiet", name))
	}
	return steps, "", nil
}
