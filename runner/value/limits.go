package value

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
)

// How much one text from a host or a file may become. Everything that reads
// JSON, YAML or Python's literals counts by a Growth, so that the limits stand
// here alone.
const (
	// MaxDepth is how many levels of lists and mappings may be inside each other.
	MaxDepth = 200
	// MaxItems is how many values one text may hold.
	MaxItems = 1_000_000
	// MaxDigits is how long a whole number in decimal may be, as in Python.
	MaxDigits = 4300
)

// The errors of text that would become too much.
var (
	ErrDepth  = fmt.Errorf("lists and mappings are nested more than %d levels deep", MaxDepth)
	ErrItems  = fmt.Errorf("there are more than %d values", MaxItems)
	ErrDigits = fmt.Errorf("a whole number has more than %d digits", MaxDigits)
)

// Growth counts what a reader makes of one text. The zero Growth is empty.
type Growth struct{ items int }

// Add counts one more value, depth levels down (0 = the outermost). The error is
// ErrDepth or ErrItems.
func (g *Growth) Add(depth int) error {
	if g.items++; g.items > MaxItems {
		return ErrItems
	}
	if depth > MaxDepth {
		return ErrDepth
	}
	return nil
}

var errNoInt = errors.New("not a whole number")

// ParseInt reads a whole number of any size in decimal; the error is ErrDigits
// or that the text is none.
func ParseInt(text string) (Value, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return Int(n), nil
	}
	if len(text) > MaxDigits+1 {
		return Value{}, ErrDigits
	}
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return Value{}, errNoInt
	}
	return Big(n), nil
}
