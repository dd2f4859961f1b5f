package runner

import (
	"fmt"
	"path/filepath"
	"slices"

	"remoterun/runner/keyword"
	"remoterun/runner/play"
	"remoterun/runner/program"
	"remoterun/runner/value"
	"remoterun/runner/vars"
)

// includeRole takes in a role: the host enters it when the task has ended.
func (u *unit) includeRole(use play.RoleUse, public bool) error {
	h := u.tr.h
	prog, err := h.p.includedRole(use, u.tr.task, u.tr.words[1:len(u.tr.words)-1], public)
	if err == nil {
		u.tr.pushes = append(u.tr.pushes, program.Included(prog, use.Vars))
	}
	return err
}

// includedRole loads a role once for each task that takes it in with the same
// variables: hosts stand in the same program.
func (pr *playRun) includedRole(use play.RoleUse, from *play.Task, around keyword.Words, public bool) (*program.Program, error) {
	key := fmt.Sprintf("%p role %s %v %s", from, use.Name, use.From, value.Repr(value.FromMap(use.Vars)))
	return pr.taken(key, around, public, func() (*play.Included, error) { return pr.r.world.Loader.Role(use, from) })
}

// adopt makes the handlers of roles that were taken in known to the play, and the
// variables of those that are public. Handlers of a use that counts as one known
// already stay the same: they only become the last of their names. Hosts that run
// handlers keep to the list that they began.
func (pr *playRun) adopt(in *play.Included, public bool) {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	pr.hand = pr.hand.With(in.Handlers)
	pr.roles = append(slices.Clip(pr.roles), in.Roles...)
	if public {
		pr.roles = append(pr.roles, in.Role)
	}
	pr.makeMagic()
}

// handlers is the program of the handlers that are known now.
func (pr *playRun) handlers() *program.Program {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	return pr.hand
}

// dirs are the folders in which a task's files are looked up: those of its role
// and of the roles that brought that one in, its file's, the playbook's.
func (pr *playRun) dirs(t *play.Task) []string {
	var out []string
	add := func(d string) {
		if d != "" && !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	if t.Role != nil {
		for _, d := range t.Role.Dirs {
			add(d)
		}
	}
	add(t.Dir)
	if up := filepath.Dir(t.Dir); t.Role != nil && filepath.Base(up) == "tasks" {
		add(up)
	}
	add(pr.p.Dir)
	return out
}

// inRole adds what a task's role gives its names, and where its files are.
func (pr *playRun) inRole(f *vars.Frame, t *play.Task) {
	f.Dirs = pr.dirs(t)
	r := t.Role
	if r == nil {
		return
	}
	f.Defaults, f.Roles = append(f.Defaults, r.Defaults), append(f.Roles, r.Vars)
	f.Params = append([]*value.Map{r.Params}, f.Params...)
	f.Own = r.Names()
}
