package value

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSeqGrowth grows lists out of each other at random and compares each with
// one that was copied every time.
func TestSeqGrowth(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	lists, want := []*Seq{{}}, [][]int64{nil}
	for step := range 5000 {
		i, more := rnd.IntN(len(lists)), make([]Value, rnd.IntN(3))
		var nums []int64
		for j := range more {
			more[j], nums = Int(int64(step)), append(nums, int64(step))
		}
		switch s := lists[i]; rnd.IntN(4) {
		case 0:
			s.Append(more)
			want[i] = slices.Concat(want[i], nums)
		case 1:
			s.Items = s.Items[:len(s.Items)/2] // as pop does
			want[i] = want[i][:len(s.Items):len(s.Items)]
		case 2:
			s.Replace(append(slices.Clone(s.Items), more...))
			want[i] = slices.Concat(want[i], nums)
		default:
			sum, _ := s.Plus(more)
			at := rnd.IntN(8)
			if at >= len(lists) {
				lists, want, at = append(lists, nil), append(want, nil), len(lists)
			}
			lists[at], want[at] = sum, slices.Concat(want[i], nums)
		}
		for i, s := range lists {
			if !slices.EqualFunc(s.Items, want[i], func(v Value, n int64) bool { return Equal(v, Int(n)) }) {
				t.Fatalf("step %d, list %d: %s, want %v", step, i, Str(List(s.Items...)), want[i])
			}
		}
	}
}

// TestMapGrowth does the same with mappings.
func TestMapGrowth(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	naive := func(m *Map) *Map {
		out := NewMap()
		for k, v := range m.All() {
			out.Set(k, v)
		}
		return out
	}
	maps, want := []*Map{NewMap()}, []*Map{NewMap()}
	for step := range 5000 {
		i, k, v := rnd.IntN(len(maps)), Int(int64(rnd.IntN(40))), Int(int64(step))
		m, more := maps[i], NewMap()
		for range rnd.IntN(3) {
			more.Set(Int(int64(rnd.IntN(40))), v)
		}
		switch rnd.IntN(5) {
		case 0:
			m.Set(k, v)
			want[i].Set(k, v)
		case 1:
			if m.Delete(k) != want[i].Delete(k) {
				t.Fatalf("step %d: delete differs", step)
			}
		default:
			sum, _ := m.Plus(more, rnd.IntN(2)*rnd.IntN(2))
			w := naive(want[i])
			for k, v := range more.All() {
				w.Set(k, v)
			}
			at := rnd.IntN(8)
			if at >= len(maps) {
				maps, want, at = append(maps, nil), append(want, nil), len(maps)
			}
			maps[at], want[at] = sum, w
		}
		for i, m := range maps {
			same := fmt.Sprint(Str(FromMap(m))) == Str(FromMap(want[i])) && m.Len() == want[i].Len()
			for n := range int64(40) {
				a, okA := m.Get(Int(n))
				b, okB := want[i].Get(Int(n))
				same = same && okA == okB && Equal(a, b)
			}
			k, _, ok := m.Last()
			if ok {
				same = same && Equal(k, m.Keys()[m.Len()-1])
			}
			if !same || ok != (m.Len() > 0) {
				t.Fatalf("step %d, mapping %d: %s, want %s", step, i, Str(FromMap(m)), Str(FromMap(want[i])))
			}
		}
	}
}

// TestGrowthIsShared: what grows step by step is copied a few times, not at each step.
func TestGrowthIsShared(t *testing.T) {
	const n = 10_000
	s, m, copied := &Seq{}, NewMap(), [2]int{}
	for i := range int64(n) {
		var c int
		s, c = s.Plus([]Value{Int(i)})
		copied[0] += c
		m, c = m.Plus(one(i), "me")
		copied[1] += c
	}
	if copied[0] > 5*n || copied[1] > 5*n {
		t.Errorf("%d items and %d entries were copied for %d", copied[0], copied[1], n)
	}
	if _, c := m.Plus(one(-1), "another"); c < n {
		t.Errorf("another owner copied %d entries", c)
	}
}

func one(i int64) *Map {
	m := NewMap()
	m.Set(Int(i), Int(i))
	return m
}
