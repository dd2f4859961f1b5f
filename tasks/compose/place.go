package compose

import (
	"path"
	"strings"
)

// InVolume is the word by which a new cluster goes into a volume of the engine's
// even where the old one is in a folder of the user's.
const InVolume = "volume"

// CheckData says what is wrong with where a new cluster shall go: a folder on the
// host, InVolume, or empty; "" = nothing is.
func CheckData(p string) string {
	switch {
	case p == "" || p == InVolume:
		return ""
	case !path.IsAbs(p) || path.Clean(p) != p || strings.ContainsAny(p, "\n\r"):
		return "is a folder on the host, clean and beginning with /, or the word volume"
	case strings.Count(p, "/") < 2:
		return "is at least two folders deep: " + p + " is somebody else's"
	}
	return ""
}

// Within returns the path of p below folder, both of one host or container; "" is the
// folder itself, false a place outside.
func Within(folder, p string) (string, bool) {
	folder, p = path.Clean(folder), path.Clean(p)
	if folder == p {
		return "", true
	}
	return strings.CutPrefix(p, strings.TrimSuffix(folder, "/")+"/")
}
