package ansible

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/py/pynum"
	"remoterun/playbooks/jinja/py/pytime"
	"remoterun/runner/value"
)

var (
	_ core.Attributed = datetime{}
	_ core.Arithmetic = datetime{}
	_ core.Attributed = date{}
	_ core.Arithmetic = date{}
	_ core.Attributed = timedelta(0)
	_ core.Arithmetic = timedelta(0)
)

// datetimeEntries are the filters over dates, and now().
func datetimeEntries() []core.Entry {
	return append(core.StrictAll([]core.Entry{
		{Name: "to_datetime", Sig: "to_datetime(format='%Y-%m-%d %H:%M:%S')", Example: "{{ ('2024-03-01 12:00:00' | to_datetime).year }}", Shows: "2024", Func: filterToDatetime},
		{Name: "strftime", Sig: "strftime(second=None, utc=False)", Example: "{{ '%Y-%m-%d' | strftime(86400, utc=true) }}", Shows: "1970-01-02", Func: filterStrftime, Impure: true},
	}), core.StrictAll(core.Globals([]core.Entry{{Name: "now", Sig: "now(utc=False, fmt=None)", Example: "{{ now().year > 2000 }}", Shows: "True", Func: globalNow, Impure: true}}))...)
}

// datetime is Python's datetime; a naive one has no time zone.
type datetime struct {
	t     time.Time
	aware bool
}

func fromTime(t time.Time) value.Value { return value.FromOpaque(datetime{t: t}) }

// TypeName is Python's.
func (d datetime) TypeName() string { return "datetime" }

// Str is Python's str().
func (d datetime) Str() string { return d.iso(" ") }

func (d datetime) iso(sep string) string {
	s := d.t.Format("2006-01-02") + sep + d.t.Format("15:04:05")
	if us := d.t.Nanosecond() / 1000; us > 0 {
		s += fmt.Sprintf(".%06d", us)
	}
	if d.aware {
		s += d.t.Format("-07:00")
	}
	return s
}

func (d datetime) isoformat() string { return d.iso("T") }

// Repr is Python's repr().
func (d datetime) Repr() string {
	s := fmt.Sprintf("datetime.datetime(%d, %d, %d, %d, %d", d.t.Year(), d.t.Month(), d.t.Day(), d.t.Hour(), d.t.Minute())
	us := d.t.Nanosecond() / 1000
	if d.t.Second() > 0 || us > 0 {
		s += fmt.Sprintf(", %d", d.t.Second())
	}
	if us > 0 {
		s += fmt.Sprintf(", %d", us)
	}
	if d.aware {
		s += ", tzinfo=" + zoneRepr(d.t)
	}
	return s + ")"
}

func zoneRepr(t time.Time) string {
	_, off := t.Zone()
	if off == 0 {
		return "datetime.timezone.utc"
	}
	return "datetime.timezone(" + timedelta(int64(off)*1e6).Repr() + ")"
}

// Compare orders dates in time.
func (d datetime) Compare(other value.Value) (int, error) {
	o, _ := other.AsOpaque()
	e, ok := o.(datetime)
	switch {
	case !ok:
		return 0, fmt.Errorf("'<' not supported between instances of 'datetime.datetime' and '%s'", value.TypeName(other))
	case d.aware != e.aware:
		return 0, errors.New("can't compare offset-naive and offset-aware datetimes")
	}
	return d.t.Compare(e.t), nil
}

func (d datetime) Arith(op string, other value.Value, swapped bool) (value.Value, bool, error) {
	o, _ := other.AsOpaque()
	switch e := o.(type) {
	case timedelta:
		switch {
		case op == "+":
			return value.FromOpaque(datetime{d.t.Add(e.duration()), d.aware}), true, nil
		case op == "-" && !swapped:
			return value.FromOpaque(datetime{d.t.Add(-e.duration()), d.aware}), true, nil
		}
	case datetime:
		if op != "-" {
			break
		}
		if d.aware != e.aware {
			return value.Value{}, true, errors.New("can't subtract offset-naive and offset-aware datetimes")
		}
		a, b := d.t, e.t
		if swapped {
			a, b = b, a
		}
		return value.FromOpaque(timedelta((a.Unix()-b.Unix())*1e6 + int64(a.Nanosecond()-b.Nanosecond())/1000)), true, nil
	}
	return value.Value{}, false, nil
}

