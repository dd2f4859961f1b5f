package database

import (
	"fmt"
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// pgHBAArgs are the arguments of postgresql_pg_hba.
type pgHBAArgs struct {
	Dest       string      `arg:"dest" need:"yes" type:"path" help:"the file"`
	ConType    string      `arg:"contype" choices:"local,host,hostnossl,hostssl,hostgssenc,hostnogssenc" help:"the type of the rule; without one and without rules the file is only read"`
	Databases  string      `arg:"databases" default:"all" help:"databases, with commas between: a rule for each"`
	Users      string      `arg:"users" default:"all" help:"roles, with commas between: a rule for each"`
	Address    string      `arg:"address,source,src" default:"samehost" help:"a network, an address, a name, .domain, all, samehost or samenet; without meaning for local"`
	Netmask    string      `arg:"netmask" help:"the mask of an address"`
	Method     string      `arg:"method" default:"md5" choices:"cert,gss,ident,krb5,ldap,md5,pam,password,peer,radius,reject,scram-sha-256,sspi,trust" help:"how who matches proves who it is"`
	Options    string      `arg:"options" help:"options of the method"`
	Comment    string      `arg:"comment" help:"a comment behind the rule; see keep_comments_at_rules"`
	State      string      `arg:"state" default:"present" choices:"absent,present" help:"whether the rule shall be there"`
	Rules      value.Value `arg:"rules" type:"list" help:"several rules: mappings of address, comment, contype, databases, method, netmask, options, state, users"`
	Behavior   string      `arg:"rules_behavior" default:"conflict" choices:"combine,conflict" help:"what these arguments are beside rules: combine: what a rule leaves out; conflict: a mistake"`
	Overwrite  bool        `arg:"overwrite" default:"no" help:"rules that are there and not asked for go"`
	Keep       bool        `arg:"keep_comments_at_rules" default:"no" help:"comments behind rules stay there; no: they are moved to the beginning"`
	Backup     bool        `arg:"backup" default:"no" help:"copy the old file first: to backup_file, or to a new one in the host's folder for temporary files"`
	BackupFile string      `arg:"backup_file" type:"path" help:"where the copy goes"`
	Create     bool        `arg:"create" default:"no" help:"make a file that is missing"`
	Order      string      `arg:"order" default:"sdu" choices:"sdu,sud,dsu,dus,usd,uds" help:"without meaning, as in Ansible: sources, databases, users"`
	Unsafe     bool        `arg:"unsafe_writes" default:"no" help:"write in place where a rename is refused"`
	kit.Attrs
}

// PostgresqlPgHBA keeps rules of a pg_hba file.
func PostgresqlPgHBA() play.Module {
	return kit.Define(kit.Doc{Name: "postgresql_pg_hba", Short: "who may log in to a PostgreSQL server: rules of pg_hba.conf"}, pgHBA{})
}

type pgHBA struct{}

// hbaWanted is one entry of rules, or what the arguments themselves ask for.
type hbaWanted struct{ address, comment, contype, databases, method, netmask, options, state, users string }

func (a pgHBAArgs) own() hbaWanted {
	return hbaWanted{a.Address, a.Comment, a.ConType, a.Databases, a.Method, a.Netmask, a.Options, a.State, a.Users}
}

// hbaDefaults are the arguments as they are when nobody gives them.
func hbaDefaults() hbaWanted {
	return hbaWanted{address: "samehost", databases: "all", method: "md5", state: "present", users: "all"}
}

// keys are the names of the fields, in their order.
func (hbaWanted) keys() []string {
	return []string{"address", "comment", "contype", "databases", "method", "netmask", "options", "state", "users"}
}

func (w *hbaWanted) fields() []*string {
	return []*string{&w.address, &w.comment, &w.contype, &w.databases, &w.method, &w.netmask, &w.options, &w.state, &w.users}
}

func (pgHBA) Validate(a pgHBAArgs) *play.ArgError {
	if _, err := a.wanted(); err != nil {
		return &play.ArgError{Msg: err.Error()}
	}
	if strings.ContainsAny(a.Comment, "\n\r") {
		return &play.ArgError{Arg: "comment", Msg: "must not hold a line break"}
	}
	if a.Mode.Preserves() {
		return &play.ArgError{Arg: "mode", Msg: kit.NoSource}
	}
	return nil
}

// wanted are the rules that the task asks for.
func (a pgHBAArgs) wanted() ([]hbaWanted, error) {
	if a.Rules.IsNull() {
		return []hbaWanted{a.own()}, nil
	}
	own, deflt := a.own(), hbaDefaults()
	if a.Behavior == "conflict" {
		var used []string
		for i, f := range own.fields() {
			if *f != *deflt.fields()[i] {
				used = append(used, own.keys()[i])
			}
		}
		if used != nil {
			return nil, hbaErr("conflict: either argument \"rules_behavior\" needs to be changed or \"rules\" must not be set or %s must not be set", value.Repr(value.Strings(used...)))
		}
	}
	var out []hbaWanted
	for i, v := range a.Rules.Items() {
		m, ok := v.AsMap()
		if !ok {
			return nil, hbaErr("rules: rule number %d is not a mapping: %s", i, value.Show(v))
		}
		w, err := own.from(i, m)
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

// from is a rule with what it leaves out.
func (w hbaWanted) from(n int, m *value.Map) (hbaWanted, error) {
	var named []string
	for k, v := range m.All() {
		key := value.Str(k)
		if slices.Contains([]string{"address", "source", "src"}, key) {
			named, key = append(named, key), "address"
		}
		i := slices.Index(w.keys(), key)
		if i < 0 {
			continue // as in Ansible
		}
		if *w.fields()[i] = value.Str(v); v.IsNull() {
			*w.fields()[i] = ""
		}
	}
	if len(named) > 1 {
		return w, hbaErr("rule number %d of the \"rules\" argument (%s) uses ambiguous settings: %s are aliases, only one is allowed", n, value.Repr(value.FromMap(m)), value.Repr(value.Strings(named...)))
	}
	if strings.ContainsAny(w.comment, "\n\r") {
		return w, hbaErr("rule number %d of the \"rules\" argument: its comment holds a line break", n)
	}
	return w, nil
}

func (a pgHBAArgs) file() kit.TextFile {
	return kit.TextFile{Path: a.Dest, Create: true, Bare: true, Quiet: true, Unsafe: a.Unsafe}
}

func (pgHBA) Facts(a pgHBAArgs) []host.Question { return a.file().Facts() }

func (pgHBA) Plan(a pgHBAArgs, s host.Seen) (play.Plan, error) {
	t := a.file()
	at, stop, err := t.Find(s)
	if err != nil || stop != nil {
		return kit.Stopped(stop, err)
	}
	is, err := readHBA(string(at.Old), a.Keep)
	if err != nil {
		return kit.Failure("Error reading file:\n%v", err), nil
	}
	f := &hbaFile{comments: is.comments, rules: slices.Clone(is.rules)}
	if a.Overwrite {
		f.rules = nil
	}
	edit := &hbaEdit{file: f}
	list, err := a.wanted()
	if err != nil {
		return play.Plan{}, err
	}
	for _, w := range list {
		if err := edit.rule(w); err != nil {
			return kit.Failure("Error modifying rules:\n%v", err), nil
		}
	}
	data := value.MapOf("msgs", value.Strings(edit.msgs...), "pg_hba", f.shown())
	if f.equal(is) {
		return kit.Unchanged(at.Path+" has the rules that it shall have", data), nil
	}
	data.Put("msgs", value.Strings(append(edit.msgs, "Changed", "Writing")...))
	data.Put("diff", edit.diff(at.Path))
	return a.write(s, t, at, f.text(), data)
}

// hbaEdit changes the rules of a file and says what it did.
type hbaEdit struct {
	file              *hbaFile
	msgs, added, gone []string
}

// rule adds or removes what one entry asks for: a rule for each database and user.
func (e *hbaEdit) rule(w hbaWanted) error {
	if w.contype == "" {
		return nil
	}
	for db := range strings.SplitSeq(w.databases, ",") {
		for user := range strings.SplitSeq(w.users, ",") {
			r, err := newHBARule(hbaRule{kind: w.contype, db: db, usr: user, src: w.address, method: w.method, options: w.options, comment: w.comment, first: true}, w.netmask)
			switch {
			case err != nil:
				return err
			case strings.ContainsAny(r.line(), "\n\r"):
				return hbaErr("a rule holds a line break: %s", r)
			case w.state == "present":
				e.msgs = append(e.msgs, "Adding rule "+r.String())
				if e.file.add(r) {
					e.added = append(e.added, r.line())
				}
			default:
				e.msgs = append(e.msgs, "Removing rule "+r.String())
				if e.file.remove(r) {
					e.gone = append(e.gone, r.line())
				}
			}
		}
	}
	return nil
}

// diff is the key of results that holds what came and what went.
func (e *hbaEdit) diff(path string) value.Value {
	side := func(lines []string) value.Value {
		return value.FromMap(value.MapOf("file", value.String(path), "pg_hba", value.Strings(lines...)))
	}
	return value.FromMap(value.MapOf("before", side(e.gone), "after", side(e.added)))
}

// shown are the rules as results have them.
func (f *hbaFile) shown() value.Value {
	var out []value.Value
	for _, r := range f.sorted() {
		out = append(out, value.FromMap(r.fields()))
	}
	return value.List(out...)
}

// backupText copies the text that comes into a new file and says its name.
const backupText sh.Constant = `umask 077; t=$(mktemp "${TMPDIR:-/tmp}/pg_hbaXXXXXX") || exit 1; cat >"$t" || { rm -f "$t"; exit 1; }; printf %s "$t"`

// write is the plan of the file with another text. Attributes are set with it only,
// as in Ansible.
func (a pgHBAArgs) write(s host.Seen, t kit.TextFile, at kit.TextAt, text string, data *value.Map) (play.Plan, error) {
	if !at.There() && !a.Create {
		return a.missing(at.Path, data), nil
	}
	t.Attrs = a.Attrs
	p, err := t.Become(s, at, []byte(text), true, "", data)
	if err != nil || !a.Backup || !at.There() {
		return p, err
	}
	copied, err := kit.Place(s, a.BackupFile)
	if err != nil {
		return p, err
	}
	var step host.Step
	if a.BackupFile == "" {
		step = host.Run{Cmd: sh.Script(backupText).With(sh.Bytes(string(at.Old))), What: "copy " + at.Path}
	} else {
		w := kit.Write{Path: copied, Want: kit.Change{Mode: fmt.Sprintf("%05o", at.Look.Target.Mode&0o777)}}
		step = w.Step(kit.MadeInput(copied, at.Old))
	}
	p.Steps = append([]host.Step{step}, p.Steps...)
	p.Finish = kit.After(func(ran []host.Output) (play.Result, error) {
		r := p.Result
		name := copied
		if a.BackupFile == "" {
			name = string(ran[0].Stdout)
		}
		r.Data = data.Clone()
		r.Data.Put("backup_file", kit.HostText(name))
		return r, nil
	})
	return p, nil
}

// missing is the plan where there is no file and none may be made. It fails when the
// step runs: in check mode the task before may not have made it yet.
func (pgHBAArgs) missing(path string, data *value.Map) play.Plan {
	said := play.Failure("Error writing file:\npg_hba file '" + path + "' doesn't exist. Use create option to autocreate.")
	said.Complete = true
	return play.Plan{
		Steps:  []host.Step{host.Run{Cmd: sh.Script(`exit 1`), What: "write " + path}},
		Result: play.Result{Changed: true, Data: data},
		Finish: func([]host.Output) (play.Result, error) { return said, nil },
	}
}
