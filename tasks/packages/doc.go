// Package packages holds the modules that install software by the host's package manager. Each is a
// file: typed arguments, constant probes, a pure plan. What they share is tasks/kit.
package packages
