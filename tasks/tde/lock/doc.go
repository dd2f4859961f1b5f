// Package lock is the module tde_lock: stops the database and wipes the keyring out
// of RAM.
package lock
