package net

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// waitConnArgs are the arguments of wait_for_connection.
type waitConnArgs struct {
	Connect int `arg:"connect_timeout" default:"5" help:"accepted: one try takes a minute at most"`
	Delay   int `arg:"delay" default:"0" help:"seconds before the first try"`
	Sleep   int `arg:"sleep" default:"1" help:"accepted: there are two seconds between tries"`
	Timeout int `arg:"timeout" default:"600" help:"seconds after which the task fails"`
}

// WaitForConnection waits until the host can be reached.
func WaitForConnection() play.Module {
	return kit.Define(kit.Doc{Name: "wait_for_connection", Short: "wait until the host can be reached", Waited: true, Options: true}, waitConn{})
}

type waitConn struct{}

func (waitConn) Facts(waitConnArgs) []host.Question { return nil }

func (waitConn) Plan(a waitConnArgs, _ host.Seen) (play.Plan, error) {
	return play.Plan{
		Steps: []host.Step{waitConnStep{a}}, Repeats: true,
		Result: play.Result{Skipped: true},
		Finish: func(ran []host.Output) (play.Result, error) {
			n, _ := strconv.ParseInt(string(ran[0].Stdout), 10, 64)
			r := play.Result{Data: value.MapOf("elapsed", value.Int(n))}
			if ran[0].Status != 0 {
				r.Failed, r.Msg = true, string(ran[0].Stderr)
			}
			return r, nil
		},
	}, nil
}

// waitConnStep dials until the host answers.
type waitConnStep struct{ a waitConnArgs }

// Describe says what is waited for.
func (waitConnStep) Describe() string { return "wait until the host can be reached" }

// Do prints the seconds that it took.
func (s waitConnStep) Do(ctx context.Context, w host.Writer) (host.Output, error) {
	start := time.Now()
	if err := pause(ctx, max(s.a.Delay, 0)); err != nil {
		return host.Output{}, err
	}
	alive := host.NewProbe("true").Wide()
	err := w.Redial(ctx, nil, 0)
	if err == nil {
		err = w.Redial(ctx, alive, time.Duration(max(s.a.Timeout, 1))*time.Second)
	} else {
		_, err = w.Probe(ctx, alive) // the laptop
	}
	out := host.Output{Stdout: []byte(strconv.Itoa(int(time.Since(start).Seconds())))}
	if ctx.Err() != nil {
		return out, context.Cause(ctx)
	}
	if err != nil {
		out.Status, out.Stderr = 1, fmt.Appendf(nil, "timed out waiting for ping module test: %v", err)
	}
	return out, nil
}
