package compose

import "testing"

// TestWithout: what was put into a file comes out of it whole.
func TestWithout(t *testing.T) {
	a := Addition{Service: "db", Lines: []string{"image: x"}, Volumes: []string{"v"}}
	for _, was := range []string{"", "# by hand\nservices:\n  db:\n    labels: {a: b}\n", "volumes:\n  mine: {}\n", "services:\n  app:\n    image: y\nvolumes:\n  mine: {}\n"} {
		text, err := OverrideFile{Path: "f", Text: was}.With(a, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := (OverrideFile{Path: "f", Text: text}).Without(); got != was {
			t.Errorf("of\n%s\nis left\n%s\nwas\n%s", text, got, was)
		}
	}
}
