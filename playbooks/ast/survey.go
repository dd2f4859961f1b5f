package ast

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"remoterun/runner/disk"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// Survey is what a project asks for: its tasks, and what is wrong with them. Nothing
// in it stops at a first mistake, and undefined names are no part of it.
type Survey struct {
	Tasks []SurveyTask
	// Plays are where plays begin.
	Plays []value.Pos
	// Found are mistakes and warnings, in the order of files and places.
	Found []Mistake
	// Open are names that only a run knows, of which every file was read that is there
	// (a template in the name of a file), or none.
	Open []Mistake
	// Differs are tasks and plays that run, and not in all as in Ansible: Msg is the
	// heading of docs/playbooks.md, or what is different.
	Differs []Mistake
}

// SurveyTask is one task as it is written; one that is read twice is one.
type SurveyTask struct {
	Pos    value.Pos
	Module string
}

// survey collects while files are read. It is nil in a load that is to be run.
type survey struct {
	tasks         []SurveyTask
	plays         []value.Pos
	seen          map[value.Pos]bool
	roles         []where // every role that was opened: its folder, and what it inherits
	files         map[string]bool
	open, differs []Mistake
}

// Survey reads playbooks, files of tasks, roles, and folders that hold these, as far
// as they can be read without a host: all that they take in, and of roles in a folder
// that is named every file of tasks and handlers.
func (l *Loader) Survey(paths ...string) *Survey {
	s := l.session(false)
	s.names.open = true
	s.files.survey = &survey{seen: map[value.Pos]bool{}, files: map[string]bool{}}
	sr := &surveyor{&playReader{session: s, tasks: &taskReader{session: s}}}
	for _, path := range paths {
		sr.path(path)
	}
	s.settle()
	found := slices.Clone(s.mistakes)
	for _, m := range s.warnings {
		m.warning = true
		found = append(found, m)
	}
	return &Survey{Tasks: s.files.survey.tasks, Plays: s.files.survey.plays, Found: sorted(found), Open: sorted(s.files.survey.open), Differs: sorted(s.files.survey.differs)}
}

// surveyor reads what a path names.
type surveyor struct{ *playReader }

func (sr *surveyor) path(path string) {
	if !isDir(path) {
		sr.file(path)
		return
	}
	if isRole(path) {
		sr.role(path)
		return
	}
	for _, f := range yamlFiles(path) {
		if sr.isPlays(f) {
			sr.playbook(f)
		}
	}
	for _, role := range rolesBelow(path) {
		sr.role(role)
	}
}

// file reads a playbook or a file of tasks.
func (sr *surveyor) file(path string) {
	if role, kind, ok := inRole(path); ok && !sr.isPlays(path) {
		sr.roleTasks(role, kind, path)
		return
	}
	if sr.isPlays(path) || !sr.isTasks(path) {
		sr.playbook(path)
		return
	}
	dir := filepath.Dir(path)
	sr.tasks.taskFile(path, where{dir: dir, base: dir, sure: true})
}

// role reads a role that nothing needs to use, whole.
func (sr *surveyor) role(dir string) {
	base := filepath.Dir(dir)
	if filepath.Base(base) == "roles" {
		base = filepath.Dir(base)
	}
	sr.tasks.role(roleUse{name: absolute(dir), at: value.Pos{File: dir}, params: value.NewMap(), from: map[string]string{}}, where{dir: dir, base: base, sure: true})
	for _, kind := range []string{"tasks", "handlers"} {
		for _, f := range yamlFiles(filepath.Join(dir, kind)) {
			sr.roleTasks(dir, kind, f)
		}
	}
}

// roleTasks reads a file of a role's tasks that nothing has taken in yet.
func (sr *surveyor) roleTasks(dir, kind, path string) {
	if sr.files.survey.files[absolute(path)] || sr.files.survey.files[path] || !sr.isTasks(path) {
		return
	}
	w := where{dir: filepath.Dir(path), base: filepath.Dir(dir), handler: kind == "handlers", sure: true}
	w.role = &play.Role{Short: filepath.Base(dir), Name: filepath.Base(dir), Path: absolute(dir), Dirs: []string{absolute(dir)}}
	for _, r := range sr.files.survey.roles {
		if r.role != nil && r.role.Path == absolute(dir) {
			w.role, w.base, w.collections = r.role, r.base, r.collections
		}
	}
	sr.tasks.taskFile(path, w)
}

// glance is a file's first look: nothing of it is noted.
func (sr *surveyor) glance(path string) []value.Value {
	quiet := *sr.files
	quiet.findings = &findings{}
	v, _, ok := quiet.document(path)
	if seq, isList := v.AsSeq(); ok && isList {
		return seq.Items
	}
	return nil
}

func (sr *surveyor) isPlays(path string) bool {
	return holds(sr.glance(path), "hosts", "import_playbook")
}

