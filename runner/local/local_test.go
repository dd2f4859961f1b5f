package local_test

import (
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/hosttest"
	"remoterun/runner/local"
)

func TestConformance(t *testing.T) {
	for _, shell := range [][]string{{"/bin/sh"}, {"/bin/bash"}} {
		t.Run(shell[0], func(t *testing.T) {
			hosttest.Suite(t, func(*testing.T) host.Conn { return local.New("here", nil, local.Options{Shell: shell}) })
		})
	}
}
