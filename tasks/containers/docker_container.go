package containers

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// containerArgs are the arguments of docker_container.
type containerArgs struct {
	Name        string      `arg:"name" need:"yes" help:"the container"`
	Image       string      `arg:"image" help:"its image; needed for one that is new"`
	State       string      `arg:"state" default:"started" choices:"absent,present,started,stopped" help:"what it shall be"`
	Pull        string      `arg:"pull" default:"missing" choices:"always,missing,never,no,yes" help:"when its image is pulled"`
	Command     value.Value `arg:"command" help:"what it runs: text, or a list of words"`
	Entrypoint  []string    `arg:"entrypoint" help:"instead of the image's"`
	Env         *value.Map  `arg:"env" help:"its environment"`
	EnvFile     string      `arg:"env_file" type:"path" help:"a file of the host with more of it"`
	Ports       []string    `arg:"published_ports,ports" help:"8080:80, 127.0.0.1:53:53/udp"`
	Exposed     []string    `arg:"exposed_ports,exposed,expose" help:"ports that are named only"`
	Volumes     []string    `arg:"volumes" help:"volume:/path, /host:/path:ro"`
	Networks    value.Value `arg:"networks" type:"list of dict" help:"name, aliases, ipv4_address"`
	NetworkMode string      `arg:"network_mode" help:"host, none, bridge, a network, container:NAME"`
	Restart     string      `arg:"restart_policy" choices:"always,no,on-failure,unless-stopped" help:"when it is started again"`
	Retries     int         `arg:"restart_retries" default:"0" help:"with on-failure: how often"`
	Labels      *value.Map  `arg:"labels" help:"its labels"`
	User        string      `arg:"user" help:"who it runs as"`
	Hostname    string      `arg:"hostname" help:"what it calls itself"`
	Workdir     string      `arg:"working_dir" help:"where it starts"`
	Privileged  *bool       `arg:"privileged" help:"with all rights of the host"`
	ReadOnly    *bool       `arg:"read_only" help:"its file system cannot be written"`
	Init        *bool       `arg:"init" help:"an init that reaps"`
	TTY         *bool       `arg:"tty" help:"a terminal"`
	Interactive *bool       `arg:"interactive" help:"stdin stays open"`
	AutoRemove  *bool       `arg:"auto_remove" help:"it removes itself when it ends"`
	Memory      string      `arg:"memory" help:"most memory: 512M"`
	CPUs        float64     `arg:"cpus" default:"0" help:"most processors"`
	ShmSize     string      `arg:"shm_size" help:"the size of /dev/shm"`
	CapAdd      []string    `arg:"capabilities" help:"rights that it gets"`
	CapDrop     []string    `arg:"cap_drop" help:"rights that it loses"`
	Devices     []string    `arg:"devices" help:"/dev/a:/dev/b:rwm"`
	DNS         []string    `arg:"dns_servers" help:"its name servers"`
	Hosts       *value.Map  `arg:"etc_hosts" help:"names in its /etc/hosts"`
	Tmpfs       []string    `arg:"tmpfs" help:"folders in memory"`
	Ulimits     []string    `arg:"ulimits" help:"nofile:1024:2048"`
	SecurityOpt []string    `arg:"security_opts" help:"options of AppArmor, seccomp and their kin"`
	Sysctls     *value.Map  `arg:"sysctls" help:"settings of its kernel's name spaces"`
	LogDriver   string      `arg:"log_driver" help:"where its output goes"`
	LogOptions  *value.Map  `arg:"log_options" help:"options of that"`
	PIDMode     string      `arg:"pid_mode" help:"whose processes it sees"`
	Health      *value.Map  `arg:"healthcheck" help:"test, interval, timeout, retries, start_period"`
	StopTimeout *int        `arg:"stop_timeout" help:"seconds that it may take to stop"`
	Recreate    bool        `arg:"recreate" default:"no" help:"make it anew each time"`
	Again       bool        `arg:"restart" default:"no" help:"restart it each time"`
	ForceKill   bool        `arg:"force_kill" default:"no" help:"kill it instead of stopping it"`
	KeepVolumes bool        `arg:"keep_volumes" default:"yes" help:"its nameless volumes stay when it goes"`
	Detach      bool        `arg:"detach" default:"yes" help:"no: wait until it ends, and say what it printed"`
	Cleanup     bool        `arg:"cleanup" default:"no" help:"with detach no: remove it behind that"`
	dockerCLI
}

