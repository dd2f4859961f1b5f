// Package near measures how far a mistyped word is from the one that was meant.
// It imports nothing of ours and decides nothing: who asks knows how near is
// near enough.
package near

// Far is the distance of words that are too long to be compared.
const Far = 64

// Distance counts the letters to insert, drop, change or swap with their
// neighbour to make b of a. Case counts. Words of more than 64 letters are Far.
func Distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > Far || len(y) > Far {
		return Far
	}
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
