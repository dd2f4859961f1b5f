// Package target makes an encrypted cluster where there is none, and the overlay that
// runs it: the module tde_init, and what a migration makes its target with. It never
// touches a folder or volume that its own record does not name as begun.
package target
