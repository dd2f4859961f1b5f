package ansible

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/py/pynum"
	"remoterun/runner/value"
)

// timedelta is Python's, in microseconds.
type timedelta int64

func (d timedelta) duration() time.Duration { return time.Duration(d) * time.Microsecond }

func (d timedelta) days() int64 { return pynum.FloorDiv(int64(d), 86400e6) }

func (d timedelta) seconds() int64 { return (int64(d) - d.days()*86400e6) / 1e6 }

func (d timedelta) micros() int64 { return int64(d) - d.days()*86400e6 - d.seconds()*1e6 }

// TypeName is Python's.
func (d timedelta) TypeName() string { return "timedelta" }

// Str is Python's str().
func (d timedelta) Str() string {
	s := d.seconds()
	out := fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	if us := d.micros(); us > 0 {
		out += fmt.Sprintf(".%06d", us)
	}
	switch n := d.days(); n {
	case 0:
		return out
	case 1, -1:
		return fmt.Sprintf("%d day, %s", n, out)
	default:
		return fmt.Sprintf("%d days, %s", n, out)
	}
}

// Repr is Python's repr().
func (d timedelta) Repr() string {
	var parts []string
	for _, p := range []struct {
		name string
		n    int64
	}{{"days", d.days()}, {"seconds", d.seconds()}, {"microseconds", d.micros()}} {
		if p.n != 0 {
			parts = append(parts, fmt.Sprintf("%s=%d", p.name, p.n))
		}
	}
	if parts == nil {
		parts = []string{"0"}
	}
	return "datetime.timedelta(" + strings.Join(parts, ", ") + ")"
}

// Compare orders spans by length.
func (d timedelta) Compare(other value.Value) (int, error) {
	o, _ := other.AsOpaque()
	e, ok := o.(timedelta)
	if !ok {
		return 0, fmt.Errorf("'<' not supported between instances of 'datetime.timedelta' and '%s'", value.TypeName(other))
	}
	switch {
	case d < e:
		return -1, nil
	case d > e:
		return 1, nil
	}
	return 0, nil
}

func (d timedelta) Attr(name string) (value.Value, bool) {
	switch name {
	case "days":
		return value.Int(d.days()), true
	case "seconds":
		return value.Int(d.seconds()), true
	case "microseconds":
		return value.Int(d.micros()), true
	case "total_seconds":
		return core.Bound(name, plainMethod(func() value.Value { return value.Float(float64(d) / 1e6) })), true
	}
	return value.Value{}, false
}

func (d timedelta) Arith(op string, other value.Value, swapped bool) (value.Value, bool, error) {
	span := func(n int64) (value.Value, bool, error) { return value.FromOpaque(timedelta(n)), true, nil }
	o, _ := other.AsOpaque()
	if e, ok := o.(timedelta); ok {
		a, b := int64(d), int64(e)
		if swapped {
			a, b = b, a
		}
		switch {
		case op == "+":
			return span(a + b)
		case op == "-":
			return span(a - b)
		case b == 0 && (op == "/" || op == "//"):
			return value.Value{}, true, errors.New("division by zero")
		case op == "/":
			return value.Float(float64(a) / float64(b)), true, nil
		case op == "//":
			return value.Int(pynum.FloorDiv(a, b)), true, nil
		}
		return value.Value{}, false, nil
	}
	f, ok := other.AsFloat()
	switch {
	case !ok || math.Abs(f) > 1e12:
	case op == "*":
		return span(int64(math.RoundToEven(float64(d) * f)))
	case op == "/" && !swapped && f != 0:
		return span(int64(math.RoundToEven(float64(d) / f)))
	}
	return value.Value{}, false, nil
}
