package value

// Templated reports whether text can hold a template: {{, {% or {# stands in
// it. Unsafe text never is one; see HasTemplate.
func Templated(s string) bool {
	for i := 0; i+1 < len(s); i++ {
		if s[i] == '{' && (s[i+1] == '{' || s[i+1] == '%' || s[i+1] == '#') {
			return true
		}
	}
	return false
}

// HasTemplate reports whether anything in v, keys of mappings included, is a
// template that has to be rendered.
func HasTemplate(v Value) bool {
	switch v.k {
	case KindString:
		return v.m&Unsafe == 0 && Templated(v.s)
	case KindList, KindTuple:
		for _, it := range v.Items() {
			if HasTemplate(it) {
				return true
			}
		}
	case KindMap:
		m, _ := v.AsMap()
		for k, it := range m.All() {
			if HasTemplate(k) || HasTemplate(it) {
				return true
			}
		}
	}
	return false
}
