package sh

import "strings"

// Lock is a host lock that commands run under: each checks, before it does
// anything, that the lock is still its operator's, and is held to be work of
// the project until it has ended. Dir and Token are the holder's.
type Lock struct{ Dir, Token string }

// LockLost is the exit status of a command that found the lock in other hands,
// LostText what it says then.
const (
	LockLost = 75
	LostText = "remoterun: the lock of this project is lost"
)

// under wraps a script: the shell that waits for it holds file descriptor 7 on
// the lock's work file, by which work is found and ended; what the script
// leaves behind (a daemon) is no work and does not inherit it.
func (l *Lock) under(script string) string {
	if l == nil {
		return script
	}
	dir := Quote(l.Dir)
	var b strings.Builder
	b.WriteString("exec 7>>" + dir + "/work && IFS= read -r _k <" + dir + "/token && [ \"$_k\" = " + Quote(l.Token) + " ] || { echo " + Quote(LostText) + " >&2; exit 75; }\n(\n")
	b.WriteString(script)
	b.WriteString("\n) 7>&-\nexit $?")
	return b.String()
}
