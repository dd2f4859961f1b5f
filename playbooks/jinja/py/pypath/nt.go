package pypath

import (
	"strings"
	"unicode/utf8"
)

// WinDrive is ntpath.splitdrive: the drive (C:) or share (\\host\share, also
// behind \\?\UNC\), and what follows.
func WinDrive(p string) (drive, rest string) {
	norm := strings.ReplaceAll(p, "/", `\`)
	if !strings.HasPrefix(norm, `\\`) {
		if _, n := utf8.DecodeRuneInString(p); n > 0 && strings.HasPrefix(p[n:], ":") {
			return p[:n+1], p[n+1:]
		}
		return "", p
	}
	at := len(`\\`)
	if unc := `\\?\UNC\`; len(norm) >= len(unc) && strings.EqualFold(norm[:len(unc)], unc) {
		at = len(unc)
	}
	for part := range 2 { // the host, then the share
		n := strings.IndexByte(norm[at:], '\\')
		if n < 0 {
			return p, ""
		}
		if at += n; part == 0 {
			at++
		}
	}
	return p[:at], p[at:]
}

func winSplit(p string) (head, tail string) {
	drive, rest := WinDrive(p)
	i := strings.LastIndexAny(rest, `\/`) + 1
	head, tail = rest[:i], rest[i:]
	if trimmed := strings.TrimRight(head, `\/`); trimmed != "" {
		head = trimmed
	}
	return drive + head, tail
}

// WinBase is ntpath.basename.
func WinBase(p string) string {
	_, tail := winSplit(p)
	return tail
}

// WinDir is ntpath.dirname.
func WinDir(p string) string {
	head, _ := winSplit(p)
	return head
}
