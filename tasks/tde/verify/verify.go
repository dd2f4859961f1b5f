package verify

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/memory"
	"remoterun/tasks/tde/stack"
)

// verifyArgs are the arguments of tde_verify.
type verifyArgs struct {
	stack.Stack
	Quick      bool   `arg:"quick" default:"no" help:"leave out the search of disk and WAL, which writes rows of ours"`
	Key        string `arg:"key" help:"name of the wanted key; by default the last one of the keyring that is open, if one is"`
	Cipher     string `arg:"cipher" default:"aes_128" choices:"aes_128,aes_256" help:"cipher that tables, WAL and the key are to have (tde_cipher)"`
	KeysDir    string `arg:"keys_dir" default:"./keys" help:"the laptop's folder of sealed keyrings, from the inventory's folder (tde_keys_dir)"`
	ServerCopy bool   `arg:"server_copy" default:"yes" help:"a sealed copy is kept on the host, too (tde_server_copy)"`
	Swap       string `arg:"swap" default:"refuse" choices:"refuse,accept" help:"whether swap that reaches a disk is accepted (tde_swap)"`
	Database   bool   `arg:"database" default:"yes" help:"no = there is no database on this host (yet): only the key's custody is looked at, and nothing of a database is called proved (tde_database)"`
	SearchGiB  int    `arg:"search_gib" default:"64" help:"how much of the data folder is searched for the key itself; beyond it is not proved"`
	ReportsDir string `arg:"reports_dir" help:"the laptop's folder for reports, from the inventory's folder (tde_reports_dir); empty = none is written"`

	host string
}

// verifyModule proves, check by check, that a database is encrypted.
type verifyModule struct{ d custody.Deps }

func New(d custody.Deps) play.Module {
	return kit.Define(kit.Doc{Name: "tde_verify", Short: "proves on the server and on its disk that the database is encrypted"}, verifyModule{d})
}

func (verifyModule) Validate(a verifyArgs) *play.ArgError { return a.Stack.Validate() }

// Resolve notes whose keyring and reports are meant.
func (verifyModule) Resolve(_ context.Context, a *verifyArgs, in play.Inputs) error {
	a.host = in.Host()
	return nil
}

func (verifyModule) Facts(a verifyArgs) []host.Question {
	if !a.Database {
		return []host.Question{memory.Mount(a.RAMDir()).Q}
	}
	return []host.Question{a.Compose().Config().Q, a.Compose().Containers().Q, memory.Mount(a.RAMDir()).Q}
}

// The outcomes of a check. What could not be looked at is never "ok".
const (
	CheckOK        = "ok"
	CheckFailed    = "failed"
	CheckNotProved = "not proved"
	CheckPlain     = "plain by nature"
)

// checkResult is one named check with its evidence.
type checkResult struct {
	Name     string   `json:"name"`
	Status   string   `json:"status"`
	Evidence string   `json:"evidence"`
	Details  []string `json:"details,omitempty"`
}

// rank orders outcomes, the worst first.
func (r checkResult) rank() int {
	return slices.Index([]string{CheckFailed, CheckNotProved, CheckPlain, CheckOK}, r.Status)
}

// worstFirst are the results as people read them.
func worstFirst(results []checkResult) []checkResult {
	out := slices.Clone(results)
	slices.SortStableFunc(out, func(a, b checkResult) int { return cmp.Compare(a.rank(), b.rank()) })
	return out
}

// lines is the check on one line, and its details below.
func (r checkResult) lines() []string {
	out := []string{r.line()}
	for _, d := range r.Details {
		out = append(out, fmt.Sprintf("%-35s - %s", "", d))
	}
	return out
}

// line is the check on one line.
func (r checkResult) line() string {
	return fmt.Sprintf("%-15s  %-18s  %s", r.Status, r.Name, r.Evidence)
}

func checkIs(ok bool, evidence string, a ...any) checkResult {
	r := checkResult{Status: CheckFailed, Evidence: fmt.Sprintf(evidence, a...)}
	if ok {
		r.Status = CheckOK
	}
	return r
}

func notProved(why string, a ...any) checkResult {
	return checkResult{Status: CheckNotProved, Evidence: fmt.Sprintf(why, a...)}
}

// check is one look at what was gathered. It does no I/O.
type check struct {
	name string
	// custody checks are about the key alone, without a database too.
	custody bool
	// full checks rest on the search of disk and WAL.
	full bool
	run  func(p *proof) checkResult
	// mend is what to do where it failed; HOST, EXT, RING and CONTAINER stand for
	// what is meant.
	mend string
}

func (m verifyModule) Plan(a verifyArgs, s host.Seen) (play.Plan, error) {
	p, err := m.gather(a, s)
	if err != nil {
		return guard.PlanOf(err)
	}
	if a.Quick || p.server == nil || p.site.HostData == "" {
		return m.report(a, p), nil
	}
	return m.search(a, p), nil
}

