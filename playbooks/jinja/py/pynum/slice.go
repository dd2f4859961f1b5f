package pynum

import "errors"

// Slice works out which of n items Python's slice [b0:b1:b2] takes; nil stands
// for what is left out.
func Slice(n int, b [3]*int64) ([]int, error) {
	step := int64(1)
	if b[2] != nil {
		step = *b[2]
	}
	if step == 0 {
		return nil, errors.New("slice step cannot be zero")
	}
	size := int64(n)
	lo, hi := int64(0), size
	if step < 0 {
		lo, hi = -1, size-1
	}
	clamp := func(p *int64, otherwise int64) int64 {
		if p == nil {
			return otherwise
		}
		i := *p
		if i < 0 {
			i += size
		}
		return max(lo, min(i, hi))
	}
	var out []int
	if step > 0 {
		for i := clamp(b[0], 0); i < clamp(b[1], size); i += step {
			out = append(out, int(i))
		}
		return out, nil
	}
	for i := clamp(b[0], size-1); i > clamp(b[1], -1); i += step {
		out = append(out, int(i))
	}
	return out, nil
}
