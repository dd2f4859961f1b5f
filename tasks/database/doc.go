// Package database holds the modules that speak to a database server on or behind a host. Each is a
// file: typed arguments, constant probes, a pure plan. What they share is tasks/kit.
package database
