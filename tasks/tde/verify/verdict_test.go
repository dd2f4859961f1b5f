package verify

import (
	"regexp"
	"strings"
	"testing"

	"remoterun/runner/value"
)

// TestVerdict: one list, the worst first, with the details in it; the message names
// what failed, and says it once.
func TestVerdict(t *testing.T) {
	results := []checkResult{
		{Name: "server", Status: CheckOK, Evidence: "17.2"},
		{Name: "nature", Status: CheckPlain, Evidence: "catalogs"},
		{Name: "relations", Status: CheckFailed, Evidence: "1 plain", Details: []string{"app.public.t (table, 8192 bytes)"}},
		{Name: "keys", Status: CheckNotProved, Evidence: "no passphrase"},
		{Name: "strays", Status: CheckFailed, Evidence: "1 file", Details: []string{"base/x"}},
	}
	res := verdict(results)
	if !res.Failed || res.Msg != "2 checks failed: relations, strays" {
		t.Errorf("%q", res.Msg)
	}
	v, _ := res.Data.Lookup("lines")
	var lines []string
	for _, l := range v.Items() {
		lines = append(lines, strings.Join(strings.Fields(value.Str(l)), " "))
	}
	want := "failed relations 1 plain|- app.public.t (table, 8192 bytes)|failed strays 1 file|- base/x|not proved keys no passphrase|plain by nature nature catalogs|ok server 17.2"
	if got := strings.Join(lines, "|"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	text := report{Checks: results}.text()
	if strings.Index(text, "relations") > strings.Index(text, "server") || strings.Count(text, "app.public.t") != 1 {
		t.Errorf("report:\n%s", text)
	}
	if res := foreseen("later"); res.Failed || res.Data == nil {
		t.Errorf("%+v", res)
	}
}

// TestEveryCheckHasAdvice: what fails says what to do, with the names that are meant.
func TestEveryCheckHasAdvice(t *testing.T) {
	p := &proof{}
	p.args.host, p.args.Extension, p.args.Project, p.args.Database = "web1", "pg_tde", "p", true
	for _, c := range allChecks() {
		if c.mend == "" || regexp.MustCompile(`\b(HOST|EXT|RING|CONTAINER)\b|EXT_`).MatchString(p.meant(c.mend)) {
			t.Errorf("%s: %q", c.name, p.meant(c.mend))
		}
	}
	failed := 0
	for _, r := range runChecks(p, true) {
		if r.Status != CheckFailed {
			continue
		}
		if failed++; len(r.Details) == 0 || !strings.HasPrefix(r.Details[len(r.Details)-1], "next: ") {
			t.Errorf("%s failed, and says nothing that helps: %+v", r.Name, r)
		}
	}
	if failed < 3 {
		t.Errorf("only %d failed", failed)
	}
}
