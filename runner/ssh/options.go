package ssh

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// options are what a configuration says for one host: of every key the first value,
// of those that add up all of them.
type options struct {
	host, user, local string // as asked for; user may be empty
	first             map[string]line
	all               map[string][]string
	final, wantsFinal bool // the pass of Match final; a line asks for it
}

// optionsFor walks the lines as OpenSSH's client does. user is the one that was asked
// for, "" = the configuration's.
func (c *Config) optionsFor(alias, user string) (*options, error) {
	o := &options{host: alias, user: user, local: cmp.Or(c.env("USER"), "root"), first: map[string]line{}, all: map[string][]string{}}
	err := o.walkAll(c.files)
	if err == nil && o.wantsFinal { // once more: what is set stays, Match final adds
		o.final = true
		err = o.walkAll(c.files)
	}
	return o, err
}

func (o *options) walkAll(files [][]line) error {
	for _, lines := range files {
		if err := o.walk(lines, true); err != nil {
			return err
		}
	}
	return nil
}

func (o *options) walk(lines []line, outer bool) (err error) {
	active := outer
	for _, l := range lines {
		if len(l.args) == 0 && (l.key == "host" || l.key == "match") {
			return fmt.Errorf("%s: %q has no value", l.at, l.text)
		}
		switch l.key {
		case "host":
			active = outer && anyPattern(l.args, o.host)
		case "match":
			active, err = false, nil
			if outer {
				active, err = o.match(l)
			}
		case "include":
			err = o.walk(l.included, active)
		default:
			if active {
				err = o.add(l)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// single are the keys that are read and take one word.
func single(key string) bool {
	switch key {
	case "hostname", "port", "user", "hostkeyalias", "identitiesonly", "identityagent", "identityfile", "certificatefile",
		"connecttimeout", "serveraliveinterval", "serveralivecountmax", "canonicalizehostname", "addressfamily", "bindaddress":
		return true
	}
	return false
}

func (o *options) add(l line) error {
	switch {
	case len(l.args) == 0 || l.args[0] == "" && l.key != "identityagent":
		if single(l.key) || l.key == "proxyjump" || l.key == "proxycommand" {
			return fmt.Errorf("%s: %q has no value", l.at, l.text)
		}
		return nil
	case single(l.key) && len(l.args) > 1:
		return fmt.Errorf("%s: %q has more than one value: quotes keep blanks", l.at, l.text)
	}
	switch l.key {
	case "identityfile", "certificatefile":
		if !slices.Contains(o.all[l.key], l.args[0]) {
			o.all[l.key] = append(o.all[l.key], l.args[0])
		}
		return nil
	case "proxyjump", "proxycommand": // the first of the two says how
		if _, ok := o.first["proxy"]; !ok {
			o.first["proxy"] = l
		}
		return nil
	}
	if _, ok := o.first[l.key]; !ok {
		o.first[l.key] = l
	}
	return nil
}

func (o *options) get(key string) string {
	if l, ok := o.first[key]; ok {
		return l.args[0]
	}
	return ""
}

// match evaluates a Match line from the left, as far as is needed to say no.
func (o *options) match(l line) (bool, error) {
	yes, args := true, l.args
	for i := 0; i < len(args); i++ {
		name, arg, joined := strings.Cut(args[i], "=")
		name, negated := strings.CutPrefix(name, "!")
		name = strings.ToLower(name)
		is := false
		switch name {
		case "all":
			if is = true; i > 1 || i != len(args)-1 || i == 1 && !finals(args[0]) {
				return false, fmt.Errorf("%s: %q: all stands alone, or behind final", l.at, l.text)
			}
		case "canonical": // names are not made canonical here, but the final pass counts as one
			is = o.final
		case "final":
			o.wantsFinal, is = true, o.final
		default:
			if !joined {
				if i++; i >= len(args) {
					return false, fmt.Errorf("%s: %q: %s has no value", l.at, l.text, name)
				}
				arg = args[i]
			}
			of, known := o.subject(name)
			if !known && yes {
				return false, unsupported(l)
			}
			is = known && patternList(arg, of, strings.HasSuffix(name, "host"))
		}
		yes = yes && is != negated
	}
	return yes, nil
}

func finals(word string) bool {
	word = strings.ToLower(strings.TrimPrefix(word, "!"))
	return word == "final" || word == "canonical"
}

// subject is what a criterion of Match is about.
func (o *options) subject(name string) (string, bool) {
	switch name {
	case "host":
		return cmp.Or(strings.ReplaceAll(o.get("hostname"), "%h", o.host), o.host), true
	case "originalhost":
		return o.host, true
	case "user":
		return cmp.Or(o.user, o.get("user"), o.local), true
	case "localuser":
		return o.local, true
	}
	return "", false
}

// unsupported is a line whose meaning this client cannot honour: reading past it
// could connect elsewhere than the user's own client does.
func unsupported(l line) error {
	return fmt.Errorf("%s: %q is not supported; give the host its address in the inventory (ansible_host), or ProxyJump instead of ProxyCommand", l.at, l.text)
}

// anyPattern reports a name that one of the patterns fits, and none with ! before it.
func anyPattern(patterns []string, name string) bool {
	yes := false
	for _, p := range patterns {
		p, negated := strings.CutPrefix(p, "!")
		if fits(p, name) {
			if negated {
				return false
			}
			yes = true
		}
	}
	return yes
}

// patternList is anyPattern for patterns with commas between them; names of hosts are
// compared in lower case.
func patternList(list, name string, lower bool) bool {
	if lower {
		list, name = strings.ToLower(list), strings.ToLower(name)
	}
	return anyPattern(strings.Split(list, ","), name)
}

// fits compares with a pattern of * and ?. It takes no more than the product of both
// lengths.
func fits(pattern, name string) bool {
	p, n, star, from := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p, n = p+1, n+1
		case star >= 0:
			from++
			p, n = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// flag reads yes or no.
func (o *options) flag(key string) (bool, error) {
	switch v := strings.ToLower(o.get(key)); v {
	case "yes", "true":
		return true, nil
	case "", "no", "false":
		return false, nil
	}
	return false, fmt.Errorf("%s: %q is neither yes nor no", o.first[key].at, o.first[key].text)
}

// network is the kind of addresses that AddressFamily leaves, as package net names it.
func (o *options) network() (string, error) {
	switch v := strings.ToLower(o.get("addressfamily")); v {
	case "", "any":
		return "tcp", nil
	case "inet":
		return "tcp4", nil
	case "inet6":
		return "tcp6", nil
	}
	return "", fmt.Errorf("%s: %q: it is one of any, inet, inet6", o.first["addressfamily"].at, o.first["addressfamily"].text)
}

// portOf reads Port: a number, or a service's name.
func (o *options) portOf() (int, error) {
	v := o.get("port")
	if v == "" {
		return 22, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		n, err = net.LookupPort("tcp", v)
	}
	if err != nil || n < 1 || n > 1<<16-1 {
		return 0, fmt.Errorf("%s: port %q for host %s is not valid (1 to 65535)", o.first["port"].at, v, o.host)
	}
	return n, nil
}

// most is the longest time and the largest number, in seconds: twelve days.
const most = 1 << 20

// count reads a number; seconds one that may have units, as 1m30s.
func (o *options) count(key string, otherwise int, seconds bool) (int, error) {
	v := o.get(key)
	if v == "" || seconds && strings.EqualFold(v, "none") {
		return otherwise, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil && seconds {
		n, err = secondsOf(v)
	}
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf("%s: %s %q for host %s is not a number from 0 to %d", o.first[key].at, strings.Fields(o.first[key].text)[0], v, o.host, most)
	}
	return n, nil
}

// secondsOf reads OpenSSH's times: numbers with s, m, h, d or w behind them, in a row.
func secondsOf(text string) (int, error) {
	total := 0
	for text != "" {
		digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
		n, err := strconv.Atoi(text[:digits])
		if err != nil || n > most {
			return 0, fmt.Errorf("%q is not a time", text)
		}
		if text = text[digits:]; text != "" {
			unit, ok := map[byte]int{'s': 1, 'm': 60, 'h': 3600, 'd': 86400, 'w': 604800}[text[0]|0x20]
			if !ok {
				return 0, fmt.Errorf("%q is not a time", text)
			}
			n, text = n*unit, text[1:]
		}
		if total += n; total > most {
			return 0, fmt.Errorf("more than %d seconds", most)
		}
	}
	return total, nil
}

// tokens puts values in the place of %h and the like; known are the letters that the
// key has, a list for strings.NewReplacer.
func (o *options) tokens(key, text string, known ...string) (string, error) {
	left := strings.NewReplacer(append([]string{"%%", ""}, pairsOf(known, "")...)...).Replace(text)
	if i := strings.IndexByte(left, '%'); i >= 0 {
		return "", fmt.Errorf("%s: %q holds a token that is not known: %.2s", o.first[key].at, o.first[key].text, left[i:])
	}
	return strings.NewReplacer(append([]string{"%%", "%"}, known...)...).Replace(text), nil
}

// pairsOf are the first of each pair with another second.
func pairsOf(pairs []string, second string) []string {
	var out []string
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, pairs[i], second)
	}
	return out
}
