package compose

import (
	"encoding/json"
	"fmt"
	"net"
	"sort"
	"strings"

	"remoterun/runner/host"
)

// Container is what docker inspect says, as far as it is used here.
type Container struct {
	ID           string `json:"Id"`
	Name         string `json:"Name"`
	Image        string `json:"Image"` // the image's id
	RestartCount int    `json:"RestartCount"`
	State        struct {
		Status     string `json:"Status"` // created, running, restarting, exited, paused, dead
		Running    bool   `json:"Running"`
		Restarting bool   `json:"Restarting"`
		OOMKilled  bool   `json:"OOMKilled"`
		ExitCode   int    `json:"ExitCode"`
		Error      string `json:"Error"`
		Pid        int    `json:"Pid"`
		StartedAt  string `json:"StartedAt"`
		Health     *struct {
			Status string `json:"Status"` // starting, healthy, unhealthy
		} `json:"Health"`
	} `json:"State"`
	Config struct {
		Image  string            `json:"Image"`
		User   string            `json:"User"`
		Env    []string          `json:"Env"`
		Cmd    []string          `json:"Cmd"`
		Labels map[string]string `json:"Labels"`
	} `json:"Config"`
	HostConfig struct {
		NetworkMode   string `json:"NetworkMode"`
		RestartPolicy struct {
			Name string `json:"Name"`
		} `json:"RestartPolicy"`
		Ulimits []struct {
			Name string `json:"Name"`
			Soft int64  `json:"Soft"`
			Hard int64  `json:"Hard"`
		} `json:"Ulimits"`
	} `json:"HostConfig"`
	Mounts []struct {
		Type        string `json:"Type"`
		Name        string `json:"Name"`
		Source      string `json:"Source"`
		Destination string `json:"Destination"`
		RW          bool   `json:"RW"`
	} `json:"Mounts"`
	NetworkSettings struct {
		Networks map[string]struct {
			IPAddress string `json:"IPAddress"`
			IPv6      string `json:"GlobalIPv6Address"`
		} `json:"Networks"`
	} `json:"NetworkSettings"`
}

// Limit is one of the container's ulimits, zero when it was given none.
func (c Container) Limit(name string) Limit {
	for _, u := range c.HostConfig.Ulimits {
		if u.Name == name {
			return Limit{u.Soft, u.Hard}
		}
	}
	return Limit{}
}

// Service is the compose service that the container belongs to.
func (c Container) Service() string { return c.Config.Labels["com.docker.compose.service"] }

// ConfigHash is that of the service when the container was made.
func (c Container) ConfigHash() string { return c.Config.Labels["com.docker.compose.config-hash"] }

// Short is the container's name without the leading slash.
func (c Container) Short() string { return strings.TrimPrefix(c.Name, "/") }

// Health is "healthy", "unhealthy", "starting", or "none" without a check.
func (c Container) Health() string {
	if c.State.Health == nil || c.State.Health.Status == "" {
		return "none"
	}
	return c.State.Health.Status
}

// Addr is an address of the container as the host reaches it, "" when it has
// none (it does not run, or has no network). A container on the host's own
// network is reached at the loopback.
func (c Container) Addr(port string) string {
	if c.HostConfig.NetworkMode == "host" && c.State.Running {
		return net.JoinHostPort("127.0.0.1", port)
	}
	names := make([]string, 0, len(c.NetworkSettings.Networks))
	for n := range c.NetworkSettings.Networks {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		if ip := c.NetworkSettings.Networks[n].IPAddress; ip != "" {
			return net.JoinHostPort(ip, port)
		}
	}
	for _, n := range names {
		if ip := c.NetworkSettings.Networks[n].IPv6; ip != "" {
			return net.JoinHostPort(ip, port)
		}
	}
	return ""
}

// Env is a variable of the container, "" when it is not set.
func (c Container) Env(name string) string { return envOf(c.Config.Env, name) }

func envOf(env []string, name string) string {
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}

const containersText = `cd -- "$1" 2>/dev/null || { echo "there is no folder $1"; exit 90; }
shift
` + chooseFile + `was=
while :; do
	ids=$(docker "$@" 2>&1) || { r=$?; printf '\n%s\n' "$ids"; exit $r; }
	ids=$(printf '%s\n' "$ids" | grep -E '^[0-9a-f]{64}$')
	[ -n "$ids" ] || { echo '[]'; exit 0; }
	out=$(docker inspect --type container $ids 2>/dev/null) && { printf '%s\n' "$out"; exit 0; }
	# One that has gone since it was listed is not listed again.
	[ "$ids" != "$was" ] || { err=$(docker inspect --type container $ids 2>&1 >/dev/null); r=$?; printf '\n%s\n' "$err"; [ $r -eq 0 ] || exit $r; }
	was=$ids
done`

