package view

import (
	"strings"
	"unicode/utf8"

	"remoterun/runner/event"
	"remoterun/runner/value"
)

// maxDump is how much of a failure is shown in bytes, about; -v shows all of it.
const maxDump = 32 << 10

// failure is the dump of a result that failed: of long texts and lists the
// beginning and the end, where mistakes stand.
func failure(e event.Outcome, verbosity int) string {
	text := dump(e, verbosity)
	if verbosity > 0 || len(text) <= maxDump {
		return text
	}
	long := e
	for keep := 4 << 10; keep >= 64; keep /= 4 {
		c := cutter{bytes: keep, items: max(2, keep/64)}
		long.Result, _ = c.value(value.FromMap(e.Result)).AsMap()
		if text = dump(long, verbosity); len(text) <= maxDump {
			return text
		}
	}
	return text[:strings.LastIndexByte(text[:maxDump], ' ')+1] + "... (" + more(len(text)-maxDump, "byte") + ")"
}

// more says that something is not shown.
func more(n int, what string) string {
	return value.Count(n, what) + " more; -v shows everything"
}

// maxLabel is how much of an item's label is shown in bytes, about: an item may be
// the content of a file, and there is a line for each.
const maxLabel = 1 << 10

// label is what an item is called on the screen.
func label(e event.ItemResult, verbosity int) string {
	text := itemLabel(e.LoopItem, e.NoLog)
	if verbosity > 0 || len(text) <= 2*maxLabel {
		return text
	}
	end := maxLabel
	for !utf8.RuneStart(text[end]) && end > maxLabel-utf8.UTFMax {
		end--
	}
	return text[:end] + "... (" + more(len(text)-end, "byte") + ")"
}

// cutter shortens what is in a result.
type cutter struct{ bytes, items int }

func (c cutter) value(v value.Value) value.Value {
	switch v.Kind() {
	case value.KindString:
		s, _ := v.AsString()
		return value.MarkedString(c.text(s), v.Marks())
	case value.KindList, value.KindTuple:
		return c.list(v.Items()).With(v.Marks())
	case value.KindMap:
		src, _ := v.AsMap()
		out := value.NewMap()
		for k, it := range src.All() {
			if out.Len() == 4*c.items {
				out.Put("...", value.String(more(src.Len()-out.Len(), "entrie")))
				break
			}
			out.Set(k, c.value(it))
		}
		return value.FromMap(out).With(v.Marks())
	}
	return v
}

// text keeps a quarter of its room for the beginning.
func (c cutter) text(s string) string {
	if len(s) <= 2*c.bytes {
		return s
	}
	head, tail := s[:c.bytes/4], s[len(s)-c.bytes*3/4:]
	for len(head) > 0 && !utf8.ValidString(head[len(head)-1:]) {
		head = head[:len(head)-1]
	}
	for len(tail) > 0 && !utf8.RuneStart(tail[0]) {
		tail = tail[1:]
	}
	cut := s[len(head) : len(s)-len(tail)]
	return head + "\n... (" + more(len(cut), "byte") + ", " + value.Count(strings.Count(cut, "\n"), "line break") + " among them) ...\n" + tail
}

func (c cutter) list(items []value.Value) value.Value {
	var out []value.Value
	for i, it := range items {
		switch {
		case len(items) <= 2*c.items || i < c.items/4 || i >= len(items)-c.items*3/4:
			out = append(out, c.value(it))
		case i == c.items/4:
			out = append(out, value.String("... ("+more(len(items)-c.items/4-c.items*3/4, "item")+") ..."))
		}
	}
	return value.List(out...)
}
