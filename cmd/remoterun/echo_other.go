//go:build !linux

package main

import "golang.org/x/term"

// silence leaves echo to the reading of the secret itself.
func silence(int) (restore func()) { return func() {} }

func readSecret(fd int) ([]byte, error) { return term.ReadPassword(fd) }
