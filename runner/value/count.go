package value

import "fmt"

// Count is a number with its noun: "1 key", "3 keys"; more is the plural that is
// not one with s ("1 copy", "2 copies").
func Count[N int | int64](n N, one string, more ...string) string {
	switch {
	case n == 1:
	case len(more) > 0:
		one = more[0]
	default:
		one += "s"
	}
	return fmt.Sprintf("%d %s", n, one)
}
