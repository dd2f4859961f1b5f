package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/fatih/color"
	"golang.org/x/text/width"

	"remoterun/runner/event"
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
	diffs   map[string][]event.Diff // of a loop's items, by host and task
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
		looped: map[string]bool{}, diffs: map[string][]event.Diff{}, columns: 79,
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
func (h *human) Event(at time.Time, e event.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w, ok := e.(event.Waiting); ok {
		h.foot.wait(at, w)
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

func (h *human) event(e event.Event) {
	switch e := e.(type) {
	case event.Included:
		h.include(e)
		return
	case event.HostResult:
		if h.foot.forget(e.Host); saidByFile(e.Outcome) {
			return
		}
	case event.ItemResult:
		if saidByFile(e.Outcome) {
			h.foot.forget(e.Host)
			return
		}
	}
	h.included()
	switch e := e.(type) {
	case event.PlayStart:
		h.playStart(e.Play)
	case event.PlayNoHosts:
		h.say(h.paint.skipped, "skipping: no hosts matched")
	case event.TaskStart:
		h.taskStart(e)
	case event.ItemResult:
		h.item(e)
	case event.HostResult:
		h.result(e.Outcome)
	case event.Retry:
		h.retry(e)
	case event.Note:
		h.note(e)
	case event.NoHostsLeft:
		h.noHostsLeft()
	case event.Warning:
		h.warn(e.Text)
	case event.CheckOverride:
		h.override(e.Task)
	case event.Recap:
		h.foot.over()
		h.recap(e.Stats)
	}
}

// saidByFile reports a task that took in a file or a role: what it took in says it
// all.
func saidByFile(e event.Outcome) bool {
	name := actionOf(e.Task)
	return (name == "include_tasks" || name == "include_role") && e.Status != event.Failed && e.Status != event.Skipped
}

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

func (h *human) playStart(play string) {
	h.banner = ""
	if h.quiet {
		return
	}
	if name := strings.TrimSpace(play); name != "" {
		h.stars("PLAY [" + name + "]")
		return
	}
	h.stars("PLAY")
}

func (h *human) taskStart(e event.TaskStart) {
	if h.free = e.Host != ""; h.free || h.quiet {
		return // the banner comes with the first result
	}
	h.heading(e.Task)
}

// heading writes a task's banner.
func (h *human) heading(t *event.Task) {
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
func (h *human) under(t *event.Task) {
	if t != nil && t.ID != h.banner {
		h.heading(t)
	}
}

// hush reports events that the quiet view leaves out.
func (h *human) hush(e event.Outcome) bool {
	return h.quiet && (e.Ignored || e.Rescued || e.Status != event.Failed && e.Status != event.Unreachable)
}

func (h *human) item(e event.ItemResult) {
	key := loopKey(e.Outcome)
	h.looped[key] = true
	if e.Status == event.Changed {
		h.diffs[key] = append(h.diffs[key], e.Diff...)
	}
	if h.hush(e.Outcome) {
		return
	}
	h.under(e.Task)
	item, said := "(item="+label(e, h.o.Verbosity)+")", e.Outcome
	switch e.Status {
	case event.Failed:
		h.say(h.paint.failed, "failed: ["+hostLabel(said)+"] "+item+" => "+failure(said, h.o.Verbosity))
	case event.Unreachable:
		h.say(h.paint.unreachable, "fatal: ["+hostLabel(said)+"]: UNREACHABLE! "+item+" => "+failure(said, h.o.Verbosity))
	case event.Skipped:
		h.say(h.paint.skipped, "skipping: ["+e.Host+"] => "+item+" "+h.more(said))
	case event.Changed:
		h.say(h.paint.changed, "changed: ["+hostLabel(said)+"] => "+item+h.more(said))
	default:
		h.say(h.paint.ok, "ok: ["+hostLabel(said)+"] => "+item+h.more(said))
	}
}

// more is a result that is shown because of -v or of what the module is.
func (h *human) more(e event.Outcome) string {
	if !verbose(e, h.o.Verbosity) {
		return ""
	}
	return " => " + dump(e, h.o.Verbosity)
}

func loopKey(e event.Outcome) string {
	if e.Task == nil {
		return e.Host
	}
	return e.Host + "\x00" + e.Task.ID
}

// result writes a host's line of a task. Of a loop only what its items did not
// say is left.
func (h *human) result(e event.Outcome) {
	key := loopKey(e)
	loop := h.looped[key]
	delete(h.looped, key)
	diffs := h.diffs[key]
	delete(h.diffs, key)
	if h.hush(e) {
		return
	}
	h.under(e.Task)
	if !loop && e.Status == event.Changed {
		diffs = e.Diff
	}
	for _, d := range diffs {
		h.out.write(h.diffText(d))
	}
	if !loop || e.Status == event.Skipped || e.Status == event.Unreachable || e.NoLog {
		h.line(e)
	}
	if e.Ignored {
		h.say(h.paint.skipped, "...ignoring")
	}
}

func (h *human) line(e event.Outcome) {
	switch e.Status {
	case event.Failed:
		h.say(h.paint.failed, "fatal: ["+hostLabel(e)+"]: FAILED! => "+failure(e, h.o.Verbosity))
	case event.Unreachable:
		h.say(h.paint.unreachable, "fatal: ["+hostLabel(e)+"]: UNREACHABLE! => "+failure(e, h.o.Verbosity))
	case event.Skipped:
		h.say(h.paint.skipped, "skipping: ["+e.Host+"]"+h.more(e))
	case event.Changed:
		h.say(h.paint.changed, "changed: ["+hostLabel(e)+"]"+h.more(e))
	default:
		h.say(h.paint.ok, "ok: ["+hostLabel(e)+"]"+h.more(e))
	}
}

func (h *human) retry(e event.Retry) {
	if h.quiet {
		return
	}
	h.under(e.Task)
	text := fmt.Sprintf("FAILED - RETRYING: [%s]: %s (%d retries left).", hostLabel(e.Outcome), cmp.Or(e.Task.Own, e.Task.Name), e.Left)
	if h.o.Verbosity > 2 {
		text += "Result was: " + dump(e.Outcome, h.o.Verbosity)
	}
	h.say(h.paint.debug, text)
}

// include collects hosts that take in the same file.
func (h *human) include(e event.Included) {
	label := e.Label
	if e.NoLog && label != "" {
		label = "(censored due to no_log)"
	}
	for i, f := range h.files {
		if f.path == e.Path && f.label == label {
			h.files[i].hosts = append(f.hosts, e.Host)
			return
		}
	}
	h.files = append(h.files, inclusion{e.Path, label, []string{e.Host}})
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

// noHostsLeft is a heading, as Ansible has it.
func (h *human) noHostsLeft() {
	if !h.quiet {
		h.stars("NO MORE HOSTS LEFT")
	}
}

func (h *human) note(e event.Note) {
	switch {
	case h.quiet:
	case e.Host == "":
		h.say(h.paint.note, e.Text)
	default:
		h.under(e.Task)
		h.say(h.paint.note, "    ["+e.Host+"] "+e.Text)
	}
}

func (h *human) override(t *event.Task) {
	h.warn(fmt.Sprintf("task %q runs in spite of --check: it says check_mode: false (%s)", t.Name, t.Pos))
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
