// Package seal holds the formats of keys, and the cryptography behind them: the
// keyring file of pg_tde, its sealed form, the manifest, the recovery sheet and what
// is asked of a passphrase. It knows no host and no engine, asks nobody, and opens
// no connection; read from keyring.go over primitives.go and seal.go to sheet.go,
// it is the whole of what a stolen file can be attacked through.
package seal
