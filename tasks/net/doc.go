// Package net holds the modules that wait for, ask or call something over the network. Each is a
// file: typed arguments, constant probes, a pure plan. What they share is tasks/kit.
package net
