package door

import (
	"context"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// JobName is the name under which jobs of programs are kept: whatever they are called,
// their results are read in one way.
const JobName = "library/program"

// Past reads what a job of a program printed. Nobody can write its name in a playbook.
func Past() play.Module { return past{} }

type past struct{}

func (past) Spec() play.Spec                   { return play.Spec{Name: JobName} }
func (past) Check(*value.Map) []*play.ArgError { return nil }
func (past) Facts() []host.Question            { return nil }
func (past) Laptop() bool                      { return false }

func (past) Bind(context.Context, *value.Map, play.Inputs) (play.Bound, error) { return past{}, nil }

// Plan has one step, as the program's own had.
func (past) Plan(host.Seen) (play.Plan, error) {
	return play.Plan{
		Steps:  []host.Step{host.Run{}},
		Finish: func(ran []host.Output) (play.Result, error) { return result(ran[len(ran)-1]), nil },
	}, nil
}
