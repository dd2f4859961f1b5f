package jinja

import (
	"context"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"remoterun/playbooks/jinja/laptop"
	"remoterun/runner/value"
)

// oddValues are inputs and arguments that nobody expects.
func oddValues() []value.Value {
	huge, _ := new(big.Int).SetString("99999999999999999999999999999999999999999", 10)
	self := value.List(value.Int(1))
	return []value.Value{
		value.Int(math.MaxInt64), value.Int(math.MinInt64), value.Float(math.NaN()), value.Float(math.Inf(1)), value.Float(-1e300), value.String("[+_"), value.String("9223372036854775807"), value.String(strings.Repeat("[", 500)),
		value.Null(), value.Bool(true), value.Int(0), value.Int(-1), value.Int(1 << 40), value.Big(huge), value.Float(1.5), value.String(""), value.String("a"),
		value.String("\xff\xfe"), value.String("{{ x }}"), value.String("10.0.0.0/8"), value.String("%s%d%%("), value.String("(?P<n>["), value.String("\\"), value.String("a=1 b='"),
		value.List(), self, value.List(self, value.Null(), value.String("a")), value.Tuple(value.String("a"), value.Int(1)), value.FromMap(nil),
		value.FromMap(value.MapOf("a", value.Int(1), "key", self, "value", value.Null())), value.Undefined("u"), value.Omit(), value.FromObject(&lazyMap{"hostvars", value.MapOf("h", value.FromMap(nil))}),
		value.FromOpaque(timedelta(5)), value.FromOpaque(datetime{t: time.Unix(0, 0)}),
	}
}

// TestNoPanic calls every filter, test and lookup with odd inputs and
// arguments: an answer or an error, never a panic, and never a long wait.
func TestNoPanic(t *testing.T) {
	e := New(Options{System: quietSystem{}, MaxSteps: 200_000, MaxOutput: 1 << 20})
	odd := oddValues()
	slow := map[string]bool{"password_hash": true}
	for _, x := range e.reg.all {
		if slow[x.name] {
			continue
		}
		t.Run(x.kind.String()+"/"+x.name, func(t *testing.T) {
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

func callOddly(t *testing.T, e *Engine, x *entry, in value.Value, args ...value.Value) {
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s with %s and %s: panic: %v", x.name, value.Repr(in), value.Repr(value.List(args...)), p)
		}
	}()
	r := e.start(t.Context(), &mapScope{vars: value.NewMap(), dirs: []string{"/no/such"}})
	if x.kind == lookupKind {
		_, _ = r.lookup(x.name, append([]value.Value{in}, args...), nil)
		return
	}
	if x.kind == globalKind {
		_, _ = r.call(value.FromOpaque(&builtin{x}), append([]value.Value{in}, args...), nil, nil)
		return
	}
	_, _ = r.runEntry(x, x.name, in, args, nil, nil)
}

// TestMethodsDoNotPanic is the same for the methods of all types and for the
// operators.
func TestMethodsDoNotPanic(t *testing.T) {
	e := New(Options{System: quietSystem{}, MaxSteps: 200_000, MaxOutput: 1 << 20})
	odd := oddValues()
	for _, in := range odd {
		for name := range e.reg.methods[typeKey(in)] {
			for i, a := range odd {
				for _, args := range [][]value.Value{nil, {a}, {a, odd[(i+3)%len(odd)]}, {a, a, a}} {
					calmly(t, "."+name, in, args, func(r *render, in value.Value, args []value.Value) {
						m, _ := r.methodOf(value.Copy(in), name)
						_, _ = r.call(m, args, nil, nil)
					})
				}
			}
		}
		for _, b := range odd {
			for _, op := range []string{"+", "-", "*", "/", "//", "%", "**", "==", "<", "in"} {
				calmly(t, op, in, []value.Value{b}, func(r *render, a value.Value, b []value.Value) {
					_, _ = r.arith(op, a, b[0])
					_, _ = r.holds(op, a, b[0])
					_, _ = r.getitem(a, b[0])
				})
			}
		}
	}
}

var calmEngine = New(Options{System: quietSystem{}, MaxSteps: 200_000, MaxOutput: 1 << 20})

func calmly(t *testing.T, what string, in value.Value, args []value.Value, f func(*render, value.Value, []value.Value)) {
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s with %.80s and %.80s: panic: %v", what, value.Repr(in), value.Repr(value.List(args...)), p)
		}
	}()
	f(calmEngine.start(t.Context(), &mapScope{vars: value.NewMap()}), in, args)
}

// quietSystem is the laptop without commands, network and writing.
type quietSystem struct{ laptop.System }

func (quietSystem) WriteFile(string, []byte) error { return errNoSystem }

func (quietSystem) Command(context.Context, string, string) ([]byte, error) {
	return []byte("out\n"), nil
}

func (quietSystem) Get(context.Context, string) ([]byte, error) { return []byte("page\n"), nil }
