package yaml

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Date is a date or time, kept as it was written; it is shown as Python does.
type Date string

var dateParts = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(?:\.(\d*))?(?:[ \t]*(Z|([-+])(\d\d?)(?::(\d\d))?))?)?$`)
})

// Time reads the date. dateOnly says that no time of day was written, aware
// that a time zone was; ok is false for what is no date (2024-02-30).
func (d Date) Time() (t time.Time, dateOnly, aware, ok bool) {
	m := dateParts().FindStringSubmatch(string(d))
	if m == nil {
		return t, false, false, false
	}
	n := func(i int) int { v, _ := strconv.Atoi(m[i]); return v }
	micro, _ := strconv.Atoi((m[7] + "000000")[:6])
	loc := time.UTC
	if m[9] != "" {
		offset := n(10)*3600 + n(11)*60
		if m[9] == "-" {
			offset = -offset
		}
		loc = time.FixedZone("", offset)
	}
	t = time.Date(n(1), time.Month(n(2)), n(3), n(4), n(5), n(6), micro*1000, loc)
	ok = t.Day() == n(3) && int(t.Month()) == n(2) && t.Hour() == n(4) && t.Minute() == n(5) && t.Second() == n(6)
	return t, m[4] == "", m[8] != "", ok
}

// TypeName is Python's.
func (d Date) TypeName() string {
	if _, dateOnly, _, ok := d.Time(); ok && dateOnly {
		return "date"
	}
	return "datetime"
}

// Str is Python's str(): 2024-01-02, or 2024-01-02 03:04:05+00:00.
func (d Date) Str() string {
	t, dateOnly, aware, ok := d.Time()
	switch {
	case !ok:
		return string(d)
	case dateOnly:
		return t.Format("2006-01-02")
	}
	s := t.Format("2006-01-02 15:04:05")
	if us := t.Nanosecond() / 1000; us > 0 {
		s += fmt.Sprintf(".%06d", us)
	}
	if aware {
		s += t.Format("-07:00")
	}
	return s
}

// Repr is close to Python's.
func (d Date) Repr() string {
	t, dateOnly, _, ok := d.Time()
	if !ok {
		return "datetime.datetime(" + string(d) + ")"
	}
	s := fmt.Sprintf("datetime.%s(%d, %d, %d", d.TypeName(), t.Year(), t.Month(), t.Day())
	if !dateOnly {
		s += fmt.Sprintf(", %d, %d", t.Hour(), t.Minute())
	}
	return strings.TrimSpace(s) + ")"
}