// search writes rows of ours, looks for them on the disk, and reports.
func (m verifyModule) search(a verifyArgs, p *proof) play.Plan {
	st := &searchStep{d: m.d, p: p}
	return play.Plan{
		Steps:   []host.Step{guard.Do("write rows and WAL, then search the disk for them", st.do)},
		Result:  foreseen("would write rows of its own into schema " + searchSchema + " and search the disk for them"),
		Repeats: true,
		Finish: func(ran []host.Output) (play.Result, error) {
			for _, o := range ran {
				if o.Status != 0 {
					p.searchProblem = strings.TrimSpace(string(o.Stderr))
				}
			}
			return play.Result{Data: guard.Data(guard.Text("state", "searched"))}, nil
		},
		Then: func([]host.Output) (play.Bound, error) {
			return kit.Stage(func(host.Seen) (play.Plan, error) { return m.report(a, p), nil }), nil
		},
	}
}

// report runs the checks; its only step writes the report on the laptop.
func (m verifyModule) report(a verifyArgs, p *proof) play.Plan {
	results := runChecks(p, a.Quick)
	res := verdict(results)
	plan := play.Plan{Result: res, Local: true, Repeats: a.ReportsDir != ""}
	if a.ReportsDir == "" {
		return plan
	}
	rep := newReport(a, p, results)
	plan.Steps = []host.Step{guard.Do("write the report to "+a.ReportsDir, func(context.Context, host.Writer) ([]byte, error) {
		file, err := rep.write(m.d.Path(a.ReportsDir), m.d.Clock())
		return []byte(file), err
	})}
	if a.Quick && p.server == nil && p.open != nil {
		// With --check nobody has started it: what fails now may not fail then.
		plan.Result = foreseen("would be verified once it is up; now: " + res.Msg)
	}
	plan.Finish = guard.Finish(func(last host.Output) (play.Result, error) {
		res.Data.Put("report", value.String(string(last.Stdout)))
		return res, nil
	})
	return plan
}

// foreseen is the result where nothing was checked yet.
func foreseen(msg string) play.Result {
	return play.Result{Msg: msg, Data: guard.Data(guard.Val("checks", value.List()), guard.Int("failed_checks", 0), guard.List("lines"))}
}

func runChecks(p *proof, quick bool) []checkResult {
	var out []checkResult
	for _, c := range allChecks() {
		if c.full && quick {
			continue
		}
		r := notProved(stack.NoDatabase)
		if p.args.Database || c.custody {
			r = c.run(p)
		}
		r.Name = c.name
		if r.Status == CheckFailed && !strings.Contains(r.Evidence, "next: ") {
			r.Details = append(slices.Clone(r.Details), "next: "+p.meant(c.mend))
		}
		out = append(out, r)
	}
	return out
}

// meant puts names into what is to be done.
func (p *proof) meant(text string) string {
	return strings.NewReplacer("HOST", p.args.host, "EXT", p.args.Extension, "RING", p.args.KeyringPath(), "CONTAINER", p.site.Name()).Replace(text)
}

// verdict is the task's result: failed when a check failed, with the names of
// those in the message. "Not proved" fails nothing, and is not called ok.
func verdict(results []checkResult) play.Result {
	var failedNames, open, lines, items = []string{}, []string{}, []string{}, []value.Value{}
	n := map[string]int64{}
	for _, r := range results {
		n[r.Status]++
		switch r.Status {
		case CheckFailed:
			failedNames = append(failedNames, r.Name)
		case CheckNotProved:
			open = append(open, r.Name)
		}
		m := guard.Data(guard.Text("name", r.Name), guard.Text("status", r.Status), guard.FromHost("evidence", r.Evidence))
		if len(r.Details) > 0 {
			d := guard.List("details", r.Details...)
			m.Put(d.Name, d.Value)
		}
		items = append(items, value.FromMap(m))
	}
	for _, r := range worstFirst(results) {
		lines = append(lines, r.lines()...)
	}
	res := play.Result{Failed: len(failedNames) > 0}
	res.Msg = fmt.Sprintf("%s ok, %d failed, %d not proved", value.Count(n[CheckOK], "check"), n[CheckFailed], n[CheckNotProved])
	if len(failedNames) > 0 {
		res.Msg = fmt.Sprintf("%s failed: %s", value.Count(len(failedNames), "check"), strings.Join(failedNames, ", "))
	}
	res.Data = guard.Data(guard.Val("checks", value.List(items...)), guard.Int("ok", n[CheckOK]), guard.Int("failed_checks", n[CheckFailed]), guard.Int("not_proved", n[CheckNotProved]), guard.List("lines", lines...))
	if len(open) > 0 {
		res.Warnings = []string{"not proved: " + strings.Join(open, ", ")}
	}
	return res
}
