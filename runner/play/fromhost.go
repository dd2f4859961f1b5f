package play

import "errors"

// ErrFromHost is a file that this run fetched from a host and that would be read as
// a program of the laptop's.
var ErrFromHost = errors.New("the file was fetched from a host in this run, and what a host says is never run here: copy it as it is, or read it with include_vars or lookup('file')")

// Foreign is a Scope that knows which of the laptop's files came from hosts.
type Foreign interface{ FromHost(path string) bool }
