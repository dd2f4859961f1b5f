package view

import (
	"strings"

	"github.com/fatih/color"
)

// Colored says whether a stream gets colours: FORCE_COLOR (or CLICOLOR_FORCE)
// wins, then NO_COLOR, then whether it is a terminal that is not dumb. env
// looks a variable up.
func Colored(env func(string) (string, bool), terminal bool) bool {
	for _, name := range []string{"REMOTERUN_FORCE_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE"} {
		if v, ok := env(name); ok && v != "" && v != "0" && v != "false" {
			return true
		}
	}
	for _, name := range []string{"REMOTERUN_NOCOLOR", "NO_COLOR"} {
		if v, ok := env(name); ok && v != "" {
			return false
		}
	}
	term, _ := env("TERM")
	return terminal && term != "dumb"
}

// paint colours text; each stream has its own.
type paint struct {
	ok, changed, failed, skipped, unreachable, warning, debug, note, added, removed, lines *color.Color
}

func newPaint(on bool) paint {
	c := func(attrs ...color.Attribute) *color.Color {
		out := color.New(attrs...)
		if out.DisableColor(); on {
			out.EnableColor()
		}
		return out
	}
	return paint{
		ok: c(color.FgGreen), changed: c(color.FgYellow), failed: c(color.FgRed), skipped: c(color.FgCyan),
		unreachable: c(color.FgRed, color.Bold), warning: c(color.FgMagenta, color.Bold), debug: c(color.FgHiBlack),
		note: c(color.FgBlue), added: c(color.FgGreen), removed: c(color.FgRed), lines: c(color.FgCyan),
	}
}

// lined colours every line by itself, so that a pager that cuts lines keeps
// colours right. Controls in the text are made visible. A line break at the end stays behind the colour.
func lined(c *color.Color, text string) string {
	parts := strings.Split(Safe(text), "\n")
	for i, p := range parts {
		if p != "" {
			parts[i] = c.Sprint(p)
		}
	}
	return strings.Join(parts, "\n")
}
