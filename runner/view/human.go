package view

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/fatih/color"
	"golang.org/x/text/width"

	"remoterun/runner"
)

// human is the look of Ansible's default callback.
type human struct {
	o        Options
	out, err output
	paint    paint // of out
	warnings paint // of err
	foot     *footer

	mu      sync.Mutex
	banner  string // ID of the task whose banner stands last
	free    bool   // the task that began last did so for one host
	looped  map[string]bool
	diffs   map[string][]runner.DiffText // of a loop's items, by host and task
	files   []inclusion
	columns int
	quiet   bool
}

// inclusion is one file that hosts take in; hosts that take the same one are
// shown together.
type inclusion struct {
	path, label string
	hosts       []string
}

func newHuman(o Options) *human {
	h := &human{
		o: o, out: output{w: o.Out, red: o.Redactor}, err: output{w: o.Err, red: o.Redactor},
		paint: newPaint(o.OutColor), warnings: newPaint(o.ErrColor),
		looped: map[string]bool{}, diffs: map[string][]runner.DiffText{}, columns: 79,
	}
	if o.Columns > 80 {
		h.columns = o.Columns - 1
	}
	if o.Footer {
		h.foot = newFooter(h)
	}
	return h
}

// newQuiet shows what went wrong and the recap, nothing else.
func newQuiet(o Options) *human {
	o.Footer, o.Verbosity = false, 0
	h := newHuman(o)
	h.quiet = true
	return h
}

// Event shows one event.
func (h *human) Event(e runner.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e.Kind == runner.Waiting {
		h.foot.wait(e)
		return
	}
	h.foot.clear()
	h.event(e)
	h.foot.draw()
}

// Hold takes the footer away and keeps everything back until it is released.
func (h *human) Hold() (release func()) {
	h.mu.Lock()
	h.foot.clear()
	return func() {
		h.foot.draw()
		h.mu.Unlock()
	}
}

// Close takes the footer away and answers the first error of writing.
func (h *human) Close() error {
	h.foot.stop()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.foot.clear()
	h.included()
	if h.out.err != nil {
		return h.out.err
	}
	return h.err.err
}

func (h *human) event(e runner.Event) {
	switch e.Kind {
	case runner.Included:
		h.include(e)
		return
	case runner.HostResult, runner.ItemResult:
		if isInclude(e) && e.Status != runner.Failed && e.Status != runner.Skipped {
			h.foot.forget(e)
			return // the line of the file says it all
		}
	}
	h.included()
	switch e.Kind {
	case runner.PlayStart:
		h.playStart(e)
	case runner.PlayNoHosts:
		h.say(h.paint.skipped, "skipping: no hosts matched")
	case runner.TaskStart:
		h.taskStart(e)
	case runner.ItemResult:
		h.item(e)
	case runner.HostResult:
		h.foot.forget(e)
		h.result(e)
	case runner.Retry:
		h.retry(e)
	case runner.Note:
		h.note(e)
	case runner.Warning:
		h.warn(e.Text)
	case runner.CheckOverride:
		h.override(e)
	case runner.Recap:
		h.foot.over()
		h.recap(e.Stats)
	}
}

func isInclude(e runner.Event) bool { return moduleName(e.Task) == "include_tasks" }

// say writes a line, each of its lines coloured.
func (h *human) say(c *color.Color, text string) {
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	h.out.write(lined(c, text))
}

// stars is a heading filled up to the width.
func (h *human) stars(text string) {
	text = Safe(strings.TrimSpace(text))
	n := max(3, h.columns-columnsOf(text))
	h.out.write("\n" + text + " " + strings.Repeat("*", n) + "\n")
}

