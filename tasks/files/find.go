package files

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/pyre"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// findArgs are the arguments of find.
type findArgs struct {
	Paths     []string `arg:"paths,name,path" need:"yes" help:"the folders to look in"`
	Patterns  []string `arg:"patterns,pattern" help:"names that count: shell patterns, or Python expressions with use_regex"`
	Excludes  []string `arg:"excludes,exclude" help:"names among them that don't"`
	Contains  *string  `arg:"contains" help:"a Python expression with which a line of the file begins"`
	Whole     bool     `arg:"read_whole_file" default:"no" help:"contains is looked for anywhere in the whole text"`
	Type      string   `arg:"file_type" default:"file" choices:"any,directory,file,link" help:"which kinds count"`
	Age       string   `arg:"age" help:"at least so old (3d, 2h, 30m; -1h: younger)"`
	Stamp     string   `arg:"age_stamp" default:"mtime" choices:"atime,ctime,mtime" help:"which time is the age's"`
	Size      string   `arg:"size" help:"at least so large (10m, 1g; -1k: smaller)"`
	Recurse   bool     `arg:"recurse" default:"no" help:"folders in folders, too"`
	Hidden    bool     `arg:"hidden" default:"no" help:"names that begin with a dot count"`
	Follow    bool     `arg:"follow" default:"no" help:"go through links to folders"`
	Checksum  bool     `arg:"get_checksum" default:"no" help:"hash files (sha1)"`
	UseRegexp bool     `arg:"use_regex" default:"no" help:"patterns are Python expressions"`
	Depth     int      `arg:"depth" default:"0" help:"so many folders deep; 0: all"`
}

// Find lists files.
func Find() play.Module {
	return kit.Define(kit.Doc{Name: "find", Short: "files that fit"}, find{})
}

type find struct{}

func (find) Validate(a findArgs) *play.ArgError {
	if _, err := amount(a.Age, ageUnits); err != nil {
		return &play.ArgError{Arg: "age", Msg: "failed to process age"}
	}
	if _, err := amount(a.Size, sizeUnits); err != nil {
		return &play.ArgError{Arg: "size", Msg: "failed to process size"}
	}
	if a.Contains != nil {
		if _, err := kit.CompilePy(*a.Contains, pyre.Flags{}); err != nil {
			return &play.ArgError{Arg: "contains", Msg: err.Error()}
		}
	}
	for _, p := range slices.Concat(a.Patterns, a.Excludes) {
		if a.UseRegexp {
			if _, err := kit.CompilePy(p, pyre.Flags{}); err != nil {
				return &play.ArgError{Arg: "patterns", Msg: err.Error()}
			}
		}
	}
	return nil
}

const (
	ageUnits  = "s 1 m 60 h 3600 d 86400 w 604800"
	sizeUnits = "b 1 k 1024 m 1048576 g 1073741824 t 1099511627776"
)

// amount reads a number with one of the units' letters; nil = not given.
func amount(text, units string) (*int64, error) {
	if text == "" {
		return nil, nil
	}
	t := strings.ToLower(text)
	factor := int64(1)
	u := strings.Fields(units)
	for i := 0; i < len(u); i += 2 {
		if rest, ok := strings.CutSuffix(t, u[i]); ok {
			t = rest
			factor, _ = strconv.ParseInt(u[i+1], 10, 64)
			break
		}
	}
	n, err := strconv.ParseInt(t, 10, 64)
	if err != nil || strings.HasPrefix(t, "+") || n > 1<<62/factor || n < -1<<62/factor {
		return nil, fmt.Errorf("%q is not a number with a unit", text)
	}
	n *= factor
	return &n, nil
}

// findText lists what is below a folder: its clock, then a line for each with
// numbers, owner and path. Names that hold a line break are counted only.
// Arguments: path, deepest (or empty), -L or nothing, clock (yes or empty).
const findText sh.Constant = `LC_ALL=C; export LC_ALL
if [ ! -d "$1" ]; then echo none; exit 0; fi
if [ -n "$4" ]; then date +%s; else echo 0; fi
n='
'
find $3 "$1" -mindepth 1 ${2:+-maxdepth "$2"} -path "*$n*" -exec echo x \; 2>/dev/null | wc -l
find $3 "$1" -mindepth 1 ${2:+-maxdepth "$2"} ! -path "*$n*" -exec stat -c "%f %u %g %s %d %i %h %.X %.Y %.Z %U %G %n" {} + 2>/dev/null`

// findSumText hashes files; each line has the hash and the path.
const findSumText sh.Constant = `sha1sum -- "$@" 2>/dev/null; :`

func (a findArgs) probe(p string) host.Probe {
	depth := ""
	switch {
	case !a.Recurse:
		depth = "1"
	case a.Depth > 0:
		depth = strconv.Itoa(a.Depth + 1) // what is one deeper is counted, as in Ansible
	}
	link := ""
	if a.Follow {
		link = "-L"
	}
	q := host.NewProbe(findText, kit.Safe(p), depth, link, kit.Yes(a.Age != ""))
	if a.Age != "" {
		q = q.Wide()
	}
	return q
}

