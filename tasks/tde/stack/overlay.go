package stack

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"remoterun/tasks/compose"
	"remoterun/tasks/tde/pgtde"
)

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
	// Written is what the files say of it before variables are put in: what is
	// carried over keeps them. Without it values are kept as they are now.
	Written compose.Written
}

// dataTargets are where images keep clusters: mounts there are replaced.
var dataTargets = []string{"/var/lib/postgresql", "/var/lib/postgresql/data", "/data/db", "/pgdata"}

// Frozen are the variables of the command, and the mounts, that the overlay could not
// keep; unread the files that say more of the service, whose variables are not known.
func (o Overlay) Frozen() (frozen, unread []string) {
	c, _ := o.command()
	_, mounts, _ := o.Base.Carry(o.Written, o.replaces)
	return append(c.frozen, mounts...), o.Written.Unread
}

// addition is what the compose files get.
func (o Overlay) addition() (compose.Addition, error) {
	lines, err := o.serviceLines()
	return compose.Addition{Service: o.Service, Lines: lines, Volumes: []string{o.Volume}}, err
}

// Lines are the service's keys, not indented.
func (o Overlay) Lines() ([]string, error) { return o.serviceLines() }

// serviceLines are the service's keys, not indented.
func (o Overlay) serviceLines() ([]string, error) {
	command, err := o.command()
	if err != nil {
		return nil, err
	}
	mounts, err := o.mounts()
	if err != nil {
		return nil, err
	}
	lines := []string{"image: " + compose.YAMLText(o.Image)}
	if o.OwnTag {
		lines = append(lines, "pull_policy: never")
	}
	if o.Base.Builds() {
		lines = append(lines, "build: !reset null")
	}
	lines = append(append(lines, command.lines()...), "environment:")
	for _, e := range o.environment() {
		lines = append(lines, "  "+e.name+": "+compose.YAMLText(e.value))
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
		if compose.Varies(o.Written.StopGrace) {
			return compose.YAMLRaw(o.Written.StopGrace)
		}
		return d.String()
	}
	return "60s"
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
		fmt.Sprintf("{type: volume, source: %s, target: %s}", o.Volume, compose.YAMLText(o.Pgdata)),
		fmt.Sprintf("{type: bind, source: %s, target: %s, read_only: true, bind: {create_host_path: false}}", compose.YAMLText(o.RAMDir), compose.YAMLText(o.RAMDir)),
	}
	rest, _, err := o.Base.Carry(o.Written, o.replaces)
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", o.Service, err)
	}
	return append(out, rest...), nil
}

// replaces reports a mount of the base that the overlay's own take the place of.
func (o Overlay) replaces(m compose.ServiceMount) bool {
	t := path.Clean(m.Target)
	if _, above := compose.Within(t, cmp.Or(o.Base.Env("PGDATA"), o.Pgdata)); above && t != "/" {
		return true // the base's own data folder is below it
	}
	return t == o.RAMDir || slices.Contains(dataTargets, t)
}
