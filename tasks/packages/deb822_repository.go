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

// deb822Args are the arguments of deb822_repository; nil and empty are not
// written.
type deb822Args struct {
	Name          string   `arg:"name" need:"yes" help:"what the file is called, and X-Repolib-Name"`
	State         string   `arg:"state" default:"present" choices:"absent,present" help:"whether it shall be there"`
	AllowDowngr   *bool    `arg:"allow_downgrade_to_insecure" help:"Allow-Downgrade-To-Insecure"`
	AllowInsecure *bool    `arg:"allow_insecure" help:"Allow-Insecure"`
	AllowWeak     *bool    `arg:"allow_weak" help:"Allow-Weak"`
	Architectures []string `arg:"architectures" help:"Architectures"`
	ByHash        *bool    `arg:"by_hash" help:"By-Hash"`
	CheckDate     *bool    `arg:"check_date" help:"Check-Date"`
	CheckValid    *bool    `arg:"check_valid_until" help:"Check-Valid-Until"`
	Components    []string `arg:"components" help:"Components; none where a suite is a path"`
	DateMaxFuture *int     `arg:"date_max_future" help:"Date-Max-Future"`
	Enabled       *bool    `arg:"enabled" help:"Enabled"`
	InRelease     string   `arg:"inrelease_path" help:"InRelease-Path"`
	Install       bool     `arg:"install_python_debian" default:"no" help:"without meaning: nothing has to be installed for this module"`
	Languages     []string `arg:"languages" help:"Languages"`
	Mode          kit.Mode `arg:"mode" default:"0644" help:"permissions of the file and of its key"`
	Pdiffs        *bool    `arg:"pdiffs" help:"PDiffs"`
	SignedBy      string   `arg:"signed_by" help:"the key: a URL, a path on the host, a fingerprint, or the key itself, armoured"`
	Suites        []string `arg:"suites" help:"Suites"`
	Targets       []string `arg:"targets" help:"Targets"`
	Trusted       *bool    `arg:"trusted" help:"Trusted"`
	Types         []string `arg:"types" default:"deb" choices:"deb,deb-src" help:"Types"`
	URIs          []string `arg:"uris" help:"URIs"`
}

// Deb822Repository keeps a source of packages with its key.
func Deb822Repository() play.Module {
	return kit.Define(kit.Doc{Name: "deb822_repository", Short: "a source of Debian packages and its key, in a file of its own"}, deb822Repository{})
}

type deb822Repository struct{}

// slug is the name of the files.
func (a deb822Args) slug() string {
	var b strings.Builder
	for _, r := range strings.ToLower(a.Name) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.':
			b.WriteRune(r)
		default:
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), ".-")
}

func (deb822Repository) Validate(a deb822Args) *play.ArgError {
	if a.slug() == "" {
		return &play.ArgError{Arg: "name", Msg: fmt.Sprintf("%q is not valid as the name of a file", a.Name)}
	}
	if a.State == "present" && (len(a.URIs) == 0 || len(a.Suites) == 0) {
		return &play.ArgError{Msg: "uris and suites are needed"}
	}
	for _, l := range append(append(append([]string{a.Name, a.InRelease}, a.URIs...), a.Suites...), a.Components...) {
		if strings.ContainsAny(l, "\n\r") {
			return &play.ArgError{Msg: "a line break would begin another field of the file"}
		}
	}
	if a.keyText() != "" {
		if _, err := readKeys([]byte(a.SignedBy)); err != nil {
			return &play.ArgError{Arg: "signed_by", Msg: "holds " + err.Error()}
		}
	}
	if a.keyURL() {
		if err := fetchKey(a.SignedBy, true).Check(); err != nil {
			return &play.ArgError{Arg: "signed_by", Msg: err.Error()}
		}
	}
	return nil
}

func (a deb822Args) keyURL() bool { return strings.Contains(a.SignedBy, "://") }

// keyText is a key that the playbook itself holds.
func (a deb822Args) keyText() string {
	if strings.Contains(a.SignedBy, "-----BEGIN PGP") {
		return a.SignedBy
	}
	return ""
}

// text is the file, but for the key.
func (a deb822Args) text(signed string) string {
	var b strings.Builder
	field := func(name, v string) {
		if v != "" {
			b.WriteString(name + ": " + v + "\n")
		}
	}
	yes := func(v *bool) string {
		if v == nil {
			return ""
		}
		return map[bool]string{true: "yes", false: "no"}[*v]
	}
	list := func(l []string) string { return strings.Join(l, " ") }
	field("Allow-Downgrade-To-Insecure", yes(a.AllowDowngr))
	field("Allow-Insecure", yes(a.AllowInsecure))
	field("Allow-Weak", yes(a.AllowWeak))
	field("Architectures", list(a.Architectures))
	field("By-Hash", yes(a.ByHash))
	field("Check-Date", yes(a.CheckDate))
	field("Check-Valid-Until", yes(a.CheckValid))
	field("Components", list(a.Components))
	if a.DateMaxFuture != nil {
		field("Date-Max-Future", fmt.Sprint(*a.DateMaxFuture))
	}
	field("Enabled", yes(a.Enabled))
	field("InRelease-Path", a.InRelease)
	field("Languages", list(a.Languages))
	field("X-Repolib-Name", a.Name)
	field("PDiffs", yes(a.Pdiffs))
	field("Signed-By", signed)
	field("Suites", list(a.Suites))
	field("Targets", list(a.Targets))
	field("Trusted", yes(a.Trusted))
	field("Types", list(a.Types))
	field("URIs", list(a.URIs))
	return b.String()
}

