package view

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"time"

	"remoterun/runner/event"
	"remoterun/runner/value"
)

// junit writes a JUnit report at the end of the run: a suite per play, a case
// per task and host.
type junit struct {
	out    output
	suites []*xmlSuite
	start  time.Time // of the task that began last
}

type xmlReport struct {
	XMLName  xml.Name    `xml:"testsuites"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Suites   []*xmlSuite `xml:"testsuite"`
}

type xmlSuite struct {
	Name     string    `xml:"name,attr"`
	Tests    int       `xml:"tests,attr"`
	Failures int       `xml:"failures,attr"`
	Errors   int       `xml:"errors,attr"`
	Skipped  int       `xml:"skipped,attr"`
	Cases    []xmlCase `xml:"testcase"`
}

type xmlCase struct {
	Name    string   `xml:"name,attr"`
	Class   string   `xml:"classname,attr"`
	Seconds string   `xml:"time,attr"`
	Failure *xmlText `xml:"failure,omitempty"`
	Error   *xmlText `xml:"error,omitempty"`
	Skipped *xmlText `xml:"skipped,omitempty"`
	Output  string   `xml:"system-out,omitempty"`
}

type xmlText struct {
	Message string `xml:"message,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// Event collects.
func (j *junit) Event(at time.Time, e event.Event) {
	switch e := e.(type) {
	case event.PlayStart:
		j.suites = append(j.suites, &xmlSuite{Name: e.Play})
	case event.TaskStart:
		j.start = at
	case event.HostResult:
		j.result(at, e.Outcome)
	}
}

func (j *junit) result(at time.Time, e event.Outcome) {
	if len(j.suites) == 0 {
		j.suites = append(j.suites, &xmlSuite{})
	}
	s := j.suites[len(j.suites)-1]
	c := xmlCase{Name: "[" + hostLabel(e) + "]", Seconds: "0.000"}
	if e.Task != nil {
		c.Name += " " + e.Task.Name
		c.Class = e.Task.Pos.String()
	}
	if !j.start.IsZero() && at.After(j.start) {
		c.Seconds = fmt.Sprintf("%.3f", at.Sub(j.start).Seconds())
	}
	msg := message(shownResult(e, 0))
	text := &xmlText{Message: msg, Text: dump(e, 0)}
	s.Tests++
	switch {
	case e.Status == event.Failed && !e.Ignored && !e.Rescued:
		c.Failure = text
		s.Failures++
	case e.Status == event.Unreachable && !e.Ignored:
		c.Error = text
		s.Errors++
	case e.Status == event.Skipped:
		c.Skipped = &xmlText{Message: skipReason(e, msg)}
		s.Skipped++
	default:
		c.Output = dump(e, 0)
	}
	s.Cases = append(s.Cases, c)
}

// skipReason is never empty; what debug's results are shown without counts here.
func skipReason(e event.Outcome, shown string) string {
	if shown == "" && !e.NoLog && e.Result != nil {
		if v, ok := e.Result.Lookup("skip_reason"); ok && !v.IsNull() {
			shown = value.Show(v)
		}
	}
	return cmp.Or(shown, "skipped")
}

// message says in one text why a case ended as it did; empty when nothing does.
func message(shown *value.Map) string {
	for _, name := range []string{"msg", "skip_reason", "skipped_reason", "censored"} {
		if v, ok := shown.Lookup(name); ok && !v.IsNull() {
			return value.Show(v)
		}
	}
	return ""
}

// Close writes the report.
func (j *junit) Close() error {
	r := xmlReport{Suites: j.suites}
	for _, s := range j.suites {
		r.Tests += s.Tests
		r.Failures += s.Failures
		r.Errors += s.Errors
	}
	text, err := xml.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	j.out.write(xml.Header + string(text) + "\n")
	return j.out.err
}

// Hold does nothing: a machine's format shares no terminal with questions.
func (*junit) Hold() (release func()) { return func() {} }
