package kit

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// A module's arguments are the fields of a struct with tags:
//
//	arg:"path,dest,name"   the name, then aliases; embedded structs are taken in
//	need:"yes"             required
//	default:"yes"          as a user would write it
//	choices:"file,absent"  the allowed values
//	secret:"yes"           masked in every sink
//	help:"…"               one line for docs
//
// Types of fields: string, bool, int, int64, float64, []string, value.Value
// (as it is), *value.Map, *value.Seq is not taken, Parsed (below), and pointers
// to these for "not given". Values are coerced exactly as Ansible's argument
// types do it. This is the only file that reflects, and only on our own structs.

// Parsed is a field type with a reading of its own (Mode).
type Parsed interface {
	// ParseArg reads the value; the error says what is allowed.
	ParseArg(v value.Value) error
	// ArgType is the type's name in docs.
	ArgType() string
}

type schema struct {
	args  []field
	names map[string]int // names and aliases -> args
}

type field struct {
	play.Arg
	index []int
}

func schemaOf[A any]() *schema {
	s := &schema{names: map[string]int{}}
	s.add(reflect.TypeFor[A](), nil)
	for i, f := range s.args {
		for _, n := range append([]string{f.Name}, f.Aliases...) {
			if _, twice := s.names[n]; twice {
				panic("argument " + n + " is declared twice")
			}
			s.names[n] = i
		}
	}
	return s
}

func (s *schema) add(t reflect.Type, at []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(append([]int{}, at...), i)
		tag, ok := f.Tag.Lookup("arg")
		switch {
		case f.Anonymous && f.Type.Kind() == reflect.Struct && !ok:
			s.add(f.Type, index)
			continue
		case !ok:
			continue // filled by Resolve
		case !f.IsExported():
			panic("argument " + tag + " is an unexported field")
		}
		names := strings.Split(tag, ",")
		a := play.Arg{
			Name: names[0], Aliases: names[1:], Required: f.Tag.Get("need") == "yes",
			Default: f.Tag.Get("default"), Secret: f.Tag.Get("secret") == "yes", Help: f.Tag.Get("help"),
		}
		if c := f.Tag.Get("choices"); c != "" {
			a.Choices = strings.Split(c, ",")
		}
		a.Type, a.Elements = argType(f.Type)
		if t := f.Tag.Get("type"); t != "" {
			a.Type = t
		}
		s.args = append(s.args, field{Arg: a, index: index})
	}
}

func argType(t reflect.Type) (name, elements string) {
	if p, ok := reflect.New(t).Interface().(Parsed); ok {
		return p.ArgType(), ""
	}
	switch {
	case t == reflect.TypeFor[value.Value]():
		return "raw", ""
	case t == reflect.TypeFor[*value.Map]():
		return "dict", ""
	case t.Kind() == reflect.Pointer:
		return argType(t.Elem())
	case t == reflect.TypeFor[[]string]():
		return "list", "str"
	}
	switch t.Kind() {
	case reflect.String:
		return "str", ""
	case reflect.Bool:
		return "bool", ""
	case reflect.Int, reflect.Int64:
		return "int", ""
	case reflect.Float64:
		return "float", ""
	}
	panic("no argument can have the type " + t.String())
}

func (s *schema) list() []play.Arg {
	out := make([]play.Arg, len(s.args))
	for i, f := range s.args {
		out[i] = f.Arg
	}
	return out
}

// decode fills the struct that into points at. With early set, values that hold
// templates are left out and open reports that there are some.
func (s *schema) decode(args *value.Map, into any, early bool) (errs []*play.ArgError, open bool) {
	given := map[int]value.Value{}
	for k, v := range args.All() {
		name, _ := k.AsString()
		i, ok := s.names[name]
		switch {
		case !ok:
			errs = append(errs, s.unknown(k))
		case v.IsOmit():
		case early && value.HasTemplate(v):
			open = true
			given[i] = value.Omit()
		default:
			given[i] = v
		}
	}
	target := reflect.ValueOf(into).Elem()
	for i, f := range s.args {
		v, ok := given[i]
		switch {
		case ok && v.IsOmit():
			continue
		case !ok && f.Required:
			errs = append(errs, &play.ArgError{Arg: f.Name, Msg: play.NotGiven, Pos: args.Pos})
			continue
		case !ok && f.Default == "":
			continue
		case !ok:
			v = value.String(f.Default)
		case v.IsNull() && !f.Required && f.Type != "raw":
			if f.Default == "" {
				continue // as in Ansible: null is "not given"
			}
			v = value.String(f.Default)
		}
		if err := f.set(target.FieldByIndex(f.index), v); err != nil {
			errs = append(errs, &play.ArgError{Arg: f.Name, Msg: err.Error(), Theirs: f.theirs(target.FieldByIndex(f.index), v), Allowed: f.Choices, Pos: posOf(v, args)})
		}
	}
	return errs, open
}