func (d datetime) Attr(name string) (value.Value, bool) {
	ints := map[string]int{"year": d.t.Year(), "month": int(d.t.Month()), "day": d.t.Day(), "hour": d.t.Hour(), "minute": d.t.Minute(), "second": d.t.Second(), "microsecond": d.t.Nanosecond() / 1000}
	if n, ok := ints[name]; ok {
		return value.Int(int64(n)), true
	}
	if name == "tzinfo" {
		if d.aware {
			return value.String(d.t.Format("UTC-07:00")), true
		}
		return value.Null(), true
	}
	f, ok := d.methods()[name]
	if !ok {
		return value.Value{}, false
	}
	return core.Bound(name, core.Strict(f)), true
}

// plainMethod is a method without arguments.
func plainMethod(f func() value.Value) core.Function {
	return core.NoArguments(func(*core.Call) (value.Value, error) { return f(), nil })
}

func (d datetime) methods() map[string]core.Function {
	weekday := (int64(d.t.Weekday()) + 6) % 7
	return map[string]core.Function{
		"strftime":   d.strftime,
		"isoformat":  d.isoformatMethod,
		"timestamp":  plainMethod(d.timestamp),
		"date":       plainMethod(func() value.Value { return value.FromOpaque(date{d.t}) }),
		"weekday":    plainMethod(func() value.Value { return value.Int(weekday) }),
		"isoweekday": plainMethod(func() value.Value { return value.Int(weekday + 1) }),
		"isocalendar": plainMethod(func() value.Value {
			y, w := d.t.ISOWeek()
			return value.Tuple(value.Int(int64(y)), value.Int(int64(w)), value.Int(weekday+1))
		}),
		"toordinal": plainMethod(func() value.Value { return value.Int(ordinal(d.t)) }),
		"ctime":     plainMethod(func() value.Value { return value.String(d.t.Format("Mon Jan _2 15:04:05 2006")) }),
		"replace":   d.replace,
	}
}

func ordinal(t time.Time) int64 {
	day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	return day.Unix()/86400 + 719163
}

func (d datetime) strftime(c *core.Call) (value.Value, error) {
	a, err := c.Bind("format")
	if err != nil {
		return value.Value{}, err
	}
	f, err := core.WantText(a[0], "a format")
	if err != nil {
		return value.Value{}, err
	}
	if !d.aware {
		f = strings.NewReplacer("%%", "%%", "%z", "", "%Z", "").Replace(f)
	}
	return core.Text(pytime.Format(f, d.t))
}

func (d datetime) isoformatMethod(c *core.Call) (value.Value, error) {
	a, err := c.Bind("sep=", "timespec=")
	if err != nil {
		return value.Value{}, err
	}
	return core.Text(d.iso(core.TextOr(a[0], "T")))
}

// timestamp is seconds since 1970; a naive date is one of the local zone.
func (d datetime) timestamp() value.Value {
	t := d.t
	if !d.aware {
		t = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.Local)
	}
	return value.Float(float64(t.Unix()) + float64(t.Nanosecond()/1000)/1e6)
}

func (d datetime) replace(c *core.Call) (value.Value, error) {
	names := []core.Param{"year=", "month=", "day=", "hour=", "minute=", "second=", "microsecond="}
	a, err := c.Bind(names...)
	if err != nil {
		return value.Value{}, err
	}
	n := []int64{int64(d.t.Year()), int64(d.t.Month()), int64(d.t.Day()), int64(d.t.Hour()), int64(d.t.Minute()), int64(d.t.Second()), int64(d.t.Nanosecond() / 1000)}
	for i, v := range a {
		if n[i], err = core.WantInt(v, n[i]); err != nil {
			return value.Value{}, err
		}
	}
	t := time.Date(int(n[0]), time.Month(n[1]), int(n[2]), int(n[3]), int(n[4]), int(n[5]), int(n[6])*1000, d.t.Location())
	if int64(t.Day()) != n[2] || int64(t.Month()) != n[1] || int64(t.Second()) != n[5] {
		return value.Value{}, errors.New("a part of the date is out of range")
	}
	return value.FromOpaque(datetime{t, d.aware}), nil
}