func (find) Facts(findArgs) []host.Question { return nil }

func (find) Plan(a findArgs, s host.Seen) (play.Plan, error) {
	paths, err := kit.ExpandAll(s, a.Paths)
	if err != nil {
		return play.Plan{}, err
	}
	var qs []host.Question
	for _, p := range paths {
		qs = append(qs, a.probe(p))
	}
	if err := host.All(s, qs...); err != nil {
		return play.Plan{}, err
	}
	f := finding{args: a, skipped: value.NewMap()}
	if err := f.names(); err != nil {
		return kit.Failure("%v", err), nil
	}
	for i, p := range paths {
		ans, err := s.Answer(qs[i])
		if err != nil {
			return play.Plan{}, err
		}
		if err := f.read(p, string(ans.Stdout)); err != nil {
			return play.Plan{}, err
		}
	}
	if err := f.contents(s); err != nil {
		return play.Plan{}, err
	}
	if err := f.sums(s); err != nil {
		return play.Plan{}, err
	}
	return f.plan(), nil
}

// found is one file.
type found struct {
	path string
	data *value.Map
	file bool
}

// finding is what one task finds.
type finding struct {
	args       findArgs
	fits, dont []func(string) (bool, error)
	age, size  *int64
	files      []found
	looked     int
	skipped    *value.Map
	warnings   []string
}

// names makes functions of the patterns.
func (f *finding) names() (err error) {
	patterns := f.args.Patterns
	if len(patterns) == 0 {
		patterns = []string{map[bool]string{true: ".*", false: "*"}[f.args.UseRegexp]}
	}
	f.age, _ = amount(f.args.Age, ageUnits)
	f.size, _ = amount(f.args.Size, sizeUnits)
	if f.fits, err = f.matchers(patterns); err == nil {
		f.dont, err = f.matchers(f.args.Excludes)
	}
	return err
}

func (f *finding) matchers(patterns []string) ([]func(string) (bool, error), error) {
	var out []func(string) (bool, error)
	for _, p := range patterns {
		if !f.args.UseRegexp {
			re := kit.Fnmatch(p)
			out = append(out, func(s string) (bool, error) { return re.MatchString(s), nil })
			continue
		}
		re, err := pyre.Compile(p, pyre.Match, pyre.Flags{})
		if err != nil {
			return nil, err
		}
		out = append(out, func(s string) (bool, error) {
			m, err := re.Find(s)
			return m != nil, err
		})
	}
	return out, nil
}

