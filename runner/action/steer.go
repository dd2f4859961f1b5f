package action

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"remoterun/runner/keyword"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

func meta(_ context.Context, t *Turn, args *value.Map) (Did, error) {
	word, _ := str(args, "_raw_params")
	switch strings.TrimSpace(word) {
	case "noop":
		return Did{}, nil
	case "refresh_inventory":
		return Did{Steer: RefreshInventory}, nil
	case "flush_handlers":
		return Did{Steer: FlushHandlers}, nil
	case "end_host":
		return Did{Steer: EndHost}, nil
	case "end_play":
		return Did{Steer: EndPlay}, nil
	case "end_batch":
		return Did{Steer: EndBatch}, nil
	case "end_role":
		switch {
		case t.Task.Role == nil:
			//lint:ignore ST1005 Ansible's own words, that people search for
			return Did{}, errors.New("Cannot execute 'end_role' from outside of a role")
		case t.Task.Handler:
			//lint:ignore ST1005 Ansible's own words, that people search for
			return Did{}, errors.New("Using 'end_role' in a handler is not supported.")
		}
		return Did{Steer: EndRole}, nil
	case "clear_facts":
		return Did{Steer: ClearFacts}, nil
	case "clear_host_errors":
		return Did{Steer: ClearHostErrors}, nil
	case "reset_connection":
		return Did{Steer: ResetConnection}, nil
	}
	return Did{}, fmt.Errorf("meta: %q is not one of: %s", word, strings.Join(metaWords, ", "))
}

// metaForAll are the meta actions that one host does for all: its condition
// decides.
func metaForAll(t *play.Task) bool {
	word, _ := str(t.Args, "_raw_params")
	switch strings.TrimSpace(word) {
	case "end_play", "end_batch", "clear_facts", "clear_host_errors", "refresh_inventory":
		return true
	}
	return false
}

// pause waits, or asks the operator.
func pause(ctx context.Context, t *Turn, args *value.Map) (Did, error) {
	prompt, asks := str(args, "prompt")
	echo := true
	if v, ok := args.Lookup("echo"); ok {
		echo, _ = keyword.Truth(v)
	}
	for name, unit := range map[string]time.Duration{"seconds": time.Second, "minutes": time.Minute} {
		if s, ok := str(args, name); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
			if err != nil || math.IsNaN(n) || math.Abs(n) > 1e9 {
				return Did{}, fmt.Errorf("%s: %q is not a number of %s", name, s, name)
			}
			wait := time.Duration(n * float64(unit))
			t.Waits(fmt.Sprintf("pausing for %s", wait))
			began := time.Now()
			err = Sleep(ctx, wait)
			return paused(began, echo, name, value.String("")), err
		}
	}
	if !asks {
		prompt = "Press enter to continue, Ctrl-C to stop"
	}
	began := time.Now()
	t.Operator.Lock()
	defer t.Operator.Unlock()
	key := "pause " + t.ID + time.Now().String()
	if echo {
		s, err := t.Prompter.Ask(ctx, play.Ask{Key: key, Text: prompt})
		if errors.Is(err, play.ErrNobody) {
			return unanswered(t, began, echo), nil
		}
		return paused(began, echo, "minutes", value.String(s)), err
	}
	sec, err := t.Prompter.Secret(ctx, play.Ask{Key: key, Text: prompt, Sealed: true})
	if errors.Is(err, play.ErrNobody) {
		return unanswered(t, began, echo), nil
	}
	if err != nil {
		return Did{}, err
	}
	t.Redactor.AddSealed(sec)
	var s string
	err = sec.Use(func(b []byte) error { s = string(b); return nil })
	return paused(began, echo, "minutes", value.MarkedString(s, value.Sealed|value.Unsafe)), err
}

// unanswered is a pause that nobody can end: it goes on, as Ansible does.
func unanswered(t *Turn, began time.Time, echo bool) Did {
	t.Warn("Not waiting for response to prompt as stdin is not interactive")
	return paused(began, echo, "minutes", value.String(""))
}

// paused is the result of a pause that took since began, told in unit.
func paused(began time.Time, echo bool, unit string, input value.Value) Did {
	const form = "2006-01-02 15:04:05.000000"
	end := time.Now()
	took := end.Sub(began)
	said := math.Round(took.Seconds()*100) / 100
	if unit == "minutes" {
		said = math.Round(took.Minutes()*100) / 100
	}
	return Did{Result: play.Result{Data: value.MapOf(
		"delta", value.Int(int64(took.Seconds())), "echo", value.Bool(echo), "rc", value.Int(0), "start", value.String(began.Format(form)), "stop", value.String(end.Format(form)),
		"stderr", value.String(""), "stdout", value.String("Paused for "+value.Str(value.Float(said))+" "+unit), "user_input", input)}}
}

// Sleep waits, or returns why it was told not to.
func Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
