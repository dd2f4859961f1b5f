package stack

import (
	"path"
	"slices"
	"strings"

	"remoterun/tasks/compose"
	"remoterun/tasks/tde/guard"
)

// word is one or more words of a command: as the container gets them now, and as
// a compose file may have them. Several are what one variable holds.
type word struct {
	now  []string
	text string // "" = no variables in it
}

// command is the overlay's.
type command struct {
	words []word
	// frozen are variables that could not be kept.
	frozen []string
}

// command keeps the options of the base's command; ours come last, where they
// win. shared_preload_libraries is the base's list with the extension added.
func (o Overlay) command() (command, error) {
	out := command{}
	args, head := out.paired(o.Base.Command, o.Written.Command), word{now: []string{"postgres"}}
	if len(args) > 0 && !strings.HasPrefix(args[0].first(), "-") {
		if path.Base(args[0].first()) != "postgres" {
			return out, guard.Refuse("service "+o.Service, "give the server's options as `command: postgres -c name=value ...`",
				"its command is %q, not postgres", args[0].first())
		}
		if len(args[0].now) == 1 {
			head, args = args[0], args[1:]
		} else { // a variable that holds the program and more
			head = word{}
		}
	}
	e, preload := o.Extension, word{}
	if head.now != nil {
		out.words = []word{head}
	}
	for i := 0; i < len(args); i++ {
		if len(args[i].now) != 1 {
			o.several(&out, args[i], &preload)
			continue
		}
		var flat []string
		for _, a := range args[i:min(i+2, len(args))] {
			flat = append(flat, a.first())
		}
		name, width := settingName(flat)
		switch {
		case name == "shared_preload_libraries":
			preload = args[i+width-1]
		case !e.Owns(name):
			out.words = append(out.words, args[i:i+width]...)
		}
		i += width - 1
	}
	out.add("-c")
	out.words = append(out.words, o.preload(&out, preload))
	out.add("-c", e.Setting("wal_encrypt")+"=on")
	for _, s := range e.Chosen(o.Cipher) {
		out.add("-c", s.String())
	}
	return out, nil
}

// several keeps a variable that holds several options, unless one of them is ours
// to say.
func (o Overlay) several(out *command, w word, preload *word) {
	kept := word{text: w.text}
	for i := 0; i < len(w.now); i++ {
		name, width := settingName(w.now[i:])
		switch {
		case name == "shared_preload_libraries":
			*preload = word{now: w.now[i+width-1 : i+width]}
			out.frozen, kept.text = append(out.frozen, w.text), ""
		case o.Extension.Owns(name):
			out.frozen, kept.text = append(out.frozen, w.text), ""
		default:
			kept.now = append(kept.now, w.now[i:i+width]...)
		}
		i += width - 1
	}
	if kept.text != "" {
		out.words = append(out.words, kept)
		return
	}
	out.add(kept.now...)
}

func settingName(args []string) (string, int) {
	setting, width := serverSetting(args)
	name, _, _ := strings.Cut(setting, "=")
	return strings.ReplaceAll(name, "-", "_"), width
}

// preload is the setting with the base's libraries and ours. A variable that may
// be empty is not kept in it: PostgreSQL loads nothing of a list with a hole.
func (o Overlay) preload(out *command, base word) word {
	_, libs, _ := strings.Cut(base.first(), "=")
	all := o.Extension.Join(Libraries(libs))
	w := word{now: []string{"shared_preload_libraries=" + strings.Join(all, ",")}}
	_, text, _ := strings.Cut(base.text, "=")
	_, variables, ok := compose.Variables(text)
	switch {
	case base.text == "" || ok && len(variables) == 0 && text != "":
	case !ok || len(variables) == 0 || slices.ContainsFunc(variables, mayBeEmpty):
		out.frozen = append(out.frozen, base.text)
	case strings.HasSuffix(text, ","+all[len(all)-1]) && len(all) == len(Libraries(libs)): // an overlay's own
		w.text = "shared_preload_libraries=" + text
	case len(all) == len(Libraries(libs))+1:
		w.text = "shared_preload_libraries=" + strings.Trim(text, `'"`) + "," + all[len(all)-1]
	default:
		out.frozen = append(out.frozen, base.text)
	}
	return w
}

