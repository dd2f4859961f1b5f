// Package pytime writes and reads times as Python's strftime and strptime do.
package pytime

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"remoterun/runner/value"
)

// Format is strftime in the C locale, with glibc's flags.
func Format(f string, t time.Time) string {
	var b strings.Builder
	for i := 0; i < len(f); i++ {
		if f[i] != '%' || i+1 >= len(f) {
			b.WriteByte(f[i])
			continue
		}
		i++
		flag := byte(0)
		if strings.IndexByte("-_0^#", f[i]) >= 0 && i+1 < len(f) {
			flag = f[i]
			i++
		}
		b.WriteString(flagged(f[i], one(f[i], t), flag))
	}
	return b.String()
}

// flagged applies glibc's flags: - no padding, _ blanks, 0 zeros, ^ capitals.
// # turns capitals of AM, PM and zones into small letters.
func flagged(c byte, s string, flag byte) string {
	switch {
	case c == 'P' || strings.IndexByte("cr", c) >= 0 && flag != '^':
		return s
	case flag == '#' && (c == 'p' || c == 'Z'):
		return strings.ToLower(s)
	}
	switch flag {
	case '^', '#':
		return strings.ToUpper(s)
	case '-', '_':
		trimmed := strings.TrimLeft(s, "0 ")
		if trimmed == "" || strings.Trim(trimmed, "0123456789") != "" {
			if trimmed != "" {
				return s
			}
			trimmed = "0"
		}
		if flag == '_' {
			return strings.Repeat(" ", len(s)-len(trimmed)) + trimmed
		}
		return trimmed
	case '0':
		return strings.ReplaceAll(s, " ", "0")
	}
	return s
}

func one(c byte, t time.Time) string {
	if l := layout(c); l != "" {
		return t.Format(l)
	}
	if s, ok := composed(c, t); ok {
		return s
	}
	wide := func(n, width int) string { return fmt.Sprintf("%0*d", width, n) }
	year, week := t.ISOWeek()
	sunday, monday := int(t.Weekday()), (int(t.Weekday())+6)%7
	switch c {
	case 'C':
		return wide(t.Year()/100, 2)
	case 'f':
		return wide(t.Nanosecond()/1000, 6)
	case 'G':
		return wide(year, 4)
	case 'g':
		return wide(year%100, 2)
	case 'V':
		return wide(week, 2)
	case 'j':
		return wide(t.YearDay(), 3)
	case 'k':
		return fmt.Sprintf("%2d", t.Hour())
	case 'l':
		return fmt.Sprintf("%2d", (t.Hour()+11)%12+1)
	case 's':
		return strconv.FormatInt(t.Unix(), 10)
	case 'U':
		return wide((t.YearDay()+6-sunday)/7, 2)
	case 'W':
		return wide((t.YearDay()+6-monday)/7, 2)
	case 'u':
		return strconv.Itoa(monday + 1)
	case 'w':
		return strconv.Itoa(sunday)
	}
	return "%" + string(c)
}

// layout is a directive in Go's notation; "" for none.
func layout(c byte) string {
	switch c {
	case 'a':
		return "Mon"
	case 'A':
		return "Monday"
	case 'b', 'h':
		return "Jan"
	case 'B':
		return "January"
	case 'd':
		return "02"
	case 'e':
		return "_2"
	case 'H':
		return "15"
	case 'I':
		return "03"
	case 'm':
		return "01"
	case 'M':
		return "04"
	case 'p':
		return "PM"
	case 'S':
		return "05"
	case 'y':
		return "06"
	case 'Y':
		return "2006"
	case 'z':
		return "-0700"
	case 'Z':
		return "MST"
	}
	return ""
}

// composed are directives that stand for others, or for one character.
func composed(c byte, t time.Time) (string, bool) {
	switch c {
	case 'c':
		return Format("%a %b %e %H:%M:%S %Y", t), true
	case 'D', 'x':
		return Format("%m/%d/%y", t), true
	case 'F':
		return Format("%Y-%m-%d", t), true
	case 'r':
		return Format("%I:%M:%S %p", t), true
	case 'R':
		return Format("%H:%M", t), true
	case 'T', 'X':
		return Format("%H:%M:%S", t), true
	case 'P':
		return strings.ToLower(Format("%p", t)), true
	case 'n':
		return "\n", true
	case 't':
		return "\t", true
	case '%':
		return "%", true
	}
	return "", false
}

