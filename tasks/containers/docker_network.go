package containers

import (
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// networkArgs are the arguments of docker_network.
type networkArgs struct {
	Name       string      `arg:"name,network_name" need:"yes" help:"the network"`
	State      string      `arg:"state" default:"present" choices:"absent,present" help:"whether it shall be there"`
	Driver     string      `arg:"driver" default:"bridge" help:"its driver"`
	Options    *value.Map  `arg:"driver_options" help:"options of the driver"`
	IPAM       value.Value `arg:"ipam_config" type:"list of dict" help:"subnet, gateway, iprange"`
	IPAMDriver string      `arg:"ipam_driver" help:"the driver of addresses"`
	Internal   *bool       `arg:"internal" help:"without a way out"`
	Attachable *bool       `arg:"attachable" help:"containers of a swarm's network may join"`
	IPv6       *bool       `arg:"enable_ipv6" help:"IPv6 too"`
	Labels     *value.Map  `arg:"labels" help:"its labels"`
	Connected  []string    `arg:"connected,containers" help:"containers that are in it"`
	Appends    bool        `arg:"appends,incremental" default:"no" help:"others that are in it stay"`
	Force      bool        `arg:"force" default:"no" help:"with absent: put out the containers that are in it; with present: make it anew"`
	Scope      string      `arg:"scope" choices:"global,local,swarm" help:"its scope"`
	dockerCLI
}

// DockerNetwork keeps networks of Docker.
func DockerNetwork() play.Module {
	return kit.Define(kit.Doc{Name: "docker_network", Short: "networks of Docker"}, network{})
}

type network struct{}

func (network) Facts(a networkArgs) []host.Question {
	return []host.Question{a.ask("network", "inspect", "--", a.Name)}
}

func (network) Plan(a networkArgs, s host.Seen) (play.Plan, error) {
	is, stop, err := a.inspect(s, "network", a.Name)
	if err != nil || stop != "" {
		return kit.Failure("%s", stop), err
	}
	inside := a.members(is)
	data := value.MapOf("network", value.FromMap(is))
	var steps []host.Step
	leave := func() {
		for _, c := range inside {
			steps = append(steps, a.run("network", "disconnect", "--force", a.Name, c))
		}
	}
	if a.State == "absent" {
		if is == nil {
			return kit.Unchanged("there is no network "+a.Name, value.NewMap()), nil
		}
		if a.Force {
			leave()
		}
		return a.plan(append(steps, a.run("network", "rm", a.Name)), value.NewMap(), "", "", ""), nil
	}
	back := []string{}
	if is == nil || a.Force || a.differs(is) {
		if is != nil {
			leave()
			back = inside
			steps = append(steps, a.run("network", "rm", a.Name))
		}
		steps = append(steps, a.run(append([]string{"network", "create"}, a.create()...)...))
		inside = nil
	}
	want := append([]string{}, a.Connected...)
	if a.Appends || a.Connected == nil {
		want = append(want, back...)
	}
	for i, c := range want {
		if !slices.Contains(inside, c) && !slices.Contains(want[:i], c) {
			steps = append(steps, a.run("network", "connect", a.Name, c))
		}
	}
	if a.Connected != nil && !a.Appends {
		for _, c := range inside {
			if !slices.Contains(a.Connected, c) {
				steps = append(steps, a.run("network", "disconnect", "--force", a.Name, c))
			}
		}
	}
	if len(steps) == 0 {
		return kit.Unchanged("the network "+a.Name+" is as it shall be", data), nil
	}
	p := a.plan(steps, data, "network", "network", a.Name)
	p.Repeats = a.Force
	return p, nil
}

// members are the names of the containers in it.
func (a networkArgs) members(is *value.Map) []string {
	var out []string
	m, _ := at(is, "Containers").AsMap()
	for _, c := range m.All() {
		cm, _ := c.AsMap()
		out = append(out, textAt(cm, "Name"))
	}
	slices.Sort(out)
	return out
}

// differs compares what the task names.
func (a networkArgs) differs(is *value.Map) bool {
	flag := func(want *bool, path string) bool {
		b, _ := at(is, path).AsBool()
		return want != nil && *want != b
	}
	if textAt(is, "Driver") != a.Driver || flag(a.Internal, "Internal") || flag(a.Attachable, "Attachable") || flag(a.IPv6, "EnableIPv6") || a.Scope != "" && a.Scope != textAt(is, "Scope") ||
		a.IPAMDriver != "" && a.IPAMDriver != textAt(is, "IPAM.Driver") {
		return true
	}
	options, _ := at(is, "Options").AsMap()
	labels, _ := at(is, "Labels").AsMap()
	if !holdsAll(options, a.Options) || !holdsAll(labels, a.Labels) {
		return true
	}
	for _, want := range a.ipam() {
		found := false
		for _, has := range at(is, "IPAM.Config").Items() {
			h, _ := has.AsMap()
			found = found || textAt(h, "Subnet") == want[0] && (want[1] == "" || textAt(h, "Gateway") == want[1]) && (want[2] == "" || textAt(h, "IPRange") == want[2])
		}
		if !found {
			return true
		}
	}
	return false
}

// holdsAll reports that every entry of want is in has.
func holdsAll(has, want *value.Map) bool {
	for _, p := range pairs(want) {
		v, ok := has.Lookup(p[0])
		if !ok || value.Str(v) != p[1] {
			return false
		}
	}
	return true
}

// ipam are subnet, gateway and range.
func (a networkArgs) ipam() [][3]string {
	var out [][3]string
	for _, it := range a.IPAM.Items() {
		m, _ := it.AsMap()
		out = append(out, [3]string{textAt(m, "subnet"), textAt(m, "gateway"), textAt(m, "iprange")})
	}
	return out
}

func (a networkArgs) create() []string {
	out := []string{"--driver", a.Driver}
	for _, p := range pairs(a.Options) {
		out = append(out, "--opt", p[0]+"="+p[1])
	}
	for _, p := range pairs(a.Labels) {
		out = append(out, "--label", p[0]+"="+p[1])
	}
	if a.IPAMDriver != "" {
		out = append(out, "--ipam-driver", a.IPAMDriver)
	}
	for _, c := range a.ipam() {
		for i, flag := range []string{"--subnet", "--gateway", "--ip-range"} {
			if c[i] != "" {
				out = append(out, flag, c[i])
			}
		}
	}
	for _, f := range []struct {
		on   *bool
		flag string
	}{{a.Internal, "--internal"}, {a.Attachable, "--attachable"}, {a.IPv6, "--ipv6"}} {
		if f.on != nil && *f.on {
			out = append(out, f.flag)
		}
	}
	if a.Scope != "" {
		out = append(out, "--scope", a.Scope)
	}
	return append(out, a.Name)
}

func (network) Validate(a networkArgs) *play.ArgError { return dockerName("name", a.Name) }

// dockerName refuses what docker would read as an option.
func dockerName(arg, s string) *play.ArgError {
	if s == "" || strings.HasPrefix(s, "-") || strings.ContainsAny(s, " \t\n") {
		return &play.ArgError{Arg: arg, Msg: "is not valid as a name: " + s}
	}
	return nil
}
