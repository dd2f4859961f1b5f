package move

import (
	"encoding/json"
	"fmt"
	"strings"

	"remoterun/tasks/move/proof"
)

// Said is the report as a file: what was moved, and every difference.
type Said struct {
	Format  int          `json:"format"`
	Project string       `json:"project"`
	Host    string       `json:"host"`
	Verb    string       `json:"verb"`
	From    string       `json:"from"`
	To      string       `json:"to"`
	When    string       `json:"when"`
	By      string       `json:"by"`
	Proof   proof.Report `json:"proof"`
}

// report writes JSON and text on the laptop, and answers the text's path.
func (m *mover) report(hostName string) (string, error) {
	r := m.record
	s := Said{Format: 1, Project: m.Project, Host: hostName, Verb: r.Verb, From: r.Source.Name, To: m.to.Image(), When: m.time(), By: m.by, Proof: *r.Proof}
	text, err := json.MarshalIndent(s, "", " ")
	if err != nil || m.laptop == nil {
		return "", err
	}
	stamp := strings.NewReplacer(":", "", "-", "").Replace(s.When)
	name := r.Verb + "-" + m.Project + "-" + stamp
	if _, err := m.laptop.Report(hostName, name+".json", append(text, '\n')); err != nil {
		return "", err
	}
	return m.laptop.Report(hostName, name+".txt", []byte(s.text()))
}

func (s Said) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s on %s, %s, by %s\nfrom %s\nto   %s\n\n", s.Verb, s.Project, s.Host, s.When, s.By, s.From, s.To)
	p := s.Proof
	fmt.Fprintf(&b, "%d databases, %d tables, %d rows, %d other objects were compared.\n", p.Databases, p.Tables, p.Rows, p.Objects)
	fmt.Fprintf(&b, "Tables by number of rows and two sums of hashes: a fingerprint against errors, not against an attacker.\n\n")
	if len(p.Differences) == 0 {
		b.WriteString("No difference.\n")
	}
	for _, d := range p.Differences {
		why := "KNOWN: " + d.Known
		if d.Known == "" {
			why = "DIFFERENT"
		}
		fmt.Fprintf(&b, "%s %s %s: %s\n", d.Database, d.Kind, d.Name, why)
		fmt.Fprintf(&b, "  old %s\n  new %s\n", or(d.Source, "is not there"), or(d.Target, "is not there"))
	}
	return b.String()
}

func or(s, empty string) string {
	if s == "" {
		return empty
	}
	return s
}
