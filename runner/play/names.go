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
