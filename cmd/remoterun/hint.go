package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"remoterun/runner/event"
	"remoterun/runner/host"
	"remoterun/runner/lock"
	"remoterun/runner/play"
	"remoterun/runner/ssh"
	"remoterun/runner/value"
)

// Hints are the next thing to type or to look at after a failure: one line on
// stderr behind everything else, apart from the error itself; the place of a mistake
// in a template has its line of the file and a caret below. Rules: they begin with "remoterun: hint:", name the host, hold no secret, and decide on the type
// of an error or on what the host said, never on an error's text.

// hints collects what failed while a run goes on; events go on to next.
type hints struct {
	next event.Sink
	// shown is text as it may stand on a terminal; nil = as it is.
	shown func(text string) string
	mu    sync.Mutex
	list  []*hint
}

// hint is one hint for all hosts that it is good for.
type hint struct {
	form  string // the text without the host's name
	text  string // for the first host
	hosts []string
}

// Event looks at failures that nothing forgave.
func (h *hints) Event(at time.Time, e event.Event) {
	if r, ok := e.(event.HostResult); ok && (r.Status == event.Failed || r.Status == event.Unreachable) && !r.Ignored && !r.Rescued {
		if text := placeHint(r.Outcome); text != "" {
			h.add(r.Host, text)
		} else if text := hostHint(r.Outcome); text != "" {
			h.add(r.Host, text)
		}
	}
	h.next.Event(at, e)
}

func (h *hints) add(host, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	form := strings.ReplaceAll(text, host, "\x00")
	for _, known := range h.list {
		if known.form == form {
			if !slices.Contains(known.hosts, host) {
				known.hosts = append(known.hosts, host)
			}
			return
		}
	}
	h.list = append(h.list, &hint{form, text, []string{host}})
}

const (
	// maxHints bounds what many hosts that fail in many ways print.
	maxHints = 10
	// maxHinted bounds how many hosts of one hint are named.
	maxHinted = 5
)

// write prints each hint once, with the hosts that it is for.
func (h *hints) write(w io.Writer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, l := range h.list {
		if i == maxHints {
			fmt.Fprintf(w, "remoterun: hint: and %d more of the kind\n", len(h.list)-i)
			return
		}
		text := l.text
		if len(l.hosts) > 1 && strings.Contains(l.form, "\x00") {
			text += " (and so for each of them)"
		}
		if h.shown != nil {
			text = h.shown(text)
		}
		fmt.Fprintf(w, "remoterun: hint: %s: %s\n", someHosts(l.hosts), text)
	}
}

