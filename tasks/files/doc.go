// Package files holds the modules that put, change, read and fetch files. Each is a
// file: typed arguments, constant probes, a pure plan. What they share is tasks/kit.
package files
