package repos

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// gitArgs are the arguments of git.
type gitArgs struct {
	Repo       kit.Text    `arg:"repo,name" need:"yes" help:"the repository: an address, or a path on the host"`
	Dest       string      `arg:"dest" type:"path" help:"where its files go; needed unless clone is no"`
	Version    string      `arg:"version" default:"HEAD" help:"a branch, a tag, or a commit's whole SHA-1"`
	Remote     string      `arg:"remote" default:"origin" help:"the name of the remote"`
	Refspec    string      `arg:"refspec" help:"what is fetched besides"`
	Reference  string      `arg:"reference" help:"a repository of the host to borrow objects from"`
	Force      bool        `arg:"force" default:"no" help:"throw away what was changed there"`
	Depth      int         `arg:"depth" default:"0" help:"how many commits of history; 0 is all"`
	Clone      bool        `arg:"clone" default:"yes" help:"no: only say which commit it would be"`
	Update     bool        `arg:"update" default:"yes" help:"no: what is there stays as it is"`
	Verify     bool        `arg:"verify_commit" default:"no" help:"the commit or tag must be signed by a key that the host's gpg trusts"`
	Keys       []string    `arg:"gpg_whitelist,gpg_allowlist" help:"with verify_commit: fingerprints of which one must have signed"`
	AcceptKey  bool        `arg:"accept_hostkey" default:"no" help:"SSH: take any key of the server"`
	AcceptNew  bool        `arg:"accept_newhostkey" default:"no" help:"SSH: take a server's key that is not known yet"`
	KeyFile    string      `arg:"key_file" type:"path" help:"SSH: the private key, a file of the host"`
	SSHOpts    string      `arg:"ssh_opts" help:"SSH: more options"`
	Executable string      `arg:"executable" type:"path" help:"the path of git"`
	Bare       bool        `arg:"bare" default:"no" help:"without a working folder"`
	Recursive  bool        `arg:"recursive" default:"yes" help:"submodules too"`
	Single     bool        `arg:"single_branch" default:"no" help:"the history of one branch only"`
	Track      bool        `arg:"track_submodules" default:"no" help:"submodules follow their branches"`
	Umask      value.Value `arg:"umask" help:"the mask that files are made with, quoted octal"`
	Archive    string      `arg:"archive" type:"path" help:"an archive of the version that is written too: .zip, .tar, .tar.gz, .tgz"`
	Prefix     string      `arg:"archive_prefix" help:"what names in the archive begin with"`
	Separate   string      `arg:"separate_git_dir" type:"path" help:"where the repository itself is kept"`
}

// Git keeps a checkout of a git repository.
func Git() play.Module {
	return kit.Define(kit.Doc{Name: "git", Short: "a checkout of a git repository"}, git{})
}

type git struct{}

func (git) Validate(a gitArgs) *play.ArgError {
	mask := ""
	if !a.Umask.IsNull() {
		var ok bool
		if mask, ok = a.Umask.AsString(); !ok {
			return &play.ArgError{Arg: "umask", Msg: "umask must be defined as a quoted octal integer"}
		}
	}
	switch {
	case !regexp.MustCompile(`^(0o)?[0-7]*$`).MatchString(mask):
		return &play.ArgError{Arg: "umask", Msg: "umask must be an octal integer"}
	case a.Separate != "" && a.Bare:
		return &play.ArgError{Msg: "parameters are mutually exclusive: separate_git_dir|bare"}
	case a.AcceptKey && a.AcceptNew:
		return &play.ArgError{Msg: "parameters are mutually exclusive: accept_hostkey|accept_newhostkey"}
	case a.Prefix != "" && a.Archive == "":
		return &play.ArgError{Msg: "missing parameter(s) required by 'archive_prefix': archive"}
	case a.Dest == "" && a.Clone:
		return &play.ArgError{Arg: "dest", Msg: "the destination directory must be specified unless clone=no"}
	case a.Archive != "" && archiveFormat(a.Archive) == "":
		return &play.ArgError{Arg: "archive", Msg: "Unable to get file extension from archive file name : " + a.Archive}
	}
	for arg, v := range map[string]string{"repo": a.Repo.S, "version": a.Version, "remote": a.Remote, "refspec": a.Refspec} {
		if strings.HasPrefix(v, "-") || strings.ContainsAny(v, "\n\x00") || v == "" && arg != "refspec" {
			return &play.ArgError{Arg: arg, Msg: strconv.Quote(v) + " is not valid here"}
		}
	}
	return nil
}

func archiveFormat(p string) string {
	for _, f := range []string{"tar.gz", "tgz", "tar", "zip"} {
		if strings.HasSuffix(p, "."+f) {
			return f
		}
	}
	return ""
}

