package play

import "strings"

// Own takes the language's own collections from a name: copy for
// ansible.builtin.copy and ansible.legacy.copy. Names of other collections stay
// whole: who provides a module or a filter says in which collection it is.
func Own(name string) string {
	for _, c := range []string{"ansible.builtin.", "ansible.legacy."} {
		if short, ok := strings.CutPrefix(name, c); ok && !strings.Contains(short, ".") {
			return short
		}
	}
	return name
}

// JobsDir is the argument by which a module that looks after jobs learns where
// they are; the engine gives it.
const JobsDir = "_async_dir"

// NotDetached is what a task fails with that cannot be a job (async), in Ansible's
// words.
const NotDetached = "async is not supported for this task."

// WholeArgs is the argument under which arguments stand that a template gives
// whole (copy: "{{ mapping }}", args: "{{ mapping }}").
const WholeArgs = "_variable_params"
