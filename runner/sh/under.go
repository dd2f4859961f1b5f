package sh

import "strings"

// Lock is a host lock that commands run under: each checks, before it does
// anything, that the lock is still its operator's, and is held to be work of
// the project until it has ended. Dir and Token are the holder's; Work is the
// file in Dir that this identity's work has open, "work" when empty.
type Lock struct{ Dir, Token, Work string }

// LockLost is the exit status of a command that found the lock in other hands,
// LostText what it says then.
const (
	LockLost = 75
	LostText = "remoterun: the lock of this project is lost"
)

// under wraps a script: the shell that waits for it holds file descriptor 7 on
// the lock's work file, by which work is found and ended; what the script
// leaves behind (a daemon) is no work and does not inherit it. A script of ours
// finds the file in $_work, for what it leaves behind and waits for later.
func (l *Lock) under(script string) string {
	if l == nil {
		return script
	}
	work := l.Work
	if work == "" {
		work = "work"
	}
	work = Quote(l.Dir + "/" + work)
	var b strings.Builder
	// A shell ends when exec cannot open a file: it is looked at first.
	b.WriteString("[ -w " + work + " ] && exec 7>>" + work + " && { IFS= read -r _k <" + Quote(l.Dir+"/token") + "; } 2>/dev/null && [ \"$_k\" = " + Quote(l.Token) + " ] || { echo " + Quote(LostText) + " >&2; exit 75; }\n(\n")
	b.WriteString("_work=" + work + "\n")
	b.WriteString(script)
	b.WriteString("\n) 7>&-\nexit $?")
	return b.String()
}