// DockerContainer keeps containers of Docker.
func DockerContainer() play.Module {
	return kit.Define(kit.Doc{Name: "docker_container", Short: "containers of Docker"}, container{})
}

type container struct{}

func (container) Validate(a containerArgs) *play.ArgError {
	if err := dockerName("name", a.Name); err != nil {
		return err
	}
	for i, it := range a.Networks.Items() {
		m, ok := it.AsMap()
		if !ok || textAt(m, "name") == "" {
			return &play.ArgError{Arg: "networks", Msg: fmt.Sprintf("item %d: name is needed", i)}
		}
	}
	if kit.NoSealed(a.Command) != nil || kit.NoSealed(value.FromMap(a.Env)) != nil {
		return &play.ArgError{Arg: "env", Msg: "a sealed secret never goes into a container's environment"}
	}
	return nil
}

func (a containerArgs) imageQuestion() host.Probe {
	return a.ask("image", "inspect", "--", withTag(a.Image, "latest"))
}

func (container) Facts(a containerArgs) []host.Question {
	out := []host.Question{a.ask("container", "inspect", "--", a.Name)}
	if a.Image != "" && a.State != "absent" {
		out = append(out, a.imageQuestion())
	}
	return out
}

func (container) Plan(a containerArgs, s host.Seen) (play.Plan, error) {
	if err := host.All(s, (container{}).Facts(a)...); err != nil {
		return play.Plan{}, err
	}
	is, stop, err := a.inspect(s, "container", a.Name)
	if err != nil || stop != "" {
		return kit.Failure("%s", stop), err
	}
	if a.State == "absent" {
		if is == nil {
			return kit.Unchanged("there is no container "+a.Name, value.NewMap()), nil
		}
		return a.plan(a.remove(is), value.NewMap(), "", "", ""), nil
	}
	var img *value.Map
	if a.Image != "" {
		if img, stop, err = a.inspect(s, "image", withTag(a.Image, "latest")); err != nil || stop != "" {
			return kit.Failure("%s", stop), err
		}
	}
	steps, why, again, stop := a.steps(is, img)
	if stop != "" {
		return kit.Failure("%s", stop), nil
	}
	data := value.MapOf("container", value.FromMap(is))
	if len(steps) == 0 {
		return kit.Unchanged("the container "+a.Name+" is as it shall be", data), nil
	}
	if len(why) > 0 {
		data.Put("differences", value.String(strings.Join(why, ", ")))
	}
	if !a.Detach && a.State == "started" {
		return a.foreground(steps, data), nil
	}
	p := a.plan(steps, data, "container", "container", a.Name)
	p.Repeats = a.Recreate || a.Again || again
	return p, nil
}

// steps are what has to be done; why names what differs; again says that it is done
// each time.
func (a containerArgs) steps(is, img *value.Map) (steps []host.Step, why []string, again bool, stop string) {
	pull := a.Pull == "always" || a.Pull == "yes" || a.Pull == "missing" && img == nil || a.Pull == "no" && img == nil
	if a.Image != "" && pull {
		steps = append(steps, a.run("image", "pull", "--quiet", withTag(a.Image, "latest")))
		again = img != nil
	}
	if is != nil && a.Image != "" && !a.Recreate {
		why = a.differs(is, img)
	}
	running, _ := at(is, "State.Running").AsBool()
	switch {
	case is == nil || a.Recreate || len(why) > 0:
		if a.Image == "" {
			return nil, nil, false, "Cannot create container when image is not specified!"
		}
		if is != nil {
			steps = append(steps, a.remove(is)...)
		}
		steps = append(steps, a.create())
		steps = append(steps, a.connect(nil)...)
		running = false
	default:
		steps = append(steps, a.connect(is)...)
	}
	switch {
	case a.State == "started" && !running:
		steps = append(steps, a.run("container", "start", a.Name))
	case a.State == "started" && a.Again:
		steps = append(steps, a.run("container", "restart", a.Name))
	case a.State == "stopped" && running:
		steps = append(steps, a.halt()...)
	}
	return steps, why, again, ""
}

