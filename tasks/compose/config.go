package compose

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// Config is a project as compose reads its files: merged, interpolated, with
// absolute paths. Only what is used here is kept.
type Config struct {
	Name     string             `json:"name"`
	Services map[string]Service `json:"services"`
	Volumes  map[string]Volume  `json:"volumes"`
	Secrets  map[string]struct {
		File string `json:"file"`
	} `json:"secrets"`
	Configs map[string]struct {
		File string `json:"file"`
	} `json:"configs"`
}

// Service is one service of a Config.
type Service struct {
	Image       string             `json:"image"`
	Build       json.RawMessage    `json:"build"`
	User        string             `json:"user"`
	Environment map[string]*string `json:"environment"`
	Command     []string           `json:"command"`
	Entrypoint  []string           `json:"entrypoint"`
	Volumes     []ServiceMount     `json:"volumes"`
	Ports       []json.RawMessage  `json:"ports"`
	Restart     string             `json:"restart"`
	PullPolicy  string             `json:"pull_policy"`
	Healthcheck json.RawMessage    `json:"healthcheck"`
	DependsOn   json.RawMessage    `json:"depends_on"`
	ShmSize     json.RawMessage    `json:"shm_size"`
	StopSignal  string             `json:"stop_signal"`
	StopGrace   string             `json:"stop_grace_period"`
	Profiles    []string           `json:"profiles"`
	Secrets     []Given            `json:"secrets"`
	Configs     []Given            `json:"configs"`
	Ulimits     map[string]Limit   `json:"ulimits"`
}

// Limit is one of a service's ulimits: a number, or a soft and a hard one.
type Limit struct{ Soft, Hard int64 }

// UnmarshalJSON reads either; of what is neither nothing is known.
func (l *Limit) UnmarshalJSON(text []byte) error {
	var both struct {
		Soft int64 `json:"soft"`
		Hard int64 `json:"hard"`
	}
	if json.Unmarshal(text, &both) == nil {
		l.Soft, l.Hard = both.Soft, both.Hard
		return nil
	}
	var one int64
	if json.Unmarshal(text, &one) == nil {
		l.Soft, l.Hard = one, one
	}
	return nil
}

// Given is a secret or a config of the project as a service gets it.
type Given struct {
	Source string `json:"source"`
	Target string `json:"target"`
}

// Builds reports a service that is built, not pulled.
func (s Service) Builds() bool { return len(s.Build) > 0 && string(s.Build) != "null" }

// Env is a variable of the service, "" when it is not set.
func (s Service) Env(name string) string {
	if v := s.Environment[name]; v != nil {
		return *v
	}
	return ""
}

// MountAt is the mount whose target holds the path: the longest that fits.
func (s Service) MountAt(p string) (ServiceMount, bool) {
	best, found := ServiceMount{}, false
	for _, m := range s.Volumes {
		if holds(m.Target, p) && len(m.Target) >= len(best.Target) {
			best, found = m, true
		}
	}
	return best, found
}

// holds reports whether the folder is p or stands above it.
func holds(folder, p string) bool {
	folder = strings.TrimSuffix(folder, "/")
	return p == folder || strings.HasPrefix(p, folder+"/")
}

