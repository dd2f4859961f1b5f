// Package system holds the modules that run commands, mount, and ask what a host is. Each is a
// file: typed arguments, constant probes, a pure plan. What they share is tasks/kit.
package system
