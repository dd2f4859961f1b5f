package argspec

import (
	"math"
	"strconv"
	"strings"

	"remoterun/runner/value"
)

// convert makes a value of a type as Ansible's modules do; why says what is wrong.
func convert(kind string, v value.Value) (out value.Value, why string) {
	no := func(what string) (value.Value, string) {
		return v, class(v) + " cannot be converted to " + what
	}
	word, isText := v.AsString()
	switch kind {
	case "int":
		if _, ok := v.AsInt(); ok && v.Kind() != value.KindFloat || v.Kind() == value.KindBool { // as in Python
			return v, ""
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(word), 10, 64); err == nil && isText {
			return value.Int(n), ""
		}
		return no("an int")
	case "float":
		if v.IsNumber() {
			return v, ""
		}
		if f, err := strconv.ParseFloat(strings.TrimSpace(word), 64); err == nil && isText {
			return value.Float(f), ""
		}
		return no("a float")
	case "bool":
		return boolean(v)
	case "bytes", "bits":
		if n, ok := amount(strings.TrimSpace(value.Str(v)), kind == "bits"); ok && (isText || v.IsNumber()) {
			return value.Int(n), ""
		}
		return no(map[string]string{"bytes": "a Byte value", "bits": "a Bit value"}[kind])
	case "json", "jsonarg":
		_, isSeq := v.AsSeq()
		_, isMap := v.AsMap()
		switch {
		case isText:
			return value.String(strings.TrimSpace(word)).With(v.Marks()), ""
		case isSeq || isMap:
			text, err := value.JSON(v, value.JSONStyle{KeepUTF8: true})
			if err != nil {
				return v, err.Error()
			}
			return value.String(text).With(value.DeepMarks(v)), ""
		}
		return no("a json string")
	case "list":
		_, isSeq := v.AsSeq()
		switch {
		case isSeq:
			return v, ""
		case isText:
			return value.Strings(strings.Split(word, ",")...), ""
		case v.IsNumber():
			return value.List(value.String(value.Str(v))), ""
		}
		return no("a list")
	case "dict":
		if _, ok := v.AsMap(); ok || isText && strings.HasPrefix(word, "{") {
			return v, ""
		}
		if isText && strings.Contains(word, "=") {
			return pairs(word), ""
		}
		if isText {
			return v, "dictionary requested, could not parse JSON or key=value"
		}
		return no("a dict")
	}
	return v, ""
}

// amount reads a number of bytes or bits as people write it: 10, 1.5K, 2MB, 3Mb.
func amount(text string, bits bool) (int64, bool) {
	at := strings.IndexFunc(text, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if at < 0 {
		at = len(text)
	}
	n, err := strconv.ParseFloat(text[:at], 64)
	unit := strings.TrimSpace(text[at:])
	if err != nil || n > 1<<50 {
		return 0, false
	}
	if unit == "" {
		return int64(math.Round(n)), true
	}
	power := strings.IndexByte("BKMGTPE", unit[0]&^0x20)
	name, mark := "byte", byte('B')
	if bits {
		name, mark = "bit", 'b'
	}
	if power < 0 || len(unit) > 1 && !strings.Contains(strings.ToLower(unit), name) && unit[1] != mark {
		return 0, false
	}
	if n *= math.Pow(1024, float64(power)); n > math.MaxInt64/2 {
		return 0, false
	}
	return int64(math.Round(n)), true
}

func boolean(v value.Value) (value.Value, string) {
	if v.Kind() == value.KindBool {
		return v, ""
	}
	switch strings.ToLower(strings.TrimSpace(value.Str(v))) {
	case "y", "yes", "on", "1", "true", "t", "1.0":
		return value.Bool(true), ""
	case "n", "no", "off", "0", "false", "f", "0.0":
		return value.Bool(false), ""
	}
	if v.IsString() || v.IsNumber() {
		return v, "The value '" + value.Show(v) + "' is not a valid boolean.  Valid booleans include: 0, 1, 'f', 'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'"
	}
	return v, class(v) + " cannot be converted to a bool"
}

// pairs reads "a=1, b=2".
func pairs(text string) value.Value {
	m := value.NewMap()
	for _, p := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		k, v, _ := strings.Cut(p, "=")
		m.Put(k, value.String(v))
	}
	return value.FromMap(m)
}
