package repos

import (
	"cmp"
	"regexp"
	"strings"
	"sync"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// svnArgs are the arguments of subversion.
type svnArgs struct {
	Repo     string   `arg:"repo,name,repository" need:"yes" help:"the URL of the repository"`
	Dest     string   `arg:"dest" type:"path" help:"the folder on the host; needed unless checkout, update and export are no"`
	Revision string   `arg:"revision,rev,version" default:"HEAD" help:"the revision"`
	Force    bool     `arg:"force" default:"no" help:"local changes are thrown away, and files overwritten by an export"`
	InPlace  bool     `arg:"in_place" default:"no" help:"check out into a folder that is there"`
	User     string   `arg:"username" help:"the user"`
	Password kit.Body `arg:"password" secret:"yes" help:"the password; needs svn 1.10"`
	Program  string   `arg:"executable" type:"path" help:"the svn to use"`
	Checkout bool     `arg:"checkout" default:"yes" help:"check out what is not there"`
	Update   bool     `arg:"update" default:"yes" help:"bring what is there up to date"`
	Export   bool     `arg:"export" default:"no" help:"write the files without what svn needs"`
	Switch   bool     `arg:"switch" default:"yes" help:"take a folder of another URL to this one"`
	Certs    bool     `arg:"validate_certs" default:"no" help:"yes: refuse certificates that nobody known signed"`
}

// Subversion keeps working copies of Subversion.
func Subversion() play.Module {
	return kit.Define(kit.Doc{Name: "subversion", Short: "working copies of Subversion"}, subversion{})
}

type subversion struct{}

func (subversion) Validate(a svnArgs) *play.ArgError {
	switch {
	case a.Dest == "" && (a.Checkout || a.Update || a.Export):
		return &play.ArgError{Msg: "the destination directory must be specified unless checkout=no, update=no, and export=no"}
	case strings.HasPrefix(a.Repo, "-"):
		return &play.ArgError{Arg: "repo", Msg: "is an option, not a URL"}
	case strings.HasPrefix(a.Revision, "-") || a.Revision == "":
		return &play.ArgError{Arg: "revision", Msg: "is not a revision"}
	case strings.ContainsAny(a.Password.S, "\n\r\x00"):
		return &play.ArgError{Arg: "password", Msg: "holds no line break"}
	}
	return nil
}

// svnWords are svn_: $1 the program, $2 the user, $3 yes to take any certificate. The
// password is the only line of stdin, and goes to svn on its own stdin.
const svnWords = `v_p=${1:-svn} v_u=$2 v_t=$3
shift 3
IFS= read -r v_w || :
LC_ALL=C; export LC_ALL
svn_() {
set -- --non-interactive --no-auth-cache ${v_t:+--trust-server-cert} ${v_u:+--username "$v_u"} "$@"
if [ -n "$v_w" ]; then printf "%s\n" "$v_w" | "$v_p" --password-from-stdin "$@"; else "$v_p" "$@" </dev/null; fi
}
`

// svnText looks: folder, URL, revision. It prints nosvn, none, other or copy; of a copy
// its info, behind @ what is changed in it, behind @ the revision that is asked for.
// Without a folder it prints what there is of the URL.
const svnText sh.Constant = svnWords + `if ! command -v "$v_p" >/dev/null; then echo nosvn
elif [ -z "$1" ]; then echo far; svn_ info "$2" 2>&1
elif [ ! -e "$1" ] && [ ! -h "$1" ]; then echo none
elif o=$(svn_ info "$1" 2>&1); then
printf "copy\n%s\n@\n" "$o"
svn_ status --quiet --ignore-externals "$1"
echo @
svn_ info -r "$3" "$1" 2>&1
else printf "other\n%s\n" "$o"
fi
exit 0`

// svnDoText works: what (checkout, force-checkout, export, force-export, or words of
// switch, revert and update), folder, URL, revision. It prints what svn says, then
// behind @ the info of the folder.
const svnDoText sh.Constant = svnWords + `for w in $1; do
case $w in
checkout) svn_ checkout -r "$4" "$3" "$2" ;;
force-checkout) svn_ checkout --force -r "$4" "$3" "$2" ;;
export) svn_ export -r "$4" "$3" "$2" ;;
force-export) svn_ export --force -r "$4" "$3" "$2" ;;
switch) svn_ switch --revision "$4" "$3" "$2" ;;
revert) svn_ revert -R "$2" ;;
update) svn_ update -r "$4" "$2" ;;
esac || exit
done
case $1 in *export) ;; *) echo @; svn_ info "$2" ;; esac`

func (a svnArgs) head() []string {
	return []string{a.Program, a.User, kit.Yes(!a.Certs)}
}

func (a svnArgs) far() bool { return !a.Export && !a.Update && !a.Checkout }

func (a svnArgs) ask(dest string) host.Probe {
	if a.far() {
		dest = ""
	} else {
		dest = kit.Safe(dest)
	}
	return host.NewProbe(svnText, append(a.head(), dest, a.Repo, a.Revision)...).WithStdin(a.Password.S + "\n").Patient()
}

func (subversion) Facts(a svnArgs) []host.Question { return kit.Hint(a.Dest, a.ask(a.Dest)) }

var (
	svnRevision = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^\w+\s?:\s+\d+$`) })
	svnURL      = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^URL\s?:.*$`) })
	svnChange   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^[ABDUCGE]\s`) })
	svnLocal    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^[^?X\n]`) })
)

