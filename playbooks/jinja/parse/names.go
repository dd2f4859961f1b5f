package parse

// Kind says what a name of the language is.
type Kind uint8

const (
	FilterKind Kind = iota
	TestKind
	GlobalKind
	LookupKind
)

func (k Kind) String() string {
	return [...]string{"filter", "test", "global", "lookup"}[k]
}

// Named is a name of the language; what is behind it is the evaluator's.
type Named interface{ Traits() Traits }

// Traits is what the parser has to know of a name.
type Traits struct {
	// Impure says that two calls may differ (random, now, password).
	Impure bool
	// Anchors says that the result shows which lists and mappings are one.
	Anchors bool
}

// Names are the names of the language.
type Names interface {
	Find(k Kind, name string) (Named, bool)
	// Near proposes the known name that was perhaps meant, as the end of a
	// message; empty when there is none.
	Near(k Kind, name string) string
}
