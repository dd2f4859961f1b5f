package certs

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// moment is when a certificate begins or ends to count: a time of its own, or one that
// is reckoned from now.
type moment struct {
	at       time.Time
	after    time.Duration
	relative bool
}

// when is the moment; now is the host's clock.
func (m moment) when(now time.Time) time.Time {
	if m.relative {
		return now.Add(m.after).UTC().Truncate(time.Second)
	}
	return m.at
}

// parseMoment reads +3650d, -1h30m, or a time as ASN.1 has it (20301231235959Z).
func parseMoment(text, arg string) (moment, error) {
	bad := fmt.Errorf("The time spec %q for %s is invalid", text, arg)
	if text != "" && (text[0] == '+' || text[0] == '-') {
		f := regexp.MustCompile(`^[+-](?:(\d+)[wW])?(?:(\d+)[dD])?(?:(\d+)[hH])?(?:(\d+)[mM])?(?:(\d+)[sS]?)?$`).FindStringSubmatch(text)
		if f == nil || len(text) == 1 {
			return moment{}, bad
		}
		var d time.Duration
		for i, unit := range []time.Duration{7 * 24 * time.Hour, 24 * time.Hour, time.Hour, time.Minute, time.Second} {
			n, err := strconv.ParseInt(f[i+1], 10, 32)
			if f[i+1] != "" && (err != nil || time.Duration(n) > 290*365*24*time.Hour/unit) {
				return moment{}, bad
			}
			d += time.Duration(n) * unit
		}
		if text[0] == '-' {
			d = -d
		}
		return moment{after: d, relative: true}, nil
	}
	for _, form := range []string{"20060102150405Z", "200601021504Z", "20060102150405-0700", "200601021504-0700"} {
		if t, err := time.Parse(form, text); err == nil && t.Year() >= 1950 {
			return moment{at: t.UTC()}, nil
		}
	}
	return moment{}, bad
}

// stamp is a time as results have it.
func stamp(t time.Time) string { return t.UTC().Format("20060102150405Z") }
