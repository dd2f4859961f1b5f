// Package custody keeps sealed keyrings: the laptop's folder with its generations
// and HEAD, the copy on the server, and the session in which keyrings are open while
// the program runs. No passphrase and no key is ever text, an argument, or on a disk
// in the clear.
package custody
