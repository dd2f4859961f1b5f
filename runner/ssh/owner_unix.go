//go:build unix

package ssh

import (
	"io/fs"
	"syscall"
)

// ownerOf is the user id of a file's owner, -1 when it is not known.
func ownerOf(i fs.FileInfo) int {
	if st, ok := i.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}
