// Package memory is a host's RAM as a place for keys: what counts as RAM, the mount,
// its proof, and the way of a keyring into it. Nothing is sent to a place that was
// not proved in the same breath.
package memory
