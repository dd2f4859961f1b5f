//go:build !linux

package main

// silence leaves echo to the reading of the secret itself.
func silence(int) (restore func()) { return func() {} }