// repo is the repository as git is told: depth needs an address.
func (a gitArgs) repo() string {
	if strings.HasPrefix(a.Repo.S, "/") {
		return "file://" + a.Repo.S
	}
	if u := a.login(); u != nil {
		u.User = nil
		return u.String()
	}
	return a.Repo.S
}

// login is the repository's address when it has a secret login: git is told that
// beside it, since every user of the host sees arguments.
func (a gitArgs) login() *url.URL {
	if !a.Repo.Marks.Secret() {
		return nil
	}
	u, err := url.Parse(a.Repo.S)
	if err != nil || u.User == nil || u.Scheme != "http" && u.Scheme != "https" {
		return nil
	}
	return u
}

// credentials are the user and the password of a secret login.
func (a gitArgs) credentials() (user, password string) {
	u := a.login()
	if u == nil {
		return "", ""
	}
	password, _ = u.User.Password()
	return u.User.Username(), password
}

// gitLogin makes of $g one that knows $user and $pw, where there is a user.
const gitLogin = `if [ -n "$user" ]; then
REMOTERUN_USER=$user REMOTERUN_PASS=$pw; export REMOTERUN_USER REMOTERUN_PASS
real=$g g=_git
_git() { "$real" -c credential.helper= -c credential.helper='!f() { printf "username=%s\npassword=%s\n" "$REMOTERUN_USER" "$REMOTERUN_PASS"; }; f' "$@"; }
fi
`

// ssh is the command by which git reaches servers: it asks nobody.
func (a gitArgs) ssh() string {
	words := "ssh -o BatchMode=yes"
	if a.KeyFile != "" {
		words += " -i " + sh.Quote(a.KeyFile) + " -o IdentitiesOnly=yes"
	}
	strict := strings.Contains(a.SSHOpts, "StrictHostKeyChecking=")
	switch {
	case a.AcceptKey && !strict:
		words += " -o StrictHostKeyChecking=no"
	case a.AcceptNew && !strict:
		words += " -o StrictHostKeyChecking=accept-new"
	}
	return strings.TrimSpace(words + " " + a.SSHOpts)
}

// gitState is what is at dest.
type gitState struct {
	missing      bool // no git
	there        bool
	head, branch string
	url          string
	changed      bool // local modifications
	submodules   bool // some are not as the commit says
	trouble      string
}

// gitText looks at a checkout: folder, yes when it is bare, remote, git.
const gitText sh.Constant = `LC_ALL=C GIT_OPTIONAL_LOCKS=0; export LC_ALL GIT_OPTIONAL_LOCKS
g=${4:-git}
command -v "$g" >/dev/null || { echo missing; exit 0; }
c=$1/.git
if [ -n "$2" ]; then c=$1; fi
if [ ! -f "$c" ] && [ ! -e "$c/config" ]; then echo absent; exit 0; fi
cd "$1" || exit 0
e=$("$g" rev-parse --git-dir 2>&1 >/dev/null) || { echo "trouble $e"; exit 0; }
echo there
"$g" rev-parse -q --verify HEAD || echo
"$g" symbolic-ref -q --short HEAD || echo
"$g" config --get "remote.$3.url" || echo
if [ -n "$2" ] || [ -z "$("$g" status --porcelain --untracked-files=no --ignore-submodules=all 2>/dev/null | head -n 1)" ]; then echo clean; else echo changed; fi
if [ -f .gitmodules ] && "$g" submodule status --recursive 2>/dev/null | grep -q "^[-+U]"; then echo submodules; else echo none; fi`

func (a gitArgs) state(dest string) host.Fact[gitState] {
	return host.Fact[gitState]{
		Q: host.NewProbe(gitText, dest, kit.Yes(a.Bare), a.Remote, a.Executable),
		Parse: func(ans host.Answer) (gitState, error) {
			l := kit.Lines{Rest: string(ans.Stdout)}
			first := l.Next()
			st := gitState{missing: first == "missing", there: first == "there"}
			st.trouble, _ = strings.CutPrefix(strings.TrimSpace(first+"\n"+l.Rest), "trouble ")
			if !strings.HasPrefix(first, "trouble ") {
				st.trouble = ""
			}
			st.head, st.branch, st.url = l.Next(), l.Next(), l.Next()
			st.changed, st.submodules = l.Next() == "changed", l.Next() == "submodules"
			return st, nil
		},
	}
}