// ServiceMount is one of a service's volumes.
type ServiceMount struct {
	Type     string `json:"type"` // volume, bind, tmpfs
	Source   string `json:"source"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"read_only"`
	// Raw is the mount as compose printed it, options included.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON keeps the text beside what is read.
func (m *ServiceMount) UnmarshalJSON(b []byte) error {
	type plain ServiceMount
	if err := json.Unmarshal(b, (*plain)(m)); err != nil {
		return err
	}
	m.Raw = append(json.RawMessage(nil), b...)
	return nil
}

// MarshalJSON prints the mount as compose did, options included.
func (m ServiceMount) MarshalJSON() ([]byte, error) {
	if m.Raw != nil {
		return m.Raw, nil
	}
	type plain ServiceMount
	return json.Marshal(plain(m))
}

// FileBehind is the host's file behind a path inside the service: a secret's, or
// one that is mounted; "" when there is none.
func (c Config) FileBehind(s Service, inside string) string {
	for _, m := range s.Volumes {
		if m.Type == "bind" && m.Target == inside {
			return m.Source
		}
	}
	for _, x := range s.Secrets {
		target := x.Target
		if target == "" {
			target = x.Source
		}
		if !strings.HasPrefix(target, "/") {
			target = "/run/secrets/" + target
		}
		if target == inside {
			return c.Secrets[x.Source].File
		}
	}
	return ""
}

// Volume is a volume of a Config; Name is the engine's name for it.
type Volume struct {
	Name     string            `json:"name"`
	External json.RawMessage   `json:"external"`
	Driver   string            `json:"driver"`
	Options  map[string]string `json:"driver_opts"`
}

// Carry prints the service's mounts but those that are replaced, as YAML that keeps
// their variables: for a list that an overlay gives whole. frozen are those whose
// variables could not be kept.
func (s Service) Carry(w Written, replaced func(ServiceMount) bool) (out, frozen []string, err error) {
	left := slices.Clone(w.Mounts)
	for _, m := range s.Volumes {
		i := mountOf(left, m)
		var x WrittenMount
		if i >= 0 {
			x = left[i]
			left = slices.Delete(left, i, i+1)
		}
		switch {
		case replaced(m):
			continue
		case i >= 0 && Varies(x.Text):
			out = append(out, x.Text)
			continue
		case i < 0 && slices.ContainsFunc(left, func(x WrittenMount) bool { return Varies(x.Text) && x.at(m) }):
			frozen = append(frozen, "the mount at "+m.Target)
		}
		text, err := Dollars(m.Raw)
		if err != nil {
			return nil, nil, fmt.Errorf("mount %s: %w", m.Target, err)
		}
		out = append(out, text)
	}
	return out, frozen, nil
}

// mountOf is which of the written mounts this is: where several may be it, the one
// that says most of the target in so many words; -1 = none.
func mountOf(written []WrittenMount, m ServiceMount) int {
	best, most := -1, -1
	for i, x := range written {
		if n := literal(x.Target); n > most && x.at(m) && x.from(m) {
			best, most = i, n
		}
	}
	return best
}

// at reports that it may be at the mount's target, which compose cleans.
func (x WrittenMount) at(m ServiceMount) bool {
	return MayBe(x.Target, m.Target) || MayBe(x.Target, m.Target+"/")
}

// from reports that its source may be the mount's, which compose makes absolute.
func (x WrittenMount) from(m ServiceMount) bool {
	source := strings.TrimRight(x.Source, "/")
	for _, head := range []string{"./", "../", "~/"} {
		for strings.HasPrefix(source, head) {
			source = strings.TrimPrefix(source, head)
		}
	}
	if strings.Trim(source, "./~") == "" {
		return true
	}
	return MayBe(source, m.Source) || MayEnd(source, m.Source) || MayEnd(source, m.Source+"/")
}

// literal is how many characters of a text of a compose file are no variables.
func literal(text string) int {
	between, _, _ := Variables(text)
	return len(strings.Join(between, ""))
}

// baseText prints which file compose chooses in the folder $1, without overrides.
const baseText = `cd -- "$1" 2>/dev/null || { echo "there is no folder $1"; exit 90; }
for f in compose.yaml compose.yml docker-compose.yml docker-compose.yaml; do [ -f "$f" ] && { echo "$f"; break; }; done
echo end`

// Base is the project without override files: what docker compose -f with the
// user's own file alone would start.
func (p Project) Base(s host.Seen) (Project, error) {
	if len(p.Files) > 0 {
		return Project{Dir: p.Dir, Files: p.Files}, nil
	}
	name, err := host.Get(s, host.Fact[string]{Q: host.NewProbe(baseText, p.Dir, "base"), Parse: func(a host.Answer) (string, error) {
		name, whole := strings.CutSuffix(string(a.Stdout), "end\n")
		if a.Status != 0 || !whole {
			return "", Fail("look for the compose file in "+p.Dir, a.Status, string(a.Stdout))
		}
		return strings.TrimSpace(name), nil
	}})
	if err != nil || name == "" {
		return Project{Dir: p.Dir}, err
	}
	return Project{Dir: p.Dir, Files: []string{name}}, nil
}

// Config asks for the whole configuration. Compose prints every $ doubled, so
// that what it prints can be read as a compose file again; here values are as
// the container gets them.
func (p Project) Config() host.Fact[Config] {
	q := ask(p.Dir, p.words("config", "--format", "json")[1:]...)
	return host.Fact[Config]{Q: q, Parse: func(a host.Answer) (Config, error) {
		var c Config
		a.Stdout = bytes.ReplaceAll(a.Stdout, []byte("$$"), []byte("$"))
		err := parse("docker compose config in "+p.Dir, a, &c)
		return c, err
	}}
}

// activeText prints the services that docker compose up would start in the folder
// $1: those without a profile, and those whose profile is on (COMPOSE_PROFILES of
// the folder's .env).
const activeText = `cd -- "$1" 2>/dev/null || { echo "there is no folder $1"; exit 90; }
shift
` + chooseFile + `out=$(docker "$@" config --services 2>&1) || { r=$?; printf '%s\n' "$out"; exit $r; }
printf '%s\n' "$out" | grep -v level=warning
echo end`

// Active asks for them, in compose's order.
func (p Project) Active() host.Fact[[]string] {
	return host.Fact[[]string]{Q: host.NewProbe(activeText, p.words()...), Parse: func(a host.Answer) ([]string, error) {
		body, whole := strings.CutSuffix(string(a.Stdout), "end\n")
		if a.Status != 0 || !whole {
			return nil, Fail("docker compose config --services in "+p.Dir, a.Status, string(a.Stdout))
		}
		return strings.Fields(body), nil
	}}
}

// previewText prints the configuration, as JSON or YAML ($2), that the folder $1
// would have with what stdin holds as its override: of the files after it, or of
// compose's own choice.
const previewText sh.Constant = `cd -- "$1" || exit 90
how=$2
shift 2
export COMPOSE_PROFILES='*'
if [ $# -eq 0 ]; then
	for f in compose.yaml compose.yml docker-compose.yml docker-compose.yaml; do [ -f "$f" ] && { set -- "$f"; break; }; done
fi
n=$#
for f; do set -- "$@" -f "$f"; done
shift $n
exec docker compose --project-directory . "$@" -f - config --format "$how"`

// Preview prints the whole configuration with this text in the place of the
// override, for a step: as compose's "json" or "yaml".
func (p Project) Preview(override, format string) sh.Cmd {
	if strings.TrimSpace(override) == "" {
		override = "services: {}\n"
	}
	return sh.Script(previewText, append([]string{p.Dir, format}, p.Files...)...).With(sh.Bytes(override))
}

// previewOf prints the configuration, as JSON or YAML ($2), that the folder $1 would
// have with what stdin holds in the place of the file $3, of the files after it.
const previewOf sh.Constant = `cd -- "$1" || exit 90
how=$2 in=$3
shift 3
export COMPOSE_PROFILES='*'
n=$#
for f; do
	[ "$f" != "$in" ] || f=-
	set -- "$@" -f "$f"
done
shift $n
exec docker compose --project-directory . "$@" config --format "$how"`

// PreviewOf prints the whole configuration with this text in the place of one of the
// sources, for a step: as compose's "json" or "yaml".
func (p Project) PreviewOf(sources []Source, file, text, format string) sh.Cmd {
	if strings.TrimSpace(text) == "" {
		text = "services: {}\n"
	}
	args := []string{p.Dir, format, file}
	for _, s := range sources {
		args = append(args, s.Path)
	}
	return sh.Script(previewOf, args...).With(sh.Bytes(text))
}

// ParseConfig reads what Preview prints as JSON.
func ParseConfig(text string) (Config, error) {
	var c Config
	err := json.Unmarshal([]byte(strings.ReplaceAll(text, "$$", "$")), &c)
	return c, err
}

// Service looks a service up; the error lists those that there are.
func (c Config) Service(name string) (Service, error) {
	s, ok := c.Services[name]
	if !ok {
		names := make([]string, 0, len(c.Services))
		for n := range c.Services {
			names = append(names, n)
		}
		sort.Strings(names)
		return s, fmt.Errorf("there is no service %q in the compose project (services: %s)", name, strings.Join(names, ", "))
	}
	return s, nil
}

// VolumeName is the engine's name of a mount's volume.
func (c Config) VolumeName(m ServiceMount) string {
	if v, ok := c.Volumes[m.Source]; ok && v.Name != "" {
		return v.Name
	}
	return m.Source
}

// Version asks compose for its version: "2.40.3".
func Version() host.Fact[string] {
	q := ask("/", "compose", "version", "--short")
	return host.Fact[string]{Q: q, Parse: func(a host.Answer) (string, error) {
		if a.Status != 0 {
			return "", Fail("docker compose version", a.Status, string(a.Stdout))
		}
		return strings.TrimPrefix(strings.TrimSpace(string(a.Stdout)), "v"), nil
	}}
}

// driftText compares the hash $3 that service $2's container carries with the one
// that it would be made with now in the folder $1; then docker's words. Compose
// 2.26 leaves env_file out of what "config --hash" counts, but not of what it
// puts on containers: where the two differ the resolved configuration is asked,
// too. Prints "same" or "other", or what compose complained about.
const driftText = `cd -- "$1" 2>/dev/null || { echo "there is no folder $1"; exit 90; }
d=$1 s=$2 made=$3
shift 3
export COMPOSE_PROFILES='*'
` + chooseFile + `h=$(docker "$@" config --hash "$s" 2>&1) || { printf '%s\n' "$h"; exit 1; }
is() { printf '%s\n' "$h" | grep -qxF "$s $made"; }
is || h=$(docker "$@" config 2>/dev/null | docker compose --project-directory "$d" -f - config --hash "$s" 2>/dev/null)
if is; then echo same; else echo other; fi`

// Drifted asks whether a service's container, which carries this hash
// (ConfigHash), would be made otherwise now. One without a hash is not asked about:
// it has not drifted.
func (p Project) Drifted(s host.Seen, service, made string) (bool, error) {
	if made == "" {
		return false, nil
	}
	words := p.words()
	q := host.NewProbe(driftText, append([]string{words[0], service, made}, words[1:]...)...)
	return host.Get(s, host.Fact[bool]{Q: q, Parse: func(a host.Answer) (bool, error) {
		switch said := strings.TrimSpace(string(a.Stdout)); {
		case a.Status != 0:
			return false, Fail("docker compose config --hash "+service, a.Status, said)
		case said == "same" || said == "other":
			return said == "other", nil
		default:
			return false, fmt.Errorf("docker compose config --hash %s: the answer is %q", service, said)
		}
	}})
}

// OlderThan compares versions such as 2.40.3 by their numbers; one that cannot
// be read is not older.
func OlderThan(version, than string) bool {
	a, b := numbers(version), numbers(than)
	if a == nil {
		return false
	}
	return slices.Compare(a, b) < 0
}

func numbers(v string) []int {
	v, _, _ = strings.Cut(v, "-")
	v, _, _ = strings.Cut(v, "+")
	var out []int
	for _, part := range strings.Split(v, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil
		}
		out = append(out, n)
	}
	return out
}