// halt stops it.
func (a containerArgs) halt() []host.Step {
	if a.ForceKill {
		return []host.Step{a.run("container", "kill", a.Name)}
	}
	words := []string{"container", "stop"}
	if a.StopTimeout != nil {
		words = append(words, "--time", strconv.Itoa(*a.StopTimeout))
	}
	return []host.Step{a.run(append(words, a.Name)...)}
}

func (a containerArgs) remove(is *value.Map) []host.Step {
	var out []host.Step
	if on, _ := at(is, "State.Running").AsBool(); on {
		out = a.halt()
	}
	words := []string{"container", "rm", "--force"}
	if !a.KeepVolumes {
		words = append(words, "--volumes")
	}
	return append(out, a.run(append(words, a.Name)...))
}

// firstNetwork is the one that it is made in; others are joined behind that.
func (a containerArgs) firstNetwork() string {
	if a.NetworkMode != "" {
		return a.NetworkMode
	}
	for _, it := range a.Networks.Items() {
		m, _ := it.AsMap()
		return textAt(m, "name")
	}
	return ""
}

// connect are the steps that join networks which it is not in.
func (a containerArgs) connect(is *value.Map) []host.Step {
	var out []host.Step
	have, _ := at(is, "NetworkSettings.Networks").AsMap()
	for _, it := range a.Networks.Items() {
		m, _ := it.AsMap()
		name := textAt(m, "name")
		if _, in := have.Lookup(name); in || is == nil && name == a.firstNetwork() {
			continue
		}
		out = append(out, a.run(append(append([]string{"network", "connect"}, endpoint(m, "--alias", "--ip")...), name, a.Name)...))
	}
	return out
}

// endpoint are the words of an address in a network.
func endpoint(m *value.Map, alias, ip string) []string {
	var out []string
	for _, x := range at(m, "aliases").Items() {
		out = append(out, alias, value.Str(x))
	}
	if v := textAt(m, "ipv4_address"); v != "" {
		out = append(out, ip, v)
	}
	return out
}

// command are the words that it runs.
func (a containerArgs) command() []string {
	if s, ok := a.Command.AsString(); ok {
		w, ok := sh.Split(s)
		if ok {
			return w
		}
		return strings.Fields(s)
	}
	var out []string
	for _, it := range a.Command.Items() {
		out = append(out, value.Str(it))
	}
	return out
}

// create is the step that makes it. Values of the environment travel in docker's
// own environment, not in its arguments.
func (a containerArgs) create() host.Step {
	w := flags{words: []string{"container", "create", "--name", a.Name}}
	var env []sh.Var
	for _, p := range pairs(a.Env) {
		w.one("--env", p[0])
		env = append(env, sh.Var{Name: p[0], Value: p[1]})
	}
	w.one("--env-file", a.EnvFile)
	w.many("--publish", a.Ports)
	w.many("--expose", a.Exposed)
	w.many("--volume", a.Volumes)
	w.one("--network", a.firstNetwork())
	if len(a.Networks.Items()) > 0 && a.NetworkMode == "" {
		m, _ := a.Networks.Items()[0].AsMap()
		w.words = append(w.words, endpoint(m, "--network-alias", "--ip")...)
	}
	policy := a.Restart
	if policy == "on-failure" && a.Retries > 0 {
		policy += ":" + strconv.Itoa(a.Retries)
	}
	w.one("--restart", policy)
	w.dict("--label", "=", a.Labels)
	w.one("--user", a.User)
	w.one("--hostname", a.Hostname)
	w.one("--workdir", a.Workdir)
	w.yes("--privileged", a.Privileged)
	w.yes("--read-only", a.ReadOnly)
	w.yes("--init", a.Init)
	w.yes("--tty", a.TTY)
	w.yes("--interactive", a.Interactive)
	w.yes("--rm", a.AutoRemove)
	a.limits(&w)
	w.words = append(w.words, a.health()...)
	if a.StopTimeout != nil {
		w.one("--stop-timeout", strconv.Itoa(*a.StopTimeout))
	}
	cmd := a.command()
	if len(a.Entrypoint) > 0 {
		w.one("--entrypoint", a.Entrypoint[0])
		cmd = append(append([]string{}, a.Entrypoint[1:]...), cmd...)
	}
	w.words = append(append(w.words, withTag(a.Image, "latest")), cmd...)
	c := sh.Script(runText, a.words(w.words...)...)
	c.Env = env
	return host.Run{Cmd: c, What: "make the container " + a.Name + " of " + a.Image}
}

