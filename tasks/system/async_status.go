package system

import (
	"remoterun/runner/detach"
	"remoterun/runner/host"
	"remoterun/runner/job"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// asyncStatusArgs are the arguments of async_status. Its folder comes from the
// engine.
type asyncStatusArgs struct {
	JID  string `arg:"jid" need:"yes" help:"the job's id, ansible_job_id of the task that began it"`
	Mode string `arg:"mode" default:"status" choices:"status,cleanup" help:"say what became of it, or remove what it left"`
	Dir  string `arg:"_async_dir" default:"~/.ansible_async" help:"where jobs are kept: given by ansible_async_dir or the environment's ANSIBLE_ASYNC_DIR"`
}

// AsyncStatus says what became of a job of a task with async. find finds the
// modules of which jobs are made.
func AsyncStatus(find detach.Finder) play.Module {
	return kit.Define(kit.Doc{Name: "async_status", Short: "what became of a task that runs in the background", Waited: true}, asyncStatus{find})
}

type asyncStatus struct{ find detach.Finder }

func (asyncStatus) Facts(a asyncStatusArgs) []host.Question {
	j, ok := detach.Job(a.Dir, a.JID)
	if !ok {
		return nil
	}
	return []host.Question{j.Ran().Q}
}

func (m asyncStatus) Plan(a asyncStatusArgs, s host.Seen) (play.Plan, error) {
	j, ok := detach.Job(a.Dir, a.JID)
	if !ok {
		return play.Plan{Result: detach.Result(a.JID, job.Ran{Phase: job.Never, Dir: j.Dir}, m.find)}, nil
	}
	ran, err := host.Get(s, j.Ran())
	if err != nil {
		return play.Plan{}, err
	}
	plan := play.Plan{Note: "a look changes nothing"}
	plan.Result = detach.Result(a.JID, ran, m.find)
	if a.Mode == "status" || ran.Phase == job.Never {
		return plan, nil
	}
	gone := value.MapOf("ansible_job_id", value.String(a.JID), "erased", value.MarkedString(ran.Dir, value.Unsafe), "started", value.Int(0), "finished", value.Int(0))
	for k, v := range kit.Outputs("", "", false).All() {
		gone.Set(k, v)
	}
	return play.Plan{
		Steps:  []host.Step{host.Run{Cmd: j.Clean(), What: "remove what job " + a.JID + " left"}},
		Result: play.Result{Data: gone},
	}, nil
}
