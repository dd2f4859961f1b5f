package system

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// cronArgs are the arguments of cron.
type cronArgs struct {
	Name     string    `arg:"name" need:"yes" help:"what the job is called: a comment before it, by which it is found again; with env the variable"`
	User     string    `arg:"user" help:"whose crontab; of a cron_file, who runs the job"`
	Job      *kit.Body `arg:"job,value" help:"the command; with env the variable's value"`
	File     string    `arg:"cron_file" type:"path" help:"a file of /etc/cron.d (or a whole path) instead of a crontab"`
	State    string    `arg:"state" default:"present" choices:"absent,present" help:"whether it shall be there"`
	Backup   bool      `arg:"backup" default:"no" help:"keep the old table in a file, which backup_file names"`
	Minute   string    `arg:"minute" default:"*" help:"when, as crontab has it"`
	Hour     string    `arg:"hour" default:"*" help:"see minute"`
	Day      string    `arg:"day,dom" default:"*" help:"of the month"`
	Month    string    `arg:"month" default:"*" help:"see minute"`
	Weekday  string    `arg:"weekday,dow" default:"*" help:"0 and 7 are Sunday"`
	Special  string    `arg:"special_time" choices:"annually,daily,hourly,monthly,reboot,weekly,yearly" help:"a word instead of times"`
	Disabled bool      `arg:"disabled" default:"no" help:"the job stays as a comment"`
	Env      bool      `arg:"env" default:"no" help:"name is a variable of the table"`
	After    string    `arg:"insertafter" help:"with env: behind this variable"`
	Before   string    `arg:"insertbefore" help:"with env: before this variable"`
}

// Cron keeps jobs of crontabs.
func Cron() play.Module {
	return kit.Define(kit.Doc{Name: "cron", Short: "jobs and variables of crontabs"}, cron{})
}

type cron struct{}

func (cron) Validate(a cronArgs) *play.ArgError {
	timed := a.Minute != "*" || a.Hour != "*" || a.Day != "*" || a.Month != "*" || a.Weekday != "*"
	switch {
	case a.After != "" && a.Before != "":
		return &play.ArgError{Msg: "parameters are mutually exclusive: insertafter|insertbefore"}
	case a.File == "/etc/crontab":
		return &play.ArgError{Arg: "cron_file", Msg: "Will not manage /etc/crontab via cron_file, see documentation."}
	case a.Special != "" && timed:
		return &play.ArgError{Msg: "You must specify time and date fields or special time."}
	case strings.HasPrefix(a.User, "-") || strings.ContainsAny(a.User, " \t\n"):
		return &play.ArgError{Arg: "user", Msg: fmt.Sprintf("%q is not valid as the name of a user", a.User)}
	case strings.ContainsAny(a.Name+a.Minute+a.Hour+a.Day+a.Month+a.Weekday, "\r\n"):
		return &play.ArgError{Msg: "a line break would begin another line of the table"}
	case a.State == "absent":
		return nil
	case a.File != "" && a.User == "":
		return &play.ArgError{Msg: "To use cron_file=... parameter you must specify user=... as well"}
	case a.Job == nil:
		return &play.ArgError{Msg: "You must specify 'job' to install a new cron job or variable"}
	case (a.After != "" || a.Before != "") && !a.Env:
		return &play.ArgError{Msg: "Insertafter and insertbefore parameters are valid only with env=yes"}
	case strings.ContainsAny(strings.Trim(a.Job.S, "\r\n"), "\r\n"):
		return &play.ArgError{Arg: "job", Msg: "a line break would begin another line of the table"}
	case a.Env && strings.Contains(a.Name, " "):
		return &play.ArgError{Arg: "name", Msg: "Invalid name for environment variable"}
	}
	return nil
}

// path is the file of the table; empty = a user's crontab.
func (a cronArgs) path() string {
	if a.File == "" {
		return ""
	}
	return kit.Join("/etc/cron.d", a.File)
}

// cronText prints a table: "none" where there is none, else "table" and the
// text. Arguments: the file, or empty for the crontab of the user in $2.
const cronText sh.Constant = `if [ -n "$1" ]; then
if [ -f "$1" ]; then echo table; cat "$1"; elif [ -e "$1" ]; then echo "$1 is not a file" >&2; exit 2; else echo none; fi
exit 0
fi
if ! command -v crontab >/dev/null; then echo "Failed to find required executable crontab"; exit 3; fi
if [ -n "$2" ] && [ "$2" != "$(id -un)" ]; then set -- "$2" -u "$2"; else set -- "$2"; fi
if [ -n "$1" ] && ! id "$1" >/dev/null 2>&1; then echo "there is no user $1"; exit 3; fi
shift
if t=$(crontab "$@" -l 2>/dev/null; echo .); t=${t%.}; [ -n "$t" ]; then echo table; printf %s "$t"; else echo none; fi`