// date is Python's date.
type date struct{ t time.Time }

// TypeName is Python's.
func (d date) TypeName() string { return "date" }

// Str is Python's str().
func (d date) Str() string { return d.t.Format("2006-01-02") }

func (d date) isoformat() string { return d.Str() }

// Repr is Python's repr().
func (d date) Repr() string {
	return fmt.Sprintf("datetime.date(%d, %d, %d)", d.t.Year(), d.t.Month(), d.t.Day())
}

// Compare orders dates in time.
func (d date) Compare(other value.Value) (int, error) {
	o, _ := other.AsOpaque()
	e, ok := o.(date)
	if !ok {
		return 0, fmt.Errorf("'<' not supported between instances of 'datetime.date' and '%s'", value.TypeName(other))
	}
	return int(ordinal(d.t) - ordinal(e.t)), nil
}

func (d date) Arith(op string, other value.Value, swapped bool) (value.Value, bool, error) {
	o, _ := other.AsOpaque()
	switch e := o.(type) {
	case timedelta:
		days := int(e.days())
		if op == "-" && !swapped {
			days = -days
		} else if op != "+" {
			return value.Value{}, false, nil
		}
		return value.FromOpaque(date{d.t.AddDate(0, 0, days)}), true, nil
	case date:
		if op == "-" {
			n := ordinal(d.t) - ordinal(e.t)
			if swapped {
				n = -n
			}
			return value.FromOpaque(timedelta(n * 86400e6)), true, nil
		}
	}
	return value.Value{}, false, nil
}

func (d date) Attr(name string) (value.Value, bool) {
	switch name {
	case "hour", "minute", "second", "microsecond", "tzinfo", "timestamp", "date":
		return value.Value{}, false
	case "isoformat":
		return core.Bound(name, plainMethod(func() value.Value { return value.String(d.Str()) })), true
	}
	t := time.Date(d.t.Year(), d.t.Month(), d.t.Day(), 0, 0, 0, 0, time.UTC)
	return datetime{t: t}.Attr(name)
}

func filterToDatetime(c *core.Call) (value.Value, error) {
	a, err := c.Bind("format=")
	if err != nil {
		return value.Value{}, err
	}
	s, ok := c.In.AsString()
	if !ok {
		return value.Value{}, fmt.Errorf("strptime() argument 1 must be str, not %s", value.TypeName(c.In))
	}
	t, aware, err := pytime.Parse(s, core.TextOr(a[0], "%Y-%m-%d %H:%M:%S"))
	if err != nil {
		return value.Value{}, err
	}
	return value.FromOpaque(datetime{t, aware}), nil
}

func filterStrftime(c *core.Call) (value.Value, error) {
	a, err := c.Bind("second=", "utc=")
	if err != nil {
		return value.Value{}, err
	}
	f, ok := c.In.AsString()
	if !ok {
		return value.Value{}, fmt.Errorf("strftime() argument 1 must be str, not %s", value.TypeName(c.In))
	}
	t := c.Now()
	if core.Given(a[0]) {
		sec, ok := a[0].AsFloat()
		if text, isText := a[0].AsString(); isText {
			sec, ok = pynum.ParseFloat(text)
		}
		if !ok || math.IsNaN(sec) || math.Abs(sec) > 1e15 {
			return value.Value{}, fmt.Errorf("Invalid value for epoch value (%s)", value.Show(a[0]))
		}
		t = time.Unix(int64(math.Floor(sec)), 0)
	}
	t = t.Local()
	if core.TruthOr(a[1], false) {
		t = t.In(time.FixedZone("GMT", 0)) // what gmtime calls it
	}
	return core.Text(pytime.Format(f, t))
}

func globalNow(c *core.Call) (value.Value, error) {
	a, err := c.Bind("utc=", "fmt=")
	if err != nil {
		return value.Value{}, err
	}
	t := c.Now().Local()
	if core.TruthOr(a[0], false) {
		t = t.UTC()
	}
	if core.Given(a[1]) {
		return datetime{t: t}.strftime(c.With("now", value.Value{}, []value.Value{a[1]}, nil))
	}
	return fromTime(t.Truncate(time.Microsecond)), nil
}
