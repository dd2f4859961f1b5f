// Package unlock is the module tde_unlock: starts the encrypted database once its
// keyring is in RAM, waits for SQL, has the keys verified, and looks after the apps.
package unlock
