package laptop

import (
	"os"
	"syscall"
)

// identityOf is what a file is as long as nobody writes to it.
func identityOf(st os.FileInfo) (identity, bool) {
	s, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}, false
	}
	return identity{size: s.Size, mtime: s.Mtim.Nano(), ctime: s.Ctim.Nano(), dev: uint64(s.Dev), ino: s.Ino}, true // #nosec G115
}
