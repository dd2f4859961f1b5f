package sh

import "strings"

// Clock is text that a script begins with when it tells when it began and ended.
// It takes the date of the connection's beginning from the loop (else it starts one
// date, in a chain for all of it), and asks the kernel for what has passed since: a
// program for every command would cost more than many commands.
// It gives these words:
//
//   - _began notes the beginning.
//   - _ended sets $_ct to the times that have passed: "DATE|UPTIME|BEGIN|END",
//     DATE as "2006-01-02 15:04:05.NNNNNNNNN" in the host's time zone, taken when
//     the host had been up for UPTIME seconds, BEGIN and END in the same measure
//     (hundredths). Where no /proc/uptime can be read: "BEGIN|END", both as dates.
const Clock Constant = `if [ -z "${_cw-}" ]; then
_cw=y
_now() { ` + nowText + `; }
_up() { { IFS=" " read -r _cx _cy </proc/uptime; } 2>/dev/null; }
_began() { if _up; then _cb=$_cx; else _cu= _cb=$(_now); fi; }
_ended() { if [ -z "$_cu" ]; then _ct="$_cb|$(_now)"; else _up; _ct="$_ck|$_cu|$_cb|$_cx"; fi; }
if [ -z "${_ck-}" ] || [ -z "${_cu-}" ]; then
_cu= _ck=$(_now)
if _up; then _cu=$_cx; fi
fi
fi
`

// nowText prints the time.
const nowText = `date "+%Y-%m-%d %H:%M:%S.%N"`

// clocked reports that a text begins with Clock: a chain then sets it once for all
// of its steps, outside of their subshells.
func clocked(text string) bool { return strings.Contains(text, string(Clock)) }
