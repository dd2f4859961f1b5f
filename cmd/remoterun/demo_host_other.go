//go:build !linux

package main

import (
	"context"
	"errors"
	"os/exec"

	"github.com/spf13/cobra"
)

var errNotLinux = errors.New("the demo runs on Linux only")

func demoImpossible() string { return "runs on Linux only: its host mounts RAM as a server does" }

func swapsToDisk() bool { return false }

func survivePipes() (stop func()) { return func() {} }

func ownGroup(*exec.Cmd) {}

type demoHost struct {
	port        int
	fingerprint string
}

func startDemoHost(context.Context, string, string, bool) (*demoHost, error) { return nil, errNotLinux }

func (*demoHost) logins() (int, error) { return 0, errNotLinux }
func (*demoHost) stop() error          { return nil }

func (a demonstration) demoHostCommand() *cobra.Command {
	return &cobra.Command{Use: "demo-host", Hidden: true, RunE: func(*cobra.Command, []string) error { return errNotLinux }}
}
