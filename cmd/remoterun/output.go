package main

import (
	"context"
	"fmt"
	"io"

	"remoterun/runner"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

type plain struct{ w io.Writer }

func (p plain) Event(e runner.Event) {
	switch e.Kind {
	case runner.PlayStart:
		fmt.Fprintf(p.w, "\nPLAY [%s] ***\n", e.Play)
	case runner.TaskStart:
		fmt.Fprintf(p.w, "\nTASK [%s] ***\n", e.Task.Name)
	case runner.ItemResult, runner.HostResult:
		fmt.Fprintf(p.w, "%s: [%s] %s => %s\n", e.Status, e.Host, e.Label, value.Show(value.FromMap(e.Result)))
	case runner.Warning:
		fmt.Fprintf(p.w, "[WARNING] %s\n", e.Text)
	case runner.Recap:
		for _, h := range e.Stats.Order {
			fmt.Fprintf(p.w, "%s: %+v\n", h, *e.Stats.Hosts[h])
		}
	}
}

func (s *session) prepare(ctx context.Context) error {
	s.sink = plain{s.a.out}
	return nil
}
func (s *session) finish() {}

func (s *session) list(context.Context, []*play.Playbook) (bool, error) { return false, nil }