// limits adds what it may use, and how.
func (a containerArgs) limits(w *flags) {
	w.one("--memory", a.Memory)
	if a.CPUs > 0 {
		w.one("--cpus", strconv.FormatFloat(a.CPUs, 'g', -1, 64))
	}
	w.one("--shm-size", a.ShmSize)
	w.many("--cap-add", a.CapAdd)
	w.many("--cap-drop", a.CapDrop)
	w.many("--device", a.Devices)
	w.many("--dns", a.DNS)
	w.dict("--add-host", ":", a.Hosts)
	w.many("--tmpfs", a.Tmpfs)
	for _, u := range a.Ulimits {
		w.one("--ulimit", strings.Replace(u, ":", "=", 1))
	}
	w.many("--security-opt", a.SecurityOpt)
	w.dict("--sysctl", "=", a.Sysctls)
	w.one("--log-driver", a.LogDriver)
	w.dict("--log-opt", "=", a.LogOptions)
	w.one("--pid", a.PIDMode)
}

// flags are words that are put together.
type flags struct{ words []string }

func (w *flags) one(flag, v string) {
	if v != "" {
		w.words = append(w.words, flag, v)
	}
}

func (w *flags) many(flag string, l []string) {
	for _, v := range l {
		w.words = append(w.words, flag, v)
	}
}

func (w *flags) yes(flag string, on *bool) {
	if on != nil && *on {
		w.words = append(w.words, flag)
	}
}

func (w *flags) dict(flag, sep string, m *value.Map) {
	for _, p := range pairs(m) {
		w.words = append(w.words, flag, p[0]+sep+p[1])
	}
}

// health are the words of a check.
func (a containerArgs) health() []string {
	if a.Health == nil {
		return nil
	}
	test := textAt(a.Health, "test")
	if l := at(a.Health, "test").Items(); len(l) > 0 {
		var words []string
		for _, it := range l {
			words = append(words, value.Str(it))
		}
		switch words[0] {
		case "NONE":
			return []string{"--no-healthcheck"}
		case "CMD-SHELL":
			test = strings.Join(words[1:], " ")
		case "CMD":
			test = sh.Join(words[1:]...)
		}
	}
	out := []string{"--health-cmd", test}
	for _, k := range []string{"interval", "timeout", "retries", "start_period"} {
		if v := textAt(a.Health, k); v != "" {
			out = append(out, "--health-"+strings.ReplaceAll(k, "_", "-"), v)
		}
	}
	return out
}

// foreground starts it, waits, and says what it printed.
func (a containerArgs) foreground(steps []host.Step, data *value.Map) play.Plan {
	steps = append(steps[:len(steps)-1:len(steps)-1], a.run("container", "start", "--attach", a.Name))
	if a.Cleanup {
		steps = append(steps, a.run("container", "rm", "--force", a.Name))
	}
	n := len(steps) - 1
	if a.Cleanup {
		n--
	}
	return play.Plan{Steps: steps, Repeats: true, Result: play.Result{Changed: true, Data: data}, Finish: func(ran []host.Output) (play.Result, error) {
		r := play.Result{Changed: true, Data: data.Clone()}
		last := ran[len(ran)-1]
		if len(ran) > n {
			last = ran[n]
		}
		r.Data.Put("status", value.Int(int64(last.Status)))
		c := value.MapOf("Output", kit.HostText(string(last.Stdout)+string(last.Stderr)))
		r.Data.Put("container", value.FromMap(c))
		if last.Status != 0 {
			r.Failed, r.Msg = true, string(last.Stdout)+string(last.Stderr)
		}
		return r, nil
	}}
}

