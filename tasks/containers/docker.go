package containers

import (
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// dockerCLI is how the modules of Docker reach the engine: by the host's own CLI.
type dockerCLI struct {
	DockerHost string `arg:"docker_host" help:"the engine's address; default: as docker finds it"`
	Context    string `arg:"cli_context" help:"docker's context"`
	Timeout    int    `arg:"api_timeout" default:"60" help:"accepted: docker has its own patience"`
}

// noDocker is what is said where docker is missing.
const noDocker = `Failed to find required executable "docker" on the host`

// words are a command of docker.
func (d dockerCLI) words(more ...string) []string {
	out := []string{"docker"}
	if d.DockerHost != "" {
		out = append(out, "--host", d.DockerHost)
	}
	if d.Context != "" {
		out = append(out, "--context", d.Context)
	}
	return append(out, more...)
}

// askText runs a command that only reads; what it complains about is on stdout too.
// Status 9: there is no docker.
const askText sh.Constant = `command -v docker >/dev/null || exit 9
"$@" 2>&1`

func (d dockerCLI) ask(more ...string) host.Probe {
	return host.NewProbe(askText, d.words(more...)...)
}

// runText runs docker.
const runText sh.Constant = `command -v docker >/dev/null || { echo "Failed to find required executable \"docker\" on the host" >&2; exit 1; }
"$@" </dev/null`

func (d dockerCLI) run(more ...string) host.Step {
	return host.Run{Cmd: sh.Script(runText, d.words(more...)...), What: kit.OneLine("docker " + strings.Join(more, " "))}
}

// inspect asks for an object; ok is false when there is none. stop is why nobody
// can tell.
func (d dockerCLI) inspect(s host.Seen, kind, name string) (m *value.Map, stop string, err error) {
	ans, err := s.Answer(d.ask(kind, "inspect", "--", name))
	if err != nil {
		return nil, "", err
	}
	text := strings.TrimSpace(string(ans.Stdout))
	switch {
	case ans.Status == 9:
		return nil, noDocker, nil
	case ans.Status != 0:
		low := strings.ToLower(text)
		if strings.Contains(low, "no such ") || strings.Contains(low, "not found") {
			return nil, "", nil
		}
		return nil, "Error: " + kit.OneLine(strings.TrimPrefix(text, "[]")), nil
	}
	v, bad := value.ParseJSON([]byte(text))
	if bad != nil || len(v.Items()) == 0 {
		return nil, "docker inspect gave no JSON: " + kit.OneLine(text), nil
	}
	m, _ = v.Items()[0].With(value.Unsafe).AsMap()
	return m, "", nil
}

// at reads a value of an object by its path, with dots.
func at(m *value.Map, path string) value.Value {
	v := value.FromMap(m)
	for part := range strings.SplitSeq(path, ".") {
		mm, ok := v.AsMap()
		if !ok {
			return value.Null()
		}
		if v, ok = mm.Lookup(part); !ok {
			return value.Null()
		}
	}
	return v
}

func textAt(m *value.Map, path string) string {
	v := at(m, path)
	if v.IsNull() {
		return ""
	}
	return value.Str(v)
}

// pairs are a mapping's entries as text, in order.
func pairs(m *value.Map) [][2]string {
	var out [][2]string
	for k, v := range m.All() {
		t := value.Str(v)
		if b, ok := v.AsBool(); ok {
			t = map[bool]string{true: "true", false: "false"}[b]
		}
		out = append(out, [2]string{value.Str(k), t})
	}
	return out
}

// plan is the one that runs steps and then looks at the object again.
func (d dockerCLI) plan(steps []host.Step, data *value.Map, key, kind, name string) play.Plan {
	p := play.Plan{Steps: steps, Result: play.Result{Changed: true, Data: data}}
	if kind == "" {
		return p
	}
	p.Then = func([]host.Output) (play.Bound, error) {
		return kit.Stage(func(s host.Seen) (play.Plan, error) {
			m, stop, err := d.inspect(s, kind, name)
			if err != nil || stop != "" {
				return kit.Failure("%s", stop), err
			}
			out := data.Clone()
			out.Put(key, value.FromMap(m))
			return play.Plan{Result: play.Result{Changed: true, Data: out}}, nil
		}), nil
	}
	return p
}
