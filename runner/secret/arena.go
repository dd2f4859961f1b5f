package secret

// arena keeps bytes in locked memory until all of them are wiped.
type arena struct {
	free  []byte
	whole [][]byte
	gives []func()
}

// arenaSize is one piece in bytes: locked memory comes in pages and is scarce.
const arenaSize = 16 << 10

// keep returns a copy of b in the arena.
func (a *arena) keep(b []byte) []byte {
	if len(b) > len(a.free) {
		mem, give := alloc(max(arenaSize, len(b)))
		a.free, a.whole, a.gives = mem, append(a.whole, mem), append(a.gives, give)
	}
	out := a.free[:len(b):len(b)]
	copy(out, b)
	a.free = a.free[len(b):]
	return out
}

func (a *arena) wipe() {
	for i, mem := range a.whole {
		clear(mem)
		a.gives[i]()
	}
	*a = arena{}
}