// someHosts names the first of many hosts.
func someHosts(hosts []string) string {
	if len(hosts) <= maxHinted {
		return strings.Join(hosts, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(hosts[:maxHinted-1], ", "), len(hosts)-maxHinted+1)
}

// placeHint shows the line of a template that could not be worked out, with a caret.
func placeHint(e event.Outcome) string {
	if at, _ := spots(e.Err); len(at) > 0 && !e.NoLog {
		if place := at[0].String(); place != "" {
			if text := pointed("look at "+place, at); strings.Contains(text, "\n") {
				return text
			}
		}
	}
	return ""
}

// stuckHint says how to see what does not answer.
func stuckHint(name string, e *host.StuckError) string {
	runs := strings.Join(e.Runs, "\n")
	switch {
	case strings.Contains(runs, "docker"):
		return "Docker does not answer there: remoterun run " + name + " -b -- systemctl restart docker, then the same command again"
	case strings.Contains(runs, "waits for a disk"):
		return "a disk or a file server does not answer: look at remoterun run " + name + " -- cat /proc/mounts"
	}
	return "see what it does there: remoterun run " + name + " -- ps"
}

// hostHint is the hint for a failure on a host; empty = none.
func hostHint(e event.Outcome) string {
	name := e.Host
	if e.Delegated != "" {
		name = e.Delegated
	}
	if text := loginHint(name, e.Err); text != "" {
		return text
	}
	if text := becomeHint(name, e.Err); text != "" {
		return text
	}
	var held *lock.HeldError
	var lost *host.TransportError
	var stuck *host.StuckError
	switch {
	case errors.As(e.Err, &stuck):
		return stuckHint(name, stuck)
	case errors.As(e.Err, &held):
		return "wait until it has ended, or end it: the same command with --take-over"
	case errors.Is(e.Err, lock.ErrLost):
		return "run the same command again: it looks first at what was done"
	case errors.Is(e.Err, host.ErrProtocol):
		return "its sshd or its /bin/sh is broken, or something else answers at that address: log in by hand and look"
	case errors.As(e.Err, &lost) && lost.Begun:
		return "whether the last step came to its end is not known; run the same command again: it looks first at what was done"
	case errors.As(e.Err, &lost):
		return "is the host up, and is this its address? ansible_host and ansible_port in the inventory say where it is"
	case e.Err != nil:
		return ""
	}
	return saidHint(name, e.Result)
}

// loginHint is for connections that were not made.
func loginHint(name string, err error) string {
	var key *ssh.HostKeyError
	var auth *ssh.AuthError
	var other *ssh.NotSSHError
	var slow *ssh.SlowError
	var dns *net.DNSError
	var shell *host.ShellError
	switch {
	case errors.As(err, &key) && key.Problem == ssh.KeyUnknown:
		return "compare the fingerprint with the server's own, then: remoterun trust " + name
	case errors.As(err, &key) && key.Problem == ssh.KeyChanged:
		return "if the server was reinstalled: ssh-keygen -R '" + key.Host + "', then: remoterun trust " + name
	case errors.As(err, &key) && key.Problem == ssh.KeyOtherType:
		return "when you know why, compare the new key and add it: remoterun trust " + name
	case errors.As(err, &key):
		return "this key must not be used any more: the server needs a new one"
	case errors.As(err, &auth) && len(auth.Tried)+len(auth.Skipped) == 0:
		return "make a key (ssh-keygen) and take it there (ssh-copy-id), name one with --private-key FILE, or be asked for a password: -k"
	case errors.As(err, &auth) && len(auth.Tried) == 0:
		return "mend the key that is named, give another one with --private-key FILE, or be asked for a password: -k"
	case errors.As(err, &auth):
		return "try it by hand: " + sshCommand(auth) + "; another user is -u, another key --private-key, a password -k"
	case errors.As(err, &slow):
		return "is it still booting, or overloaded? -T SECONDS waits longer"
	case errors.As(err, &other) && other.Old:
		return "its sshd is from before 2006: it needs a newer one"
	case errors.As(err, &other) && strings.Contains(other.Said, "MaxStartups"):
		return "too many log in there at once: fewer at a time with -f, or a higher MaxStartups in its sshd_config"
	case errors.As(err, &other):
		return "on which port does its sshd listen? ansible_port=PORT in the inventory says so"
	case errors.As(err, &dns):
		return "give its address in the inventory: " + name + " ansible_host=ADDRESS"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: is sshd running, and is this its port? ansible_port=PORT in the inventory says so"
	case errors.As(err, &shell):
		return "this user's login shell runs no commands: log in as another one with -u, or give it /bin/sh (chsh)"
	}
	return ""
}

// sshCommand is how to log in by hand.
func sshCommand(e *ssh.AuthError) string {
	addr, port, err := net.SplitHostPort(e.Addr)
	if err != nil || port == "22" {
		return "ssh " + e.User + "@" + addr
	}
	return "ssh -p " + port + " " + e.User + "@" + addr
}

// becomeHint is for identities that were refused.
func becomeHint(name string, err error) string {
	var b *host.BecomeError
	if !errors.As(err, &b) {
		return ""
	}
	switch b.Cause {
	case host.BecomeNeedsPassword:
		return "run it on a terminal, with -K to be asked at the start; ansible_become_password (in a vault) answers, too"
	case host.BecomeWrongPassword:
		return "run the same command again and type the password of the login user"
	case host.BecomeNotAllowed:
		return "let the login user become " + b.As.User + " (visudo on " + name + "), or log in as root: -u root"
	case host.BecomeNeedsTTY:
		return "sudo asks for a terminal: on " + name + ", give the login user \"Defaults:USER !requiretty\" (visudo)"
	case host.BecomeNoSuchUser:
		return "there is no user " + b.As.User + " on " + name + ": become_user or --become-user names it"
	case host.BecomeNoProgram:
		return b.As.Method + " is not on " + name + ": install it, or take another one with --become-method"
	}
	return ""
}

// saidHint is for what the host's own programs said.
func saidHint(name string, result *value.Map) string {
	var said strings.Builder
	for _, key := range []string{"stderr", "msg"} {
		if v, ok := result.Lookup(key); ok && !value.DeepMarks(v).Secret() {
			said.WriteString(value.Str(v) + "\n")
		}
	}
	for _, h := range []struct{ said, hint string }{
		{"No space left on device", "its disk is full: remoterun run " + name + " -- df -h"},
		{"Disk quota exceeded", "a quota is full: remoterun run " + name + " -- df -h"},
		{"Read-only file system", "a file system is mounted read-only, perhaps after an error: remoterun run " + name + " -m shell -a 'dmesg | tail; grep -w ro /proc/mounts'"},
		{"Permission denied", "the user may not do that: become root with -b, or log in as another user with -u"},
		{"Operation not permitted", "the user may not do that: become root with -b, or log in as another user with -u"},
	} {
		if strings.Contains(said.String(), h.said) {
			return h.hint
		}
	}
	return ""
}

// errorHint is the hint for an error that ended the program before or instead
// of a run.
func errorHint(err error) string {
	var on *hostError
	switch {
	case errors.As(err, &on):
		return loginHint(on.host, on.err)
	case errors.Is(err, play.ErrNobody):
		return "" // the error names what would answer
	case errors.Is(err, syscall.ENOSPC):
		return "the laptop's own disk is full: df -h"
	}
	return ""
}