// differs compares what the task names with what is there; what it does not name
// does not count, as in Ansible.
func (a containerArgs) differs(is, img *value.Map) []string {
	var out []string
	no := func(what string, same bool) {
		if !same {
			out = append(out, what)
		}
	}
	str := func(what, want, path string) { no(what, want == "" || textAt(is, path) == want) }
	flag := func(what string, want *bool, path string) {
		b, _ := at(is, path).AsBool()
		no(what, want == nil || *want == b)
	}
	list := func(what string, want []string, path string) {
		has := at(is, path).Items()
		for _, w := range want {
			no(what, slices.ContainsFunc(has, func(v value.Value) bool {
				return strings.EqualFold(strings.TrimPrefix(value.Str(v), "CAP_"), strings.TrimPrefix(w, "CAP_"))
			}))
		}
	}
	no("image", img == nil || textAt(img, "Id") == textAt(is, "Image"))
	if cmd := a.command(); len(cmd) > 0 && len(a.Entrypoint) == 0 {
		no("command", slices.Equal(cmd, texts(at(is, "Config.Cmd"))))
	}
	if len(a.Entrypoint) > 0 {
		no("entrypoint", slices.Equal(a.Entrypoint[:1], texts(at(is, "Config.Entrypoint"))) && slices.Equal(append(append([]string{}, a.Entrypoint[1:]...), a.command()...), texts(at(is, "Config.Cmd"))))
	}
	env := texts(at(is, "Config.Env"))
	for _, p := range pairs(a.Env) {
		no("env", slices.Contains(env, p[0]+"="+p[1]))
	}
	labels, _ := at(is, "Config.Labels").AsMap()
	no("labels", holdsAll(labels, a.Labels))
	no("published_ports", a.publishes(is))
	for _, v := range a.Volumes {
		no("volumes", mounted(is, v))
	}
	if a.NetworkMode != "" && a.NetworkMode != "default" {
		str("network_mode", a.NetworkMode, "HostConfig.NetworkMode")
	}
	str("restart_policy", a.Restart, "HostConfig.RestartPolicy.Name")
	str("user", a.User, "Config.User")
	str("hostname", a.Hostname, "Config.Hostname")
	str("working_dir", a.Workdir, "Config.WorkingDir")
	flag("privileged", a.Privileged, "HostConfig.Privileged")
	flag("read_only", a.ReadOnly, "HostConfig.ReadonlyRootfs")
	flag("tty", a.TTY, "Config.Tty")
	flag("interactive", a.Interactive, "Config.OpenStdin")
	flag("auto_remove", a.AutoRemove, "HostConfig.AutoRemove")
	if a.Init != nil {
		flag("init", a.Init, "HostConfig.Init")
	}
	if n, ok := size(a.Memory); ok {
		str("memory", strconv.FormatInt(n, 10), "HostConfig.Memory")
	}
	if a.CPUs > 0 {
		str("cpus", strconv.FormatInt(int64(a.CPUs*1e9), 10), "HostConfig.NanoCpus")
	}
	if n, ok := size(a.ShmSize); ok {
		str("shm_size", strconv.FormatInt(n, 10), "HostConfig.ShmSize")
	}
	list("capabilities", a.CapAdd, "HostConfig.CapAdd")
	list("cap_drop", a.CapDrop, "HostConfig.CapDrop")
	list("dns_servers", a.DNS, "HostConfig.Dns")
	list("security_opts", a.SecurityOpt, "HostConfig.SecurityOpt")
	a.moreDiffers(is, no)
	slices.Sort(out)
	return slices.Compact(out)
}

