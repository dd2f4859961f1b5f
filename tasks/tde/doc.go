// Package tde joins the modules that keep a compose stack's PostgreSQL encrypted
// with pg_tde or open_pg_tde. The floors below it, from the ground: seal (formats and
// cryptography), guard (refusals and steps), pgtde (the server's side), memory (RAM
// for keys), stack (what is on the host, and the overlay), custody (sealed copies and
// what is open), then a folder for each verb.
package tde
