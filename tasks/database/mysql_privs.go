package database

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"

	"remoterun/runner/value"
)

// mysqlPrivs are privileges by what they are on, as SQL names it.
type mysqlPrivs map[string][]string

// readPrivs reads the argument priv. "GRANT" is the right to grant, "ALL" all but that.
func readPrivs(v value.Value) (mysqlPrivs, error) {
	out := mysqlPrivs{}
	if v.IsNull() {
		return out, nil
	}
	if m, ok := v.AsMap(); ok {
		for k, p := range m.All() {
			if err := out.add(value.Str(k), privText(p)); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	for part := range strings.SplitSeq(value.Str(v), "/") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		on, words, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok {
			return nil, fmt.Errorf("invalid privileges string: %q is not db.table:PRIVILEGES", part)
		}
		if kind, rest, ok := strings.Cut(words, ":"); ok && (strings.EqualFold(on, "FUNCTION") || strings.EqualFold(on, "PROCEDURE")) {
			on, words = on+" "+kind, rest
		}
		if err := out.add(on, words); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func privText(v value.Value) string {
	if l := v.Items(); l != nil {
		var w []string
		for _, x := range l {
			w = append(w, value.Str(x))
		}
		return strings.Join(w, ",")
	}
	return value.Str(v)
}

// add takes db.table and its words.
func (p mysqlPrivs) add(on, words string) error {
	key, err := privOn(on)
	if err != nil {
		return err
	}
	p[key] = append(p[key], splitPrivs(words)...)
	return nil
}

// privOn is db.table as SQL: names in backquotes, but for *.
func privOn(on string) (string, error) {
	kind := ""
	for _, k := range []string{"FUNCTION", "PROCEDURE"} {
		if len(on) > len(k) && strings.EqualFold(on[:len(k)], k) && strings.ContainsAny(on[len(k):len(k)+1], " :") {
			kind, on = k+" ", strings.TrimLeft(on[len(k)+1:], " ")
		}
	}
	m := regexp.MustCompile("^(`(?:[^`]|``)+`|[^.`]+)\\.(`(?:[^`]|``)+`|[^`]+)$").FindStringSubmatch(strings.TrimSpace(on))
	if m == nil {
		return "", fmt.Errorf("invalid privileges string: %q is not db.table", on)
	}
	part := func(s string) string {
		if s == "*" || strings.HasPrefix(s, "`") {
			return s
		}
		return mysqlIdent(s)
	}
	return kind + part(m[1]) + "." + part(m[2]), nil
}

// splitPrivs reads PRIV, PRIV (columns), in capitals but for the columns.
func splitPrivs(words string) []string {
	var out []string
	depth, from := 0, 0
	take := func(to int) {
		w := strings.TrimSpace(words[from:to])
		name, cols, ok := strings.Cut(w, "(")
		w = strings.ToUpper(strings.Join(strings.Fields(name), " "))
		switch w {
		case "ALL":
			w = "ALL PRIVILEGES"
		case "GRANT OPTION":
			w = "GRANT"
		}
		if ok {
			list := strings.Split(strings.TrimSuffix(strings.TrimSpace(cols), ")"), ",")
			for i := range list {
				list[i] = strings.Trim(strings.TrimSpace(list[i]), "`")
			}
			sort.Strings(list)
			w += " (" + strings.Join(list, ", ") + ")"
		}
		if w != "" && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	for i, r := range words {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				take(i)
				from = i + 1
			}
		}
	}
	take(len(words))
	return out
}

// readGrants reads what SHOW GRANTS says; roles and proxies are no privileges on
// something.
func readGrants(rows [][]string) mysqlPrivs {
	line := regexp.MustCompile("^GRANT (.+?) ON ((?:FUNCTION |PROCEDURE )?(?:`(?:[^`]|``)+`|\\*)\\.(?:`(?:[^`]|``)+`|\\*)) TO .*?( WITH .*)?$")
	out := mysqlPrivs{}
	for _, r := range rows {
		m := line.FindStringSubmatch(r[0])
		if m == nil || m[1] == "PROXY" {
			continue
		}
		words := splitPrivs(m[1])
		if strings.Contains(m[3], "GRANT OPTION") {
			words = append(words, "GRANT")
		}
		words = slices.DeleteFunc(words, func(w string) bool { return w == "USAGE" })
		out[m[2]] = append(out[m[2]], words...)
	}
	return out
}

// holds reports whether a privilege is among those that are there. MySQL 8 lists all
// of them instead of saying ALL for the whole server.
func privHeld(has []string, w string) bool {
	if slices.Contains(has, w) {
		return true
	}
	if w == "ALL PRIVILEGES" {
		return slices.Contains(has, "SUPER") && slices.Contains(has, "CREATE USER") && slices.Contains(has, "SHUTDOWN") && len(has) > 25
	}
	return w != "GRANT" && w != "USAGE" && slices.Contains(has, "ALL PRIVILEGES") || w == "USAGE"
}

// grant adds the statements that make privileges what they shall be.
func (e *mysqlEdit) grant(who string, has mysqlPrivs) {
	if e.a.Priv.IsNull() {
		return
	}
	want, _ := readPrivs(e.a.Priv)
	for _, on := range sortedKeys(want) {
		if e.a.Subtract {
			e.revoke(who, on, slices.DeleteFunc(slices.Clone(want[on]), func(w string) bool { return w == "USAGE" || !privHeld(has[on], w) }))
			continue
		}
		before, left := len(e.sqls), has[on]
		var revoked, missing []string
		if !e.a.Append {
			all := slices.Contains(want[on], "ALL PRIVILEGES")
			revoked = slices.DeleteFunc(slices.Clone(has[on]), func(w string) bool {
				return slices.Contains(want[on], w) || all && w != "GRANT"
			})
			e.revoke(who, on, revoked)
			left = remaining(has[on], revoked)
		}
		for _, w := range want[on] {
			if !privHeld(left, w) {
				missing = append(missing, w)
			}
		}
		if len(missing) > 0 {
			e.say("GRANT", missing, on, " TO "+who)
		}
		if _, known := has[on]; known && len(e.sqls) > before {
			e.updated = "Privileges updated: granted " + privList(missing) + ", revoked " + privList(revoked)
		} else if len(e.sqls) > before {
			e.granted = "New privileges granted"
		}
	}
	if e.a.Append || e.a.Subtract {
		return
	}
	for _, on := range sortedKeys(has) {
		if _, ok := want[on]; !ok {
			before := len(e.sqls)
			if e.revoke(who, on, has[on]); len(e.sqls) > before {
				e.taken = "Privileges updated"
			}
		}
	}
}

// remaining is what is left of privileges when some are revoked: with ALL go those that
// it stood for.
func remaining(has, revoked []string) []string {
	all := slices.Contains(revoked, "ALL PRIVILEGES")
	return slices.DeleteFunc(slices.Clone(has), func(w string) bool { return slices.Contains(revoked, w) || all && w != "GRANT" })
}

// privList is a list of privileges as Ansible's module says them.
func privList(words []string) string {
	out := []string{}
	for _, w := range words {
		out = append(out, strings.TrimSuffix(w, " PRIVILEGES"))
	}
	sort.Strings(out)
	return value.Repr(value.Strings(out...))
}

func sortedKeys(m mysqlPrivs) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func (e *mysqlEdit) revoke(who, on string, words []string) {
	if len(words) > 0 {
		e.say("REVOKE", words, on, " FROM "+who)
	}
}

// say adds one statement; the right to grant is said in another place of each.
func (e *mysqlEdit) say(verb string, words []string, on, who string) {
	list := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "GRANT" })
	option := len(list) < len(words)
	tail := ""
	if verb == "REVOKE" && option {
		list = append(list, "GRANT OPTION")
	}
	if verb == "GRANT" && option {
		tail = " WITH GRANT OPTION"
	}
	if len(list) == 0 {
		list = []string{"USAGE"}
	}
	if verb == "REVOKE" && len(list) == 2 && list[0] == "ALL PRIVILEGES" { // not one statement on a database
		q := "REVOKE ALL PRIVILEGES ON " + on + who
		e.do(q, q)
		list = list[1:]
	}
	q := verb + " " + strings.Join(list, ", ") + " ON " + on + who + tail
	e.do(q, q)
}
