//go:build linux || darwin

package shelf

import "syscall"

// freeBytes are free for us in a folder of the laptop; -1 = not known.
func freeBytes(dir string) int64 {
	var st syscall.Statfs_t
	if syscall.Statfs(dir, &st) != nil {
		return -1
	}
	return int64(st.Bavail) * int64(st.Bsize)
}