// standing is what results say of a folder: its revision and URL.
func standing(info string) value.Value {
	return value.List(kit.HostText(cmp.Or(svnRevision().FindString(info), "Unable to get revision")), kit.HostText(cmp.Or(svnURL().FindString(info), "Unable to get URL")))
}

func (subversion) Plan(a svnArgs, s host.Seen) (play.Plan, error) {
	dest := a.Dest
	if dest != "" {
		var err error
		if dest, err = kit.Place(s, a.Dest); err != nil {
			return play.Plan{}, err
		}
	}
	ans, err := s.Answer(a.ask(dest))
	if err != nil {
		return play.Plan{}, err
	}
	state, rest, _ := strings.Cut(string(ans.Stdout), "\n")
	switch {
	case state == "nosvn":
		return kit.Failure("Failed to find required executable \"%s\" on the host: install it first, with package: {name: subversion}", cmp.Or(a.Program, "svn")), nil
	case state == "far":
		return kit.Unchanged("it was only asked for", value.MapOf("after", kit.HostText(cmp.Or(svnRevision().FindString(rest), "Unable to get remote revision")))), nil
	case a.Export && a.Force:
		return a.do(dest, "force-export", nil, false), nil
	case a.Export:
		return a.do(dest, "export", nil, false), nil
	case state == "none" && !a.Checkout:
		return kit.Unchanged("it is not there, and is not to be checked out", value.NewMap()), nil
	case state == "none":
		return a.do(dest, "checkout", value.MapOf("before", value.Null()), false), nil
	case state == "copy":
		return a.refresh(dest, rest), nil
	case a.InPlace && a.Force:
		return a.do(dest, "force-checkout revert", value.MapOf("before", value.Null()), false), nil
	case a.InPlace:
		return a.do(dest, "force-checkout", value.MapOf("before", value.Null()), false), nil
	}
	return kit.Failure("ERROR: %s folder already exists, but its not a subversion repository.", dest), nil
}

// refresh plans what becomes of a working copy.
func (a svnArgs) refresh(dest, told string) play.Plan {
	info, rest, _ := strings.Cut(told, "\n@\n")
	status, wanted, _ := strings.Cut("\n"+rest, "\n@\n")
	status = strings.TrimPrefix(status, "\n")
	data := value.MapOf("before", standing(info))
	changed := svnLocal().MatchString(status)
	is, there := svnRevision().FindString(info), svnRevision().FindString(wanted)
	url := strings.TrimPrefix(svnURL().FindString(info), "URL: ")
	other := a.Switch && strings.TrimRight(url, "/") != strings.TrimRight(a.Repo, "/")
	switch {
	case !a.Update:
		return kit.Unchanged(dest+" is there, and is not to be brought up to date", value.NewMap())
	case changed && !a.Force:
		return kit.Failure("ERROR: modified files exist in the repository.")
	case !changed && !other && is == there && is != "":
		data.Put("after", standing(info))
		return kit.Unchanged(dest+" is at the revision", data)
	}
	var words []string
	if a.Switch {
		words = append(words, "switch")
	}
	if changed {
		words = append(words, "revert")
	}
	return a.do(dest, strings.Join(append(words, "update"), " "), data, changed)
}

// do plans the step; a refresh has changed something where svn names files, or where
// local changes went.
func (a svnArgs) do(dest, what string, data *value.Map, changed bool) play.Plan {
	cmd := sh.Script(svnDoText, append(a.head(), what, kit.Safe(dest), a.Repo, a.Revision)...).With(sh.Bytes(a.Password.S + "\n"))
	cmd.Secret = a.Password.S != ""
	refresh := strings.HasSuffix(what, "update")
	return play.Plan{
		Steps:   []host.Step{host.Run{Cmd: cmd, What: "svn " + what + " " + dest}},
		Repeats: a.Export,
		Result:  play.Result{Changed: true, Data: data},
		Finish: kit.After(func(ran []host.Output) (play.Result, error) {
			said, info, _ := strings.Cut("\n"+string(ran[0].Stdout), "\n@\n")
			if a.Export {
				return play.Result{Changed: true}, nil
			}
			out := data.Clone()
			out.Put("after", standing(info))
			return play.Result{Changed: !refresh || changed || svnChange().MatchString(said), Data: out}, nil
		}),
	}
}
