package disk

import "path/filepath"

// Once are folders that were read: of those that links lead to again, or in a circle,
// each is read once. Make one for each walk.
type Once map[string]bool

// First reports a folder that was not read before; it is read now. One that cannot be
// looked up is left to the reading to say.
func (o Once) First(dir string) bool {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return true
	}
	if o[real] {
		return false
	}
	o[real] = true
	return true
}
