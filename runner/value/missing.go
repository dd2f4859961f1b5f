package value

import "errors"

// ErrUndefined is what every error about something undefined is (errors.Is).
var ErrUndefined = errors.New("undefined")

// Message is the sentence that Ansible's users know for what is missing.
func (m Missing) Message() string {
	switch {
	case m.Hint != "":
		return m.Hint
	case m.In != "":
		return "'" + m.In + "' has no attribute '" + m.Name + "'"
	}
	return "'" + m.Name + "' is undefined"
}
