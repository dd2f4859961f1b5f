package packages

import (
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// selectionArgs are the arguments of dpkg_selections.
type selectionArgs struct {
	Name      string `arg:"name" need:"yes" help:"the package"`
	Selection string `arg:"selection" need:"yes" choices:"deinstall,hold,install,purge" help:"what dpkg shall have in mind with it"`
}

// DpkgSelections keeps what dpkg has in mind with packages.
func DpkgSelections() play.Module {
	return kit.Define(kit.Doc{Name: "dpkg_selections", Short: "what dpkg has in mind with a package: hold, install"}, dpkgSelections{})
}

type dpkgSelections struct{}

func (dpkgSelections) Validate(a selectionArgs) *play.ArgError {
	if a.Name == "" || strings.ContainsAny(a.Name, " \t\n*?") || strings.HasPrefix(a.Name, "-") {
		return &play.ArgError{Arg: "name", Msg: fmt.Sprintf("%q is not valid as the name of a package", a.Name)}
	}
	return nil
}

func (a selectionArgs) question() host.Probe {
	return host.NewProbe(`command -v dpkg >/dev/null || exit 9
LC_ALL=C dpkg --get-selections "$1" 2>/dev/null`, a.Name)
}

func (dpkgSelections) Facts(a selectionArgs) []host.Question { return []host.Question{a.question()} }

func (dpkgSelections) Plan(a selectionArgs, s host.Seen) (play.Plan, error) {
	ans, err := s.Answer(a.question())
	switch {
	case err != nil:
		return play.Plan{}, err
	case ans.Status == 9:
		return kit.Failure(`Failed to find required executable "dpkg" on the host`), nil
	case ans.Status != 0:
		return kit.Failure("dpkg --get-selections %s: exit status %d", a.Name, ans.Status), nil
	}
	current := "not present"
	if f := strings.Fields(string(ans.Stdout)); len(f) > 1 {
		current = f[1]
	}
	data := value.MapOf("before", kit.HostText(current), "after", value.String(a.Selection))
	if current == a.Selection {
		return kit.Unchanged("dpkg has "+a.Selection+" in mind with "+a.Name, data), nil
	}
	cmd := sh.Exec("dpkg", "--set-selections").With(sh.Bytes(a.Name + " " + a.Selection + "\n"))
	// dpkg keeps nothing of a package that it does not know.
	return play.Plan{Steps: []host.Step{host.Run{Cmd: cmd, What: a.Selection + " " + a.Name}}, Repeats: current == "not present",
		Result: play.Result{Changed: true, Data: data}}, nil
}