// remoteText lists a repository's names: git, ssh, repository, user, password.
const remoteText sh.Constant = `LC_ALL=C GIT_TERMINAL_PROMPT=0 GIT_SSH_COMMAND=$2; export LC_ALL GIT_TERMINAL_PROMPT GIT_SSH_COMMAND
g=${1:-git} user=$4 pw=$5
` + gitLogin + `"$g" ls-remote "$3" 2>&1`

// wanted asks the repository which commit the version is; empty = none of its names.
func (a gitArgs) wanted(s host.Seen) (sha string, branch bool, fail string, err error) {
	user, password := a.credentials()
	ans, err := s.Answer(host.NewProbe(remoteText, a.Executable, a.ssh(), a.repo(), user, password).Wide())
	if err != nil {
		return "", false, "", err
	}
	if ans.Status != 0 {
		return "", false, "Failed to download remote objects and refs: " + strings.TrimSpace(string(ans.Stdout)), nil
	}
	refs := map[string]string{}
	for line := range strings.Lines(string(ans.Stdout)) {
		if f := strings.Fields(line); len(f) == 2 {
			refs[f[1]] = f[0]
		}
	}
	if sha, branch = refs["refs/heads/"+a.Version]; branch {
		return sha, true, "", nil
	}
	for _, ref := range []string{"refs/tags/" + a.Version + "^{}", "refs/tags/" + a.Version, a.Version} {
		if sha := refs[ref]; sha != "" {
			return sha, false, "", nil
		}
	}
	return "", false, "", nil
}

func (git) Facts(a gitArgs) []host.Question {
	if a.Dest == "" {
		return nil
	}
	return kit.Hint(a.Dest, a.state(kit.TrimSlash(a.Dest)).Q)
}

func (m git) Plan(a gitArgs, s host.Seen) (play.Plan, error) {
	words, err := kit.ExpandAll(s, []string{kit.TrimSlash(a.Dest), a.Repo.S, a.KeyFile, a.Archive, a.Separate})
	if err != nil {
		return play.Plan{}, err
	}
	a.Dest, a.Repo.S, a.KeyFile, a.Archive, a.Separate = words[0], words[1], words[2], words[3], words[4]
	var st gitState
	if a.Dest != "" {
		if st, err = host.Get(s, a.state(a.Dest)); err != nil {
			return play.Plan{}, err
		}
	}
	switch {
	case st.missing:
		return kit.Failure(`Failed to find required executable "git" on the host: install it first, with package: {name: git}`), nil
	case st.trouble != "":
		return kit.Failure("%s", st.trouble), nil
	case !st.there && !a.Clone:
		return a.told(s)
	case !st.there:
		return a.work(st, ""), nil
	case st.changed && !a.Force && a.Update:
		p := kit.Failure("Local modifications exist in the destination: %s (force=no).", a.Dest)
		p.Result.Data = value.MapOf("before", kit.HostText(st.head))
		return p, nil
	case !a.Update && a.Archive == "":
		return kit.Unchanged("a repository is there, and update is no", a.data(st.head, st.head)), nil
	}
	return a.update(s, st)
}

func (a gitArgs) data(before, after string) *value.Map {
	b := value.Null()
	if before != "" {
		b = kit.HostText(before)
	}
	m := value.MapOf("before", b)
	if before != "" && a.Update { // Ansible's clones have none
		m.Put("remote_url_changed", value.Bool(false))
	}
	if after != "" {
		m.Put("after", kit.HostText(after))
	}
	return m
}

// told is the plan of clone: no.
func (a gitArgs) told(s host.Seen) (play.Plan, error) {
	sha, _, fail, err := a.wanted(s)
	if err != nil || fail != "" {
		return kit.Failure("%s", fail), err
	}
	p := kit.Unchanged("clone is no", a.data("", sha))
	p.Result.Changed = true
	return p, nil
}

// update plans a checkout that is there.
func (a gitArgs) update(s host.Seen, st gitState) (play.Plan, error) {
	sha, branch := "", false
	if full := regexp.MustCompile(`^[0-9a-f]{40}$`).MatchString(a.Version); full {
		sha = a.Version
	} else {
		var fail string
		var err error
		if sha, branch, fail, err = a.wanted(s); err != nil || fail != "" {
			return kit.Failure("%s", fail), err
		}
	}
	same := st.head == sha && !st.changed && st.url == a.repo() && (!branch || st.branch == a.Version || a.Bare)
	if same && !(st.submodules && a.Recursive) && !a.Verify && !a.Track && a.Archive == "" && a.Refspec == "" {
		return kit.Unchanged(a.Dest+" is at "+a.Version, a.data(st.head, st.head)), nil
	}
	return a.work(st, sha), nil
}

