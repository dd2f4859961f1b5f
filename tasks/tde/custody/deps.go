package custody

import (
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
	"time"

	"remoterun/runner/play"
	"remoterun/tasks/tde/seal"
)

// Deps are what the modules of this package need of the laptop. The composition
// root fills them in; what is left out has a default.
type Deps struct {
	// Prompter asks for passphrases. If it is a Shower, too, a passphrase of six
	// words is offered at setup.
	Prompter play.Prompter
	// Session holds what is open during a run; the caller closes it at the end.
	// nil = one that nobody closes.
	Session *Session
	// Dir answers the folder that relative folders of arguments (keys, reports)
	// are in: the inventory's. nil = the working directory.
	Dir func() string
	// Clock is the time; nil = time.Now.
	Clock func() time.Time
	// Random makes keys, names and salts; nil = the system's.
	Random io.Reader
	// Sealer seals and opens; the zero one is the program's. Tests lower its work.
	Sealer seal.Sealer
	// Yes is the operator's --yes: keys of his own override give way to ours.
	Yes bool
	// WitnessDir is this laptop's own folder for the newest generations that were
	// opened here, outside every keys folder; "" = none is kept.
	WitnessDir string
	// By is who works here, for manifests: "anna@laptop".
	By string
}

func (d Deps) Filled() Deps {
	if d.Session == nil {
		d.Session = NewSession()
	}
	if d.Dir == nil {
		d.Dir = func() string { return "." }
	}
	if d.Clock == nil {
		d.Clock = time.Now
	}
	if d.Random == nil {
		d.Random = rand.Reader
	}
	if d.Sealer.Random == nil {
		d.Sealer.Random = d.Random
	}
	if d.By == "" {
		d.By = os.Getenv("USER") + "@" + hostname()
	}
	return d
}

func hostname() string {
	h, err := os.Hostname()
	if err != nil {
		return "?"
	}
	return h
}

// Path resolves a folder of an argument.
func (d Deps) Path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(d.Dir(), p)
}

func (d Deps) Store(keysDir string) Store { return Store{Dir: d.Path(keysDir)} }
