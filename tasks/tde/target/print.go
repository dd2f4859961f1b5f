package target

import (
	"context"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/tasks/compose"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/stack"
)

// print plans to show the overlay, and the patch of the user's own compose file.
func (a lookArgs) print(s host.Seen) (play.Plan, error) {
	f := fresh{args: initArgs{Stack: a.Stack, Image: a.Image, Cipher: a.Cipher, Apply: stack.ApplyEdit, host: a.host}}
	var err error
	if f.Site, err = a.Find(s); err != nil {
		return guard.PlanOf(err)
	}
	if f.truth, err = a.Truth(s); err != nil {
		return guard.PlanOf(err)
	}
	if err := f.ask(s); err != nil {
		return guard.PlanOf(err)
	}
	if f.image == nil {
		return guard.FailedPlan(f.noImage()), nil
	}
	to, err := f.landing()
	if err != nil {
		return guard.PlanOf(err)
	}
	file := f.override.Path
	patch := "there is no patch of the compose file"
	switch {
	case to.No != nil:
		patch += ": " + to.No.Object + ": " + to.No.Problem
	case to.Edit.Before == to.Edit.After:
		patch += ": " + to.Edit.Path + " has the overlay already"
	default:
		patch = "or put it into " + to.Edit.Path + " (" + to.Edit.Why + ") with this patch, by patch -p0 in its folder; tde_apply: edit does the same:\n" + to.Edit.Diff()
	}
	res := play.Result{Data: guard.Data(guard.Text("overlay", to.Text), guard.Text("patch", patch), guard.Text("path", file))}
	return play.Plan{
		Steps: []host.Step{guard.Do("show the overlay", func(_ context.Context, w host.Writer) ([]byte, error) {
			w.Say("the overlay, as it is in " + file + ", or in a file that is listed behind the others:\n" + to.Text)
			w.Say(patch)
			return nil, nil
		})},
		Result: res, Finish: guard.Finish(func(host.Output) (play.Result, error) { return res, nil }), Repeats: true,
	}, nil
}

// ask asks for what an overlay is made of.
func (f *fresh) ask(s host.Seen) error {
	var need guard.Gather
	var err error
	f.override, err = host.Get(s, f.args.Override())
	need.Add(err)
	f.written, err = host.Get(s, f.Compose().Written(f.Service))
	need.Add(err)
	f.sources, err = host.Get(s, f.Compose().Sources())
	need.Add(err)
	f.image, err = host.Get(s, compose.ImageNamed(f.args.Image))
	need.Add(err)
	need.Add(f.recordedImage(s))
	return need.Err()
}
