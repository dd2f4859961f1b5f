package packages

import (
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// aptRepositoryArgs are the arguments of apt_repository.
type aptRepositoryArgs struct {
	Repo       string   `arg:"repo" need:"yes" help:"a line of sources.list, or ppa:owner/name"`
	State      string   `arg:"state" default:"present" choices:"absent,present" help:"whether the lists shall have it"`
	Mode       kit.Mode `arg:"mode" default:"0644" help:"permissions of a new list"`
	Update     bool     `arg:"update_cache,update-cache" default:"yes" help:"apt-get update when something changed"`
	Retries    int      `arg:"update_cache_retries" default:"5" help:"how often a failing update is tried"`
	RetryDelay int      `arg:"update_cache_retry_max_delay" default:"12" help:"longest pause in seconds between tries"`
	Filename   string   `arg:"filename" help:"the name of a new list, without .list"`
	Codename   string   `arg:"codename" help:"the release of a PPA, where it is not the host's"`
	Validate   bool     `arg:"validate_certs" default:"yes" help:"of a PPA's key: refuse certificates that the host does not trust"`
	Install    bool     `arg:"install_python_apt" default:"yes" help:"without meaning: nothing has to be installed for this module"`
}

// AptRepository keeps sources of packages.
func AptRepository() play.Module {
	return kit.Define(kit.Doc{Name: "apt_repository", Short: "sources of Debian packages, in lists"}, aptRepository{})
}

type aptRepository struct{}

func (aptRepository) Validate(a aptRepositoryArgs) *play.ArgError {
	switch {
	case strings.TrimSpace(a.Repo) == "":
		return &play.ArgError{Arg: "repo", Msg: "Please set argument 'repo' to a non-empty value"}
	case strings.ContainsAny(a.Repo, "\n\r"):
		return &play.ArgError{Arg: "repo", Msg: "Invalid repository string: a line break would begin another line"}
	case strings.Contains(a.Filename, "/"):
		return &play.ArgError{Arg: "filename", Msg: "is a name, not a path"}
	}
	if l := parseSource(a.Repo); a.ppa() == nil && (!l.valid || !l.enabled) {
		return &play.ArgError{Arg: "repo", Msg: "Invalid repository string: " + a.Repo}
	}
	return nil
}

// ppa are owner and name of a PPA.
func (a aptRepositoryArgs) ppa() []string {
	rest, ok := strings.CutPrefix(a.Repo, "ppa:")
	if !ok {
		return nil
	}
	owner, name, ok := strings.Cut(rest, "/")
	if !ok {
		name = "ppa"
	}
	if strings.Trim(owner+name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-_~") != "" || owner == "" {
		return nil
	}
	return []string{strings.TrimPrefix(owner, "~"), name}
}

// sourceLine is a line of a list.
type sourceLine struct {
	valid, enabled  bool
	source, comment string
}

func parseSource(line string) sourceLine {
	l := sourceLine{enabled: true}
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "#") {
		l.enabled, line = false, line[1:]
	}
	if i := strings.IndexByte(line, '#'); i > 0 {
		l.comment, line = strings.TrimSpace(line[i+1:]), line[:i]
	}
	words := strings.Fields(line)
	if len(words) > 2 && (words[0] == "deb" || words[0] == "deb-src") {
		l.valid, l.source = true, strings.Join(words, " ")
	}
	return l
}

func (l sourceLine) String() string {
	if l.comment != "" {
		return l.source + " # " + l.comment
	}
	return l.source
}

func (aptRepository) Facts(aptRepositoryArgs) []host.Question { return []host.Question{sources().Q} }

