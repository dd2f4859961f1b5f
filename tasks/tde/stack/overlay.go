package stack

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"remoterun/tasks/compose"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/pgtde"
)

// overlayMark is the first line of a file that is ours altogether, and opens
// the lines that are ours in a file of the user's.
const overlayMark = "# remoterun: these lines are written by remoterun; what is changed in them is lost"

// Overlay is what a stack's compose files get so that the service runs the
// encrypted cluster, and can't start the old one by mistake.
type Overlay struct {
	Project, Service string
	Image            string // pinned
	OwnTag           bool   // the image is a tag of ours: never pulled
	Pgdata           string
	Extension        pgtde.Extension
	Cipher           string
	RAMDir           string
	Volume           string
	Base             compose.Service
}

// dataTargets are where images keep clusters: mounts there are replaced.
var dataTargets = []string{"/var/lib/postgresql", "/var/lib/postgresql/data", "/data/db", "/pgdata"}

// text is the whole overlay as a compose file.
func (o Overlay) text() (string, error) {
	service, err := o.serviceLines()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(overlayMark + "\nservices:\n  " + yamlText(o.Service) + ":\n")
	for _, l := range service {
		b.WriteString("    " + l + "\n")
	}
	b.WriteString("volumes:\n  " + o.Volume + ":\n    name: " + yamlText(o.Volume) + "\n    external: true\n")
	return b.String(), nil
}

// Lines are the service's keys, not indented.
func (o Overlay) Lines() ([]string, error) { return o.serviceLines() }

// serviceLines are the service's keys, not indented.
func (o Overlay) serviceLines() ([]string, error) {
	command, err := o.command()
	if err != nil {
		return nil, err
	}
	lines := []string{"image: " + yamlText(o.Image)}
	if o.OwnTag {
		lines = append(lines, "pull_policy: never")
	}
	if o.Base.Builds() {
		lines = append(lines, "build: !reset null")
	}
	lines = append(lines, "command:")
	for _, c := range command {
		lines = append(lines, "  - "+yamlText(c))
	}
	lines = append(lines, "environment:")
	for _, e := range o.environment() {
		lines = append(lines, "  "+e.name+": "+yamlText(e.value))
	}
	mounts, err := o.mounts()
	if err != nil {
		return nil, err
	}
	lines = append(lines, "volumes: !override")
	for _, m := range mounts {
		lines = append(lines, "  - "+m)
	}
	lines = append(lines,
		"ulimits:",
		"  core: 1",
		"  memlock: {soft: 8388608, hard: 8388608}",
		"stop_signal: SIGINT",
		"stop_grace_period: "+o.grace(),
	)
	return lines, nil
}

// shortestGrace is how long a server may need to stop in order.
const shortestGrace = time.Minute

// grace is the base's, if it is longer than ours.
func (o Overlay) grace() string {
	if d, err := time.ParseDuration(o.Base.StopGrace); err == nil && d > shortestGrace {
		return d.String()
	}
	return "60s"
}

// command keeps the options of the base's command; ours come last, where they
// win. shared_preload_libraries is the base's list with the extension added.
func (o Overlay) command() ([]string, error) {
	args := o.Base.Command
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		if path.Base(args[0]) != "postgres" {
			return nil, guard.Refuse("service "+o.Service, "give the server's options as `command: postgres -c name=value ...`",
				"its command is %q, not postgres", args[0])
		}
		args = args[1:]
	}
	e, out, preload := o.Extension, []string{"postgres"}, []string{}
	for i := 0; i < len(args); i++ {
		setting, width := serverSetting(args[i:])
		name, value, _ := strings.Cut(setting, "=")
		name = strings.ReplaceAll(name, "-", "_")
		switch {
		case name == "shared_preload_libraries":
			preload = Libraries(value)
		case !e.Owns(name):
			out = append(out, args[i:i+width]...)
		}
		i += width - 1
	}
	out = append(out, "-c", "shared_preload_libraries="+strings.Join(e.Join(preload), ","), "-c", e.Setting("wal_encrypt")+"=on")
	for _, s := range e.Chosen(o.Cipher) {
		out = append(out, "-c", s.String())
	}
	return out, nil
}

// serverSetting reads "-c name=value", "-cname=value" or "--name=value" at the
// head of args and how many words it takes; other words are kept as they are.
func serverSetting(args []string) (setting string, width int) {
	switch {
	case args[0] == "-c" && len(args) > 1:
		return args[1], 2
	case strings.HasPrefix(args[0], "-c") && len(args[0]) > 2:
		return args[0][2:], 1
	case strings.HasPrefix(args[0], "--"):
		return args[0][2:], 1
	}
	return "", 1
}

func Libraries(value string) []string {
	var out []string
	for _, l := range strings.Split(value, ",") {
		if l = strings.Trim(strings.TrimSpace(l), `'"`); l != "" {
			out = append(out, l)
		}
	}
	return out
}

type variable struct{ name, value string }

// environment blanks what would let an image that was started on an empty or
// wrongly mounted folder make a plain cluster: without a password its entrypoint
// refuses. ("!reset" is silently ignored where the base has a list.)
func (o Overlay) environment() []variable {
	out := []variable{{"PGDATA", o.Pgdata}, {"POSTGRES_PASSWORD", ""}, {"POSTGRES_HOST_AUTH_METHOD", ""}}
	if o.Base.Env("POSTGRES_PASSWORD_FILE") != "" {
		out = append(out, variable{"POSTGRES_PASSWORD_FILE", ""})
	}
	return append(out, variable{"PERCONA_TELEMETRY_DISABLE", "1"})
}

// mounts are the cluster's volume, the keyring, and what else the base mounts.
// Compose appends to lists of volumes, so the list is given whole.
func (o Overlay) mounts() ([]string, error) {
	out := []string{
		fmt.Sprintf("{type: volume, source: %s, target: %s}", o.Volume, yamlText(o.Pgdata)),
		fmt.Sprintf("{type: bind, source: %s, target: %s, read_only: true, bind: {create_host_path: false}}", yamlText(o.RAMDir), yamlText(o.RAMDir)),
	}
	for _, m := range o.Base.Volumes {
		if o.replaces(m) {
			continue
		}
		text, err := dollars(m.Raw)
		if err != nil {
			return nil, fmt.Errorf("mount %s of service %s: %w", m.Target, o.Service, err)
		}
		out = append(out, text)
	}
	return out, nil
}

// replaces reports a mount of the base that the overlay's own take the place of.
func (o Overlay) replaces(m compose.ServiceMount) bool {
	t := path.Clean(m.Target)
	if _, above := Within(t, cmp.Or(o.Base.Env("PGDATA"), o.Pgdata)); above && t != "/" {
		return true // the base's own data folder is below it
	}
	return t == o.RAMDir || slices.Contains(dataTargets, t)
}

// dollars prints JSON, which is YAML too, with every $ doubled: compose would
// read it as a variable.
func dollars(raw json.RawMessage) (string, error) {
	var compact strings.Builder
	enc := json.NewEncoder(&compact)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(raw); err != nil {
		return "", err
	}
	return strings.ReplaceAll(strings.TrimSpace(compact.String()), "$", "$$"), nil
}

// yamlText prints a text as a double-quoted YAML scalar for compose.
func yamlText(s string) string {
	text, _ := json.Marshal(s)
	out := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(text))
	return strings.ReplaceAll(out, "$", "$$")
}
