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

// infoArgs are the arguments of modules that look at one object.
type infoArgs struct {
	Name string `arg:"name" need:"yes" help:"its name or id"`
	dockerCLI
}

// info looks at one object of a kind.
type info struct{ kind string }

// DockerContainerInfo looks at a container.
func DockerContainerInfo() play.Module {
	return kit.Define(kit.Doc{Name: "docker_container_info", Short: "what Docker knows of a container"}, info{"container"})
}

// DockerNetworkInfo looks at a network.
func DockerNetworkInfo() play.Module {
	return kit.Define(kit.Doc{Name: "docker_network_info", Short: "what Docker knows of a network"}, info{"network"})
}

// DockerVolumeInfo looks at a volume.
func DockerVolumeInfo() play.Module {
	return kit.Define(kit.Doc{Name: "docker_volume_info", Short: "what Docker knows of a volume"}, info{"volume"})
}

func (info) Validate(a infoArgs) *play.ArgError { return dockerName("name", a.Name) }

func (m info) Facts(a infoArgs) []host.Question {
	return []host.Question{a.ask(m.kind, "inspect", "--", a.Name)}
}

func (m info) Plan(a infoArgs, s host.Seen) (play.Plan, error) {
	is, stop, err := a.inspect(s, m.kind, a.Name)
	if err != nil || stop != "" {
		return kit.Failure("%s", stop), err
	}
	found := value.Null()
	if is != nil {
		found = value.FromMap(is)
	}
	return kit.Unchanged("it only looks", value.MapOf("exists", value.Bool(is != nil), m.kind, found)), nil
}

// manyText prints what docker knows of all objects of a kind: kind, how many words
// are docker's own, these, then the words that list their ids.
const manyText sh.Constant = `command -v docker >/dev/null || exit 9
k=$1 n=$2; shift 2
i=1 all=$# g=
o=$("$@" 2>&1) || { printf "%s\n" "$o"; exit 1; }
while [ $i -le $all ]; do a=$1; shift; if [ $i -le "$n" ]; then set -- "$@" "$a"; fi; i=$((i + 1)); done
o=$(printf "%s\n" "$o" | sort -u)
if [ -z "$o" ]; then echo "[]"; exit 0; fi
"$@" "$k" inspect -- $o 2>&1`

// many asks for all objects of a kind that words list.
func (d dockerCLI) many(kind string, words ...string) host.Probe {
	own := d.words()
	return host.NewProbe(manyText, append([]string{kind, strconv.Itoa(len(own))}, d.words(words...)...)...)
}

// list reads the answer of many; stop is why nobody can tell.
func (d dockerCLI) list(s host.Seen, p host.Probe) (items []value.Value, stop string, err error) {
	ans, err := s.Answer(p)
	if err != nil {
		return nil, "", err
	}
	text := strings.TrimSpace(string(ans.Stdout))
	if ans.Status == 9 {
		return nil, noDocker, nil
	}
	v, bad := value.ParseJSON([]byte(text))
	if ans.Status != 0 || bad != nil {
		return nil, "Error: " + kit.OneLine(text), nil
	}
	return v.With(value.Unsafe).Items(), "", nil
}

// imageInfoArgs are the arguments of docker_image_info.
type imageInfoArgs struct {
	Names []string `arg:"name" help:"names or ids; without any, all images"`
	dockerCLI
}

// DockerImageInfo looks at images.
func DockerImageInfo() play.Module {
	return kit.Define(kit.Doc{Name: "docker_image_info", Short: "what Docker knows of images"}, imageInfo{})
}

type imageInfo struct{}

func (imageInfo) Validate(a imageInfoArgs) *play.ArgError {
	for _, n := range a.Names {
		if err := dockerName("name", n); err != nil {
			return err
		}
	}
	return nil
}

func (a imageInfoArgs) questions() []host.Question {
	if len(a.Names) == 0 {
		return []host.Question{a.many("image", "image", "ls", "--quiet", "--no-trunc")}
	}
	var out []host.Question
	for _, n := range a.Names {
		out = append(out, a.ask("image", "inspect", "--", withTag(n, "latest")))
	}
	return out
}

func (imageInfo) Facts(a imageInfoArgs) []host.Question { return a.questions() }

func (imageInfo) Plan(a imageInfoArgs, s host.Seen) (play.Plan, error) {
	if err := host.All(s, a.questions()...); err != nil {
		return play.Plan{}, err
	}
	images := []value.Value{}
	if len(a.Names) == 0 {
		list, stop, err := a.list(s, a.many("image", "image", "ls", "--quiet", "--no-trunc"))
		if err != nil || stop != "" {
			return kit.Failure("%s", stop), err
		}
		images = append(images, list...)
	}
	for _, n := range a.Names {
		is, stop, err := a.inspect(s, "image", withTag(n, "latest"))
		if err != nil || stop != "" {
			return kit.Failure("%s", stop), err
		}
		if is != nil {
			images = append(images, value.FromMap(is))
		}
	}
	return kit.Unchanged("it only looks", value.MapOf("images", value.List(images...))), nil
}