// dateParts is what Parse has read so far.
type dateParts struct {
	year, month, day, hour, minute, second, micro int
	pm                                            *bool
	yearDay                                       int
	zone                                          *time.Location
	// week is its number as weekKind (%U, %W or %V) counts it, weekday goes from
	// Monday = 1 to 7, isoYear is what %G says; -1 as long as it isn't given.
	week, weekday, isoYear int
	weekKind               byte
	tries                  int
}

// maxTries bounds the ways that are tried to divide digits among numbers.
const maxTries = 10_000

// Parse reads a time in a format; aware says that it named its zone, else the
// time is in UTC.
func Parse(s, f string) (t time.Time, aware bool, err error) {
	p := dateParts{year: 1900, month: 1, day: 1, week: -1, weekday: -1, isoYear: -1}
	rest, err := p.read(s, f)
	if err != nil {
		return t, false, fmt.Errorf("time data %s does not match format %s", value.Repr(value.String(s)), value.Repr(value.String(f)))
	}
	if rest != "" {
		return t, false, fmt.Errorf("unconverted data remains: %s", rest)
	}
	return p.date()
}

func (p *dateParts) date() (t time.Time, aware bool, err error) {
	if p.pm != nil {
		p.hour %= 12
		if *p.pm {
			p.hour += 12
		}
	}
	loc := time.UTC
	if p.zone != nil {
		loc = p.zone
	}
	if p.second > 59 {
		return t, false, errors.New("second must be in 0..59")
	}
	p.byWeek()
	if p.yearDay != 0 {
		p.month, p.day = 1, p.yearDay
	}
	t = time.Date(p.year, time.Month(p.month), p.day, p.hour, p.minute, p.second, p.micro*1000, loc)
	if p.yearDay == 0 && t.Day() != p.day {
		return t, false, errors.New("day is out of range for month")
	}
	return t, p.zone != nil, nil
}

var errFormat = errors.New("no match")

// byWeek works out the day of the year from the number of a week and a day of
// it.
func (p *dateParts) byWeek() {
	if p.week < 0 || p.weekday < 0 {
		return
	}
	if p.weekKind == 'V' {
		p.year = p.isoYear
	}
	before := (int(time.Date(p.year, 1, 1, 0, 0, 0, 0, time.UTC).Weekday()) + 6) % 7 // days from Monday to New Year
	day := p.weekday - 1
	switch {
	case p.weekKind == 'V':
		fourth := (before + 3) % 7
		p.yearDay = 4 - fourth + (p.week-1)*7 + day
		return
	case p.weekKind == 'U':
		before, day = (before+1)%7, p.weekday%7
	}
	if p.yearDay = 1 + day - before; p.week > 0 {
		p.yearDay = 1 + (7-before)%7 + (p.week-1)*7 + day
	}
}

// read reads s by the format f. A number takes as many digits as it can, and
// fewer where the rest does not fit otherwise.
func (p *dateParts) read(s, f string) (rest string, err error) {
	for f != "" {
		c := f[0]
		switch {
		case strings.IndexByte(" \t\n\r", c) >= 0:
			f = strings.TrimLeft(f, " \t\n\r")
			trimmed := strings.TrimLeft(s, " \t\n\r")
			if trimmed == s {
				return "", errFormat
			}
			s = trimmed
			continue
		case c != '%':
			if s == "" || !strings.EqualFold(s[:1], string(c)) {
				return "", errFormat
			}
			s, f = s[1:], f[1:]
			continue
		case len(f) < 2:
			return "", errFormat
		}
		if _, isNumber := bounds(f[1]); isNumber {
			return p.number(f[1], s, f[2:])
		}
		if s, err = p.directive(f[1], s); err != nil {
			return "", err
		}
		f = f[2:]
	}
	return s, nil
}

func (p *dateParts) directive(c byte, s string) (string, error) {
	long := map[byte]string{'c': "%a %b %d %H:%M:%S %Y", 'x': "%m/%d/%y", 'X': "%H:%M:%S", 'T': "%H:%M:%S", 'D': "%m/%d/%y", 'F': "%Y-%m-%d", 'R': "%H:%M"}
	if f, ok := long[c]; ok && strings.IndexByte("cxX", c) >= 0 {
		return p.read(s, f)
	}
	switch c {
	case 'a', 'A', 'b', 'B', 'p':
		return p.word(c, s)
	case 'z', 'Z':
		return p.offset(c, s)
	case 'f':
		return p.fraction(s)
	case '%':
		if !strings.HasPrefix(s, "%") {
			return "", errFormat
		}
		return s[1:], nil
	}
	return "", errFormat
}

