package move

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// recovering is a host whose container runs, and whose server answers at the ready-th
// question; status and restarts are the container's.
type recovering struct {
	host.Writer
	asked, ready int
	status       string
	kept         []string
}

func (r *recovering) Name() string { return "web1" }
func (r *recovering) Say(string)   {}

func (r *recovering) Probe(context.Context, host.Probe) (host.Answer, error) {
	return host.Answer{Stdout: fmt.Appendf(nil, `[{"Id":"abcdef0123456789","Name":"/sync-db-1","State":{"Status":%q,"Running":%v,"ExitCode":1},"Config":{"Labels":{"com.docker.compose.service":"db"}},"Mounts":[{"Name":"new"}]}]`, r.status, r.status == "running")}, nil
}

func (r *recovering) Run(_ context.Context, c sh.Cmd) (host.Output, error) {
	text := fmt.Sprint(c)
	switch {
	case strings.Contains(text, "pg_isready"):
		if r.asked++; r.asked < r.ready {
			return host.Output{Status: 1}, nil
		}
	case strings.Contains(text, "logs"):
		return host.Output{Stdout: []byte("PANIC: could not locate a valid checkpoint record\n")}, nil
	default:
		r.kept = append(r.kept, text)
	}
	return host.Output{}, nil
}

// TestSmokeWaitsForTheServer: a move has not ended while the server on the new cluster
// still recovers from a power cut, nor when it ends again and again.
func TestSmokeWaitsForTheServer(t *testing.T) {
	smoke := func(r *recovering) (*Record, error) {
		rec := &Record{State: Cut}
		rec.New.Volume, rec.Source.Super = "new", "app"
		m := &mover{Stack: Stack{Project: "sync", Dir: "/srv/sync", Service: "db"}, to: Plain{"postgres:17"}, record: rec, now: time.Now, yes: true}
		return rec, cutting{m}.smoke(t.Context(), r)
	}
	r := &recovering{ready: 3, status: "running"}
	if rec, err := smoke(r); err != nil || rec.State != Done || r.asked != 3 || len(r.kept) == 0 {
		t.Errorf("%v: %s after %d questions, %q", err, rec.State, r.asked, r.kept)
	}
	r = &recovering{ready: 3, status: "exited"}
	rec, err := smoke(r)
	var no *Refusal
	if !errors.As(err, &no) || no.Error() != "container sync-db-1: its server ended with status 1: PANIC: could not locate a valid checkpoint record; mend what it says, and the same command goes on; or remoterun rollback" {
		t.Errorf("%v", err)
	}
	if rec.State != Cut || len(r.kept) != 0 {
		t.Errorf("it ended at %s: %q", rec.State, r.kept)
	}
}
