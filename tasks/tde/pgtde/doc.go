// Package pgtde is the server's side: the two extensions and how they differ, the
// SQL that asks and sets keys, the key files in a data folder and the check of their
// headers without a server. It starts nothing and knows no compose file.
package pgtde
