package jinja

import (
	"strings"

	"remoterun/runner/value"
)

// winDrive cuts a Windows path after its drive or share.
func winDrive(p string) (drive, rest string) {
	norm := strings.ReplaceAll(p, "/", `\`)
	if strings.HasPrefix(norm, `\\`) && !strings.HasPrefix(norm, `\\\`) {
		server := strings.IndexByte(norm[2:], '\\')
		if server < 0 {
			return "", p
		}
		share := strings.IndexByte(norm[2+server+1:], '\\')
		switch {
		case share == 0:
			return "", p
		case share < 0:
			return p, ""
		}
		at := 2 + server + 1 + share
		return p[:at], p[at:]
	}
	if len(p) >= 2 && p[1] == ':' {
		return p[:2], p[2:]
	}
	return "", p
}

func winSplit(p string) (head, tail string) {
	drive, rest := winDrive(p)
	i := strings.LastIndexAny(rest, `\/`) + 1
	head, tail = rest[:i], rest[i:]
	if trimmed := strings.TrimRight(head, `\/`); trimmed != "" {
		head = trimmed
	}
	return drive + head, tail
}

func winBase(p string) string {
	_, tail := winSplit(p)
	return tail
}

func winDir(p string) string {
	head, _ := winSplit(p)
	return head
}

func filterWinSplitdrive(c *call) (value.Value, error) {
	p, err := pathText(c)
	if err != nil {
		return value.Value{}, err
	}
	drive, rest := winDrive(p)
	return value.Tuple(value.String(drive), value.String(rest)), nil
}
