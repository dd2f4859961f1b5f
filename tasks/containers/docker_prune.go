package containers

import (
	"regexp"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// pruneArgs are the arguments of docker_prune.
type pruneArgs struct {
	Containers       bool       `arg:"containers" default:"no" help:"those that do not run"`
	ContainerFilters *value.Map `arg:"containers_filters" help:"which of them: until, label"`
	Images           bool       `arg:"images" default:"no" help:"those without a name"`
	ImageFilters     *value.Map `arg:"images_filters" help:"which of them; dangling no: all that no container uses"`
	Networks         bool       `arg:"networks" default:"no" help:"those that nothing uses"`
	NetworkFilters   *value.Map `arg:"networks_filters" help:"which of them"`
	Volumes          bool       `arg:"volumes" default:"no" help:"nameless ones that nothing uses, with what is in them"`
	VolumeFilters    *value.Map `arg:"volumes_filters" help:"which of them; all yes: those with names, too"`
	Cache            bool       `arg:"builder_cache" default:"no" help:"what builds keep"`
	CacheAll         bool       `arg:"builder_cache_all" default:"no" help:"all of it"`
	CacheFilters     *value.Map `arg:"builder_cache_filters" help:"which of it"`
	CacheKeep        string     `arg:"builder_cache_keep_storage" help:"how much of it stays: 2G"`
	dockerCLI
}

// DockerPrune removes what nothing uses.
func DockerPrune() play.Module {
	return kit.Define(kit.Doc{Name: "docker_prune", Short: "what Docker keeps and nothing uses, removed"}, prune{})
}

type prune struct{}

func (prune) Facts(pruneArgs) []host.Question { return nil }

// kinds are what is removed, in the order of Ansible's results.
func (a pruneArgs) kinds() (out []string) {
	for _, k := range []struct {
		name string
		on   bool
	}{{"container", a.Containers}, {"image", a.Images}, {"network", a.Networks}, {"volume", a.Volumes}, {"builder", a.Cache}} {
		if k.on {
			out = append(out, k.name)
		}
	}
	return out
}

func (a pruneArgs) verb(kind string) []string {
	w := []string{kind, "prune", "--force"}
	filters := map[string]*value.Map{"container": a.ContainerFilters, "image": a.ImageFilters, "network": a.NetworkFilters, "volume": a.VolumeFilters, "builder": a.CacheFilters}[kind]
	for _, p := range pairs(filters) {
		if kind == "image" && p[0] == "dangling" {
			if on, err := kit.AsBool(value.String(p[1])); err == nil && !on {
				w = append(w, "--all")
			}
			continue
		}
		w = append(w, "--filter", p[0]+"="+p[1])
	}
	if kind == "builder" {
		if a.CacheAll {
			w = append(w, "--all")
		}
		if a.CacheKeep != "" {
			w = append(w, "--keep-storage", a.CacheKeep)
		}
	}
	return w
}

func (prune) Plan(a pruneArgs, _ host.Seen) (play.Plan, error) {
	kinds := a.kinds()
	if len(kinds) == 0 {
		return kit.Unchanged("nothing is named that shall go", value.NewMap()), nil
	}
	p := play.Plan{Repeats: true, Result: play.Result{Skipped: true, Msg: "remote module (docker_prune) does not support check mode"}}
	for _, k := range kinds {
		p.Steps = append(p.Steps, a.run(a.verb(k)...))
	}
	p.Finish = kit.After(func(ran []host.Output) (play.Result, error) {
		r := play.Result{Data: value.NewMap()}
		for i, k := range kinds {
			ids, space := pruned(string(ran[i].Stdout))
			r.Changed = r.Changed || len(ids) > 0 || space > 0
			list := []value.Value{}
			for _, id := range ids {
				list = append(list, kit.HostText(id))
			}
			name := map[string]string{"container": "containers", "image": "images", "network": "networks", "volume": "volumes", "builder": "builder_cache_caches_deleted"}[k]
			r.Data.Put(name, value.List(list...))
			if k != "network" {
				r.Data.Put(strings.TrimSuffix(name, "_caches_deleted")+"_space_reclaimed", value.Int(space))
			}
		}
		return r, nil
	})
	return p, nil
}

// pruned reads what docker removed, and how many bytes that was.
func pruned(text string) (ids []string, space int64) {
	total := regexp.MustCompile(`^Total(?: reclaimed space)?:\s*([0-9.]+)\s*([kMGT]?)B`)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if m := total.FindStringSubmatch(line); m != nil {
			n, _ := strconv.ParseFloat(m[1], 64)
			space = int64(n * map[string]float64{"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}[m[2]])
			continue
		}
		if line == "" || strings.HasPrefix(line, "Deleted ") || strings.HasPrefix(line, "ID ") || strings.HasPrefix(line, "untagged:") {
			continue
		}
		ids = append(ids, strings.TrimPrefix(strings.Fields(line)[0], "deleted:"))
	}
	return ids, space
}
