package view

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"remoterun/runner/event"
	"remoterun/runner/value"
)

// footer is the redrawn part at the bottom of a terminal: one line per running
// host that says what it waits for, and for how long when that is long. A nil
// footer does nothing. The human's mutex guards it.
type footer struct {
	h       *human
	order   []string
	hosts   map[string]waiting
	drawn   int // lines that stand on the screen
	last    time.Time
	stopped bool
	end     chan struct{}
	once    sync.Once
	done    sync.WaitGroup
}

type waiting struct {
	text        string
	since       time.Time
	done, total int64 // in bytes
	first       int64 // done at since
}

// tick is how often times in the footer move on; redraws that events ask for
// come at most as often as pause allows.
const (
	tick  = time.Second
	pause = 80 * time.Millisecond
	// patience is how long a wait lasts before its time is shown.
	patience = 3 * time.Second
)

func newFooter(h *human) *footer {
	f := &footer{h: h, hosts: map[string]waiting{}, end: make(chan struct{})}
	f.done.Go(f.run)
	return f
}

func (f *footer) run() {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-f.end:
			return
		case <-t.C:
			f.h.mu.Lock()
			f.clear()
			f.draw()
			f.h.mu.Unlock()
		}
	}
}

// stop ends the ticking; called without the mutex.
func (f *footer) stop() {
	if f == nil {
		return
	}
	f.once.Do(func() { close(f.end) })
	f.done.Wait()
}

// over ends the footer: the run is at its recap.
func (f *footer) over() {
	if f != nil {
		f.stopped = true
	}
}

// wait notes what a host waits for; empty text = for nothing any longer.
func (f *footer) wait(at time.Time, e event.Waiting) {
	if f == nil || f.stopped {
		return
	}
	old, there := f.hosts[e.Host]
	switch {
	case e.Text == "":
		f.drop(e.Host)
	case there && old.text == e.Text:
		old.done, old.total = e.Done, e.Total
		f.hosts[e.Host] = old
	default:
		if !there {
			f.order = append(f.order, e.Host)
		}
		f.hosts[e.Host] = waiting{text: e.Text, since: at, done: e.Done, total: e.Total, first: e.Done}
	}
	if time.Since(f.last) >= pause {
		f.clear()
		f.draw()
	}
}

// forget drops a host whose task ended.
func (f *footer) forget(host string) {
	if f != nil {
		f.drop(host)
	}
}

func (f *footer) drop(host string) {
	delete(f.hosts, host)
	for i, n := range f.order {
		if n == host {
			f.order = append(f.order[:i:i], f.order[i+1:]...)
			return
		}
	}
}

// clear takes the footer off the screen.
func (f *footer) clear() {
	if f == nil || f.drawn == 0 {
		return
	}
	f.h.err.write(fmt.Sprintf("\r\x1b[%dA\x1b[J", f.drawn))
	f.drawn = 0
}

// draw puts the footer on the screen. Where there is no room for every host
// the last line counts the rest.
func (f *footer) draw() {
	if f == nil || f.stopped || len(f.order) == 0 {
		return
	}
	rows := f.h.o.Rows
	if rows == 0 {
		rows = 24
	}
	room := max(2, rows/3)
	var b strings.Builder
	for i, host := range f.order {
		if i == room-1 && len(f.order) > room {
			b.WriteString(f.fit("  … and "+value.Count(len(f.order)-i, "more host")) + "\n")
			f.drawn++
			break
		}
		b.WriteString(f.fit("  "+host+": "+f.hosts[host].String()) + "\n")
		f.drawn++
	}
	f.h.err.write(lined(f.h.warnings.debug, b.String()))
	f.last = time.Now()
}

func (w waiting) String() string {
	text := strings.Join(strings.Fields(w.text), " ")
	if w.total > 0 {
		text += fmt.Sprintf(" %d%%", min(100, w.done*100/w.total))
	}
	text += w.moved()
	if d := time.Since(w.since); d >= patience {
		text += fmt.Sprintf(" (%s)", d.Round(time.Second))
	}
	return text
}

// moved is how many bytes have come or gone, how fast, and how long the rest will
// take at that rate.
func (w waiting) moved() string {
	if w.done < 1<<10 {
		return ""
	}
	text := ", " + size(w.done)
	if w.total > 0 {
		text += " of " + size(w.total)
	}
	seconds := time.Since(w.since).Seconds()
	if seconds < 1 {
		return text
	}
	rate := float64(w.done-w.first) / seconds
	text += ", " + size(int64(rate)) + "/s"
	if left := w.total - w.done; left > 0 && rate >= 1 {
		text += fmt.Sprintf(", %s left", time.Duration(float64(left)/rate*float64(time.Second)).Round(time.Second))
	}
	return text
}

// size is a number of bytes as people say it, three digits of it.
func size(n int64) string {
	f, unit := float64(n), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if f < 1000 {
			break
		}
		f, unit = f/1024, next
	}
	if f < 10 && unit != "B" {
		return fmt.Sprintf("%.1f %s", f, unit)
	}
	return fmt.Sprintf("%.0f %s", f, unit)
}

// fit cuts a line so that it never wraps: a wrapped line could not be taken
// away again.
func (f *footer) fit(line string) string {
	line = Safe(f.h.err.red.Redact(line))
	room := f.h.columns
	if c := f.h.o.Columns; c > 0 {
		room = c - 1
	}
	if columnsOf(line) <= room {
		return line
	}
	n := 0
	for i, r := range line {
		if n += columnsOf(string(r)); n > room-1 {
			return line[:i] + "…"
		}
	}
	return line
}
