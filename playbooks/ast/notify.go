package ast

import (
	"slices"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// checkNotify reports constant names that tasks notify and no handler of the
// play has. Handlers that come with an included file may have any name.
func (pr *playReader) checkNotify(p *play.Play) {
	known := map[string]bool{}
	knows := func(names ...string) {
		for _, n := range names {
			known[n] = true
		}
	}
	open := pr.files.anyHandler
	each(slices.Concat(p.Handlers, blocks(pr.tasks.later)), func(t *play.Task) {
		for _, topic := range t.Listen {
			knows(t.Names(topic)...)
		}
		if value.HasTemplate(t.Name) || t.Action == "include_tasks" {
			open = true
		}
		if !t.Name.IsNull() {
			knows(append(t.Names(value.Str(t.Name)), t.Title())...)
		}
	})
	if open {
		return
	}
	names := make([]string, 0, len(known))
	for n := range known {
		names = append(names, n)
	}
	sortWords(names)
	report := func(t *play.Task) {
		for _, v := range t.Notify {
			name := value.Str(v)
			if value.HasTemplate(v) || known[name] {
				continue
			}
			at := value.PosOf(v)
			if at.Line == 0 {
				at = t.Pos
			}
			pr.unknown(at, names, name, "notify: no handler of this play is called %q", name)
		}
	}
	for _, list := range [][]play.Item{p.Pre, p.Tasks, p.Post, p.Handlers, blocks(pr.tasks.later), pr.tasks.ahead} {
		each(list, report)
	}
}

// each calls f for every task, also those in blocks.
func each(items []play.Item, f func(*play.Task)) {
	for _, it := range items {
		switch it := it.(type) {
		case *play.Task:
			f(it)
		case *play.Block:
			each(it.Body, f)
			each(it.Rescue, f)
			each(it.Always, f)
		}
	}
}
