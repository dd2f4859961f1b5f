package containers

import (
	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// volumeArgs are the arguments of docker_volume.
type volumeArgs struct {
	Name     string     `arg:"volume_name,name" need:"yes" help:"the volume"`
	State    string     `arg:"state" default:"present" choices:"absent,present" help:"whether it shall be there; absent removes all that is in it"`
	Driver   string     `arg:"driver" default:"local" help:"its driver"`
	Options  *value.Map `arg:"driver_options" help:"options of the driver"`
	Labels   *value.Map `arg:"labels" help:"its labels"`
	Recreate string     `arg:"recreate" default:"never" choices:"always,never,options-changed" help:"when it is made anew, with all that is in it lost"`
	dockerCLI
}

// DockerVolume keeps volumes of Docker.
func DockerVolume() play.Module {
	return kit.Define(kit.Doc{Name: "docker_volume", Short: "volumes of Docker"}, volume{})
}

type volume struct{}

func (volume) Validate(a volumeArgs) *play.ArgError { return dockerName("volume_name", a.Name) }

func (volume) Facts(a volumeArgs) []host.Question {
	return []host.Question{a.ask("volume", "inspect", "--", a.Name)}
}

func (volume) Plan(a volumeArgs, s host.Seen) (play.Plan, error) {
	is, stop, err := a.inspect(s, "volume", a.Name)
	if err != nil || stop != "" {
		return kit.Failure("%s", stop), err
	}
	data := value.MapOf("volume", value.FromMap(is))
	if a.State == "absent" {
		if is == nil {
			return kit.Unchanged("there is no volume "+a.Name, value.NewMap()), nil
		}
		return a.plan([]host.Step{a.run("volume", "rm", a.Name)}, value.NewMap(), "", "", ""), nil
	}
	options, _ := at(is, "Options").AsMap()
	labels, _ := at(is, "Labels").AsMap()
	differs := is != nil && (textAt(is, "Driver") != a.Driver || !holdsAll(options, a.Options) || !holdsAll(labels, a.Labels))
	again := is != nil && (a.Recreate == "always" || a.Recreate == "options-changed" && differs)
	if is != nil && !again {
		p := kit.Unchanged("the volume "+a.Name+" is there", data)
		if differs {
			p.Result.Warnings = []string{"the volume " + a.Name + " has another driver, other options or labels, and recreate is never: it stays as it is"}
		}
		return p, nil
	}
	var steps []host.Step
	if again {
		steps = append(steps, a.run("volume", "rm", a.Name))
	}
	words := []string{"volume", "create", "--driver", a.Driver}
	for _, p := range pairs(a.Options) {
		words = append(words, "--opt", p[0]+"="+p[1])
	}
	for _, p := range pairs(a.Labels) {
		words = append(words, "--label", p[0]+"="+p[1])
	}
	p := a.plan(append(steps, a.run(append(words, a.Name)...)), data, "volume", "volume", a.Name)
	p.Repeats = a.Recreate == "always"
	return p, nil
}
