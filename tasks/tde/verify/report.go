package verify

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"remoterun/runner/disk"
)

// report is what verify leaves on the laptop, as JSON and as text.
type report struct {
	Format    string        `json:"format"` // remoterun/verify/v1
	Project   string        `json:"project"`
	Host      string        `json:"host"`
	Time      time.Time     `json:"time"` // UTC
	Quick     bool          `json:"quick"`
	Server    string        `json:"server,omitempty"`
	Cluster   string        `json:"cluster,omitempty"`
	Extension string        `json:"extension,omitempty"`
	Memory    string        `json:"memory"` // secure, hoster, weak
	OK        int           `json:"ok"`
	Failed    int           `json:"failed"`
	NotProved int           `json:"not_proved"`
	Checks    []checkResult `json:"checks"`
}

const reportFormat = "remoterun/verify/v1"

func newReport(a verifyArgs, p *proof, results []checkResult) report {
	r := report{Format: reportFormat, Project: a.Project, Host: a.host, Quick: a.Quick, Extension: p.extVersion, Memory: string(p.mem.Class()), Checks: results}
	if p.server != nil {
		r.Server, r.Cluster = p.server.Version, p.server.System
	}
	for _, c := range results {
		switch c.Status {
		case CheckOK:
			r.OK++
		case CheckFailed:
			r.Failed++
		case CheckNotProved:
			r.NotProved++
		}
	}
	return r
}

// text is the report for people.
func (r report) text() string {
	var b strings.Builder
	kind := "full"
	if r.Quick {
		kind = "quick"
	}
	fmt.Fprintf(&b, "Verification of %s on %s, %s (%s)\n", r.Project, r.Host, r.Time.Format(time.RFC3339), kind)
	fmt.Fprintf(&b, "PostgreSQL %s, %s, memory: %s\n\n", cmp.Or(r.Server, "did not answer"), cmp.Or(r.Extension, "extension not known"), r.Memory)
	for _, c := range worstFirst(r.Checks) {
		for _, l := range c.lines() {
			b.WriteString(l + "\n")
		}
	}
	fmt.Fprintf(&b, "\n%d ok, %d failed, %d not proved\n", r.OK, r.Failed, r.NotProved)
	return b.String()
}

// write puts both files into dir and answers the text's path. Names carry the
// time, so that nothing is overwritten; a link LAST is not made: folders are
// often shared by git.
func (r report) write(dir string, now time.Time) (string, error) {
	r.Time = now.UTC().Truncate(time.Second)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	base := filepath.Join(dir, fmt.Sprintf("verify-%s@%s-%s", r.Project, r.Host, r.Time.Format("20060102T150405Z")))
	js, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", err
	}
	return base + ".txt", errors.Join(disk.Write(base+".json", append(js, '\n'), 0o644), disk.Write(base+".txt", []byte(r.text()), 0o644))
}