// columnsOf is how many columns of a terminal text takes.
func columnsOf(text string) int {
	n := 0
	for _, r := range text {
		switch k := width.LookupRune(r).Kind(); {
		case unicode.Is(unicode.Mn, r) || unicode.IsControl(r):
		case k == width.EastAsianWide || k == width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

func (h *human) playStart(e runner.Event) {
	h.banner = ""
	if h.quiet {
		return
	}
	if name := strings.TrimSpace(e.Play); name != "" {
		h.stars("PLAY [" + name + "]")
		return
	}
	h.stars("PLAY")
}

func (h *human) taskStart(e runner.Event) {
	if h.free = e.Host != ""; h.free || h.quiet {
		return // the banner comes with the first result
	}
	h.heading(e.Task)
}

// heading writes a task's banner.
func (h *human) heading(t *runner.TaskInfo) {
	h.banner = t.ID
	prefix := "TASK"
	if t.Handler {
		prefix = "RUNNING HANDLER"
	}
	h.stars(prefix + " [" + strings.TrimSpace(t.Name) + "]")
	if h.o.Verbosity >= 2 && t.Pos.Line > 0 {
		h.say(h.paint.debug, fmt.Sprintf("task path: %s:%d", t.Pos.File, t.Pos.Line))
	}
}

// under makes sure that a line stands under its task's banner.
func (h *human) under(e runner.Event) {
	if e.Task != nil && e.Task.ID != h.banner {
		h.heading(e.Task)
	}
}

// hush reports events that the quiet view leaves out.
func (h *human) hush(e runner.Event) bool {
	return h.quiet && (e.Ignored || e.Rescued || e.Status != runner.Failed && e.Status != runner.Unreachable)
}

func (h *human) item(e runner.Event) {
	key := loopKey(e)
	h.looped[key] = true
	if e.Status == runner.Changed {
		h.diffs[key] = append(h.diffs[key], e.Diff...)
	}
	if h.hush(e) {
		return
	}
	h.under(e)
	item := "(item=" + itemLabel(e) + ")"
	switch e.Status {
	case runner.Failed:
		h.say(h.paint.failed, "failed: ["+hostLabel(e)+"] "+item+" => "+dump(e, h.o.Verbosity))
	case runner.Unreachable:
		h.say(h.paint.unreachable, "fatal: ["+hostLabel(e)+"]: UNREACHABLE! "+item+" => "+dump(e, h.o.Verbosity))
	case runner.Skipped:
		h.say(h.paint.skipped, "skipping: ["+e.Host+"] => "+item+" "+h.more(e))
	case runner.Changed:
		h.say(h.paint.changed, "changed: ["+hostLabel(e)+"] => "+item+h.more(e))
	default:
		h.say(h.paint.ok, "ok: ["+hostLabel(e)+"] => "+item+h.more(e))
	}
}

// more is a result that is shown because of -v or of what the module is.
func (h *human) more(e runner.Event) string {
	if !verbose(e, h.o.Verbosity) {
		return ""
	}
	return " => " + dump(e, h.o.Verbosity)
}

func loopKey(e runner.Event) string {
	if e.Task == nil {
		return e.Host
	}
	return e.Host + "\x00" + e.Task.ID
}

// result writes a host's line of a task. Of a loop only what its items did not
// say is left.
func (h *human) result(e runner.Event) {
	key := loopKey(e)
	loop := h.looped[key]
	delete(h.looped, key)
	diffs := h.diffs[key]
	delete(h.diffs, key)
	if h.hush(e) {
		return
	}
	h.under(e)
	if !loop && e.Status == runner.Changed {
		diffs = e.Diff
	}
	for _, d := range diffs {
		h.out.write(h.diffText(d))
	}
	if !loop || e.Status == runner.Skipped || e.Status == runner.Unreachable || e.NoLog {
		h.line(e)
	}
	if e.Ignored {
		h.say(h.paint.skipped, "...ignoring")
	}
}

func (h *human) line(e runner.Event) {
	switch e.Status {
	case runner.Failed:
		h.say(h.paint.failed, "fatal: ["+hostLabel(e)+"]: FAILED! => "+dump(e, h.o.Verbosity))
	case runner.Unreachable:
		h.say(h.paint.unreachable, "fatal: ["+hostLabel(e)+"]: UNREACHABLE! => "+dump(e, h.o.Verbosity))
	case runner.Skipped:
		h.say(h.paint.skipped, "skipping: ["+e.Host+"]"+h.more(e))
	case runner.Changed:
		h.say(h.paint.changed, "changed: ["+hostLabel(e)+"]"+h.more(e))
	default:
		h.say(h.paint.ok, "ok: ["+hostLabel(e)+"]"+h.more(e))
	}
}

func (h *human) retry(e runner.Event) {
	if h.quiet {
		return
	}
	h.under(e)
	text := fmt.Sprintf("FAILED - RETRYING: [%s]: %s (%d retries left).", hostLabel(e), e.Task.Name, e.Left)
	if h.o.Verbosity > 2 {
		text += "Result was: " + dump(e, h.o.Verbosity)
	}
	h.say(h.paint.debug, text)
}

// include collects hosts that take in the same file.
func (h *human) include(e runner.Event) {
	label := e.Label
	if e.NoLog && label != "" {
		label = "(censored due to no_log)"
	}
	for i, f := range h.files {
		if f.path == e.Text && f.label == label {
			h.files[i].hosts = append(f.hosts, e.Host)
			return
		}
	}
	h.files = append(h.files, inclusion{e.Text, label, []string{e.Host}})
}

// included writes the files that were collected.
func (h *human) included() {
	files := h.files
	h.files = nil
	for _, f := range files {
		if h.quiet {
			continue
		}
		text := "included: " + f.path + " for " + strings.Join(slices.Compact(f.hosts), ", ")
		if f.label != "" {
			text += " => (item=" + f.label + ")"
		}
		h.say(h.paint.skipped, text)
	}
}

// noMoreHosts is the note that Ansible shows as a heading.
const noMoreHosts = "NO MORE HOSTS LEFT"

func (h *human) note(e runner.Event) {
	switch {
	case h.quiet:
	case e.Text == noMoreHosts:
		h.stars(e.Text)
	case e.Host == "":
		h.say(h.paint.note, e.Text)
	default:
		h.under(e)
		h.say(h.paint.note, "    ["+e.Host+"] "+e.Text)
	}
}

func (h *human) override(e runner.Event) {
	h.warn(fmt.Sprintf("task %q runs in spite of --check: it says check_mode: false (%s)", e.Task.Name, e.Task.Pos))
}

func (h *human) warn(text string) {
	h.err.write(lined(h.warnings.warning, wrap("[WARNING]: "+text, h.columns)+"\n"))
}

// wrap breaks text at blanks so that lines fit; longer words stay whole.
func wrap(text string, columns int) string {
	var b strings.Builder
	n := 0
	for _, word := range strings.Fields(text) {
		w := columnsOf(word)
		switch {
		case n == 0:
		case n+1+w > columns:
			b.WriteByte('\n')
			n = 0
		default:
			b.WriteByte(' ')
			n++
		}
		b.WriteString(word)
		n += w
	}
	return b.String()
}