// mayBeEmpty reports a variable that is not ${A:-b} or ${A:?b}.
func mayBeEmpty(variable string) bool {
	_, rest, found := strings.Cut(strings.TrimSuffix(variable, "}"), ":")
	return !found || len(rest) < 2 || rest[0] != '-' && rest[0] != '?' || strings.HasPrefix(rest[1:], "$")
}

func (w word) first() string {
	if len(w.now) == 0 {
		return ""
	}
	return w.now[0]
}

func (c *command) add(words ...string) {
	for _, w := range words {
		c.words = append(c.words, word{now: []string{w}})
	}
}

// flat are the words as the container gets them now.
func (c command) flat() []string {
	var out []string
	for _, w := range c.words {
		out = append(out, w.now...)
	}
	return out
}

// paired finds for each word what was written. Where the two cannot be the same
// the values of now are taken.
func (c *command) paired(now, text []string) []word {
	if out, ok := pair(now, text); ok {
		return out
	}
	for _, t := range text {
		if compose.Varies(t) {
			c.frozen = append(c.frozen, t)
		}
	}
	var out []word
	for _, n := range now {
		out = append(out, word{now: []string{n}})
	}
	return out
}

// pair fits what is written on what it is now. A word that is nothing but a
// variable may be any number of words.
func pair(now, text []string) ([]word, bool) {
	if len(text) == 0 {
		return nil, len(now) == 0
	}
	fits := func(n int, w word) ([]word, bool) {
		rest, ok := pair(now[n:], text[1:])
		return append([]word{w}, rest...), ok
	}
	if len(now) > 0 && compose.MayBe(text[0], now[0]) {
		w := word{now: now[:1]}
		if compose.Varies(text[0]) {
			w.text = text[0]
		}
		if out, ok := fits(1, w); ok {
			return out, true
		}
	}
	if !alone(text[0]) {
		return nil, false
	}
	for n := range len(now) + 1 {
		if n != 1 {
			if out, ok := fits(n, word{now[:n], text[0]}); ok {
				return out, true
			}
		}
	}
	return nil, false
}

// alone reports a text that is one variable.
func alone(text string) bool {
	between, variables, ok := compose.Variables(text)
	return ok && len(variables) == 1 && between[0] == "" && between[1] == ""
}

// lines are the command as YAML: a list, or one text where a variable holds
// several words, which compose splits then.
func (c command) lines() []string {
	several := slices.ContainsFunc(c.words, func(w word) bool { return len(w.now) != 1 })
	if several {
		var b []string
		for _, w := range c.words {
			b = append(b, w.shell())
		}
		return []string{"command: " + compose.YAMLRaw(strings.Join(b, " "))}
	}
	out := []string{"command:"}
	for _, w := range c.words {
		if w.text != "" {
			out = append(out, "  - "+compose.YAMLRaw(w.text))
		} else {
			out = append(out, "  - "+compose.YAMLText(w.first()))
		}
	}
	return out
}

// shell is a word in a text that compose splits.
func (w word) shell() string {
	switch {
	case w.text == "":
		return "'" + strings.ReplaceAll(strings.ReplaceAll(w.first(), "$", "$$"), "'", `'"'"'`) + "'"
	case len(w.now) != 1:
		return w.text
	}
	between, variables, _ := compose.Variables(w.text)
	var b strings.Builder
	for i, t := range between {
		b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", "$$").Replace(t))
		if i < len(variables) {
			b.WriteString(variables[i])
		}
	}
	return `"` + b.String() + `"`
}