// theirs is what Ansible says of a value that the argument cannot take.
func (f *field) theirs(to reflect.Value, v value.Value) string {
	if value.DeepMarks(v).Secret() {
		return ""
	}
	if len(f.Choices) == 0 {
		return f.unconverted(to, v)
	}
	return fmt.Sprintf("value of %s must be one of: %s, got: %s", f.Name, strings.Join(f.Choices, ", "), value.Str(v))
}

// unconverted is what Ansible says of a value of another type.
func (f *field) unconverted(to reflect.Value, v value.Value) string {
	class, ok := map[value.Kind]string{value.KindString: "str", value.KindList: "list", value.KindMap: "dict", value.KindInt: "int", value.KindFloat: "float", value.KindBool: "bool"}[v.Kind()]
	if !ok {
		return ""
	}
	said := fmt.Sprintf("argument '%s' is of type <class '%s'> and we were unable to convert to ", f.Name, class)
	if to.Kind() == reflect.Pointer {
		to = reflect.New(to.Type().Elem()).Elem()
	}
	switch to.Interface().(type) {
	case Mode:
		return "mode must be in octal or symbolic form"
	case bool:
		return said + "bool: The value '" + value.Str(v) + "' is not a valid boolean.  Valid booleans include: " + booleans
	case float64:
		return said + "float: <class '" + class + "'> cannot be converted to a float"
	case int, int64:
		return said + "int: <class '" + class + "'> cannot be converted to an int"
	}
	return ""
}

// booleans are the words of a boolean as Ansible lists them, there in no order.
const booleans = "0, 1, '0', '1', 'f', 'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'"

func posOf(v value.Value, args *value.Map) value.Pos {
	if p := value.PosOf(v); p.Line > 0 {
		return p
	}
	return args.Pos
}

func (s *schema) unknown(k value.Value) *play.ArgError {
	names := make([]string, len(s.args))
	for i, f := range s.args {
		names[i] = f.Name
	}
	return &play.ArgError{Arg: value.Str(k), Msg: play.NoArgument, Allowed: names, Pos: value.PosOf(k)}
}

func (f *field) set(to reflect.Value, v value.Value) error {
	if to.Kind() == reflect.Pointer && to.Type() != reflect.TypeFor[*value.Map]() {
		to.Set(reflect.New(to.Type().Elem()))
		return f.set(to.Elem(), v)
	}
	if p, ok := to.Addr().Interface().(Parsed); ok {
		return p.ParseArg(v)
	}
	if p, ok := to.Addr().Interface().(*value.Value); ok {
		*p = v
		return nil
	}
	if err := NoSealed(v); err != nil {
		return err
	}
	switch p := to.Addr().Interface().(type) {
	case **value.Map:
		m, err := AsDict(v)
		*p = m
		return err
	case *[]string:
		l, err := AsStrings(v)
		if err == nil {
			for _, s := range l {
				if err := f.choice(s); err != nil {
					return err
				}
			}
			*p = l
		}
		return err
	case *string:
		s, err := AsText(v)
		if err == nil {
			s = f.boolChoice(s)
			err = f.choice(s)
		}
		*p = s
		return err
	case *bool:
		b, err := AsBool(v)
		*p = b
		return err
	case *float64:
		x, err := AsFloat(v)
		*p = x
		return err
	}
	n, err := AsInt(v)
	if err == nil {
		to.SetInt(n)
	}
	return err
}

// boolChoice gives back the word of an unquoted yes or no: YAML makes a boolean
// of it, and the choices say which word was meant.
func (f *field) boolChoice(s string) string {
	words, ok := map[string]string{"True": " yes on true y t 1 ", "False": " no off false n f 0 "}[s]
	if !ok {
		return s
	}
	found := s
	for _, c := range f.Choices {
		switch {
		case c == s:
			return s
		case strings.Contains(words, " "+c+" "):
			found = c
		}
	}
	return found
}

