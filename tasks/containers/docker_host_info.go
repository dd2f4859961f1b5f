package containers

import (
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// hostInfoArgs are the arguments of docker_host_info.
type hostInfoArgs struct {
	Containers       bool       `arg:"containers" default:"no" help:"list containers, those that run"`
	ContainersAll    bool       `arg:"containers_all" default:"no" help:"list those that do not run, too"`
	ContainerFilters *value.Map `arg:"containers_filters" help:"which of them"`
	Images           bool       `arg:"images" default:"no" help:"list images"`
	ImageFilters     *value.Map `arg:"images_filters" help:"which of them"`
	Networks         bool       `arg:"networks" default:"no" help:"list networks"`
	NetworkFilters   *value.Map `arg:"networks_filters" help:"which of them"`
	Volumes          bool       `arg:"volumes" default:"no" help:"list volumes"`
	VolumeFilters    *value.Map `arg:"volumes_filters" help:"which of them"`
	Disk             bool       `arg:"disk_usage" default:"no" help:"what takes how much room"`
	Verbose          bool       `arg:"verbose_output" default:"no" help:"list all that docker knows of each"`
	dockerCLI
}

// DockerHostInfo looks at an engine.
func DockerHostInfo() play.Module {
	return kit.Define(kit.Doc{Name: "docker_host_info", Short: "what Docker knows of itself"}, hostInfo{})
}

type hostInfo struct{}

// listed is a kind that the task wants a list of.
type listed struct {
	key, kind string
	on        bool
	words     []string
	filters   *value.Map
	short     [][2]string // keys of a short entry, and where they are
}

func (a hostInfoArgs) lists() []listed {
	ls := []string{"container", "ls", "--quiet", "--no-trunc"}
	if a.ContainersAll {
		ls = append(ls, "--all")
	}
	all := []listed{
		{"containers", "container", a.Containers, ls, a.ContainerFilters, [][2]string{{"Id", "Id"}, {"Image", "Config.Image"}, {"Command", "Path"}, {"Created", "Created"}, {"Status", "State.Status"}, {"Ports", "NetworkSettings.Ports"}, {"Names", "Name"}}},
		{"images", "image", a.Images, []string{"image", "ls", "--quiet", "--no-trunc"}, a.ImageFilters, [][2]string{{"Id", "Id"}, {"RepoTags", "RepoTags"}, {"Created", "Created"}, {"Size", "Size"}}},
		{"networks", "network", a.Networks, []string{"network", "ls", "--quiet", "--no-trunc"}, a.NetworkFilters, [][2]string{{"Id", "Id"}, {"Driver", "Driver"}, {"Name", "Name"}, {"Scope", "Scope"}}},
		{"volumes", "volume", a.Volumes, []string{"volume", "ls", "--quiet"}, a.VolumeFilters, [][2]string{{"Mountpoint", "Mountpoint"}, {"Name", "Name"}}},
	}
	var out []listed
	for _, l := range all {
		for _, p := range pairs(l.filters) {
			l.words = append(l.words, "--filter", p[0]+"="+p[1])
		}
		if l.on {
			out = append(out, l)
		}
	}
	return out
}

func (a hostInfoArgs) questions() []host.Question {
	out := []host.Question{a.ask("info", "--format", "{{json .}}").Wide()}
	for _, l := range a.lists() {
		out = append(out, a.many(l.kind, l.words...))
	}
	if a.Disk {
		out = append(out, a.ask("system", "df", "--format", "{{json .}}").Wide())
	}
	return out
}

func (hostInfo) Facts(hostInfoArgs) []host.Question { return nil }

func (hostInfo) Plan(a hostInfoArgs, s host.Seen) (play.Plan, error) {
	if err := host.All(s, a.questions()...); err != nil {
		return play.Plan{}, err
	}
	ans, err := s.Answer(a.ask("info", "--format", "{{json .}}").Wide())
	if err != nil {
		return play.Plan{}, err
	}
	is, bad := value.ParseJSON(ans.Stdout)
	m, ok := is.With(value.Unsafe).AsMap()
	switch {
	case ans.Status == 9:
		return kit.Failure("%s", noDocker), nil
	case ans.Status != 0 || bad != nil || !ok:
		p := kit.Failure("Error connecting: %s", kit.OneLine(string(ans.Stdout)))
		p.Result.Data = value.MapOf("can_talk_to_docker", value.Bool(false))
		return p, nil
	}
	data := value.MapOf("can_talk_to_docker", value.Bool(true), "host_info", value.FromMap(m))
	for _, l := range a.lists() {
		items, stop, err := a.list(s, a.many(l.kind, l.words...))
		if err != nil || stop != "" {
			return kit.Failure("%s", stop), err
		}
		if !a.Verbose {
			items = l.shorten(items)
		}
		data.Put(l.key, value.List(items...))
	}
	if a.Disk {
		ans, err := s.Answer(a.ask("system", "df", "--format", "{{json .}}").Wide())
		if err != nil {
			return play.Plan{}, err
		}
		data.Put("disk_usage", usage(string(ans.Stdout)))
	}
	return kit.Unchanged("it only looks", data), nil
}

// shorten keeps of each entry what Ansible lists.
func (l listed) shorten(items []value.Value) []value.Value {
	out := []value.Value{}
	for _, it := range items {
		m, _ := it.AsMap()
		short := value.NewMap()
		for _, k := range l.short {
			v := at(m, k[1])
			if k[0] == "Names" {
				v = value.List(v)
			}
			short.Put(k[0], v)
		}
		out = append(out, value.FromMap(short))
	}
	return out
}

// usage is docker's table of room, by kind.
func usage(text string) value.Value {
	m := value.NewMap()
	for line := range strings.Lines(text) {
		v, err := value.ParseJSON([]byte(line))
		row, ok := v.With(value.Unsafe).AsMap()
		if err != nil || !ok {
			continue
		}
		m.Put(strings.ReplaceAll(textAt(row, "Type"), " ", ""), value.FromMap(row))
	}
	return value.FromMap(m)
}
