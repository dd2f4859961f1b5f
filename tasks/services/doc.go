// Package services holds the modules that start, stop and enable services. Each is a
// file: typed arguments, constant probes, a pure plan. What they share is tasks/kit.
package services
