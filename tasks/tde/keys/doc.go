// Package keys is the module tde_keyring: makes, seals, opens, pushes, loads and
// compares the keyring of a host's project. The work is custody's and memory's.
package keys