// placeText prints apt's folder and the one of its sources.
const placeText sh.Constant = aptPlaces + `printf "%s\n%s\n" "${E%/}" "${P%/}"`

func places() host.Fact[[2]string] {
	return host.Fact[[2]string]{Q: host.NewProbe(placeText), Parse: func(a host.Answer) ([2]string, error) {
		l := kit.Lines{Rest: string(a.Stdout)}
		return [2]string{l.Next(), l.Next()}, nil
	}}
}

func (deb822Repository) Facts(deb822Args) []host.Question { return []host.Question{places().Q} }

func (m deb822Repository) Plan(a deb822Args, s host.Seen) (play.Plan, error) {
	at, err := host.Get(s, places())
	if err != nil {
		return play.Plan{}, err
	}
	dest := at[1] + "/" + a.slug() + ".sources"
	look, text := kit.LookAt(dest, "", false), kit.Content(dest)
	ring := at[0] + "/keyrings/" + a.slug()
	if err := host.All(s, look.Q, text, kit.LookAt(ring+".asc", "", true).Q, kit.LookAt(ring+".gpg", "", true).Q); err != nil {
		return play.Plan{}, err
	}
	is, err := host.Get(s, look)
	if err != nil {
		return play.Plan{}, err
	}
	old, _ := s.Answer(text)
	if a.State == "absent" {
		return a.remove(s, dest, ring, is.Own.Exists)
	}
	signed, keyFile, key, stop, err := a.signed(s, ring)
	if err != nil || stop != "" {
		return kit.Failure("%s", stop), err
	}
	now := a.text(signed)
	data := value.MapOf("repo", value.String(now), "dest", value.String(dest), "key_filename", value.Null())
	p := play.Plan{Result: play.Result{Changed: true, Data: data}}
	mode := kit.Octal(a.Mode.Apply(kit.TypeReg|0o644, 0o022))
	if keyFile != "" {
		data.Put("key_filename", value.String(keyFile))
		if err := a.put(&p, s, keyFile, key, mode); err != nil {
			return play.Plan{}, err
		}
	}
	if string(old.Stdout) != now || old.Status != 0 {
		p.Diff = []play.Diff{{BeforeHeader: dest, AfterHeader: dest, BeforeText: string(old.Stdout), AfterText: now}}
		p.Steps = append(p.Steps, kit.Write{Path: dest, Mkdir: true, Want: kit.Change{Mode: mode}}.Step(kit.MadeInput(dest, []byte(now))))
	} else if is.Target.IsFile() && kit.Octal(is.Target.Mode&kit.PermBits) != mode {
		p.Steps = append(p.Steps, kit.Change{Mode: mode}.Step(dest, "", false))
	}
	if len(p.Steps) == 0 {
		return kit.Unchanged(dest+" and its key are as they shall be", data), nil
	}
	return p, nil
}

// put adds the step that writes the key, when it is another one.
func (a deb822Args) put(p *play.Plan, s host.Seen, file string, key []byte, mode string) error {
	is, err := host.Get(s, kit.LookAt(file, "", true))
	if err != nil {
		return err
	}
	in := kit.MadeInput(file, key)
	if is.SHA256 != in.SHA256 {
		p.Steps = append(p.Steps, kit.Write{Path: file, Mkdir: true, Want: kit.Change{Mode: mode}}.Step(in))
	}
	return nil
}

// signed is the field Signed-By, and the key's file and bytes when it has one of
// its own.
func (a deb822Args) signed(s host.Seen, ring string) (field, file string, key []byte, stop string, err error) {
	switch {
	case a.keyText() != "":
		var lines []string
		for l := range strings.SplitSeq(strings.TrimSpace(a.SignedBy), "\n") {
			if l = strings.TrimRight(l, " \t\r"); l == "" {
				l = "."
			}
			lines = append(lines, " "+l)
		}
		return "\n" + strings.Join(lines, "\n"), "", nil, "", nil
	case !a.keyURL():
		return a.SignedBy, "", nil, "", nil
	}
	key, _, stop, err = keyAt(s, fetchKey(a.SignedBy, true), "", noKeyAt)
	if stop != "" || err != nil {
		return "", "", nil, stop, err
	}
	file = ring + ".gpg"
	if armoured(key) {
		file = ring + ".asc"
	}
	return file, file, key, "", nil
}

func (a deb822Args) remove(s host.Seen, dest, ring string, there bool) (play.Plan, error) {
	data := value.MapOf("repo", value.Null(), "dest", value.String(dest), "key_filename", value.Null())
	p := play.Plan{Result: play.Result{Changed: true, Data: data}}
	if there {
		p.Steps = append(p.Steps, kit.Remove(dest, "source"))
	}
	for _, ext := range []string{".asc", ".gpg"} {
		is, err := host.Get(s, kit.LookAt(ring+ext, "", true))
		if err != nil {
			return play.Plan{}, err
		}
		if is.Own.Exists {
			data.Put("key_filename", value.String(ring+ext))
			p.Steps = append(p.Steps, kit.Remove(ring+ext, "key"))
		}
	}
	if len(p.Steps) == 0 {
		return kit.Unchanged(dest+" is not there", data), nil
	}
	return p, nil
}
