package move

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/tasks/compose"
)

// agree shows what will be stopped, made and written, and asks, before anything is
// changed. It is asked once: what goes on after a cut was agreed to.
func (m *mover) agree(ctx context.Context, w host.Writer) error {
	r := m.record
	if r.Agreed != "" || r.Frozen != "" {
		return nil
	}
	lines, err := m.intent(ctx, w)
	if err != nil {
		return err
	}
	last, err := rehearsal{m}.lastRehearsal(ctx, w)
	if err != nil {
		return err
	}
	for _, l := range append(lines, last) {
		w.Say(l)
	}
	if err := m.typed(ctx, "move "+w.Name()+" "+m.Project+" "+r.ID, fmt.Sprintf("Make a backup, stop the application of %s on %s, and move its database?", m.Project, w.Name())); err != nil {
		return err
	}
	r.Agreed = m.time()
	return m.keep(ctx, w, r)
}

// typed has the operator type the project's name; --yes asks nothing.
func (m *mover) typed(ctx context.Context, key, question string) error {
	if m.yes || m.prompter == nil {
		return nil
	}
	answer, err := m.prompter.Ask(ctx, play.Ask{Key: key, Text: question + " Type the project's name (" + m.Project + ")"})
	if err == nil && strings.TrimSpace(answer) != m.Project {
		err = refuse(m.object(), "the same command asks again; --yes asks nothing", "%q is not the project's name: nothing was changed", answer)
	}
	return err
}

// intent are the lines that are shown: the merged configuration as it is and as it
// will be, and what becomes of each service.
func (m *mover) intent(ctx context.Context, w host.Writer) ([]string, error) {
	o, err := cutting{m}.overlaid(ctx, w)
	if err != nil {
		return nil, err
	}
	var yaml [2]string
	var cfg [2]compose.Config
	for i, text := range []string{o.file.Text, o.text} {
		if yaml[i], err = output(ctx, w, "read the compose files", o.preview(text, "yaml")); err != nil {
			return nil, err
		}
		said, err := output(ctx, w, "read the compose files", o.preview(text, "json"))
		if err == nil {
			cfg[i], err = compose.ParseConfig(said)
		}
		if err != nil {
			return nil, err
		}
	}
	does := " will be written; the merged"
	if m.how() == applyPrint {
		does = " is what the lines are for that are shown at the cut-over, which waits for them; the merged"
	}
	out := []string{o.file.Path + does + " configuration changes so:"}
	for _, l := range changedLines(yaml[0], yaml[1]) {
		out = append(out, "  "+l)
	}
	again := recreated(cfg[0], cfg[1])
	out = append(out, "made anew: "+strings.Join(again, ", "))
	var stop []string
	for _, c := range m.record.Others {
		if c.Running {
			stop = append(stop, c.Name)
		}
	}
	if len(stop) > 0 {
		out = append(out, "stopped now, started again at the end: "+strings.Join(stop, ", "))
	}
	where := "volume " + m.record.New.volume()
	if m.record.New.Folder != "" {
		where += " (" + m.record.New.Folder + ")"
	}
	return append(out, "the new cluster goes into "+where+"; the old one stays in "+m.record.Source.Data), nil
}

// recreated are the services whose configuration changes.
func recreated(was, is compose.Config) []string {
	var out []string
	for _, n := range slices.Sorted(maps.Keys(is.Services)) {
		a, _ := json.Marshal(was.Services[n])
		b, _ := json.Marshal(is.Services[n])
		if string(a) != string(b) {
			out = append(out, n)
		}
	}
	return out
}

// hidden are keys whose values are not shown.
var hidden = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^([-+ ]\s*[\w.-]*(?:pass|pwd|secret|token|key|credential|dsn|url|uri)[\w.-]*: ).+`)
})

// changedLines are the lines of two texts that differ, with the keys above them.
func changedLines(was, is string) []string {
	a, b := strings.Split(strings.TrimRight(was, "\n"), "\n"), strings.Split(strings.TrimRight(is, "\n"), "\n")
	// How many lines are the same from each place on.
	same := make([][]int, len(a)+1)
	for i := range same {
		same[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				same[i][j] = same[i+1][j+1] + 1
			} else {
				same[i][j] = max(same[i+1][j], same[i][j+1])
			}
		}
	}
	var out []string
	var above []string
	say := func(sign, line string) {
		for _, k := range above {
			if depth(k) < depth(line) {
				out = append(out, "  "+k)
			}
		}
		above = nil
		out = append(out, hidden().ReplaceAllString(sign+" "+line, "$1(not shown)"))
	}
	pass := func(line string) {
		for len(above) > 0 && depth(above[len(above)-1]) >= depth(line) {
			above = above[:len(above)-1]
		}
		if strings.HasSuffix(line, ":") {
			above = append(above, line)
		}
	}
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			pass(a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && same[i+1][j] >= same[i][j+1]:
			say("-", a[i])
			i++
		default:
			say("+", b[j])
			j++
		}
	}
	return out
}

func depth(l string) int { return len(l) - len(strings.TrimLeft(l, " ")) }
