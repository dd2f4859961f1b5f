package inventory

// glob matches a whole name against *, ?, [abc], [a-z] and [!abc]. A bracket
// that is not closed stands for itself; nothing escapes.
func glob(pattern, name string) bool {
	p, s := []rune(pattern), []rune(name)
	i, j, star, mark := 0, 0, -1, 0
	for j < len(s) {
		if i < len(p) && p[i] == '*' {
			star, mark = i, j
			i++
			continue
		}
		if n, ok := globOne(p[i:], s[j]); ok {
			i += n
			j++
			continue
		}
		if star < 0 {
			return false
		}
		mark++
		i, j = star+1, mark
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// globOne matches one character with the first part of a pattern and returns
// how long that part is.
func globOne(p []rune, c rune) (int, bool) {
	if len(p) == 0 {
		return 0, false
	}
	switch p[0] {
	case '?':
		return 1, true
	case '[':
		if end := classEnd(p); end > 0 {
			return end + 1, inClass(p[1:end], c)
		}
	}
	return 1, p[0] == c
}

// classEnd is the index of the bracket that closes p[0]; one that stands first
// belongs to the class.
func classEnd(p []rune) int {
	i := 1
	if i < len(p) && p[i] == '!' {
		i++
	}
	if i < len(p) && p[i] == ']' {
		i++
	}
	for ; i < len(p); i++ {
		if p[i] == ']' {
			return i
		}
	}
	return 0
}

func inClass(class []rune, c rune) bool {
	not := len(class) > 0 && class[0] == '!'
	if not {
		class = class[1:]
	}
	for i := 0; i < len(class); i++ {
		if i+2 < len(class) && class[i+1] == '-' {
			if class[i] <= c && c <= class[i+2] {
				return !not
			}
			i += 2
		} else if class[i] == c {
			return !not
		}
	}
	return not
}
