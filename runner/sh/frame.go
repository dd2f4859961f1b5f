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
// lives. Per frame it takes "NONCE SCRIPTLEN DATALEN\n", the script and the
// data; each script runs in a sh of its own, session and process group of its
// own where setsid is there. Measured on dash, bash, busybox ash, mksh and zsh:
// facts in docs/architecture.md.
//
//   - dd with iflag=fullblock neither over- nor under-reads (head -c does, on
//     busybox); bs=1 is the fallback.
//   - The script is read by the child itself, so that it shows up in no argument.
//   - The trailing cat drains what a command left unread, also when it was
//     killed, so that the stream stays in step.
//   - Each script finds in $_ck what the time was when the host had been up for $_cu
//     seconds (Clock): one date for the connection, none for its commands.
//   - "NONCE P " comes from the loop and the PID from the child.
const loopLines = `exec 4>&2 2>/dev/null
d() { dd bs=$1 count=$2 iflag=fullblock; }
w="bs=\$1 count=1 iflag=fullblock"
if echo ab | dd bs=1 count=1 iflag=fullblock >/dev/null; then :; else d() { dd bs=1 count=$(($1 * $2)); }; w="bs=1 count=\$1"; fi
c="s=\$(dd $w 2>/dev/null); echo \$\$; case \$s in *\"#EOS\") ;; *) exit 125;; esac; if [ \$2 -eq 0 ]; then exec </dev/null; fi; _ck=\$3; _cu=\$4; shift 4; eval \"\$s\""
g=
if setsid true; then g=setsid; fi
echo READY $(id -u) $g
v=$(` + nowText + `)
if IFS=" " read -r u x </proc/uptime; then :; else v=; fi
while IFS=" " read -r k n m; do
printf "%s P " $k
if [ $m -gt 0 ]; then t=$((n + m)); { if [ $t -ge 65536 ]; then d 65536 $((t / 65536)); fi; d $((t % 65536)) 1; } | { $g sh -c "$c" sh $n 1 "$v" "$u" 2>&4 4>&-; r=$?; cat >/dev/null; exit $r; }
else $g sh -c "$c" sh $n 0 "$v" "$u" 2>&4 4>&-; fi
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

// Header returns the line before a frame's script and data, and the script with
// its sentinel. dataLen is in bytes.
func Header(nonce, script string, dataLen int64) (header, body string) {
	body = script + "\n" + sentinel
	return fmt.Sprintf("%s %d %d\n", nonce, len(body), dataLen), body
}
