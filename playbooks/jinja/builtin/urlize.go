package builtin

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/py/pystr"
	"remoterun/runner/value"
)

var (
	linkForm = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)^(?:(?:https?://|www\.)(?:(?:[\pL\pN_%-]+\.)+)?(?:[a-z]{2,63}|xn--[\pL\pN_%]{2,59})` +
			`|(?:[\pL\pN_%-]{2,63}\.)+(?:com|net|int|edu|gov|org|info|mil)` +
			`|https?://(?:\d{1,3}(?:\.\d{1,3}){3}|\[(?:[\da-f]{0,4}:){2}(?:[\da-f]{0,4}:?){1,6}\]))` +
			`(?::\d{1,5})?(?:[/?#]\S*)?$`)
	})
	mailForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\S+@[\pL\pN_][\pL\pN_.-]*\.[\pL\pN_]+$`) })
	wordForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\S+|\s+`) })
	headForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:[(<]|&lt;)+`) })
	tailForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?:[)>.,]|&gt;)+$`) })
)

// linker makes links of addresses in text that is escaped already.
type linker struct {
	limit       int // of the text shown, in characters; -1 = none
	rel, target string
	schemes     []string
}

// filterURLize makes links of addresses in text.
func filterURLize(c *core.Call) (value.Value, error) {
	a, err := c.Bind("trim_url_limit=", "nofollow=", "target=", "rel=", "extra_schemes=")
	if err != nil {
		return value.Value{}, err
	}
	l := linker{}
	if l.limit, err = c.Integer(core.OrUndefined(a[0]), -1); err != nil {
		return value.Value{}, err
	}
	rels := append(strings.Fields(core.TextOr(a[3], "")), "noopener")
	if value.Truth(a[1]) {
		rels = append(rels, "nofollow")
	}
	slices.Sort(rels)
	l.rel = fmt.Sprintf(` rel="%s"`, htmlEscape(strings.Join(slices.Compact(rels), " ")))
	if value.Truth(a[2]) {
		l.target = fmt.Sprintf(` target="%s"`, htmlEscape(value.Str(a[2])))
	}
	for _, s := range a[4].Items() {
		l.schemes = append(l.schemes, value.Str(s))
	}
	words := wordForm().FindAllString(htmlEscape(c.Str()), -1)
	for i, w := range words {
		words[i] = l.word(w)
	}
	return value.String(strings.Join(words, "")), c.Work(len(words) * 8)
}

// word cuts off the signs around an address; those at the end come back as
// long as they close what stands open in it.
func (l linker) word(w string) string {
	head := headForm().FindString(w)
	middle := w[len(head):]
	tail := tailForm().FindString(middle)
	middle = middle[:len(middle)-len(tail)]
	for _, pair := range [][2]string{{"(", ")"}, {"<", ">"}, {"&lt;", "&gt;"}} {
		open := strings.Count(middle, pair[0])
		if open <= strings.Count(middle, pair[1]) {
			continue
		}
		for range min(open, strings.Count(tail, pair[1])) {
			end := strings.Index(tail, pair[1]) + len(pair[1])
			middle, tail = middle+tail[:end], tail[end:]
		}
	}
	return head + l.link(middle) + tail
}

func (l linker) link(s string) string {
	mail, isMail := strings.CutPrefix(s, "mailto:")
	switch {
	case linkForm().MatchString(s):
		href := s
		if !strings.HasPrefix(s, "https://") && !strings.HasPrefix(s, "http://") {
			href = "https://" + s
		}
		return fmt.Sprintf(`<a href="%s"%s%s>%s</a>`, href, l.rel, l.target, l.shown(s))
	case isMail && mailForm().MatchString(mail):
		return fmt.Sprintf(`<a href="%s">%s</a>`, s, mail)
	case !strings.HasPrefix(s, "www.") && !strings.Contains(s, ":") && mailForm().MatchString(s):
		return fmt.Sprintf(`<a href="mailto:%s">%s</a>`, s, s)
	}
	for _, scheme := range l.schemes {
		if s != scheme && strings.HasPrefix(s, scheme) {
			return fmt.Sprintf(`<a href="%s"%s%s>%s</a>`, s, l.rel, l.target, s)
		}
	}
	return s
}

func (l linker) shown(s string) string {
	if l.limit >= 0 && utf8.RuneCountInString(s) > l.limit {
		return pystr.Cut(s, l.limit) + "..."
	}
	return s
}
