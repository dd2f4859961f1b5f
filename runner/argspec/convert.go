package argspec

import (
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