func (sr *surveyor) isTasks(path string) bool {
	items := sr.glance(path)
	for _, it := range items {
		if _, ok := it.AsMap(); !ok && !it.IsNull() {
			return false
		}
	}
	return len(items) > 0 && !sr.isPlays(path)
}

// holds reports a mapping among items that has one of some keys.
func holds(items []value.Value, keys ...string) bool {
	for _, it := range items {
		m, _ := it.AsMap()
		for _, k := range m.Names() {
			if slices.Contains(keys, play.Own(k)) {
				return true
			}
		}
	}
	return false
}

// isRole reports a folder that is laid out as a role.
func isRole(dir string) bool {
	for _, kind := range []string{"tasks", "handlers", "meta"} {
		if files, _ := roleFiles(dir, kind, roleUse{}, false); len(files) > 0 {
			return true
		}
	}
	return false
}

// inRole reports a file among the tasks or handlers of a role.
func inRole(path string) (role, kind string, ok bool) {
	for dir := filepath.Dir(path); dir != "." && dir != "/" && dir != ".."; dir = filepath.Dir(dir) {
		if kind = filepath.Base(dir); kind == "tasks" || kind == "handlers" {
			role = filepath.Dir(dir)
			return role, kind, isRole(role)
		}
	}
	return "", "", false
}

// walk is one way through folders.
type walk struct{ disk.Once }

// below calls f for what is in a folder, in the order of its names, without what is
// hidden.
func (w walk) below(dir string, f func(path string)) {
	if !w.First(dir) {
		return
	}
	found, _ := os.ReadDir(dir) // what cannot be read holds nothing
	for _, e := range found {
		if !strings.HasPrefix(e.Name(), ".") {
			f(filepath.Join(dir, e.Name()))
		}
	}
}

// rolesBelow are the roles in a folder of a project.
func rolesBelow(dir string) []string { return walk{disk.Once{}}.roles(dir) }

func (w walk) roles(dir string) (out []string) {
	w.below(dir, func(path string) {
		switch {
		case !isDir(path):
		case !isRole(path):
			out = append(out, w.roles(path)...)
		default:
			if w.First(path) {
				out = append(out, path)
			}
		}
	})
	return out
}

// yamlFiles are the YAML files of a folder and of those below it that are no roles.
func yamlFiles(dir string) []string { return walk{disk.Once{}}.yaml(dir) }

func (w walk) yaml(dir string) (out []string) {
	w.below(dir, func(path string) {
		switch ending := filepath.Ext(path); {
		case isDir(path):
			if !isRole(path) {
				out = append(out, w.yaml(path)...)
			}
		case ending == ".yml" || ending == ".yaml":
			out = append(out, path)
		}
	})
	return out
}

// task notes a task where it is written.
func (sv *survey) task(at value.Pos, module string) {
	if sv == nil || sv.seen[at] {
		return
	}
	sv.seen[at] = true
	sv.tasks = append(sv.tasks, SurveyTask{Pos: at, Module: module})
}

// differ notes what runs, and not in all as in Ansible.
func (sv *survey) differ(at value.Pos, what string) {
	if sv != nil {
		sv.differs = append(sv.differs, Mistake{Pos: at, Msg: what})
	}
}

// habits notes what is different on purpose in a task.
func (sv *survey) habits(t *play.Task, own bool) {
	if sv == nil {
		return
	}
	word, _ := t.Args.Lookup("_raw_params")
	switch {
	case t.Action == "add_host":
		sv.differ(t.Pos, "Hosts of add_host are in the plays that follow")
	case t.Action == "meta" && value.Str(word) == "clear_host_errors":
		sv.differ(t.Pos, "The exit code follows the recap")
	case t.Action == "include_tasks" && forgiving(&t.Keywords) && !slices.Contains(t.Tags, "never"):
		sv.differ(t.Pos, "A file that include_tasks does not find is a failure like others")
	case own:
		sv.differ(t.Pos, "A program of a library is left out in check mode")
	}
}

// openName notes a name that only a run knows.
func (sv *survey) openName(at value.Pos, what, name string) {
	if sv != nil {
		sv.open = append(sv.open, Mistake{Pos: at, Msg: what + ": " + name})
	}
}

// matching are the files that a name with templates may mean.
func matching(kind, name string, w where) []string {
	var b strings.Builder
	for rest := name; rest != ""; {
		from := strings.Index(rest, "{{")
		to := strings.Index(rest, "}}")
		if from < 0 || to < from {
			b.WriteString(rest)
			break
		}
		b.WriteString(rest[:from] + "*")
		rest = rest[to+2:]
	}
	pattern := b.String()
	if strings.Trim(strings.TrimSuffix(strings.TrimSuffix(pattern, ".yml"), ".yaml"), "*/ ") == "" && !strings.Contains(pattern, ".y") {
		return nil // it may be any file
	}
	var out []string
	for _, p := range search(kind, pattern, w) {
		found, _ := filepath.Glob(p)
		for _, f := range found {
			if !slices.Contains(out, f) && !isDir(f) {
				out = append(out, f)
			}
		}
	}
	return out
}
