package containers

import (
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// imagePullArgs are the arguments of docker_image_pull.
type imagePullArgs struct {
	Name     string `arg:"name" need:"yes" help:"the image: name, name:tag, name@digest"`
	Tag      string `arg:"tag" default:"latest" help:"its tag, where name has none"`
	Platform string `arg:"platform" help:"for which machine"`
	Pull     string `arg:"pull" default:"always" choices:"always,not_present" help:"when it is pulled"`
	dockerCLI
}

// DockerImagePull pulls images.
func DockerImagePull() play.Module {
	return kit.Define(kit.Doc{Name: "docker_image_pull", Short: "images of Docker, pulled"}, imagePull{})
}

type imagePull struct{}

func (a imagePullArgs) image() imageArgs {
	return imageArgs{Name: a.Name, Tag: a.Tag, Source: "pull", Platform: a.Platform, dockerCLI: a.dockerCLI}
}

func (imagePull) Validate(a imagePullArgs) *play.ArgError { return dockerName("name", a.Name) }

func (imagePull) Facts(a imagePullArgs) []host.Question { return image{}.Facts(a.image()) }

func (imagePull) Plan(a imagePullArgs, s host.Seen) (play.Plan, error) {
	return a.image().brought(s, a.Pull == "always")
}

// brought plans an image that is pulled or built where it is missing, or always.
func (a imageArgs) brought(s host.Seen, always bool) (play.Plan, error) {
	is, stop, err := a.inspect(s, "image", a.ref())
	if err != nil || stop != "" {
		return kit.Failure("%s", stop), err
	}
	data := value.MapOf("image", value.FromMap(is), "actions", value.List())
	if is != nil && !always {
		return kit.Unchanged("the image "+a.ref()+" is there", data), nil
	}
	st := a.source()
	data.Put("actions", value.List(value.String(st.Describe())))
	p := a.plan([]host.Step{st}, data, "image", "image", a.ref())
	p.Repeats = always
	return a.changedBy(p, textAt(is, "Id")), nil
}

// changedBy says that a plan changed something when the image is another one behind
// it.
func (imageArgs) changedBy(p play.Plan, before string) play.Plan {
	then := p.Then
	p.Then = func(ran []host.Output) (play.Bound, error) {
		next, err := then(ran)
		if err != nil {
			return nil, err
		}
		return kit.Stage(func(s host.Seen) (play.Plan, error) {
			q, err := next.Plan(s)
			q.Result.Changed = textAt(q.Result.Data, "image.Id") != before
			return q, err
		}), nil
	}
	return p
}

// imageBuildArgs are the arguments of docker_image_build.
type imageBuildArgs struct {
	Name       string     `arg:"name" need:"yes" help:"the image: name or name:tag"`
	Tag        string     `arg:"tag" default:"latest" help:"its tag, where name has none"`
	Path       string     `arg:"path" need:"yes" type:"path" help:"the folder on the host that it is built from"`
	Dockerfile string     `arg:"dockerfile" help:"another file than Dockerfile, relative to path"`
	CacheFrom  []string   `arg:"cache_from" help:"images whose layers may be used"`
	Pull       bool       `arg:"pull" default:"no" help:"fetch newer images that it stands on"`
	Network    string     `arg:"network" help:"the network of its RUN"`
	NoCache    bool       `arg:"nocache" default:"no" help:"build every layer"`
	Hosts      *value.Map `arg:"etc_hosts" help:"names in /etc/hosts while it is built"`
	Args       *value.Map `arg:"args" help:"its ARGs"`
	Target     string     `arg:"target" help:"the last stage to build"`
	Platform   []string   `arg:"platform" help:"for which machines"`
	ShmSize    string     `arg:"shm_size" help:"the size of /dev/shm while it is built"`
	Labels     *value.Map `arg:"labels" help:"its labels"`
	Rebuild    string     `arg:"rebuild" default:"never" choices:"always,never" help:"build it although it is there"`
	dockerCLI
}

// DockerImageBuild builds images.
func DockerImageBuild() play.Module {
	return kit.Define(kit.Doc{Name: "docker_image_build", Short: "images of Docker, built"}, imageBuild{})
}

type imageBuild struct{}

func (a imageBuildArgs) image(at string) imageArgs {
	b := value.MapOf("path", value.String(at))
	put := func(k, v string) {
		if v != "" {
			b.Put(k, value.String(v))
		}
	}
	put("dockerfile", a.Dockerfile)
	put("network", a.Network)
	put("target", a.Target)
	put("platform", strings.Join(a.Platform, ","))
	put("shm_size", a.ShmSize)
	b.Put("nocache", value.Bool(a.NoCache))
	b.Put("pull", value.Bool(a.Pull))
	b.Put("args", value.FromMap(a.Args))
	b.Put("labels", value.FromMap(a.Labels))
	b.Put("etc_hosts", value.FromMap(a.Hosts))
	b.Put("cache_from", value.Strings(a.CacheFrom...))
	return imageArgs{Name: a.Name, Tag: a.Tag, Source: "build", Build: b, dockerCLI: a.dockerCLI}
}

func (imageBuild) Validate(a imageBuildArgs) *play.ArgError {
	if strings.Contains(a.Name, "@") {
		return &play.ArgError{Arg: "name", Msg: "Image name must not contain a digest, but have " + a.Name}
	}
	return dockerName("name", a.Name)
}

func (imageBuild) Facts(a imageBuildArgs) []host.Question {
	return image{}.Facts(a.image(a.Path))
}

func (imageBuild) Plan(a imageBuildArgs, s host.Seen) (play.Plan, error) {
	at, err := kit.Place(s, a.Path)
	if err != nil {
		return play.Plan{}, err
	}
	dir, err := host.Get(s, kit.LookAt(at, "", false))
	switch {
	case err != nil:
		return play.Plan{}, err
	case !dir.Target.Exists:
		return kit.Failure(`"%s" is not an existing directory`, a.Path), nil
	case !dir.Target.IsDir():
		return kit.Failure(`"%s" is not an existing directory`, a.Path), nil
	}
	return a.image(at).brought(s, a.Rebuild == "always")
}

// imageLoadArgs are the arguments of docker_image_load.
type imageLoadArgs struct {
	Path string `arg:"path" need:"yes" type:"path" help:"the archive on the host"`
	dockerCLI
}

// DockerImageLoad loads images of an archive.
func DockerImageLoad() play.Module {
	return kit.Define(kit.Doc{Name: "docker_image_load", Short: "images of Docker, loaded of an archive"}, imageLoad{})
}

type imageLoad struct{}

func (imageLoad) Facts(imageLoadArgs) []host.Question { return nil }

func (imageLoad) Plan(a imageLoadArgs, s host.Seen) (play.Plan, error) {
	at, err := kit.Place(s, a.Path)
	if err != nil {
		return play.Plan{}, err
	}
	look, err := host.Get(s, kit.LookAt(at, "", false))
	if err != nil {
		return play.Plan{}, err
	}
	if !look.Target.Exists {
		return kit.Failure("Error opening archive %s: [Errno 2] No such file or directory: '%s'", a.Path, a.Path), nil
	}
	return play.Plan{
		Steps: []host.Step{a.run("image", "load", "--input", at)}, Repeats: true,
		Result: play.Result{Skipped: true, Msg: "remote module (docker_image_load) does not support check mode"},
		Finish: kit.After(func(ran []host.Output) (play.Result, error) {
			var names []string
			for line := range strings.Lines(string(ran[0].Stdout)) {
				for _, p := range []string{"Loaded image: ", "Loaded image ID: "} {
					if n, ok := strings.CutPrefix(strings.TrimSpace(line), p); ok {
						names = append(names, n)
					}
				}
			}
			if names == nil {
				return play.Failure("Detected no loaded images. Archive potentially corrupt?"), nil
			}
			list := value.Strings(names...).With(value.Unsafe)
			return play.Result{Changed: true, Data: value.MapOf("image_names", list, "stdout", kit.HostText(string(ran[0].Stdout)))}, nil
		}),
	}, nil
}

// imageTagArgs are the arguments of docker_image_tag.
type imageTagArgs struct {
	Name       string   `arg:"name" need:"yes" help:"the image that is there"`
	Tag        string   `arg:"tag" default:"latest" help:"its tag, where name has none"`
	Repository []string `arg:"repository" need:"yes" help:"the names that it gets"`
	Existing   string   `arg:"existing_images" default:"overwrite" choices:"keep,overwrite" help:"what happens to an image that has such a name"`
	dockerCLI
}

// DockerImageTag gives images more names.
func DockerImageTag() play.Module {
	return kit.Define(kit.Doc{Name: "docker_image_tag", Short: "more names for an image of Docker"}, imageTag{})
}

type imageTag struct{}

func (imageTag) Validate(a imageTagArgs) *play.ArgError {
	for _, n := range append([]string{a.Name}, a.Repository...) {
		if err := dockerName("name", n); err != nil {
			return err
		}
	}
	return nil
}

func (a imageTagArgs) questions() []host.Question {
	out := []host.Question{a.ask("image", "inspect", "--", withTag(a.Name, a.Tag))}
	for _, r := range a.Repository {
		out = append(out, a.ask("image", "inspect", "--", withTag(r, "latest")))
	}
	return out
}

func (imageTag) Facts(a imageTagArgs) []host.Question { return a.questions() }

func (imageTag) Plan(a imageTagArgs, s host.Seen) (play.Plan, error) {
	if err := host.All(s, a.questions()...); err != nil {
		return play.Plan{}, err
	}
	ref := withTag(a.Name, a.Tag)
	is, stop, err := a.inspect(s, "image", ref)
	if err != nil || stop != "" {
		return kit.Failure("%s", stop), err
	}
	if is == nil {
		return kit.Failure("Cannot find image %s", ref), nil
	}
	p := play.Plan{Result: play.Result{Changed: true}}
	tagged := []string{}
	actions := []value.Value{}
	for _, r := range a.Repository {
		name := withTag(r, "latest")
		other, stop, err := a.inspect(s, "image", name)
		if err != nil || stop != "" {
			return kit.Failure("%s", stop), err
		}
		if other != nil && (a.Existing == "keep" || textAt(other, "Id") == textAt(is, "Id")) {
			continue
		}
		p.Steps = append(p.Steps, a.run("image", "tag", ref, name))
		tagged = append(tagged, name)
		actions = append(actions, value.String("Tagged image "+ref+" as "+name))
	}
	data := value.MapOf("image", value.FromMap(is), "actions", value.List(actions...), "tagged_images", value.Strings(tagged...))
	if len(p.Steps) == 0 {
		return kit.Unchanged("the image has its names", data), nil
	}
	p.Result.Data = data
	return p, nil
}
