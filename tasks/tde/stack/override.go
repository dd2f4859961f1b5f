package stack

import (
	"remoterun/runner/host"
	"remoterun/tasks/compose"
)

// OwnFile is the overlay's name where compose files are listed.
const OwnFile = "compose.remoterun.yaml"

// OverrideFile is the file that the overlay goes into.
type OverrideFile struct{ compose.OverrideFile }

// Override asks for the file. With a list of compose files the overlay has a
// file of its own, behind them.
func (s Stack) Override() host.Fact[OverrideFile] {
	f := s.Compose().Override()
	return host.Fact[OverrideFile]{Q: f.Q, Parse: func(a host.Answer) (OverrideFile, error) {
		file, err := f.Parse(a)
		return OverrideFile{file}, err
	}}
}

// With puts the overlay into the file (compose.OverrideFile). What the user's own
// lines say of the service is in the way, and refused; with yes it gives way.
func (f OverrideFile) With(o Overlay, yes bool) (string, error) {
	a, err := o.addition()
	if err != nil {
		return "", err
	}
	text, err := f.OverrideFile.With(a, yes)
	if no := clashed(err, ""); no != nil {
		return text, no
	}
	return text, err
}