// cronStep installs a user's table that comes by stdin, keeping a copy of the
// old one when it is asked for: user, backup.
const cronStepText sh.Constant = `if [ -n "$1" ] && [ "$1" != "$(id -un)" ]; then set -- "$2" -u "$1"; else set -- "$2"; fi
b=$1; shift
c=
if [ -n "$b" ]; then
c=$(umask 077; mktemp "${TMPDIR:-/tmp}/crontabXXXXXX") || exit 1
crontab "$@" -l >"$c" 2>/dev/null
fi
crontab "$@" - || { r=$?; if [ -n "$c" ]; then rm -f "$c"; fi; exit $r; }
printf %s "$c"`

func (a cronArgs) probe() host.Probe { return host.NewProbe(cronText, a.path(), a.User) }

func (cron) Facts(a cronArgs) []host.Question { return []host.Question{a.probe()} }

func (cron) Plan(a cronArgs, s host.Seen) (play.Plan, error) {
	ans, err := s.Answer(a.probe())
	if err != nil {
		return play.Plan{}, err
	}
	l := kit.Lines{Rest: string(ans.Stdout)}
	first := l.Next()
	if ans.Status != 0 || first != "table" && first != "none" {
		return kit.Failure("%s", strings.TrimSpace(first+" "+l.Rest)), nil
	}
	t := tableOf(l.Rest)
	t.args = a
	if first == "table" {
		t.was = []byte(l.Rest)
	}
	changed, failed := t.edit()
	if failed != "" {
		return kit.Failure("%s", failed), nil
	}
	if !changed && l.Rest != "" && !strings.HasSuffix(l.Rest, "\n") {
		changed = true // cron reads no last line without an end
	}
	return t.plan(changed), nil
}

// table is a crontab's lines.
type table struct {
	args  cronArgs
	was   []byte // the file as it was read, nil = there is none
	old   string
	lines []string
}

// tableOf reads a table, without the heading that crontab itself puts there.
func tableOf(text string) *table {
	t := &table{}
	for i, l := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if i <= 2 && isHeading(l) || text == "" {
			text = strings.Replace(text, l+"\n", "", 1)
			continue
		}
		t.lines = append(t.lines, l)
	}
	t.old = text
	return t
}

// mark begins the comment that names a job.
const mark = "#Ansible: "

// isHeading reports a line of those that crontab itself puts on top.
func isHeading(l string) bool {
	return regexp.MustCompile(`^# (DO NOT EDIT THIS FILE - edit the master and reinstall\.|\(/tmp/.*installed on.*\)|\(.*version.*\))`).MatchString(l)
}

// plainName reports a file name that cron reads.
func plainName(s string) bool { return regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(s) }

// job is the job's line.
func (a cronArgs) job() string {
	when := strings.Join([]string{a.Minute, a.Hour, a.Day, a.Month, a.Weekday}, " ")
	if a.Special != "" {
		when = "@" + a.Special
	}
	if a.File != "" {
		when += " " + a.User
	}
	if a.Disabled {
		when = "#" + when
	}
	return when + " " + strings.Trim(a.Job.S, "\r\n")
}

// edit changes the lines; failed says why it cannot.
func (t *table) edit() (changed bool, failed string) {
	switch {
	case t.args.Env:
		return t.variable()
	case t.args.State == "absent":
		at, _ := t.find("")
		if at < 0 {
			return false, ""
		}
		t.lines = slices.Delete(t.lines, at, min(at+2, len(t.lines)))
		return true, ""
	}
	job := t.args.job()
	at, named := t.find(job)
	switch {
	case at < 0:
		t.lines = append(t.lines, mark+t.args.Name, job)
		return true, ""
	case !named: // the job stands there without a name
		t.lines = slices.Insert(t.lines, at, mark+t.args.Name)
		return true, ""
	case at+1 >= len(t.lines):
		t.lines = append(t.lines, job)
		return true, ""
	case t.lines[at+1] != job:
		t.lines[at+1] = job
		return true, ""
	}
	return false, ""
}

