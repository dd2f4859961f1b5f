package pytime

import (
	"testing"
	"time"
)

// FuzzTime reads text by any form and writes times by it.
func FuzzTime(f *testing.F) {
	f.Add("2024-01-02T03:04:05.678+0200", "%Y-%m-%dT%H:%M:%S.%f%z", int64(0))
	f.Add("99999", "%Y%j%U%W%w%G%V%u", int64(1<<62))
	f.Add("-1", "%s%", int64(-1<<63))
	f.Add("Mon", "%-d%_d%E", int64(253402300800))
	f.Fuzz(func(t *testing.T, text, form string, sec int64) {
		_ = Format(form, time.Unix(sec, 0).UTC())
		if d, _, err := Parse(text, form); err == nil {
			_ = Format(form, d)
		}
	})
}