// gitWork clones or updates: folder, repository, version, remote, refspec,
// reference, depth, git, ssh, then yes or nothing for: bare, recursive, single
// branch, track submodules, verify, force, update; umask, archive, its format, its
// prefix, the folder of the repository, fingerprints, user and password. It prints before, after, and
// what changed besides.
const gitWork sh.Constant = kit.Hold + `LC_ALL=C GIT_TERMINAL_PROMPT=0 GIT_SSH_COMMAND=$9; export LC_ALL GIT_TERMINAL_PROMPT GIT_SSH_COMMAND
dest=$1 repo=$2 v=$3 r=$4 spec=$5 ref=$6 depth=$7 g=${8:-git}
shift 9
bare=$1 rec=$2 single=$3 track=$4 verify=$5 force=$6 update=$7 mask=$8 arc=$9
shift 9
fmt=$1 prefix=$2 sep=$3 keys=$4 user=$5 pw=$6
` + gitLogin + `if [ -n "$mask" ]; then umask "$mask"; fi
c=$dest/.git
if [ -n "$bare" ]; then c=$dest; fi
before= more=
sha=
case $v in *[!0-9a-f]*) ;; *) if [ ${#v} -eq 40 ]; then sha=y; fi ;; esac
branch() { "$g" rev-parse -q --verify "refs/remotes/$r/$1" >/dev/null; }
if [ ! -f "$c" ] && [ ! -e "$c/config" ]; then
set -- clone
if [ -n "$bare" ]; then set -- "$@" --bare; else set -- "$@" --origin "$r"; fi
if [ -n "$depth" ]; then set -- "$@" --depth "$depth"; fi
if [ -n "$single$depth" ] && [ "$v" != HEAD ] && [ -z "$sha" ]; then set -- "$@" --branch "$v"; fi
if [ -n "$single" ]; then set -- "$@" --single-branch; fi
if [ -n "$ref" ]; then set -- "$@" --reference "$ref"; fi
if [ -n "$sep" ]; then set -- "$@" "--separate-git-dir=$sep"; fi
"$g" "$@" -- "$repo" "$dest" >&2 || exit 1
cd "$dest" || exit 1
if [ -n "$bare" ]; then "$g" config remote."$r".url "$repo"; fi
new=y
else
cd "$dest" || exit 1
new=
before=$("$g" rev-parse -q --verify HEAD)
if [ -n "$sep" ] && [ -d .git ]; then "$g" init -q "--separate-git-dir=$sep" || exit 1; more="$more moved"; fi
if [ -n "$update" ]; then
if [ -z "$bare" ] && [ -n "$("$g" status --porcelain --untracked-files=no --ignore-submodules=all)" ]; then
[ -n "$force" ] || { echo "Local modifications exist in the destination: $dest (force=no)." >&2; exit 1; }
"$g" reset -q --hard HEAD >&2 || exit 1
more="$more mods"
fi
if [ "$("$g" config --get remote."$r".url)" != "$repo" ]; then
if "$g" config --get remote."$r".url >/dev/null; then "$g" remote set-url "$r" "$repo"; more="$more url"; else "$g" remote add "$r" "$repo"; fi || exit 1
fi
fi
fi
if [ -n "$new$update" ]; then
if [ -z "$new" ] || [ -n "$spec" ]; then
set -- fetch --force --tags
if [ -n "$depth" ]; then set -- "$@" --depth "$depth"; fi
set -- "$@" "$r"
if [ -n "$bare" ]; then set -- "$@" "+refs/heads/*:refs/heads/*"
elif [ -z "$depth$single" ]; then set -- "$@" "+refs/heads/*:refs/remotes/$r/*"
elif [ "$v" != HEAD ] && [ -z "$sha" ] && "$g" ls-remote --exit-code "$r" "refs/heads/$v" >/dev/null 2>&1; then set -- "$@" "+refs/heads/$v:refs/remotes/$r/$v"; fi
if [ -n "$spec" ]; then set -- "$@" "$spec"; fi
e=$("$g" "$@" 2>&1) || { echo "Failed to download remote objects and refs: $e" >&2; exit 1; }
fi
if [ -n "$sha" ] && ! "$g" cat-file -e "$v^{commit}" 2>/dev/null; then
e=$("$g" fetch ${depth:+--depth "$depth"} "$r" "$v" 2>&1) || { echo "Failed to download remote objects and refs: $e" >&2; exit 1; }
fi
if [ -n "$bare" ]; then :
elif [ "$v" = HEAD ]; then
if [ -z "$new" ]; then
"$g" remote set-head "$r" -a >/dev/null 2>&1
b=$("$g" symbolic-ref -q --short "refs/remotes/$r/HEAD")
b=${b#"$r/"}
if [ -n "$b" ]; then "$g" checkout -q --force -B "$b" --track "$r/$b" >&2 || exit 1; fi
fi
elif branch "$v"; then "$g" checkout -q --force -B "$v" --track "$r/$v" >&2 || { echo "Failed to checkout branch $v" >&2; exit 1; }
else e=$("$g" checkout -q --force "$v" -- 2>&1) || { echo "Failed to checkout $v: $e" >&2; exit 1; }
fi
if [ -n "$verify" ]; then
k=commit
if "$g" rev-parse -q --verify "refs/tags/$v^{tag}" >/dev/null 2>&1; then k=tag; fi
e=$("$g" verify-$k --raw "$v" 2>&1) || { echo "Failed to verify GPG signature of commit/tag \"$v\": $e" >&2; exit 1; }
if [ -n "$keys" ]; then
f=$(printf "%s\n" "$e" | sed -n "s/^\[GNUPG:\] VALIDSIG .* //p" | head -n 1)
case " $keys " in *" $f "*) ;; *) echo "The gpg_whitelist does not include the public key \"$f\" for this commit" >&2; exit 1 ;; esac
fi
fi
if [ -z "$bare" ] && [ -n "$rec" ] && [ -f .gitmodules ]; then
s=$("$g" submodule status --recursive 2>/dev/null)
"$g" submodule -q sync --recursive >/dev/null 2>&1
e=$("$g" submodule update --init --recursive ${force:+--force} ${track:+--remote} 2>&1) || { echo "Failed to init/update submodules: $e" >&2; exit 1; }
[ "$s" = "$("$g" submodule status --recursive 2>/dev/null)" ] || more="$more submodules"
fi
fi
if [ -n "$arc" ]; then
git=$PWD
k_mo=
k_hold "$arc" && k_was && k_new || exit 1
e=$("$g" --git-dir="$("$g" -C "$git" rev-parse --absolute-git-dir)" archive --format="$fmt" ${prefix:+--prefix="$prefix"} "$v" 2>&1 >&8) || { echo "Failed to perform archive operation: $e" >&2; exit 1; }
if ! cmp -s "$k_8" "./$k_n"; then k_see "$k_8" && k_own "" "" "$k_mo" "$k_ke" && k_mv || { k_no "$k_e"; exit 1; }; more="$more archive"; fi
cd "$git" || exit 1
fi
printf "%s\n%s\n%s\n" "$before" "$("$g" rev-parse -q --verify HEAD)" "$more"`

