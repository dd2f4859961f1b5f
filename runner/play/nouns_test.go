package play

import "testing"

// TestListens: a handler is notified by a topic, alone or with its role before it.
func TestListens(t *testing.T) {
	role := &Role{Name: "ns.col.web", Short: "web"}
	for topic, want := range map[string]bool{"said": true, "web : said": true, "ns.col.web : said": true, "db : said": false, "web : other": false, "web": false, "": false} {
		if got := (&Task{Listen: []string{"x", "said"}, Role: role}).Listens(topic); got != want {
			t.Errorf("%q: %v", topic, got)
		}
	}
	if (&Task{Listen: []string{"said"}}).Listens("web : said") {
		t.Error("a handler without a role listens to a role's topic")
	}
}
