package kit

import "strings"

// MountField is a field of fstab or /proc/mounts, its octal escapes undone.
func MountField(s string) string {
	return strings.NewReplacer(`\134`, `\`, `\040`, " ", `\011`, "\t", `\012`, "\n").Replace(s)
}
