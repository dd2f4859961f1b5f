package main

import (
	"os"
	"strings"

	"remoterun/playbooks"
)

// builtinDir begins the paths of playbooks that ship with the program: behind
// it stands the path that a playbook has in the sources.
const builtinDir = "remoterun:"

// builtin returns a shipped playbook's text.
func builtin(path string) ([]byte, bool) {
	name, ok := strings.CutPrefix(path, builtinDir)
	if !ok || !strings.HasPrefix(name, "playbooks/") {
		return nil, false
	}
	text, err := playbooks.Read(name)
	return text, err == nil
}

// exists reports files of the project, shipped playbooks and files that are
// made, not read.
func (s *session) exists(path string) bool {
	if _, ok := s.memory[path]; ok {
		return true
	}
	if _, ok := builtin(path); ok {
		return true
	}
	_, err := os.Stat(path)
	return err == nil
}
