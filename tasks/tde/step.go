package tde

import (
	"context"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/compose"
)

// command is a step whose failure is told with the command's own words.
func command(what string, c sh.Cmd) act {
	return act{what, func(ctx context.Context, w host.Writer) ([]byte, error) {
		out, err := w.Run(ctx, c)
		if err != nil {
			return nil, err
		}
		return out.Stdout, spoken(what, out)
	}}
}

// spoken is the error of a command with the last lines that it printed.
func spoken(what string, out host.Output) error {
	switch {
	case out.Status == 0:
		return nil
	case out.Status == statusRefused:
		return refuse(what, "look at it on the host", "%s", tail(out.Stderr, 2))
	}
	return compose.Fail(what, out.Status, string(out.Stderr))
}

func tail(text []byte, n int) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "; ")
}
