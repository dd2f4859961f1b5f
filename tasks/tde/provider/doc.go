// Package provider holds the modules tde_provider and tde_principal_key: key
// providers of a server, and which key its scopes are on. They make no keys.
package provider
