// Package containers holds the modules that work with the docker program on the host. Each is a
// file: typed arguments, constant probes, a pure plan. What they share is tasks/kit.
package containers
