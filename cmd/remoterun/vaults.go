package main

import (
	"strings"

	"errors"

	"remoterun/inventory"
	"remoterun/playbooks/ast"
	"remoterun/runner/play"
	"remoterun/runner/secret/vault"
	"remoterun/runner/value"
)

// reached are the hosts of a run's plays, as far as that is known before it.
func (s *session) reached(books []*play.Playbook) []string {
	var out []string
	seen := map[string]bool{}
	for _, b := range books {
		for _, l := range ast.List(b, func([]string) bool { return true }) {
			if value.Templated(strings.Join(l.Hosts, ",")) {
				continue // nobody knows yet which they are
			}
			hosts, _ := s.hosts(l.Hosts)
			for _, name := range hosts {
				if !seen[name] {
					seen[name] = true
					out = append(out, name)
				}
			}
		}
	}
	return out
}

// openVaults opens what the hosts of a run have vaulted, before any is contacted:
// a password that is missing or wrong is one line then, not a failure of each
// host. Other mistakes are told where they matter.
func (s *session) openVaults(hosts []string) error {
	for _, name := range hosts {
		if _, err := s.inv.Layers(name); closedVault(err) != nil {
			return &codedError{exitUsage, closedVault(err)}
		}
	}
	return nil
}

// closedVault is the first mistake that is a vault which stays closed: the others
// stay closed for the same reason. nil = there is none.
func closedVault(err error) error {
	var list inventory.Errors
	if errors.As(err, &list) {
		for _, e := range list {
			if errors.As(e, new(*vault.ClosedError)) {
				return e
			}
		}
	}
	return nil
}
