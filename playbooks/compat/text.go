package compat

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// places is how many places of one thing the text shows.
const places = 3

// Text writes a report for people.
func (r Report) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %s: %d covered (%.1f %%)\n", counted(r.Tasks, "task"), counted(r.Files, "file"), r.Covered, r.Percent)
	for _, part := range []struct {
		head string
		list []Use
	}{
		{"missing, by uses", r.Missing},
		{"differs from Ansible (remoterun's docs/playbooks.md says how)", r.Differs},
		{"wrong, for Ansible mostly as well", r.Wrong},
		{"not read, so not counted", r.Unread},
	} {
		if len(part.list) == 0 {
			continue
		}
		b.WriteString("\n" + part.head + ":\n")
		for _, u := range part.list {
			u.text(&b)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (u Use) text(b *strings.Builder) {
	fmt.Fprintf(b, "%5d  ", u.Uses)
	if u.Kind != "" {
		b.WriteString(u.Kind + " ")
	}
	b.WriteString(u.Name)
	if u.Help != "" {
		b.WriteString(": " + u.Help)
	}
	b.WriteString("\n")
	for i, at := range u.Where {
		if i == places {
			fmt.Fprintf(b, "         and %d more\n", len(u.Where)-places)
			break
		}
		b.WriteString("         " + at + "\n")
	}
}

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// JSON writes a report for programs.
func (r Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}
