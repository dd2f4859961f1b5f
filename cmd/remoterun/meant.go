package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// hostsAmong says what was meant where hosts stand among the words of a command
// line that has no command: `web site.yml`, `site.yml web`, `web uptime`. Empty
// where none does.
func (a *app) hostsAmong(root *cobra.Command, words []string) string {
	var books, hosts, rest []string
	for i, w := range words {
		switch {
		case isBook(w):
			books = append(books, w)
		case len(rest) == 0 && (i == 0 || len(books) > 0) && a.isHost(root, w):
			hosts = append(hosts, w)
		default:
			rest = append(rest, w)
		}
	}
	switch {
	case len(hosts) == 0 && len(books) > 0 && len(rest) == 1 && words[0] == rest[0] && nearCommand(root, rest[0]) == "":
		return fmt.Sprintf("%q is not a command, a playbook or a host of the inventory; hosts are chosen like this: remoterun %s -l PATTERN", rest[0], strings.Join(books, " "))
	case len(hosts) == 0:
		return ""
	case len(books) > 0 && len(rest) == 0:
		return fmt.Sprintf("playbooks name their hosts themselves, and -l narrows them: remoterun %s -l %s", strings.Join(books, " "), strings.Join(hosts, ","))
	case len(books) > 0 || isHostFirst(words, hosts) && len(rest) == 0 && len(hosts) == 1:
		return fmt.Sprintf("%s is a host or group, and what shall run on it? remoterun run %s -- COMMAND, or remoterun PLAYBOOK.yaml -l %s", hosts[0], hosts[0], hosts[0])
	case len(rest) > 0 && isHostFirst(words, hosts):
		if slices.ContainsFunc(verbs(), func(v verb) bool { return v.Verb == rest[0] }) {
			return fmt.Sprintf("the verb comes first: remoterun %s %s", rest[0], hosts[0])
		}
		return fmt.Sprintf("one command is run like this: remoterun run %s -- %s", hosts[0], strings.Join(rest, " "))
	}
	return ""
}

func isHostFirst(words, hosts []string) bool { return words[0] == hosts[0] }

// isBook reports the path of a playbook: a file, or a name that ends as one.
func isBook(word string) bool {
	ext := filepath.Ext(word)
	st, err := os.Stat(word)
	return ext == ".yml" || ext == ".yaml" || err == nil && !st.IsDir()
}

// isHost reports a name of the inventory; one that has a mistake has none.
func (a *app) isHost(root *cobra.Command, word string) bool {
	for _, name := range (completer{a}).hostNames(root) {
		if name == word {
			return true
		}
	}
	return false
}
