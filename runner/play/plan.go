package play

import (
	"cmp"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/value"
)

// Plan is what a task would do, as data.
type Plan struct {
	Steps []host.Step
	// Diff shows what would change; asked for only under --diff.
	Diff []Diff
	// Result is how things are, or what is predicted: what check mode shows.
	Result Result
	// Finish makes the result of what the steps gave; nil = Result. Pure. It is
	// also called when a step ended with a status other than 0: ran then ends
	// with that step's output, and the task has failed whatever Finish says of
	// Failed. Without Finish the failure's message is made of that output.
	Finish func(ran []host.Output) (Result, error)
	// ByStatus says that whether the task failed is decided by the host alone:
	// when every step had status 0, Finish neither fails nor returns facts,
	// whatever the steps printed. Only behind such a plan (or one without Finish)
	// may the next task's steps be sent in the same message.
	ByStatus bool
	// Then plans the next stage on fresh answers; nil = none. Pure. It is called
	// only when every step had status 0; in check mode it is not called, and
	// Result is the prediction for all stages.
	Then func(ran []host.Output) (Bound, error)
	// Repeats says that planning again after the steps gives steps again
	// (restarted, latest, command).
	Repeats bool
	// Note says why nothing is to do.
	Note string
	// Local says that the steps run on the laptop or on another machine than
	// the host: they end a chain, and only they drop none of the host's facts.
	Local bool
}

// Finished makes the result of what the steps gave; bad says that one failed. It
// may panic where Finish does.
func (p Plan) Finished(ran []host.Output) (res Result, bad bool) {
	bad = len(ran) > 0 && ran[len(ran)-1].Status != 0
	res = p.Result
	if p.Finish != nil {
		var err error
		if res, err = p.Finish(ran); err != nil {
			res = Failure(err.Error())
		}
	}
	if bad {
		last := ran[len(ran)-1]
		res.Failed = true
		what := p.Steps[min(len(ran), len(p.Steps))-1].Describe()
		switch said := strings.TrimSpace(string(last.Stderr)); {
		case p.Finish == nil || res.Msg == "":
			res.Msg = cmp.Or(res.Msg, last.Err(what).Error())
		case res.Msg == said && !res.Complete && !strings.HasPrefix(said, what): // a program's words name no object
			res.Msg = what + ": " + said
		}
		if p.Finish == nil {
			res.Changed = len(ran) > 1
		}
	}
	return res, bad || res.Failed
}

// Result is what a task gave. Changed is what the result says, not that there
// were steps.
type Result struct {
	Changed bool
	Failed  bool
	Skipped bool
	Msg     string
	// Complete says that Msg names its object: no step's name is put before it.
	Complete bool
	// Data is what register keeps besides changed, failed and msg, with the
	// names that Ansible gives. Text in it that came from a host is unsafe.
	Data *value.Map
	// Facts are ansible_facts to set.
	Facts *value.Map
	// Warnings are shown once.
	Warnings []string
	// Verdict is what the exit code needs to know; the names in Data are data.
	Verdict Verdict
	// Quiet results are shown with -v only, although their module's mostly are.
	Quiet bool
}

// Verdict is a result's kind for the exit code, beside ok and failed.
type Verdict uint8

const (
	NoVerdict       Verdict = iota
	Refused                 // a guard refused
	Held                    // another operator holds the project
	Locked                  // a database is locked
	WrongPassphrase         // the operator mistyped
)

// Failure is a result that failed with a message.
func Failure(msg string) Result { return Result{Failed: true, Msg: msg} }

// Diff is one difference. Before is a question so that it is asked only when
// a diff is wanted; nil with BeforeText set when the text is known.
type Diff struct {
	BeforeHeader, AfterHeader string
	Before                    host.Question
	BeforeText, AfterText     string
	// Secret content is shown as a one-line note; where it is known which parts
	// are secret, those alone are hidden: Masked is AfterText without them.
	Secret bool
	Masked string
	// Prepared is a ready diff text that replaces the rest when not empty.
	Prepared string
}
