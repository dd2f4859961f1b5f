package runner

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"remoterun/runner/action"
	"remoterun/runner/event"
	"remoterun/runner/value"
)

// until tries a unit until its condition holds.
func (h *hostRun) until(ctx context.Context, u *unit) *outcome {
	retries, delay, err := u.patience(ctx)
	if err != nil {
		return failure(err)
	}
	bound := u.bound
	for n := 1; ; n++ {
		out := h.attempt(ctx, u)
		out.tries = n
		if out.dead != nil || u.tried(ctx, out, retries) {
			return out
		}
		h.p.r.emit(event.Retry{Outcome: event.Outcome{Host: h.name, Task: u.tr.info, Tries: n, Result: registered(u, out), NoLog: u.noLog}, LoopItem: u.loopItem(), Left: retries - n + 1})
		if err := action.Sleep(ctx, delay); err != nil {
			return broken(err)
		}
		u.m.Forget()
		u.replan()
		u.bound, u.out = bound, nil // a chain has left its outcome in the unit
	}
}

// patience reads how often a task is tried again, and how long it waits between.
func (u *unit) patience(ctx context.Context) (retries int, delay time.Duration, err error) {
	h := u.tr.h
	number := func(v value.Value, what string, otherwise float64) (n float64) {
		if v.IsNull() || err != nil {
			return otherwise
		}
		r, bad := h.p.r.world.Expr.Render(ctx, v, u.scope)
		if bad == nil {
			n, bad = strconv.ParseFloat(strings.TrimSpace(value.Str(r)), 64)
		}
		if bad != nil || math.IsNaN(n) || math.Abs(n) > 1e9 || what == "retries" && n != math.Trunc(n) {
			err = fmt.Errorf("retries is a whole number and delay a number of seconds, not %s", value.Show(v))
		}
		return n
	}
	retries = int(number(u.tr.task.Retries, "retries", 3))
	delay = time.Duration(number(u.tr.task.Delay, "delay", 5) * float64(time.Second))
	return retries, delay, err
}

// tried judges a try; it reports whether it was the last one. Without retries
// there is one, whatever until says.
func (u *unit) tried(ctx context.Context, out *outcome, retries int) bool {
	if retries <= 0 {
		u.judge(ctx, out)
		return true
	}
	met, err := u.met(ctx, out)
	switch {
	case err != nil:
		*out = *failure(fmt.Errorf("until: %w", err))
	case met:
	case out.tries > retries:
		// failed_when has the last word.
		_, judged := out.res.Data.Lookup("failed_when_result")
		out.missed = judged && !out.res.Failed
		out.res.Failed = out.res.Failed || !judged
		out.tries = retries // what Ansible says, although there was one try more
	default:
		return false
	}
	return true
}

// met evaluates until with the result under its register name.
func (u *unit) met(ctx context.Context, out *outcome) (bool, error) {
	h := u.tr.h
	u.judge(ctx, out)
	if out.res.Failed && len(u.tr.task.Until) == 0 {
		return false, nil
	}
	return h.holds(ctx, u.tr.task.Until, u.withResult(out))
}
