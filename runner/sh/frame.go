package sh

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
)

// sentinel ends every script: the host runs nothing unless the whole of it has
// arrived, because a cut link looks like the end of input.
const sentinel = "#EOS"

// loopLines is the reader that runs on the host for as long as the connection
// lives. Per frame it takes "NONCE SCRIPTLEN DATALEN LINES\n", the script and the
// data; each script runs in a sh of its own, session and process group of its
// own where setsid is there. Measured on dash, bash, busybox ash, mksh and zsh:
// facts in docs/architecture.md.
//
//   - A small script in ASCII has LINES and is read by the shell itself, a system call
//     a byte: to start a program costs as much as thousands of them. Others (LINES 0,
//     see Header) are read by dd.
//   - dd with iflag=fullblock neither over- nor under-reads (head -c does, on
//     busybox); bs=1 is the fallback. Which of them it is shows when it is needed.
//   - The script is read by the child itself, so that it shows up in no argument.
//   - The trailing cat drains what a command left unread, also when it was
//     killed, so that the stream stays in step.
//   - Each script finds in $_ck what the time was when the host had been up for $_cu
//     seconds (Clock): one date for the connection, none for its commands.
//   - "NONCE P " comes from the loop and the PID from the child.
const loopLines = `exec 4>&2 2>/dev/null
b=
f() { if [ -z "$b" ]; then b=0; if echo ab | dd bs=1 count=1 iflag=fullblock >/dev/null; then b=1; fi; fi; w="bs=1 count=$(($1 * $2))"; if [ $b -eq 1 ]; then w="bs=$1 count=$2 iflag=fullblock"; fi; }
d() { f $1 $2; dd $w; }
c="s=; if [ \$5 -gt 0 ]; then _e=; _i=\$5; while [ \$_i -gt 0 ]; do IFS= read -r _l || exit 125; s=\$s\$_e\$_l; _e=\$6; _i=\$((_i - 1)); done; unset _e _i _l; else s=\$(dd \$7 2>/dev/null); fi; echo \$\$; case \$s in *\"#EOS\") ;; *) exit 125;; esac; if [ \$2 -eq 0 ]; then exec </dev/null; fi; _ck=\$3; _cu=\$4; shift 7; eval \"\$s\""
g=
if setsid true; then g=setsid; fi
u=
while read -r a x u x; do if [ "$a" = Uid: ]; then break; fi; done </proc/self/status
if [ "$u" -ge 0 ]; then :; else u=$(id -u); fi
echo READY $u $g
e=$(printf "\n.")
e=${e%.}
v=$(` + nowText + `)
if IFS=" " read -r u x </proc/uptime; then :; else v=; fi
while IFS=" " read -r k n m l; do
printf "%s P " $k
if [ $l -eq 0 ] || [ $m -gt 0 ]; then f $n 1; fi
if [ $m -gt 0 ]; then t=$((n + m)); { if [ $t -ge 65536 ]; then d 65536 $((t / 65536)); fi; d $((t % 65536)) 1; } | { $g sh -c "$c" sh $n 1 "$v" "$u" $l "$e" "$w" 2>&4 4>&-; r=$?; cat >/dev/null; exit $r; }
else $g sh -c "$c" sh $n 0 "$v" "$u" $l "$e" "$w" 2>&4 4>&-; fi
r=$?; echo "$k $r"; echo "$k" >&4
done`

// Loop is the reader as one line without single quotes, newlines, exclamation
// marks or double backslashes, so that it survives as a word in any login shell
// (dash, bash, zsh, mksh, fish, tcsh).
func Loop() string {
	lines := strings.Split(loopLines, "\n")
	var b strings.Builder
	for i, l := range lines {
		b.WriteString(l)
		switch {
		case i == len(lines)-1:
		case strings.HasSuffix(l, "do"):
			b.WriteByte(' ')
		default:
			b.WriteString("; ")
		}
	}
	return b.String()
}

// LoopCommand is what an exec request starts: the loop under the shell at path
// (normally /bin/sh), whatever the login shell is.
func LoopCommand(shell string) string { return "exec " + shell + " -c '" + Loop() + "'" }

// Ready begins the line by which the loop says that it listens; behind it
// stand the numeric user id and "setsid" when process groups can be killed.
const Ready = "READY"

// once takes one script over a channel of its own and leaves the rest of stdin
// to it: no pump stands between the channel and the command that reads.
const once = `echo READY $(id -u) $$; IFS=" " read -r k n; s=$(dd bs=$n count=1 iflag=fullblock 2>/dev/null); case $s in *"#EOS") ;; *) exit 125;; esac; eval "$s"`

// Once is the reader of one script, safe as a word in any login shell.
func Once() string { return once }

// OnceScript is the script that Once is sent for c: its header line and body.
// A command with a gate calls "_go" when stdin may come; Gate is the line that
// it prints then.
func OnceScript(nonce string, c Cmd) (header, body string) {
	script := c.Render()
	if c.Gated {
		script = "_go() { echo " + Gate(nonce) + "; }\n" + script
	}
	body = script + "\n" + sentinel
	return fmt.Sprintf("%s %d\n", nonce, len(body)), body
}

// Gate is the line by which a gated command asks for its stdin.
func Gate(nonce string) string { return nonce + " GO" }

// NewNonce returns 32 hex digits, fresh for every frame: output that a command
// prints cannot forge a mark whose nonce it does not know.
func NewNonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// byShell is the length, in bytes, up to which the host's shell reads a script itself.
const byShell = 2000

// Header returns the line before a frame's script and data, and the script with
// its sentinel. dataLen is in bytes. A script of more than byShell bytes, or with others
// than ASCII's printable ones, tabs and newlines (which some shells' read changes), has
// 0 lines.
func Header(nonce, script string, dataLen int64) (header, body string) {
	body = script + "\n" + sentinel
	lines := 0
	if len(body) < byShell && !strings.ContainsFunc(body, func(r rune) bool { return r != '\t' && r != '\n' && (r < ' ' || r > '~') }) {
		body += "\n"
		lines = strings.Count(body, "\n")
	}
	return fmt.Sprintf("%s %d %d %d\n", nonce, len(body), dataLen, lines), body
}
