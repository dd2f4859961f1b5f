package action

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"remoterun/runner/keyword"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

func meta(_ context.Context, _ *Turn, args *value.Map) (Did, error) {
	word, _ := str(args, "_raw_params")
	switch strings.TrimSpace(word) {
	case "noop", "refresh_inventory":
		return Did{}, nil
	case "flush_handlers":
		return Did{Steer: FlushHandlers}, nil
	case "end_host":
		return Did{Steer: EndHost}, nil
	case "end_play":
		return Did{Steer: EndPlay}, nil
	case "end_batch":
		return Did{Steer: EndBatch}, nil
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
	for name, unit := range map[string]time.Duration{"seconds": time.Second, "minutes": time.Minute} {
		if s, ok := str(args, name); ok {
			n, err := strconv.Atoi(strings.TrimSpace(s))
			if err != nil {
				return Did{}, fmt.Errorf("%s: %q is not a whole number", name, s)
			}
			t.Waits(fmt.Sprintf("pausing for %s", time.Duration(n)*unit))
			return Did{Result: play.Result{Data: value.MapOf("user_input", value.String(""))}}, Sleep(ctx, time.Duration(n)*unit)
		}
	}
	if !asks {
		prompt = "Press enter to continue, Ctrl-C to stop"
	}
	echo := true
	if v, ok := args.Lookup("echo"); ok {
		echo, _ = keyword.Truth(v)
	}
	t.Operator.Lock()
	defer t.Operator.Unlock()
	key := "pause " + t.ID + time.Now().String()
	if echo {
		s, err := t.Prompter.Ask(ctx, play.Ask{Key: key, Text: prompt})
		return Did{Result: play.Result{Data: value.MapOf("user_input", value.String(s))}}, err
	}
	sec, err := t.Prompter.Secret(ctx, play.Ask{Key: key, Text: prompt, Sealed: true})
	if err != nil {
		return Did{}, err
	}
	t.Redactor.AddSealed(sec)
	var s string
	err = sec.Use(func(b []byte) error { s = string(b); return nil })
	return Did{Result: play.Result{Data: value.MapOf("user_input", value.MarkedString(s, value.Sealed|value.Unsafe))}}, err
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
