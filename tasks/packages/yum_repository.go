package packages

import (
	"fmt"
	"sort"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// yumRepoArgs are the arguments of yum_repository; those that are not given are
// not written.
type yumRepoArgs struct {
	Name          string     `arg:"name" need:"yes" help:"the repository's id, the heading of its section"`
	State         string     `arg:"state" default:"present" choices:"absent,present" help:"whether it shall be there"`
	File          string     `arg:"file" help:"the file, without .repo; default: the name"`
	Dir           string     `arg:"reposdir" default:"/etc/yum.repos.d" type:"path" help:"the folder of such files"`
	Description   string     `arg:"description" help:"what people read; needed unless absent"`
	BaseURL       []string   `arg:"baseurl" help:"where it is; this, metalink or mirrorlist is needed unless absent"`
	Metalink      string     `arg:"metalink" help:"where a metalink file is"`
	Mirrorlist    string     `arg:"mirrorlist" help:"where a list of mirrors is"`
	Async         *bool      `arg:"async" help:"async"`
	Bandwidth     string     `arg:"bandwidth" help:"bandwidth"`
	Cost          string     `arg:"cost" help:"cost"`
	DeltaMeta     string     `arg:"deltarpm_metadata_percentage" help:"deltarpm_metadata_percentage"`
	Delta         string     `arg:"deltarpm_percentage" help:"deltarpm_percentage"`
	Enabled       *bool      `arg:"enabled" help:"enabled"`
	EnableGroups  *bool      `arg:"enablegroups" help:"enablegroups"`
	Exclude       []string   `arg:"exclude" help:"packages that are never taken from it"`
	Failover      string     `arg:"failovermethod" choices:"priority,roundrobin" help:"failovermethod"`
	GPGCAKey      string     `arg:"gpgcakey" help:"gpgcakey"`
	GPGCheck      *bool      `arg:"gpgcheck" help:"gpgcheck"`
	GPGKey        []string   `arg:"gpgkey" help:"gpgkey"`
	Hotfixes      *bool      `arg:"module_hotfixes" help:"module_hotfixes"`
	HTTPCaching   string     `arg:"http_caching" choices:"all,none,packages" help:"http_caching"`
	Include       string     `arg:"include" help:"include"`
	IncludePkgs   []string   `arg:"includepkgs" help:"packages that alone are taken from it"`
	IPResolve     string     `arg:"ip_resolve" choices:"4,6,IPv4,IPv6,whatever" help:"ip_resolve"`
	KeepAlive     *bool      `arg:"keepalive" help:"keepalive"`
	KeepCache     string     `arg:"keepcache" choices:"0,1" help:"keepcache"`
	Expire        string     `arg:"metadata_expire" help:"metadata_expire"`
	ExpireFilter  string     `arg:"metadata_expire_filter" choices:"never,read-only:future,read-only:past,read-only:present" help:"metadata_expire_filter"`
	MirrorExpire  string     `arg:"mirrorlist_expire" help:"mirrorlist_expire"`
	Params        *value.Map `arg:"params" help:"refused, as Ansible does since 2.5: every option has its argument"`
	Password      string     `arg:"password" secret:"yes" help:"password"`
	Priority      string     `arg:"priority" help:"priority"`
	Protect       *bool      `arg:"protect" help:"protect"`
	Proxy         string     `arg:"proxy" help:"proxy"`
	ProxyPassword string     `arg:"proxy_password" secret:"yes" help:"proxy_password"`
	ProxyUser     string     `arg:"proxy_username" help:"proxy_username"`
	RepoGPGCheck  *bool      `arg:"repo_gpgcheck" help:"repo_gpgcheck"`
	Retries       string     `arg:"retries" help:"retries"`
	S3            *bool      `arg:"s3_enabled" help:"s3_enabled"`
	Skip          *bool      `arg:"skip_if_unavailable" help:"skip_if_unavailable"`
	CertPerms     *bool      `arg:"ssl_check_cert_permissions" help:"ssl_check_cert_permissions"`
	CACert        string     `arg:"sslcacert,ca_cert" help:"sslcacert"`
	ClientCert    string     `arg:"sslclientcert,client_cert" help:"sslclientcert"`
	ClientKey     string     `arg:"sslclientkey,client_key" help:"sslclientkey"`
	Verify        *bool      `arg:"sslverify,validate_certs" help:"sslverify"`
	Throttle      string     `arg:"throttle" help:"throttle"`
	Timeout       string     `arg:"timeout" help:"timeout"`
	UIVars        string     `arg:"ui_repoid_vars" help:"ui_repoid_vars"`
	Username      string     `arg:"username" help:"username"`
	Unsafe        bool       `arg:"unsafe_writes" default:"no" help:"write in place where a rename is refused"`
	kit.Attrs
}

// YumRepository keeps repositories of dnf and yum.
func YumRepository() play.Module {
	return kit.Define(kit.Doc{Name: "yum_repository", Short: "repositories of dnf and yum"}, yumRepository{})
}

type yumRepository struct{}

func (yumRepository) Validate(a yumRepoArgs) *play.ArgError {
	switch {
	case a.Params.Len() > 0:
		return &play.ArgError{Arg: "params", Msg: "The params option to yum_repository was removed in Ansible 2.5 since it circumvents Ansible's option handling"}
	case a.State == "present" && a.BaseURL == nil && a.Metalink == "" && a.Mirrorlist == "":
		return &play.ArgError{Msg: "Parameter 'baseurl', 'metalink' or 'mirrorlist' is required."}
	case a.State == "present" && a.Description == "":
		return &play.ArgError{Msg: "Parameter 'description' is required."}
	case strings.ContainsAny(a.Name, "]\n\r") || strings.ContainsAny(a.name(), "/\n"):
		return &play.ArgError{Arg: "name", Msg: fmt.Sprintf("%q is not valid as the name of a repository and its file", a.Name)}
	case a.Mode.Preserves():
		return &play.ArgError{Arg: "mode", Msg: kit.NoSource}
	}
	return nil
}

func (a yumRepoArgs) name() string {
	if a.File != "" {
		return a.File
	}
	return a.Name
}

func (a yumRepoArgs) file() kit.TextFile {
	return kit.TextFile{Path: kit.TrimSlash(a.Dir) + "/" + a.name() + ".repo", Attrs: a.Attrs, Create: true, Unsafe: a.Unsafe,
		Secret: a.Password+a.ProxyPassword != "", Quiet: true, Bare: true}
}

func (yumRepository) Facts(a yumRepoArgs) []host.Question {
	return append(a.file().Facts(), kit.Hint(a.Dir, kit.LookAt(kit.TrimSlash(a.Dir), "", false).Q)...)
}

func (yumRepository) Plan(a yumRepoArgs, s host.Seen) (play.Plan, error) {
	dir, err := kit.Place(s, a.Dir)
	if err != nil {
		return play.Plan{}, err
	}
	a.Dir = dir
	if err := host.All(s, (yumRepository{}).Facts(a)...); err != nil {
		return play.Plan{}, err
	}
	folder, err := host.Get(s, kit.LookAt(kit.TrimSlash(a.Dir), "", false))
	if err != nil {
		return play.Plan{}, err
	}
	if !folder.Target.IsDir() {
		return kit.Failure("Repo directory '%s' does not exist.", a.Dir), nil
	}
	f := a.file()
	at, stop, err := f.Find(s)
	if err != nil || stop != nil {
		return kit.Stopped(stop, err)
	}
	repo, bad := readRepo(string(at.Old))
	if bad != nil {
		return kit.Failure("%s: %v", at.Path, bad), nil
	}
	before := repo.sorted()
	repo.drop(a.Name)
	if a.State == "present" {
		repo.sections = append(repo.sections, repoSection{a.Name, a.options()})
	}
	data := value.MapOf("repo", value.String(a.Name), "state", value.String(a.State))
	same := before == repo.sorted()
	switch {
	case same && !at.There():
		return kit.Unchanged(at.Path+" is not there", data), nil
	case !same && len(repo.sections) == 0:
		p := play.Plan{Steps: []host.Step{kit.Remove(at.Path, "file")}, Result: play.Result{Changed: true, Data: data}}
		p.Diff = []play.Diff{{Secret: f.Secret, BeforeHeader: at.Path, AfterHeader: at.Path, BeforeText: before}}
		return p, nil
	}
	p, err := f.Become(s, at, []byte(repo.text()), !same, "", data)
	if len(p.Diff) == 1 {
		p.Diff[0] = play.Diff{Secret: f.Secret, BeforeHeader: at.Path, AfterHeader: at.Path, BeforeText: before, AfterText: repo.sorted()}
	}
	return p, err
}

// options are the section's lines, sorted by name.
func (a yumRepoArgs) options() [][2]string {
	m := map[string]string{}
	text := func(k, v string) {
		if v != "" {
			m[k] = v
		}
	}
	flag := func(k string, v *bool) {
		if v != nil {
			m[k] = map[bool]string{true: "1", false: "0"}[*v]
		}
	}
	for k, v := range map[string]string{
		"name": a.Description, "metalink": a.Metalink, "mirrorlist": a.Mirrorlist, "bandwidth": a.Bandwidth, "cost": a.Cost,
		"deltarpm_metadata_percentage": a.DeltaMeta, "deltarpm_percentage": a.Delta, "failovermethod": a.Failover, "gpgcakey": a.GPGCAKey,
		"http_caching": a.HTTPCaching, "include": a.Include, "ip_resolve": a.IPResolve, "keepcache": a.KeepCache, "metadata_expire": a.Expire,
		"metadata_expire_filter": a.ExpireFilter, "mirrorlist_expire": a.MirrorExpire, "password": a.Password, "priority": a.Priority,
		"proxy": a.Proxy, "proxy_password": a.ProxyPassword, "proxy_username": a.ProxyUser, "retries": a.Retries, "sslcacert": a.CACert,
		"sslclientcert": a.ClientCert, "sslclientkey": a.ClientKey, "throttle": a.Throttle, "timeout": a.Timeout, "ui_repoid_vars": a.UIVars,
		"username": a.Username, "baseurl": strings.Join(a.BaseURL, "\n"), "gpgkey": strings.Join(a.GPGKey, "\n"),
		"exclude": strings.Join(a.Exclude, " "), "includepkgs": strings.Join(a.IncludePkgs, " "),
	} {
		text(k, v)
	}
	for k, v := range map[string]*bool{
		"async": a.Async, "enabled": a.Enabled, "enablegroups": a.EnableGroups, "gpgcheck": a.GPGCheck, "module_hotfixes": a.Hotfixes,
		"keepalive": a.KeepAlive, "protect": a.Protect, "repo_gpgcheck": a.RepoGPGCheck, "s3_enabled": a.S3, "skip_if_unavailable": a.Skip,
		"ssl_check_cert_permissions": a.CertPerms, "sslverify": a.Verify,
	} {
		flag(k, v)
	}
	return sortedPairs(m)
}

func sortedPairs(m map[string]string) [][2]string {
	out := make([][2]string, 0, len(m))
	for k, v := range m {
		out = append(out, [2]string{k, v})
	}
	sort.Slice(out, func(i, j int) bool { return out[i][0] < out[j][0] })
	return out
}

// repoFile is a file of repositories, as Python's RawConfigParser reads it: comments
// are not kept.
type repoFile struct{ sections []repoSection }

type repoSection struct {
	name    string
	options [][2]string
}

// readRepo reads the file; a line that is none of a section is its error.
func readRepo(text string) (repoFile, error) {
	var r repoFile
	open := false // an option may go on in an indented line
	var more []string
	ends := func() {
		if len(more) > 0 {
			o := r.sections[len(r.sections)-1].options
			o[len(o)-1][1] += "\n" + strings.Join(more, "\n")
			more = nil
		}
	}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "":
			continue
		case trimmed[0] == '#' || trimmed[0] == ';':
			continue
		case strings.TrimLeft(line, " \t") != line && open:
			more = append(more, trimmed)
			continue
		}
		ends()
		if name, ok := strings.CutPrefix(trimmed, "["); ok && strings.Contains(name, "]") {
			name, _, _ = strings.Cut(name, "]")
			r.sections, open = append(r.sections, repoSection{name: name}), false
			continue
		}
		i := strings.IndexAny(trimmed, "=:")
		if len(r.sections) == 0 || i <= 0 {
			return r, fmt.Errorf("line %d is not valid in a file of repositories: %s", n, kit.OneLine(trimmed))
		}
		sec := &r.sections[len(r.sections)-1]
		sec.options = append(sec.options, [2]string{strings.ToLower(strings.TrimSpace(trimmed[:i])), strings.TrimSpace(trimmed[i+1:])})
		open = true
	}
	ends()
	return r, nil
}

func (r *repoFile) drop(name string) {
	var left []repoSection
	for _, s := range r.sections {
		if s.name != name {
			left = append(left, s)
		}
	}
	r.sections = left
}

// text is the file as Python writes it.
func (r repoFile) text() string {
	var b strings.Builder
	for _, s := range r.sections {
		fmt.Fprintf(&b, "[%s]\n", s.name)
		for _, o := range s.options {
			fmt.Fprintf(&b, "%s = %s\n", o[0], strings.ReplaceAll(o[1], "\n", "\n\t"))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// sorted is what is compared, and what a difference shows.
func (r repoFile) sorted() string {
	c := repoFile{append([]repoSection{}, r.sections...)}
	sort.SliceStable(c.sections, func(i, j int) bool { return c.sections[i].name < c.sections[j].name })
	var b strings.Builder
	for _, s := range c.sections {
		fmt.Fprintf(&b, "[%s]\n", s.name)
		o := append([][2]string{}, s.options...)
		sort.SliceStable(o, func(i, j int) bool { return o[i][0] < o[j][0] })
		for _, kv := range o {
			fmt.Fprintf(&b, "%s = %s\n", kv[0], kv[1])
		}
		b.WriteString("\n")
	}
	return b.String()
}
