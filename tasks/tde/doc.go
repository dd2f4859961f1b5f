// Package tde holds the modules that keep a compose stack's PostgreSQL
// encrypted with pg_tde or open_pg_tde: keyrings and their sealed copies, the
// mount in RAM, and the database's side of it. Keys and passphrases are sealed
// secrets from the moment they exist: they are never text, never in an argument
// or environment, never on a disk in the clear. Nothing here is decrypted on a
// server, and no plaintext key is sent to anything that was not proved to be RAM
// in the same breath.
package tde