func (m aptRepository) Plan(a aptRepositoryArgs, s host.Seen) (play.Plan, error) {
	have, err := host.Get(s, sources())
	if err != nil {
		return play.Plan{}, err
	}
	line := parseSource(a.Repo)
	if p := a.ppa(); p != nil {
		release := a.Codename
		if release == "" {
			release = have.codename
		}
		if release == "" {
			return kit.Failure("the host's /etc/os-release names no release for the PPA: set codename"), nil
		}
		line = parseSource(fmt.Sprintf("deb http://ppa.launchpad.net/%s/%s/ubuntu %s main", p[0], p[1], release))
	}
	edits := a.edits(have, line)
	data := value.MapOf("repo", value.String(a.Repo), "state", value.String(a.State), "sources_added", value.List(), "sources_removed", value.List())
	if len(edits) == 0 {
		return kit.Unchanged("the lists are as they shall be", data), nil
	}
	p := play.Plan{}
	if a.ppa() != nil && a.State == "present" {
		st, stop, err := a.key(s)
		if err != nil || stop != "" {
			return kit.Failure("%s", stop), err
		}
		if st != nil {
			p.Steps = append(p.Steps, st)
		}
	}
	a.write(&p, edits, data)
	p.Result = play.Result{Changed: true, Data: data}
	return p, nil
}

// listEdit is a list that changes; no text = it goes.
type listEdit struct {
	path     string
	old, now string
	fresh    bool
}

func (a aptRepositoryArgs) edits(have aptSources, want sourceLine) []listEdit {
	var out []listEdit
	found := false
	for _, f := range have.files {
		var lines []string
		changed := false
		for raw := range strings.Lines(f.text) {
			l := parseSource(raw)
			same := l.valid && l.source == want.source
			switch {
			case !same:
			case a.State == "absent":
				changed = true
				continue
			case l.enabled && (want.comment == "" || l.comment == want.comment):
				found = true
			default:
				found, changed = true, true
				if want.comment != "" {
					l.comment = want.comment
				}
				raw = l.String() + "\n"
			}
			lines = append(lines, raw)
		}
		if changed {
			out = append(out, listEdit{path: f.path, old: f.text, now: strings.Join(lines, "")})
		}
	}
	if a.State == "absent" || found {
		return out
	}
	return append(out, a.addTo(have, want))
}

// addTo is the list that the line is added to.
func (a aptRepositoryArgs) addTo(have aptSources, want sourceLine) listEdit {
	p := strings.TrimSuffix(have.parts, "/") + "/" + a.file(want) + ".list"
	for _, f := range have.files {
		if f.path == p {
			text := f.text
			if text != "" && !strings.HasSuffix(text, "\n") {
				text += "\n"
			}
			return listEdit{path: p, old: f.text, now: text + want.String() + "\n"}
		}
	}
	return listEdit{path: p, now: want.String() + "\n", fresh: true}
}

// file is Ansible's name for a line's list: the address without what is no letter.
func (a aptRepositoryArgs) file(l sourceLine) string {
	if a.Filename != "" {
		return strings.TrimSuffix(a.Filename, ".list")
	}
	s := regexp.MustCompile(`\[[^\]]+\]`).ReplaceAllString(l.source, "")
	s = regexp.MustCompile(`\w+://`).ReplaceAllString(s, "")
	words := strings.Fields(s)
	if len(words) > 1 {
		s = words[1]
	}
	if i := strings.IndexByte(s, '@'); i >= 0 {
		s = s[i+1:]
	}
	return strings.Join(strings.Fields(regexp.MustCompile(`[^a-zA-Z0-9]`).ReplaceAllString(s, " ")), "_")
}