func anyFits(list []func(string) (bool, error), name string) (bool, error) {
	for _, f := range list {
		if ok, err := f(name); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// read takes in what one folder's probe printed.
func (f *finding) read(p, text string) error {
	l := kit.Lines{Rest: text}
	first := l.Next()
	now, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		why := fmt.Sprintf("'%s' is not a directory", p)
		f.skipped.Put(p, value.String(why))
		f.warnings = append(f.warnings, fmt.Sprintf("Skipped '%s' path due to this access issue: %s", p, why))
		return nil
	}
	if odd := strings.TrimSpace(l.Next()); odd != "0" {
		f.warnings = append(f.warnings, fmt.Sprintf("%s: %s names with a line break in them are left out", p, odd))
	}
	var here []found
	for l.Rest != "" {
		f.looked++
		one, ok, err := f.line(p, l.Next(), now)
		if err != nil {
			return err
		}
		if ok {
			here = append(here, one)
		}
	}
	slices.SortFunc(here, func(x, y found) int { return strings.Compare(x.path, y.path) })
	f.files = append(f.files, here...)
	return nil
}

// line reads one file's line; ok says that it counts.
func (f *finding) line(p, text string, now int64) (one found, ok bool, err error) {
	w := strings.SplitN(text, " ", 13)
	if len(w) != 13 {
		return one, false, fmt.Errorf("find: the host printed %q", text)
	}
	mode, err := strconv.ParseUint(w[0], 16, 32)
	if err != nil {
		return one, false, fmt.Errorf("find: the host printed %q", text)
	}
	one.path = w[12]
	name := one.path[strings.LastIndexByte(one.path, '/')+1:]
	one.file = uint32(mode)&kit.TypeMask == kit.TypeReg
	if below := strings.Trim(strings.TrimPrefix(one.path, p), "/"); f.args.Recurse && f.args.Depth > 0 && strings.Count(below, "/") >= f.args.Depth {
		return one, false, nil
	}
	if ok, err = f.counts(name, uint32(mode), w, now); !ok || err != nil {
		return one, false, err
	}
	one.data = value.MapOf("path", kit.HostText(one.path))
	putKinds(one.data, uint32(mode))
	for i, key := range []string{"uid", "gid", "size", "dev", "inode", "nlink"} {
		one.data.Put(key, number(w[i+1]))
	}
	for i, key := range []string{"atime", "mtime", "ctime"} {
		t, _ := strconv.ParseFloat(w[i+7], 64)
		one.data.Put(key, value.Float(t))
	}
	one.data.Put("pw_name", kit.HostText(strings.Replace(w[10], "UNKNOWN", "", 1)))
	one.data.Put("gr_name", kit.HostText(strings.Replace(w[11], "UNKNOWN", "", 1)))
	return one, true, nil
}

// counts judges a file by everything but its content.
func (f *finding) counts(name string, mode uint32, w []string, now int64) (bool, error) {
	kind := map[string]uint32{"directory": kit.TypeDir, "file": kit.TypeReg, "link": kit.TypeLink}[f.args.Type]
	if kind != 0 && mode&kit.TypeMask != kind || strings.HasPrefix(name, ".") && !f.args.Hidden {
		return false, nil
	}
	if f.age != nil {
		col := map[string]int{"atime": 7, "mtime": 8, "ctime": 9}[f.args.Stamp]
		at, _ := strconv.ParseFloat(w[col], 64)
		if !reaches(now-int64(at), *f.age) {
			return false, nil
		}
	}
	if f.size != nil && mode&kit.TypeMask == kit.TypeReg {
		n, _ := strconv.ParseInt(w[3], 10, 64)
		if !reaches(n, *f.size) {
			return false, nil
		}
	}
	ok, err := anyFits(f.fits, name)
	if !ok || err != nil {
		return false, err
	}
	no, err := anyFits(f.dont, name)
	return !no, err
}

// reaches: at least limit, or at most its absolute where it is negative.
func reaches(n, limit int64) bool {
	if limit < 0 {
		return n <= -limit
	}
	return n >= limit
}

// maxContents is how many files are read for contains in one task.
const maxContents = 2000

// contents leaves the files that contain what they shall.
func (f *finding) contents(s host.Seen) error {
	if f.args.Contains == nil || f.args.Type != "file" {
		return nil
	}
	if len(f.files) > maxContents {
		return fmt.Errorf("find: contains would read %d files (at most %d): narrow paths or patterns, or use grep", len(f.files), maxContents)
	}
	how := pyre.Match
	if f.args.Whole {
		how = pyre.Search
	}
	re, err := pyre.Compile(*f.args.Contains, how, pyre.Flags{})
	if err != nil {
		return err
	}
	var qs []host.Question
	for _, one := range f.files {
		qs = append(qs, kit.Content(one.path))
	}
	if err := host.All(s, qs...); err != nil {
		return err
	}
	var kept []found
	for i, one := range f.files {
		ans, err := s.Answer(qs[i])
		if err != nil {
			return err
		}
		if ok, err := holds(re, string(ans.Stdout), f.args.Whole); err != nil {
			return err
		} else if ok {
			kept = append(kept, one)
		}
	}
	f.files = kept
	return nil
}

func holds(re *pyre.Regexp, text string, whole bool) (bool, error) {
	if whole {
		m, err := kit.SearchLine(re, text)
		return m != nil, err
	}
	for line := range strings.Lines(text) {
		if m, err := kit.SearchLine(re, line); m != nil || err != nil {
			return m != nil, err
		}
	}
	return false, nil
}

// sums adds the hashes of files.
func (f *finding) sums(s host.Seen) error {
	if !f.args.Checksum {
		return nil
	}
	var names []string
	for _, one := range f.files {
		if one.file {
			names = append(names, kit.Safe(one.path))
		}
	}
	if len(names) == 0 {
		return nil
	}
	ans, err := s.Answer(host.NewProbe(findSumText, names...))
	if err != nil {
		return err
	}
	sums := map[string]string{}
	line := regexp.MustCompile(`^([0-9a-f]{40}) [ *](.*)$`)
	for l := range strings.Lines(string(ans.Stdout)) {
		if m := line.FindStringSubmatch(strings.TrimSuffix(l, "\n")); m != nil {
			sums[m[2]] = m[1]
		}
	}
	for _, one := range f.files {
		if sum, ok := sums[kit.Safe(one.path)]; ok {
			one.data.Put("checksum", value.String(sum))
		}
	}
	return nil
}

func (f *finding) plan() play.Plan {
	var list []value.Value
	for _, one := range f.files {
		list = append(list, value.FromMap(one.data))
	}
	msg := "All paths examined"
	if len(f.warnings) > 0 {
		msg = "Not all paths examined, check warnings for details"
	}
	p := kit.Unchanged("looked at "+strconv.Itoa(f.looked), value.MapOf("files", value.List(list...), "matched", value.Int(int64(len(list))),
		"examined", value.Int(int64(f.looked)), "skipped_paths", value.FromMap(f.skipped)))
	p.Result.Msg, p.Result.Warnings = msg, f.warnings
	return p
}