// work plans the clone or the update.
func (a gitArgs) work(st gitState, sha string) play.Plan {
	depth, mask := "", ""
	if a.Depth > 0 {
		depth = strconv.Itoa(a.Depth)
	}
	if !a.Umask.IsNull() {
		mask = value.Str(a.Umask)
	}
	args := []string{a.Dest, a.repo(), a.Version, a.Remote, a.Refspec, a.Reference, depth, a.Executable, a.ssh()}
	for _, on := range []bool{a.Bare, a.Recursive, a.Single, a.Track, a.Verify, a.Force, a.Update} {
		args = append(args, kit.Yes(on))
	}
	args = append(args, mask, a.Archive, archiveFormat(a.Archive), a.Prefix, a.Separate, strings.Join(a.Keys, " "))
	user, password := a.credentials()
	args = append(args, user, password)
	what := "clone " + value.Show(a.Repo.Value()) + " to " + a.Dest
	if st.there {
		what = "update " + a.Dest + " to " + a.Version
	}
	return play.Plan{
		Steps:   []host.Step{host.Run{Cmd: sh.Script(gitWork, args...), What: what}},
		Repeats: a.Verify || a.Track || a.Archive != "" || a.Refspec != "",
		Result:  play.Result{Changed: true, Data: a.data(st.head, sha)},
		Finish:  kit.After(a.finish),
	}
}

func (a gitArgs) finish(ran []host.Output) (play.Result, error) {
	l := kit.Lines{Rest: string(ran[0].Stdout)}
	before, after, more := l.Next(), l.Next(), l.Next()
	d := a.data(before, after)
	if before != "" {
		d.Put("remote_url_changed", value.Bool(strings.Contains(more, " url")))
	}
	if strings.Contains(more, " submodules") {
		d.Put("submodules_changed", value.Bool(true))
	}
	if a.Archive != "" {
		d.Put("archive", value.FromMap(value.MapOf("dest", value.String(a.Archive))))
	}
	r := play.Result{Changed: before != after || more != "", Data: d}
	if strings.Contains(more, " mods") {
		r.Msg = "Local modifications exist in the destination: " + a.Dest
	}
	return r, nil
}
