// Package certs holds the modules of private keys, requests and certificates.
//
// A private key is made and used on its host, by the host's openssl, and stays
// there: the laptop reads public keys and what is public of certificates, works out
// what has to be signed, and has the host sign it. Passphrases go over stdin only.
package certs
