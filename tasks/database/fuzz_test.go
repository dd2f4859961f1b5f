package database

import (
	"testing"

	"remoterun/runner/value"
)

// FuzzArguments feeds what users write.
func FuzzArguments(f *testing.F) {
	for _, s := range []string{"u=rwX,go=rX", "0644", `(?P<n>a)(?P=n)\Z[]x]`, `\g<1>\n`, "~root/$HOME/${X}", "name>=1.0", "-- x\nSELECT 1", "%(a)s %s %%"} {
		f.Add(s, "a")
	}
	f.Fuzz(func(t *testing.T, s, text string) {
		statement{sql: s}.reads()
		_, _ = filled(s, value.List(value.String(text)), nil, sqlValue)
		_, _ = filled(s, value.List(value.String(text)), nil, mysqlValue)
		_, _ = readGiven(s)
		_, _ = readHBA(s, true)
		_, _ = pgNames(s)
	})
}
