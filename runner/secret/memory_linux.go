package secret

import (
	"errors"

	"golang.org/x/sys/unix"
)

// alloc returns n bytes that are not swapped and not dumped when the system
// allows it, and what gives them back. Limits on locked memory are no reason to
// refuse to work: the laptop's own swap is the operator's affair, and docs say so.
func alloc(n int) ([]byte, func()) {
	if n == 0 {
		return []byte{}, func() {}
	}
	mem, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return make([]byte, n), func() {}
	}
	_ = unix.Mlock(mem)
	_ = unix.Madvise(mem, unix.MADV_DONTDUMP)
	_ = unix.Madvise(mem, unix.MADV_WIPEONFORK)
	return mem, func() { _ = unix.Munmap(mem) }
}

// NoDumps keeps this process's memory to itself: it leaves no core, and other
// processes of the same user can't read it. What it starts can again, and has no
// core either (ulimit -c 0, which it may raise). Errors: the system refused.
func NoDumps() error {
	var core unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil {
		return err
	}
	core.Cur = 0
	return errors.Join(unix.Setrlimit(unix.RLIMIT_CORE, &core), unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0))
}