// key is the step that lets apt trust a PPA's key: Launchpad names it.
func (a aptRepositoryArgs) key(s host.Seen) (st host.Step, stop string, err error) {
	p := a.ppa()
	api := fetchKey(fmt.Sprintf("https://launchpad.net/api/1.0/~%s/+archive/%s", p[0], p[1]), a.Validate)
	api.Headers = value.MapOf("Accept", value.String("application/json"))
	ans, err := s.Answer(api.Read())
	if err != nil {
		return nil, "", err
	}
	v, bad := value.ParseJSON(ans.Stdout)
	m, _ := v.AsMap()
	fp, _ := m.Lookup("signing_key_fingerprint")
	if ans.Status != 0 || bad != nil || !validID(value.Str(fp)) {
		return nil, fmt.Sprintf("failed to fetch PPA information, error was: %s", kit.OneLine(string(ans.Stdout))), nil
	}
	have, err := host.Get(s, rings(""))
	if err != nil {
		return nil, "", err
	}
	id := value.Str(fp)
	if have.has(id) {
		return nil, "", nil
	}
	from := keyserver("hkps://keyserver.ubuntu.com", id)
	if ans, err = s.Answer(fetchKey(from, a.Validate).Read()); err != nil {
		return nil, "", err
	}
	if ans.Status != 0 {
		return nil, fmt.Sprintf("failed to fetch the PPA's key %s: %s", id, kit.OneLine(string(ans.Stdout))), nil
	}
	keys, stop, err := pick(ans.Stdout, from, id)
	if err != nil || stop != "" {
		return nil, stop, err
	}
	st, err = have.add("", keys)
	return st, "", err
}

// revertText refreshes the lists, and puts them back as they were when that fails:
// tries, longest pause, then per list its path, yes when it was there, its text.
const revertText sh.Constant = kit.Hold + `LC_ALL=C DEBIAN_FRONTEND=noninteractive; export LC_ALL DEBIAN_FRONTEND
n=0 w=1 t=$1 m=$2
shift 2
until e=$(apt-get -q -oAPT::Update::Error-Mode=any -oDPkg::Lock::Timeout=60 update 2>&1); do
n=$((n + 1))
if [ "$n" -ge "$t" ]; then
while [ $# -gt 0 ]; do
k_hold "$1" || exit 1
if [ -z "$2" ]; then rm -f "./$k_n"
else
k_new && printf %s "$3" >"$k_8" && chmod 644 "$k_8" && k_mv || { k_no "$k_e"; exit 1; }
fi
shift 3
done
printf "%s\n" "Failed to update apt cache after $t retries: $(printf "%s\n" "$e" | grep "^[EW]:" | head -n 5)" "The lists are as they were before." >&2
exit 1
fi
sleep "$w"; w=$((w * 2)); if [ "$w" -gt "$m" ]; then w=$m; fi
done`

// write adds the steps, the difference, and the names of lists.
func (a aptRepositoryArgs) write(p *play.Plan, edits []listEdit, data *value.Map) {
	sort.Slice(edits, func(i, j int) bool { return edits[i].path < edits[j].path })
	undo := []string{strconv.Itoa(max(a.Retries, 1)), strconv.Itoa(max(a.RetryDelay, 1))}
	var added, removed []value.Value
	for _, e := range edits {
		if e.now == "" {
			p.Steps = append(p.Steps, kit.Remove(e.path, "list"))
			removed = append(removed, kit.HostText(e.path))
		} else {
			w := kit.Write{Path: e.path, Mkdir: true}
			if e.fresh {
				w.Want.Mode = kit.Octal(a.Mode.Apply(kit.TypeReg|0o644, 0o022))
				added = append(added, kit.HostText(e.path))
			} else {
				w.Old = []byte(e.old)
			}
			p.Steps = append(p.Steps, w.Step(kit.MadeInput(e.path, []byte(e.now))))
		}
		undo = append(undo, e.path, kit.Yes(!e.fresh), e.old)
		after, before := e.path, e.path
		if e.fresh {
			before = "/dev/null"
		}
		if e.now == "" {
			after = "/dev/null"
		}
		p.Diff = append(p.Diff, play.Diff{BeforeHeader: before, AfterHeader: after, BeforeText: e.old, AfterText: e.now})
	}
	if a.Update {
		p.Steps = append(p.Steps, host.Run{Cmd: sh.Script(revertText, undo...), What: "apt-get update"})
	}
	data.Put("sources_added", value.List(added...))
	data.Put("sources_removed", value.List(removed...))
}
