package community

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
)

// timeEntries turn spans of time into numbers.
func timeEntries() []core.Entry {
	family := []core.Entry{
		{Name: "to_time_unit", Sig: "to_time_unit(unit='ms', year=365, month=30)", Example: "{{ '1h 30m' | community.general.to_time_unit('s') }}", Shows: "5400.0", Func: timeUnit("")},
	}
	for _, u := range []struct{ name, unit, shows string }{{"milliseconds", "ms", "60000.0"}, {"seconds", "s", "60.0"}, {"minutes", "m", "1.0"}, {"hours", "h", "0.016666666667"},
		{"days", "d", "0.000694444444"}, {"weeks", "w", "9.9206349e-05"}, {"months", "mo", "2.3148148e-05"}, {"years", "y", "1.902588e-06"}} {
		family = append(family, core.Entry{Name: "to_" + u.name, Sig: "to_" + u.name + "(year=365, month=30)", Example: "{{ '1m' | community.general.to_" + u.name + " }}", Shows: u.shows, Func: timeUnit(u.unit)})
	}
	return core.StrictAll(family)
}

var timeForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(-?\d+)(\w+)`) })

// timeUnit converts "1h 30m" into one unit; "" takes the unit as an argument.
func timeUnit(unit string) core.Function {
	return func(c *core.Call) (value.Value, error) {
		params := []core.Param{"unit=", "year=", "month="}
		if unit != "" {
			params = params[1:]
		}
		a, err := c.Bind(params...)
		if err != nil {
			return value.Value{}, err
		}
		to := unit
		if to == "" {
			to = core.TextOr(a[0], "ms")
			a = a[1:]
		}
		s, err := core.WantText(c.In, "a span of time")
		if err != nil {
			return value.Value{}, err
		}
		if s == "0" {
			return value.Int(0), nil
		}
		factors := map[string]float64{"ms": 1, "s": 1e3, "m": 60e3, "h": 3600e3, "d": 86400e3, "w": 604800e3, "mo": 30 * 86400e3, "y": 365 * 86400e3}
		for i, name := range []string{"y", "mo"} {
			if f, ok := a[i].AsFloat(); ok {
				factors[name] = f * 86400e3
			}
		}
		return convertTime(s, to, factors)
	}
}

func convertTime(s, to string, factors map[string]float64) (value.Value, error) {
	div, ok := factors[shortUnit(to)]
	if !ok {
		return value.Value{}, fmt.Errorf("to_time_unit() can not convert to the following unit: %s.", to)
	}
	sum := 0.0
	for _, w := range strings.Fields(s) {
		m := timeForm().FindStringSubmatch(w)
		if m == nil {
			return value.Value{}, fmt.Errorf("to_time_unit() can not interpret following string: %s", s)
		}
		f, ok := factors[shortUnit(m[2])]
		if !ok {
			return value.Value{}, fmt.Errorf("to_time_unit() can not interpret following string: %s", s)
		}
		n, _ := strconv.ParseFloat(m[1], 64)
		sum += n * f
	}
	return value.Float(roundTo(sum/div, 12)), nil
}

func shortUnit(s string) string {
	long := map[string]string{"millisecond": "ms", "msec": "ms", "msecond": "ms", "sec": "s", "second": "s", "hour": "h", "min": "m", "minute": "m", "day": "d", "week": "w", "month": "mo", "year": "y"}
	if u, ok := long[strings.TrimRight(s, "s")]; ok {
		return u
	}
	return s
}

// roundTo is Python's round(f, digits).
func roundTo(f float64, digits int) float64 {
	out, err := strconv.ParseFloat(strconv.FormatFloat(f, 'f', digits, 64), 64)
	if err != nil || math.IsInf(f, 0) {
		return f
	}
	return out
}
