package ast

import (
	"slices"
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// Listed is one play as --list-tasks, --list-tags and --list-hosts show it.
type Listed struct {
	Number int // from 1
	Play   *play.Play
	Name   string
	Tags   []string // the play's own, sorted
	Hosts  []string // the pattern's parts, as written
	Tasks  []ListedTask
}

// ListedTask is one task with every tag that it inherits, sorted.
type ListedTask struct {
	Name string
	Tags []string
}

// List lists the plays of a playbook and their tasks. Tasks whose tags the
// predicate refuses are left out; included files are not opened, and rescue and
// always are not listed, as in Ansible.
func List(book *play.Playbook, wanted func(tags []string) bool) []Listed {
	var out []Listed
	for i, p := range book.Plays {
		l := Listed{Number: i + 1, Play: p, Name: PlayName(p), Tags: slices.Clone(p.Tags)}
		sortWords(l.Tags)
		for _, h := range listOf(p.Hosts) {
			l.Hosts = append(l.Hosts, value.Str(h))
		}
		for _, list := range [][]play.Item{p.Pre, p.Tasks, p.Post} {
			l.Tasks = append(l.Tasks, listItems(list, p.Tags, wanted)...)
		}
		out = append(out, l)
	}
	return out
}

// AllTags are the tags of the listed tasks, sorted, each once.
func (l Listed) AllTags() []string {
	var out []string
	for _, t := range l.Tasks {
		out = append(out, t.Tags...)
	}
	sortWords(out)
	return slices.Compact(out)
}

// PlayName is the play's name, or its hosts.
func PlayName(p *play.Play) string {
	if name := value.Str(p.Name); !p.Name.IsNull() && name != "" {
		return name
	}
	var hosts []string
	for _, h := range listOf(p.Hosts) {
		hosts = append(hosts, value.Str(h))
	}
	return strings.Join(hosts, ",")
}

// TaskName is the task's name with its role before it, or its module's, as Ansible
// lists them.
func TaskName(t *play.Task) string {
	if play.Text(t.Name) != "" {
		return t.Title()
	}
	return t.Module
}

func listItems(items []play.Item, outer []string, wanted func([]string) bool) []ListedTask {
	var out []ListedTask
	for _, it := range items {
		tags := slices.Concat(outer, it.Words().Tags)
		sortWords(tags)
		tags = slices.Compact(tags)
		switch it := it.(type) {
		case *play.Block:
			out = append(out, listItems(it.Body, tags, wanted)...)
		case *play.Task:
			if wanted == nil || wanted(tags) {
				out = append(out, ListedTask{Name: TaskName(it), Tags: tags})
			}
		}
	}
	return out
}
