// Package status is the module tde_status: says in one word how a database is, and
// what to type next. It changes nothing and asks for no passphrase.
package status