// NoSealed refuses a sealed secret where it would become part of a command.
func NoSealed(v value.Value) error {
	if value.DeepMarks(v)&value.Sealed != 0 {
		return fmt.Errorf("a sealed secret (a key, a passphrase, a private prompt) never goes into a command's arguments or environment: only stdin and a file's content take one")
	}
	return nil
}

func (f *field) choice(s string) error {
	for _, c := range f.Choices {
		if c == s {
			return nil
		}
	}
	if len(f.Choices) == 0 {
		return nil
	}
	return fmt.Errorf("%q is not one of: %s", s, strings.Join(f.Choices, ", "))
}

// AsText is Ansible's str: numbers and booleans are shown as Python does it,
// lists and mappings too.
func AsText(v value.Value) (string, error) {
	if v.IsUndefined() {
		return "", fmt.Errorf("is undefined")
	}
	return value.Str(v), nil
}

// AsBool is Ansible's bool: yes/no, on/off, true/false, t/f, y/n, 1/0 in any
// case.
func AsBool(v value.Value) (bool, error) {
	if b, ok := v.AsBool(); ok {
		return b, nil
	}
	switch strings.ToLower(strings.TrimSpace(value.Str(v))) {
	case "y", "yes", "on", "1", "true", "t", "1.0":
		return true, nil
	case "n", "no", "off", "0", "false", "f", "0.0":
		return false, nil
	}
	return false, fmt.Errorf("%s is not a boolean (yes or no)", value.Repr(v))
}

// AsInt is Ansible's int: integers, whole floats, and text of an integer.
func AsInt(v value.Value) (int64, error) {
	if n, ok := v.AsInt(); ok {
		return n, nil
	}
	if f, ok := v.AsFloat(); ok && f == float64(int64(f)) {
		return int64(f), nil
	}
	if s, ok := v.AsString(); ok {
		if n, err := strconv.ParseInt(strings.ReplaceAll(strings.TrimSpace(s), "_", ""), 10, 64); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%s is not an integer", value.Repr(v))
}

// AsFloat is Ansible's float.
func AsFloat(v value.Value) (float64, error) {
	if f, ok := v.AsFloat(); ok {
		return f, nil
	}
	if s, ok := v.AsString(); ok {
		if f, err := strconv.ParseFloat(strings.TrimSpace(s), 64); err == nil {
			return f, nil
		}
	}
	return 0, fmt.Errorf("%s is not a number", value.Repr(v))
}

// AsStrings is Ansible's list of str: a list, or text with commas; a number is
// a list of one.
func AsStrings(v value.Value) ([]string, error) {
	if s, ok := v.AsString(); ok {
		parts := strings.Split(s, ",")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		return parts, nil
	}
	if _, ok := v.AsSeq(); ok {
		out := make([]string, len(v.Items()))
		for i, it := range v.Items() {
			s, err := AsText(it)
			if err != nil {
				return nil, fmt.Errorf("item %d %w", i, err)
			}
			out[i] = s
		}
		return out, nil
	}
	if v.IsNumber() {
		return []string{value.Str(v)}, nil
	}
	return nil, fmt.Errorf("%s is not a list", value.Repr(v))
}

// AsDict is Ansible's dict: a mapping, JSON text, or "k=v, k2=v2".
func AsDict(v value.Value) (*value.Map, error) {
	if m, ok := v.AsMap(); ok {
		return m, nil
	}
	s, ok := v.AsString()
	if !ok {
		return nil, fmt.Errorf("%s is not a mapping", value.Repr(v))
	}
	if strings.HasPrefix(strings.TrimSpace(s), "{") {
		if js, err := value.ParseJSON([]byte(s)); err == nil {
			if m, ok := js.AsMap(); ok {
				return m, nil
			}
		}
		return nil, fmt.Errorf("%s is not a mapping in JSON", value.Repr(v))
	}
	m := value.NewMap()
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		k, val, ok := strings.Cut(part, "=")
		if !ok {
			return nil, fmt.Errorf("%s is not a mapping", value.Repr(v))
		}
		m.Put(k, value.String(val))
	}
	return m, nil
}
