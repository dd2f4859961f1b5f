package jinja

import (
	"context"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/laptop"
	"remoterun/playbooks/jinja/parse"
	"remoterun/runner/value"
)

// oddValues are inputs and arguments that nobody expects.
func oddValues(t *testing.T) []value.Value {
	huge, _ := new(big.Int).SetString("99999999999999999999999999999999999999999", 10)
	self := value.List(value.Int(1))
	return []value.Value{
		value.Int(math.MaxInt64), value.Int(math.MinInt64), value.Float(math.NaN()), value.Float(math.Inf(1)), value.Float(-1e300), value.String("[+_"), value.String("9223372036854775807"), value.String(strings.Repeat("[", 500)),
		value.Null(), value.Bool(true), value.Int(0), value.Int(-1), value.Int(1 << 40), value.Big(huge), value.Float(1.5), value.String(""), value.String("a"),
		value.String("\xff\xfe"), value.String("{{ x }}"), value.String("10.0.0.0/8"), value.String("%s%d%%("), value.String("(?P<n>["), value.String("\\"), value.String("a=1 b='"),
		value.List(), self, value.List(self, value.Null(), value.String("a")), value.Tuple(value.String("a"), value.Int(1)), value.FromMap(nil),
		value.FromMap(value.MapOf("a", value.Int(1), "key", self, "value", value.Null())), value.Undefined("u"), value.Omit(), value.FromObject(&lazyMap{"hostvars", value.MapOf("h", value.FromMap(nil))}),
		evaluated(t, "'1970-01-01 00:00:00' | to_datetime"), evaluated(t, "('1970-01-02 00:00:00' | to_datetime) - ('1970-01-01 00:00:00' | to_datetime)"),
	}
}

// evaluated returns an expression's value.
func evaluated(t *testing.T, expr string) value.Value {
	t.Helper()
	v, err := New(Options{}).Eval(t.Context(), value.String(expr), &mapScope{vars: value.NewMap()})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestNoPanic calls every filter, test and lookup with odd inputs and
// arguments: an answer or an error, never a panic, and never a long wait.
func TestNoPanic(t *testing.T) {
	e := core.New(Options{System: quietSystem{}, MaxSteps: 200_000, MaxOutput: 1 << 20}, tested())
	odd := oddValues(t)
	slow := map[string]bool{"password_hash": true}
	for _, x := range tested().Entries {
		if slow[x.Name] {
			continue
		}
		t.Run(x.Kind.String()+"/"+x.Name, func(t *testing.T) {
			begin := time.Now()
			for _, in := range odd {
				callOddly(t, e, x, in)
				for _, a := range odd {
					callOddly(t, e, x, in, a)
				}
				for i := range odd {
					callOddly(t, e, x, in, odd[i], odd[(i+5)%len(odd)])
					callOddly(t, e, x, in, odd[i], odd[(i+7)%len(odd)], odd[(i+11)%len(odd)])
				}
			}
			if d := time.Since(begin); d > 20*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

func callOddly(t *testing.T, e *Engine, x core.Entry, in value.Value, args ...value.Value) {
	calmly(t, e, x.Name, in, args, func(c *core.Call, in value.Value, args []value.Value) {
		switch x.Kind {
		case parse.LookupKind:
			_, _ = c.Plugin(x.Name, append([]value.Value{in}, args...), nil)
		case parse.GlobalKind:
			fn, err := e.Eval(t.Context(), value.String(x.Name), &mapScope{vars: value.NewMap()})
			if err != nil {
				t.Error(err)
			}
			_, _ = c.Invoke(fn, append([]value.Value{in}, args...), nil)
		case parse.TestKind:
			f, err := c.NamedTest(x.Name)
			if err != nil {
				t.Error(err)
			}
			_, _ = f(in, args, nil)
		default:
			f, err := c.NamedFilter(x.Name)
			if err != nil {
				t.Error(err)
			}
			_, _ = f(in, args, nil)
		}
	})
}

// TestMethodsDoNotPanic is the same for the methods of all types and for the
// operators.
func TestMethodsDoNotPanic(t *testing.T) {
	e := core.New(Options{System: quietSystem{}, MaxSteps: 200_000, MaxOutput: 1 << 20}, tested())
	methods := tested().Methods
	odd := oddValues(t)
	for _, in := range odd {
		kind := value.TypeName(in)
		if in.Kind() == value.KindObject {
			kind = "dict"
		}
		for name := range methods[kind] {
			for i, a := range odd {
				for _, args := range [][]value.Value{nil, {a}, {a, odd[(i+3)%len(odd)]}, {a, a, a}} {
					calmly(t, e, "."+name, in, args, func(c *core.Call, in value.Value, args []value.Value) {
						m, _ := c.Getattr(value.Copy(in), name)
						_, _ = c.Invoke(m, args, nil)
					})
				}
			}
		}
		for _, b := range odd {
			for _, op := range []string{"+", "-", "*", "/", "//", "%", "**", "==", "<", "in"} {
				calmly(t, e, op, in, []value.Value{b}, func(c *core.Call, a value.Value, b []value.Value) {
					_, _ = c.Arith(op, a, b[0])
					_, _ = c.Compares(op, a, b[0])
					_, _ = c.Getitem(a, b[0])
				})
			}
		}
	}
}

func calmly(t *testing.T, e *Engine, what string, in value.Value, args []value.Value, f func(*core.Call, value.Value, []value.Value)) {
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s with %.80s and %.80s: panic: %v", what, value.Repr(in), value.Repr(value.List(args...)), p)
		}
	}()
	f(e.Begin(t.Context(), &mapScope{vars: value.NewMap(), dirs: []string{"/no/such"}}), in, args)
}

// quietSystem is the laptop without commands, network and writing.
type quietSystem struct{ laptop.System }

func (quietSystem) WriteFile(string, []byte) error { return errors.New("no writing") }

func (quietSystem) Command(context.Context, string, string) ([]byte, error) {
	return []byte("out\n"), nil
}

func (quietSystem) Get(context.Context, string) ([]byte, error) { return []byte("page\n"), nil }
