package proof

import (
	"encoding/json"
	"slices"
	"strings"
)

// Expected is what is known to differ between two clusters. Each kind of
// difference is explained by itself: whatever else differs beside it is not.
type Expected struct {
	From, To int // major versions
	// Roles, Extensions and Schemas are those that the target has besides.
	Roles, Extensions, Schemas []string
	// Locales are databases whose locale the target's library does not know, with
	// what they have instead.
	Locales map[string]string
	// Views are materialized views that were filled anew: what they hold is the
	// answer of their query today.
	Views map[string][]string // by database
}

// Explain says why a difference has to be.
func (e Expected) Explain(d Difference) string {
	switch d.Kind {
	case "role":
		if d.Source == "" && slices.Contains(e.Roles, d.Name) {
			return "made for the new cluster's own administration"
		}
	case "extension":
		return e.extension(d)
	case "schema":
		if d.Source == "" && slices.Contains(e.Schemas, d.Name) {
			return "made for the new cluster's own administration"
		}
	case "type":
		if t := fields(d.Target); e.From < 14 && d.Source == "" && string(t["kind"]) == `"m"` {
			return "the multirange that comes with a range since 14"
		}
	case "database":
		return e.locale(d)
	case "relation", "default grant", "column":
		return e.maintain(d)
	case "rows":
		if slices.Contains(e.Views[d.Database], d.Name) && d.Source != "" && d.Target != "" {
			return "a materialized view, filled anew from the same rows"
		}
	}
	return ""
}

func (e Expected) extension(d Difference) string {
	if d.Source == "" && slices.Contains(e.Extensions, d.Name) {
		return "the new cluster's own"
	}
	if same(d, "version") {
		return "the new server's version of it"
	}
	return ""
}

func (e Expected) locale(d Difference) string {
	if e.Locales[d.Name] != "" && same(d, "collate", "ctype", "locale", "provider") {
		return "the new server's library does not know the locale: " + e.Locales[d.Name]
	}
	return ""
}

// maintain: the privilege MAINTAIN came with 17; who had everything on a table has it too.
func (e Expected) maintain(d Difference) string {
	if e.From >= 17 || e.To < 17 || d.Source == "" || d.Target == "" {
		return ""
	}
	s, t := fields(d.Source), fields(d.Target)
	if s == nil || t == nil || !same(d, "acl") {
		return ""
	}
	if withoutMaintain(string(t["acl"])) == string(s["acl"]) {
		return "the privilege MAINTAIN, which came with 17 and goes with all others"
	}
	return ""
}

// RetoldFunction is the same of a function or a procedure.
func (e Expected) RetoldFunction(d Difference) string {
	var text string
	if d.Kind != "function" || !same(d, "definition") || json.Unmarshal(fields(d.Source)["definition"], &text) != nil {
		return ""
	}
	return text
}

// Retold is the source's text of a view that the two tell otherwise, where nothing
// else of it differs that has no reason: a newer server may print the same query in
// other words. "" = it is no such difference.
func (e Expected) Retold(d Difference) string {
	s, t := fields(d.Source), fields(d.Target)
	var text string
	if d.Kind != "relation" || s == nil || t == nil || json.Unmarshal(s["view"], &text) != nil || string(t["view"]) == "null" || !same(d, "view", "acl") {
		return ""
	}
	if string(s["acl"]) != string(t["acl"]) {
		s["view"] = t["view"]
		alike, err := json.Marshal(s)
		if err != nil || e.maintain(Difference{Kind: d.Kind, Name: d.Name, Source: string(alike), Target: d.Target}) == "" {
			return ""
		}
	}
	return text
}

func withoutMaintain(acl string) string {
	words := strings.Split(acl, " ")
	for i, w := range words {
		grantee, rest, ok := strings.Cut(w, "=")
		if !ok {
			continue
		}
		rights, by, _ := strings.Cut(rest, "/")
		rights = strings.ReplaceAll(strings.ReplaceAll(rights, "m*", ""), "m", "")
		words[i] = grantee + "=" + rights + "/" + by
	}
	return strings.Join(words, " ")
}

// same reports that both sides are there and differ in the named fields alone.
func same(d Difference, but ...string) bool {
	s, t := fields(d.Source), fields(d.Target)
	if s == nil || t == nil {
		return false
	}
	for _, b := range but {
		delete(s, b)
		delete(t, b)
	}
	if len(s) != len(t) {
		return false
	}
	for k, v := range s {
		if string(t[k]) != string(v) {
			return false
		}
	}
	return true
}

func fields(def string) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if json.Unmarshal([]byte(def), &m) != nil {
		return nil
	}
	return m
}
