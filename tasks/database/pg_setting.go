package database

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"remoterun/tasks/pg"
)

// pgSetting is a server's setting as pg_settings has it.
type pgSetting struct {
	name, setting, unit, context, boot, kind, pretty string
	enum                                             []string
}

// settingUnits are the units that a value may be written in, by that of its setting:
// how many of the latter they are.
func settingUnits(unit string) map[string]float64 {
	base, word := 1.0, strings.TrimLeft(unit, "0123456789")
	if n, err := strconv.ParseFloat(strings.TrimSuffix(unit, word), 64); err == nil {
		base = n
	}
	families := []map[string]float64{
		{"B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40},
		{"us": 1, "ms": 1e3, "s": 1e6, "min": 60e6, "h": 3600e6, "d": 86400e6},
	}
	for _, f := range families {
		own, ok := f[word]
		if !ok {
			continue
		}
		out := map[string]float64{"": 1}
		for w, n := range f {
			out[w] = n / (own * base)
		}
		return out
	}
	return map[string]float64{"": 1}
}

// number reads a value as the server does: digits, and a unit behind them.
func (s pgSetting) number(text string) (float64, bool) {
	text = strings.TrimSpace(text)
	end := strings.LastIndexFunc(text, func(r rune) bool { return r < 'A' || r > 'z' || r == '_' }) + 1
	if i := strings.IndexAny(text, "xX"); i > 0 {
		if n, err := strconv.ParseInt(text, 0, 64); err == nil {
			return float64(n), true
		}
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(text[:end]), 64)
	factor, ok := settingUnits(s.unit)[text[end:]]
	if err != nil || !ok {
		return 0, false
	}
	if n *= factor; s.kind == "integer" {
		n = math.RoundToEven(n)
	}
	return n, true
}

// truth reads a boolean as the server does: a beginning of its word that can be no
// other's.
func truth(text string) (is, ok bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	for word, is := range map[string]bool{"true": true, "false": false, "yes": true, "no": false, "on": true, "off": false, "1": true, "0": false} {
		if text != "" && text != "o" && strings.HasPrefix(word, text) {
			return is, true
		}
	}
	return false, false
}

// is reports whether a value means what the setting is.
func (s pgSetting) is(value string) bool {
	if value == s.pretty || value == s.setting && s.unit == "" {
		return true
	}
	switch s.kind {
	case "bool":
		a, ok := truth(value)
		b, ok2 := truth(s.setting)
		return ok && ok2 && a == b
	case "integer", "real":
		a, ok := s.number(value)
		b, err := strconv.ParseFloat(s.setting, 64)
		return ok && err == nil && a == b
	case "enum":
		return strings.EqualFold(strings.TrimSpace(value), s.setting)
	}
	return s.list() && slices.Equal(elements(value), elements(s.setting))
}

// list reports a setting that takes several words: each is a literal of its own.
func (s pgSetting) list() bool {
	return slices.Contains([]string{"datestyle", "listen_addresses", "local_preload_libraries", "log_destination", "search_path", "session_preload_libraries",
		"shared_preload_libraries", "synchronous_standby_names", "temp_tablespaces", "unix_socket_directories", "wal_consistency_checking"}, strings.ToLower(s.name))
}

// elements are the words of a list.
func elements(value string) []string {
	var out []string
	for e := range strings.SplitSeq(value, ",") {
		if e = strings.TrimSpace(e); len(e) > 1 && (e[0] == '"' || e[0] == '\'') && e[len(e)-1] == e[0] {
			e = strings.ReplaceAll(e[1:len(e)-1], e[:1]+e[:1], e[:1])
		}
		out = append(out, e)
	}
	return out
}

// set is the statement that gives the setting a value.
func (s pgSetting) set(value string) string {
	q := "ALTER SYSTEM SET " + pg.Ident(s.name) + " = "
	switch {
	case strings.EqualFold(value, "default"):
		return q + "DEFAULT"
	case s.list() && strings.Contains(value, ","):
		var words []string
		for _, e := range elements(value) {
			words = append(words, strings.TrimSpace(pg.Literal(e)))
		}
		return q + strings.Join(words, ",")
	}
	return q + strings.TrimSpace(pg.Literal(value))
}

// upperUnit writes 1mb and 1b as the server knows them: 1MB, 1B.
func upperUnit(v string) string {
	digits := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	n := len(v)
	if n > 2 && digits(v[:n-2]) && slices.Contains([]string{"mb", "gb", "tb"}, v[n-2:]) || n > 1 && v[n-1] == 'b' && digits(v[:n-1]) {
		return strings.ToUpper(v)
	}
	return v
}
