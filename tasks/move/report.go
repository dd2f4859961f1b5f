package move

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/move/proof"
)

// Said is the report as a file: what was moved, and every difference.
type Said struct {
	Format  int    `json:"format"`
	Project string `json:"project"`
	Host    string `json:"host"`
	Verb    string `json:"verb"`
	From    string `json:"from"`
	To      string `json:"to"`
	When    string `json:"when"`
	By      string `json:"by"`
	// Spilled are bytes that sorts put into files, in the clear, during the load.
	Spilled int64            `json:"spilled_bytes"`
	Seconds map[string]int64 `json:"seconds,omitempty"` // of each phase
	Proof   proof.Report     `json:"proof"`
}

// report writes JSON and text on the laptop, and answers the text's path.
func (m *mover) report(ctx context.Context, w host.Writer) (string, error) {
	r, hostName := m.record, w.Name()
	spilled, err := m.spilled(ctx, w)
	if err != nil {
		return "", err
	}
	seconds, _, err := m.phaseSeconds(ctx, w)
	if err != nil {
		return "", err
	}
	s := Said{Spilled: spilled, Seconds: seconds, Format: 1, Project: m.Project, Host: hostName, Verb: r.Verb, From: r.Source.Name, To: m.to.Image(), When: m.time(), By: m.by, Proof: *r.Proof}
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

// spilledText sums up what the log of container $1 says of temporary files.
const spilledText sh.Constant = `docker logs "$1" 2>&1 | sed -n 's/.*temporary file: path .*, size \([0-9]*\)$/\1/p' | awk '{ s += $1 } END { printf "%.0f\n", s }'`

// spilled are the bytes that the new server's sorts put into files.
func (m *mover) spilled(ctx context.Context, w host.Writer) (int64, error) {
	text, err := output(ctx, w, "read the new server's log", sh.Script(spilledText, m.target()))
	if err != nil {
		return 0, err
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return n, nil
}

func (s Said) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s on %s, %s, by %s\nfrom %s\nto   %s\n\n", s.Verb, s.Project, s.Host, s.When, s.By, s.From, s.To)
	p := s.Proof
	fmt.Fprintf(&b, "%s, %s, %s, %s were compared.\n", value.Count(p.Databases, "database"), value.Count(p.Tables, "table"), value.Count(p.Rows, "row"), value.Count(p.Objects, "other object"))
	fmt.Fprintf(&b, "Tables by number of rows and two sums of hashes: a fingerprint against errors, not against an attacker.\n\n")
	fmt.Fprintf(&b, "Sorts of the load put %s into temporary files, in the clear.\n\n", value.Count(s.Spilled, "byte"))
	if len(s.Seconds) > 0 {
		fmt.Fprintf(&b, "It took: %s.\n\n", phasesTook(s.Seconds))
	}
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