// Containers asks for every container of the project's services, stopped ones
// too, one-off ones not.
func (p Project) Containers() host.Fact[[]Container] {
	q := host.NewProbe(containersText, p.words("ps", "-a", "-q", "--no-trunc")...).Wide()
	return host.Fact[[]Container]{Q: q, Parse: func(a host.Answer) ([]Container, error) {
		var all []Container
		err := parse("docker compose ps in "+p.Dir, a, &all)
		return all, err
	}}
}

const everyText = EveryText + `exec 2>&1
every '{"Id":{{json .Id}},"Name":{{json .Name}},"Mounts":{{json .Mounts}}}' -a || exit
echo end`

// Everyone asks for every container of the engine, with its name and mounts
// alone.
func Everyone() host.Fact[[]Container] {
	return host.Fact[[]Container]{Q: host.NewProbe(everyText).Wide(), Parse: func(a host.Answer) ([]Container, error) {
		body, whole := strings.CutSuffix(string(a.Stdout), "end\n")
		if a.Status != 0 || !whole {
			return nil, Fail("docker ps", a.Status, string(a.Stdout))
		}
		var all []Container
		for line := range strings.Lines(body) {
			var c Container
			if err := json.Unmarshal([]byte(line), &c); err != nil {
				return nil, fmt.Errorf("docker inspect: the answer is not JSON: %w", err)
			}
			all = append(all, c)
		}
		return all, nil
	}}
}

// Of keeps the containers of one service.
func Of(all []Container, service string) []Container {
	var out []Container
	for _, c := range all {
		if c.Service() == service {
			out = append(out, c)
		}
	}
	return out
}

// Image is what docker image inspect says, as far as it is used here.
type Image struct {
	ID          string   `json:"Id"`
	RepoTags    []string `json:"RepoTags"`
	RepoDigests []string `json:"RepoDigests"`
	Config      struct {
		Env        []string                   `json:"Env"`
		User       string                     `json:"User"`
		Volumes    map[string]json.RawMessage `json:"Volumes"`
		StopSignal string                     `json:"StopSignal"`
		Entrypoint []string                   `json:"Entrypoint"`
		Cmd        []string                   `json:"Cmd"`
	} `json:"Config"`
}

// Env is a variable of the image, "" when it is not set.
func (i Image) Env(name string) string { return envOf(i.Config.Env, name) }

// ImageNamed asks for an image on the host; nil when it is not there.
func ImageNamed(name string) host.Fact[*Image] {
	q := ask("/", "image", "inspect", "--", name)
	return host.Fact[*Image]{Q: q, Parse: func(a host.Answer) (*Image, error) {
		return optional[Image]("docker image inspect "+name, a, "No such image", "no such image")
	}}
}

// DiskVolume is what docker volume inspect says. Its CreatedAt is left out on
// purpose: engines show the time of the folder's last change there.
type DiskVolume struct {
	Name       string            `json:"Name"`
	Driver     string            `json:"Driver"`
	Mountpoint string            `json:"Mountpoint"`
	Labels     map[string]string `json:"Labels"`
	Options    map[string]string `json:"Options"`
}

// Folder is where a volume's bytes lie on the host: a local volume over a folder
// is that folder, and shows it at its mount point only while a container uses it.
func (v DiskVolume) Folder() string {
	if dev := v.Options["device"]; strings.HasPrefix(dev, "/") && (v.Options["type"] == "none" || strings.Contains(v.Options["o"], "bind")) {
		return dev
	}
	return v.Mountpoint
}

// VolumeNamed asks for a volume of the engine; nil when it is not there.
func VolumeNamed(name string) host.Fact[*DiskVolume] {
	q := ask("/", "volume", "inspect", "--", name)
	return host.Fact[*DiskVolume]{Q: q, Parse: func(a host.Answer) (*DiskVolume, error) {
		return optional[DiskVolume]("docker volume inspect "+name, a, "no such volume", "No such volume")
	}}
}

// optional reads the one object of an inspect. Only docker's own word that the
// object is missing makes it missing.
func optional[T any](what string, a host.Answer, missing ...string) (*T, error) {
	for _, m := range missing {
		if a.Status == 1 && strings.Contains(string(a.Stdout), m) {
			return nil, nil
		}
	}
	var all []T
	if err := parse(what, a, &all); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, nil
	}
	return &all[0], nil
}
