package copy

import (
	"fmt"

	"remoterun/runner/value"
	"remoterun/tasks/move/catalog"
	"remoterun/tasks/move/proof"
)

// Side reads what the steps kept of one side (KindSource or KindTarget); read
// gives a file of Place.Dir.
func (p Plan) Side(kind Kind, major int, read func(file string) ([]byte, error)) (proof.Side, error) {
	side := proof.Side{Major: major, Databases: map[string]proof.Read{}}
	for i, s := range p.Steps {
		if s.Kind != kind || s.Keep != "sum" && s.Keep != "objects" {
			continue
		}
		text, err := read(p.Out(i))
		if err != nil {
			return side, fmt.Errorf("%s: %w", s.Name, err)
		}
		db := side.Databases[s.Database]
		if s.Keep == "sum" {
			sums, err := proof.ParseSums(text)
			if err != nil || len(sums) != 1 {
				return side, fmt.Errorf("%s: %s, %w", s.Name, value.Count(len(sums), "answer"), err)
			}
			db.Sums = append(db.Sums, sums...)
		} else {
			objects, err := catalog.Parse(text)
			if err != nil {
				return side, fmt.Errorf("%s: %w", s.Name, err)
			}
			if s.Shared {
				side.Shared = objects
				continue
			}
			db.Objects = objects
		}
		side.Databases[s.Database] = db
	}
	return side, nil
}