// moreDiffers compares what has a form of its own.
func (a containerArgs) moreDiffers(is *value.Map, no func(string, bool)) {
	hosts := texts(at(is, "HostConfig.ExtraHosts"))
	for _, p := range pairs(a.Hosts) {
		no("etc_hosts", slices.Contains(hosts, p[0]+":"+p[1]))
	}
	sysctls, _ := at(is, "HostConfig.Sysctls").AsMap()
	no("sysctls", holdsAll(sysctls, a.Sysctls))
	no("log_driver", a.LogDriver == "" || textAt(is, "HostConfig.LogConfig.Type") == a.LogDriver)
	logs, _ := at(is, "HostConfig.LogConfig.Config").AsMap()
	no("log_options", holdsAll(logs, a.LogOptions))
	no("pid_mode", a.PIDMode == "" || textAt(is, "HostConfig.PidMode") == a.PIDMode)
	tmpfs, _ := at(is, "HostConfig.Tmpfs").AsMap()
	for _, t := range a.Tmpfs {
		dir, _, _ := strings.Cut(t, ":")
		_, ok := tmpfs.Lookup(dir)
		no("tmpfs", ok)
	}
	exposed, _ := at(is, "Config.ExposedPorts").AsMap()
	for _, e := range a.Exposed {
		_, ok := exposed.Lookup(withProto(e))
		no("exposed_ports", ok)
	}
}

func texts(v value.Value) []string {
	var out []string
	for _, it := range v.Items() {
		out = append(out, value.Str(it))
	}
	return out
}

func withProto(port string) string {
	if strings.Contains(port, "/") {
		return port
	}
	return port + "/tcp"
}

// publishes compares published ports, all of them.
func (a containerArgs) publishes(is *value.Map) bool {
	if a.Ports == nil {
		return true
	}
	bound, _ := at(is, "HostConfig.PortBindings").AsMap()
	for _, p := range a.Ports {
		if strings.Contains(p, "-") {
			continue // a range of ports
		}
		i := strings.LastIndexByte(p, ':')
		inside, outside := p[i+1:], ""
		if i >= 0 {
			outside = p[:i]
		}
		ip, port := "", outside
		if j := strings.LastIndexByte(outside, ':'); j >= 0 {
			ip, port = strings.Trim(outside[:j], "[]"), outside[j+1:]
		}
		v, ok := bound.Lookup(withProto(inside))
		if !ok {
			return false
		}
		if !slices.ContainsFunc(v.Items(), func(b value.Value) bool {
			m, _ := b.AsMap()
			return (port == "" || textAt(m, "HostPort") == port) && (ip == "" || textAt(m, "HostIp") == ip)
		}) {
			return false
		}
	}
	return true
}

// mounted reports whether a volume is there.
func mounted(is *value.Map, v string) bool {
	f := strings.Split(v, ":")
	if len(f) == 1 {
		return slices.ContainsFunc(at(is, "Mounts").Items(), func(m value.Value) bool { mm, _ := m.AsMap(); return textAt(mm, "Destination") == f[0] })
	}
	ro := len(f) > 2 && slices.Contains(strings.Split(f[2], ","), "ro")
	return slices.ContainsFunc(at(is, "Mounts").Items(), func(m value.Value) bool {
		mm, _ := m.AsMap()
		rw, _ := at(mm, "RW").AsBool()
		src := textAt(mm, "Source")
		if textAt(mm, "Type") == "volume" {
			src = textAt(mm, "Name")
		}
		return textAt(mm, "Destination") == kit.TrimSlash(f[1]) && src == kit.TrimSlash(f[0]) && rw != ro
	})
}

// size reads 512M as docker does.
func size(s string) (int64, bool) {
	s = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(s)), "b")
	shift := map[byte]uint{'k': 10, 'm': 20, 'g': 30, 't': 40}
	if s == "" {
		return 0, false
	}
	by, ok := shift[s[len(s)-1]]
	if ok {
		s = s[:len(s)-1]
	}
	n, err := strconv.ParseFloat(s, 64)
	return int64(n * float64(int64(1)<<by)), err == nil && n > 0
}