// bounds are the most digits of a number, its least and its largest value.
func bounds(c byte) (b [3]int, ok bool) {
	b, ok = map[byte][3]int{'Y': {4, 1, 9999}, 'G': {4, 1, 9999}, 'm': {2, 1, 12}, 'd': {2, 1, 31}, 'H': {2, 0, 23}, 'I': {2, 1, 12}, 'M': {2, 0, 59}, 'S': {2, 0, 61}, 'y': {2, 0, 99},
		'j': {3, 1, 366}, 'U': {2, 0, 53}, 'W': {2, 0, 53}, 'V': {2, 1, 53}, 'w': {1, 0, 6}, 'u': {1, 1, 7}}[c]
	return b, ok
}

// number reads a number within its bounds and what follows it.
func (p *dateParts) number(c byte, s, f string) (rest string, err error) {
	if p.tries++; p.tries > maxTries {
		return "", errFormat
	}
	b, _ := bounds(c)
	n := 0
	for n < len(s) && n < b[0] && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	for ; n > 0; n-- {
		v, _ := strconv.Atoi(s[:n])
		if v < b[1] || v > b[2] || strings.IndexByte("YyG", c) >= 0 && n != b[0] {
			continue
		}
		before := *p
		p.set(c, v)
		if rest, err = p.read(s[n:], f); err == nil {
			return rest, nil
		}
		before.tries = p.tries
		*p = before
	}
	return "", errFormat
}

func (p *dateParts) set(c byte, v int) {
	switch c {
	case 'Y':
		p.year = v
	case 'y':
		p.year = 2000 + v
		if v >= 69 {
			p.year = 1900 + v
		}
	case 'm':
		p.month = v
	case 'd':
		p.day = v
	case 'H', 'I':
		p.hour = v
	case 'M':
		p.minute = v
	case 'S':
		p.second = v
	case 'j':
		p.yearDay = v
	case 'G':
		p.isoYear = v
	case 'U', 'W', 'V':
		p.week, p.weekKind = v, c
	case 'u':
		p.weekday = v
	case 'w':
		p.weekday = (v+6)%7 + 1
	}
}

func (p *dateParts) word(c byte, s string) (string, error) {
	try := func(name string) bool { return len(s) >= len(name) && strings.EqualFold(s[:len(name)], name) }
	switch c {
	case 'p':
		if !try("AM") && !try("PM") {
			return "", errFormat
		}
		pm := try("PM")
		p.pm = &pm
		return s[2:], nil
	case 'a', 'A':
		for d := time.Sunday; d <= time.Saturday; d++ {
			name := d.String()
			if c == 'a' {
				name = name[:3]
			}
			if try(name) {
				p.weekday = (int(d)+6)%7 + 1
				return s[len(name):], nil
			}
		}
		return "", errFormat
	}
	for m := time.January; m <= time.December; m++ {
		name := m.String()
		if c == 'b' {
			name = name[:3]
		}
		if try(name) {
			p.month = int(m)
			return s[len(name):], nil
		}
	}
	return "", errFormat
}

func (p *dateParts) offset(c byte, s string) (string, error) {
	if c == 'Z' {
		for _, z := range []string{"UTC", "GMT"} {
			if len(s) >= 3 && strings.EqualFold(s[:3], z) {
				return s[3:], nil
			}
		}
		return "", errFormat
	}
	if strings.HasPrefix(s, "Z") {
		p.zone = time.UTC
		return s[1:], nil
	}
	for _, layout := range []string{"-07:00", "-0700"} {
		if len(s) >= len(layout) {
			if t, err := time.Parse(layout, s[:len(layout)]); err == nil {
				_, off := t.Zone()
				p.zone = time.FixedZone("", off)
				return s[len(layout):], nil
			}
		}
	}
	return "", errFormat
}

func (p *dateParts) fraction(s string) (string, error) {
	n := 0
	for n < len(s) && n < 6 && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	if n == 0 {
		return "", errFormat
	}
	p.micro, _ = strconv.Atoi(s[:n] + strings.Repeat("0", 6-n))
	return s[n:], nil
}
