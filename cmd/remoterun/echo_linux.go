package main

import (
	"bytes"
	"io"

	"golang.org/x/sys/unix"
)

// silence turns a terminal's echo off before a question is shown, so that what
// is typed ahead of the answer is not shown either; restore turns it on again.
func silence(fd int) (restore func()) {
	old, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return func() {}
	}
	quiet := *old
	quiet.Lflag = quiet.Lflag&^unix.ECHO | unix.ICANON | unix.ISIG
	quiet.Iflag |= unix.ICRNL
	if unix.IoctlSetTermios(fd, unix.TCSETS, &quiet) != nil {
		return func() {}
	}
	return func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, old) }
}

// readSecret reads a line of a terminal that is silenced. The line is read at
// once into one place that is overwritten: a slice that grows leaves its beginning
// behind each time.
func readSecret(fd int) ([]byte, error) {
	line := make([]byte, 4096) // the longest line of a terminal
	defer clear(line)
	for {
		switch n, err := unix.Read(fd, line); {
		case err == unix.EINTR:
		case err != nil:
			return nil, err
		case n == 0:
			return nil, io.EOF
		default:
			return bytes.Clone(bytes.TrimRight(line[:n], "\r\n")), nil
		}
	}
}