// find returns where the comment with the name stands (named), or the line that
// is the job although nothing names it; -1 when there is neither.
func (t *table) find(job string) (at int, named bool) {
	if i := slices.Index(t.lines, mark+t.args.Name); i >= 0 {
		return i, true
	}
	i := slices.Index(t.lines, job)
	if job == "" || i < 0 || i > 0 && strings.HasPrefix(t.lines[i-1], mark) {
		return -1, false
	}
	return i, false
}

func (t *table) variable() (changed bool, failed string) {
	of := func(name string) int {
		return slices.IndexFunc(t.lines, func(l string) bool { return strings.HasPrefix(l, name+"=") })
	}
	at := of(t.args.Name)
	if t.args.State == "absent" {
		if at >= 0 {
			t.lines = slices.DeleteFunc(t.lines, func(l string) bool { return strings.HasPrefix(l, t.args.Name+"=") })
		}
		return at >= 0, ""
	}
	line := t.args.Name + `="` + t.args.Job.S + `"`
	switch {
	case at >= 0 && t.lines[at] == line:
		return false, ""
	case at >= 0:
		t.lines[at] = line
		return true, ""
	}
	to := 0
	if other := t.args.After + t.args.Before; other != "" {
		if to = of(other); to < 0 {
			return false, fmt.Sprintf("Variable named '%s' not found.", other)
		}
		if t.args.After != "" {
			to++
		}
	}
	t.lines = slices.Insert(t.lines, to, line)
	return true, ""
}

// text is the table as it is written.
func (t *table) text() string {
	if s := strings.TrimRight(strings.Join(t.lines, "\n"), "\r\n"); s != "" {
		return s + "\n"
	}
	return ""
}

// names are the jobs' names and the variables'.
func (t *table) names() (jobs, envs []value.Value) {
	for _, l := range t.lines {
		if n, ok := strings.CutPrefix(l, mark); ok {
			jobs = append(jobs, kit.HostText(n))
		} else if n, _, ok := strings.Cut(l, "="); ok && n != "" && !strings.ContainsAny(n, " \t") {
			envs = append(envs, kit.HostText(n))
		}
	}
	return jobs, envs
}

func (t *table) plan(changed bool) play.Plan {
	a := t.args
	jobs, envs := t.names()
	data := value.MapOf("jobs", value.List(jobs...), "envs", value.List(envs...))
	res := play.Result{Changed: changed, Data: data}
	if a.File != "" {
		data.Put("cron_file", value.String(a.File))
		if base := path.Base(a.File); !plainName(base) {
			res.Warnings = []string{fmt.Sprintf(`Filename portion of cron_file ("%s") should consist solely of upper- and lower-case letters, digits, underscores, and hyphens`, base)}
		}
	}
	if !changed {
		return play.Plan{Note: "the table is as it shall be", Result: res}
	}
	head := "crontab"
	switch {
	case a.File != "":
		head = a.path()
	case a.User != "":
		head = fmt.Sprintf("crontab for user %q", a.User)
	}
	secret := a.Job != nil && a.Job.Marks.Secret()
	plan := play.Plan{Result: res, Diff: []play.Diff{{Secret: secret, BeforeHeader: head, AfterHeader: head, BeforeText: t.old, AfterText: t.text()}}}
	backup := func(file string) play.Result {
		r := res
		if file != "" {
			r.Data = data.Clone()
			r.Data.Put("backup_file", kit.HostText(file))
		}
		return r
	}
	switch {
	case a.File != "" && a.State == "absent" && !a.Env && strings.TrimSpace(t.text()) == "":
		plan.Steps = []host.Step{kit.Remove(a.path(), "file")}
	case a.File != "":
		in := kit.MadeInput(a.path(), []byte(t.text()))
		in.Secret = secret
		plan.Steps = []host.Step{kit.Write{Path: a.path(), Old: t.was, Backup: a.Backup && t.old != ""}.Step(in)}
		plan.Finish = kit.After(func(ran []host.Output) (play.Result, error) {
			_, _, copied, err := kit.Told(ran[0], a.path())
			return backup(copied), err
		})
	default:
		cmd := sh.Script(cronStepText, a.User, kit.Yes(a.Backup)).With(sh.Bytes(t.text()))
		cmd.Secret = secret
		plan.Steps = []host.Step{host.Run{Cmd: cmd, What: "install the " + head}}
		plan.Finish = kit.After(func(ran []host.Output) (play.Result, error) {
			return backup(strings.TrimSpace(string(ran[0].Stdout))), nil
		})
	}
	return plan
}
