package ansible

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/py/pynum"
	"remoterun/runner/value"
)

// humanEntries are the filters over amounts and numbers.
func humanEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "human_readable", Sig: "human_readable(isbits=False, unit=None)", Example: "{{ 1536 | human_readable }}", Shows: "1.50 KB", Func: filterHumanReadable},
		{Name: "human_to_bytes", Sig: "human_to_bytes(default_unit=None, isbits=False)", Example: "{{ '10M' | human_to_bytes }}", Shows: "10485760", Func: filterHumanToBytes, Lax: true},
		{Name: "log", Sig: "log(base=e)", Example: "{{ 8 | log(2) }}", Shows: "3.0", Func: filterLog},
		{Name: "pow", Sig: "pow(y)", Example: "{{ 2 | pow(3) }}", Shows: "8.0", Func: filterPow},
		{Name: "root", Sig: "root(base=2)", Example: "{{ 9 | root }}", Shows: "3.0", Func: filterRoot},
	})
}

// sizeUnits are the letters of amounts, the largest first, with their powers
// of two.
const sizeUnits = "YZEPTGMKB"

func unitSize(i int) float64 { return math.Ldexp(1, (len(sizeUnits)-1-i)*10) }

func filterHumanReadable(c *core.Call) (value.Value, error) {
	a, err := c.Bind("isbits=", "unit=")
	if err != nil {
		return value.Value{}, err
	}
	f, ok := c.In.AsFloat()
	if !ok {
		return value.Value{}, fmt.Errorf("human_readable() failed on bad input: unsupported operand type(s) for /: '%s' and 'int'", value.TypeName(c.In))
	}
	base := "Bytes"
	if core.TruthOr(a[0], false) {
		base = "bits"
	}
	at := len(sizeUnits) - 1
	for i := range sizeUnits {
		if core.Given(a[1]) && strings.EqualFold(value.Str(a[1]), sizeUnits[i:i+1]) || !core.Given(a[1]) && f >= unitSize(i) {
			at = i
			break
		}
	}
	suffix := base
	if at < len(sizeUnits)-1 {
		suffix = sizeUnits[at:at+1] + base[:1]
	}
	return core.Text(strconv.FormatFloat(f/unitSize(at), 'f', 2, 64) + " " + suffix)
}

var amountForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\s*(\d*\.?\d*)\s*([A-Za-z]+)?`) })

func filterHumanToBytes(c *core.Call) (value.Value, error) {
	params := []core.Param{"default_unit=", "isbits="}
	a, err := c.Bind(params...)
	if err == nil {
		err = c.AllDefined(params, a, "isbits")
	}
	if err != nil {
		return value.Value{}, err
	}
	bad := fmt.Errorf("human_to_bytes() can't interpret following string: %s", value.Show(c.In))
	m := amountForm().FindStringSubmatch(value.Str(c.In))
	num, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return value.Value{}, bad
	}
	unit := m[2]
	if unit == "" {
		if err := c.AllDefined(params, a, "default_unit"); err != nil {
			return value.Value{}, err
		}
		unit = core.TextOr(a[0], "")
	}
	if unit == "" {
		return value.Int(int64(math.RoundToEven(num))), nil
	}
	at := strings.Index(sizeUnits, strings.ToUpper(unit[:1]))
	class, word := byte('B'), "byte"
	if core.TruthOr(a[1], false) {
		class, word = 'b', "bit"
	}
	if at < 0 || len(unit) > 1 && !strings.Contains(strings.ToLower(unit), word) && unit[1] != class {
		return value.Value{}, bad
	}
	return pynum.Rounded(num * unitSize(at)), nil
}

func numberOf(v value.Value, name string) (float64, error) {
	f, ok := v.AsFloat()
	if !ok {
		return 0, fmt.Errorf("%s() can only be used on numbers: must be real number, not %s", name, value.TypeName(v))
	}
	return f, nil
}

func filterLog(c *core.Call) (value.Value, error) {
	a, err := c.Bind("base=")
	if err != nil {
		return value.Value{}, err
	}
	x, err := numberOf(c.In, "log")
	if err != nil {
		return value.Value{}, err
	}
	base := math.E
	if !a[0].IsUndefined() {
		if base, err = numberOf(a[0], "log"); err != nil {
			return value.Value{}, err
		}
	}
	switch {
	case x <= 0 || base <= 0:
		return value.Value{}, errors.New("math domain error")
	case base == 1:
		return value.Value{}, errors.New("float division by zero")
	case base == 10:
		return value.Float(pynum.Log10(x)), nil
	}
	return value.Float(pynum.Log(x) / pynum.Log(base)), nil
}

func filterPow(c *core.Call) (value.Value, error) {
	a, err := c.Bind("y")
	if err != nil {
		return value.Value{}, err
	}
	x, err := numberOf(c.In, "pow")
	if err != nil {
		return value.Value{}, err
	}
	y, err := numberOf(a[0], "pow")
	if err != nil {
		return value.Value{}, err
	}
	return mathPow(x, y)
}

// mathPow is math.pow: always a float, errors where Python has them.
func mathPow(x, y float64) (value.Value, error) {
	f := pynum.Pow(x, y)
	switch {
	case math.IsNaN(f) && !math.IsNaN(x) && !math.IsNaN(y), x == 0 && y < 0:
		return value.Value{}, errors.New("math domain error")
	case math.IsInf(f, 0) && !math.IsInf(x, 0) && !math.IsInf(y, 0):
		return value.Value{}, errors.New("math range error")
	}
	return value.Float(f), nil
}

func filterRoot(c *core.Call) (value.Value, error) {
	a, err := c.Bind("base=")
	if err != nil {
		return value.Value{}, err
	}
	x, err := numberOf(c.In, "root")
	if err != nil {
		return value.Value{}, err
	}
	base := 2.0
	if !a[0].IsUndefined() {
		if base, err = numberOf(a[0], "root"); err != nil {
			return value.Value{}, err
		}
	}
	switch {
	case base == 0:
		return value.Value{}, errors.New("float division by zero")
	case base == 2 && x < 0:
		return value.Value{}, errors.New("root() can only be used on numbers: math domain error")
	case base == 2:
		return value.Float(math.Sqrt(x)), nil
	}
	return mathPow(x, 1/base)
}
