package view

import (
	"testing"
	"time"
)

// TestWaitingTellsBytes: how much has moved, at which rate, and what is left.
func TestWaitingTellsBytes(t *testing.T) {
	for want, w := range map[string]waiting{
		"sending":     {since: time.Now()},
		"sending 25%": {done: 1, total: 4, since: time.Now()},
		"sending 25%, 50 MiB of 200 MiB, 5.0 MiB/s, 30s left (10s)":   {done: 50 << 20, total: 200 << 20, since: time.Now().Add(-10 * time.Second)},
		"sending 25%, 50 MiB of 200 MiB, 2.0 MiB/s, 1m15s left (10s)": {done: 50 << 20, total: 200 << 20, first: 30 << 20, since: time.Now().Add(-10 * time.Second)},
		"sending, 3.0 GiB, 307 MiB/s (10s)":                           {done: 3 << 30, since: time.Now().Add(-10 * time.Second)},
		"sending 1%, 2.0 KiB of 200 KiB":                              {done: 2 << 10, total: 200 << 10, since: time.Now().Add(time.Minute)},
	} {
		w.text = "sending"
		if got := w.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
