// Package verify is the module tde_verify: proves check by check, on the server and
// on its disk, that a database is encrypted. What it could not look at it never calls
// ok.
package verify
