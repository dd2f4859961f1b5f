package containers

import (
	"encoding/base64"
	"path"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// loginArgs are the arguments of docker_login.
type loginArgs struct {
	Registry string   `arg:"registry_url,registry,url" default:"https://index.docker.io/v1/" help:"the registry"`
	Username string   `arg:"username" help:"needed unless absent"`
	Password kit.Text `arg:"password" secret:"yes" help:"needed unless absent"`
	Again    bool     `arg:"reauthorize,reauth" default:"no" help:"log in although it is known"`
	Config   string   `arg:"config_path,dockercfg_path" default:"~/.docker/config.json" type:"path" help:"docker's file"`
	State    string   `arg:"state" default:"present" choices:"absent,present" help:"whether the host shall be logged in"`
	dockerCLI
}

// DockerLogin logs in to registries.
func DockerLogin() play.Module {
	return kit.Define(kit.Doc{Name: "docker_login", Short: "who the host is at a registry of images"}, login{})
}

type login struct{}

func (login) Validate(a loginArgs) *play.ArgError {
	switch {
	case a.State == "present" && (a.Username == "" || a.Password.S == ""):
		return &play.ArgError{Msg: "state is present but all of the following are missing: username, password"}
	case strings.HasPrefix(a.Registry, "-") || strings.ContainsAny(a.Registry, " \n\t"):
		return &play.ArgError{Arg: "registry_url", Msg: "is not valid as an address: " + a.Registry}
	case path.Base(a.Config) != "config.json":
		return &play.ArgError{Arg: "config_path", Msg: "docker's file is called config.json"}
	}
	return nil
}

func (login) Facts(a loginArgs) []host.Question {
	return kit.Hint(a.Config, kit.Content(a.Config))
}

// loginText logs in; the password comes on stdin.
const loginText sh.Constant = `command -v docker >/dev/null || { echo "Failed to find required executable \"docker\" on the host" >&2; exit 1; }
"$@"`

func (login) Plan(a loginArgs, s host.Seen) (play.Plan, error) {
	config, err := kit.Place(s, a.Config)
	if err != nil {
		return play.Plan{}, err
	}
	ans, err := s.Answer(kit.Content(config))
	if err != nil {
		return play.Plan{}, err
	}
	auth, known := "", false
	if v, err := value.ParseJSON(ans.Stdout); err == nil {
		m, _ := v.AsMap()
		auths, _ := at(m, "auths").AsMap()
		for _, key := range []string{a.Registry, strings.TrimPrefix(strings.TrimPrefix(a.Registry, "https://"), "http://")} {
			if x, ok := auths.Lookup(key); ok {
				xm, _ := x.AsMap()
				auth, known = textAt(xm, "auth"), true
			}
		}
	}
	registry := a.Registry
	if registry == "https://index.docker.io/v1/" {
		registry = ""
	}
	words := func(verb string, more ...string) []string {
		w := append(a.words("--config", path.Dir(config), verb), more...)
		if registry != "" {
			w = append(w, registry)
		}
		return w
	}
	data := value.MapOf("login_result", value.FromMap(nil))
	switch {
	case a.State == "absent" && !known:
		return kit.Unchanged("the host is not logged in there", data), nil
	case a.State == "absent":
		st := host.Run{Cmd: sh.Script(loginText, words("logout")...), What: "log out of " + a.Registry}
		return play.Plan{Steps: []host.Step{st}, Result: play.Result{Changed: true, Data: data}}, nil
	case !a.Again && auth == base64.StdEncoding.EncodeToString([]byte(a.Username+":"+a.Password.S)):
		return kit.Unchanged("the host is logged in as "+a.Username, data), nil
	}
	in := kit.MadeInput("password", []byte(a.Password.S))
	cmd := sh.Script(loginText, words("login", "--username", a.Username, "--password-stdin")...).With(kit.Stdin(in.Data))
	cmd.Secret = true
	return play.Plan{
		Steps: []host.Step{host.Run{Cmd: cmd, What: "log in to " + a.Registry + " as " + a.Username}}, Repeats: a.Again || known && auth == "",
		Result: play.Result{Changed: true, Data: data},
		Finish: func(ran []host.Output) (play.Result, error) {
			if ran[0].Status != 0 {
				return play.Failure("Logging into " + a.Registry + " for user " + a.Username + " failed - " + strings.TrimSpace(string(ran[0].Stderr))), nil
			}
			return play.Result{Changed: true, Data: data}, nil
		},
	}, nil
}
