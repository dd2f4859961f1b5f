// Package fake plays hosts in memory: a host is a table of texts, a few commands
// read and write it, and every other command is refused. Chains are guarded as a
// real shell guards them, round trips are counted, and what steps did on all hosts
// is kept in order. Nothing runs, no time passes.
package fake

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// Get asks for a text: status 1 when there is none.
func Get(name string) host.Probe { return host.NewProbe("get", name) }

// Put writes a text.
func Put(name, text string) sh.Cmd { return sh.Script("put", name, text) }

// Fail ends with a status, and says why.
func Fail(status, why string) sh.Cmd { return sh.Script("fail", status, why) }

// House is hosts whose steps are kept in one order.
type House struct {
	mu    sync.Mutex
	hosts map[string]*Host
	log   []string
	odd   []string
}

// Host is one of them. Its fields are changed before a run, or by Before.
type Host struct {
	Name string
	// Texts are what the host has.
	Texts map[string]string
	// Before is called before a message is worked on, n counts from 1: it may
	// change the texts, as somebody else would. An error cuts the link.
	Before func(n int, b sh.Batch) error
	// Hangs is the text whose question is never answered, "" = none.
	Hangs string
	// Down is why the host cannot be reached; nil = it can.
	Down error

	house        *House
	trips, dials int
}

// Host is the host of a name, made at the first call.
func (h *House) Host(name string) *Host {
	h.mu.Lock()
	defer h.mu.Unlock()
	one, ok := h.hosts[name]
	if !ok {
		one = &Host{Name: name, Texts: map[string]string{}, house: h}
		if h.hosts == nil {
			h.hosts = map[string]*Host{}
		}
		h.hosts[name] = one
	}
	return one
}

// Steps are what steps did, as "HOST NAME=TEXT" and "HOST failed", in order.
func (h *House) Steps() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.log)
}

// Refused are the commands that no host knows.
func (h *House) Refused() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.odd)
}

// Trips is how many messages the host was sent, those that were cut too.
func (h *Host) Trips() int {
	h.house.mu.Lock()
	defer h.house.mu.Unlock()
	return h.trips
}

// Dials is how often a connection was made.
func (h *Host) Dials() int {
	h.house.mu.Lock()
	defer h.house.mu.Unlock()
	return h.dials
}

// Dial makes a connection.
func (h *Host) Dial() (host.Conn, error) {
	h.house.mu.Lock()
	defer h.house.mu.Unlock()
	h.dials++
	if h.Down != nil {
		return nil, &host.TransportError{Host: h.Name, During: "connect", Err: h.Down}
	}
	return conn{h}, nil
}

// conn is a connection to a host, and its one shell.
type conn struct{ h *Host }

var errNone = errors.New("a host that is played has no such thing")

func (c conn) Shell(context.Context, host.As) (host.Shell, error) { return c, nil }
func (conn) Exec(context.Context, host.As, sh.Cmd) (host.Output, error) {
	return host.Output{}, errNone
}
func (conn) Files(context.Context) (host.Files, error)              { return nil, errNone }
func (conn) Dial(context.Context, string, string) (net.Conn, error) { return nil, errNone }
func (conn) Close() error                                           { return nil }
func (c conn) Run(ctx context.Context, cmd sh.Cmd) (host.Output, error) {
	c.h.house.mu.Lock()
	defer c.h.house.mu.Unlock()
	if err := c.h.message(sh.Batch{Ask: []sh.Cmd{cmd}}); err != nil {
		return host.Output{}, err
	}
	r := c.h.do(cmd)
	return host.Output{Stdout: r.Stdout, Stderr: r.Stderr, Status: r.Status}, nil
}

// Batch runs a guarded chain, and asks.
func (c conn) Batch(_ context.Context, b sh.Batch) (res sh.BatchResult, err error) {
	c.h.house.mu.Lock()
	defer c.h.house.mu.Unlock()
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *host.StuckError:
			res, err = sh.BatchResult{Done: res.Done, Ended: true}, p
		default:
			panic(p)
		}
	}()
	if err := c.h.message(b); err != nil {
		return res, err
	}
	for i, l := range b.Chain {
		if host.Digest(c.h.answers(l.Guard)) != l.Want {
			res.Stopped, res.Again = sh.StopGuard, c.h.ask(l.Again)
			break
		}
		steps, failed := c.h.steps(l.Steps)
		res.Steps = append(res.Steps, steps)
		if failed {
			res.Stopped, res.Again = sh.StopStep, c.h.ask(l.Again)
			break
		}
		res.Done++
		if b.Passed != nil {
			b.Passed(i, steps)
		}
	}
	res.Asked = c.h.ask(b.Ask)
	return res, nil
}

// message counts a message and lets the script change things before it. The
// house's lock is held by this and by what follows.
func (h *Host) message(b sh.Batch) error {
	h.trips++
	if h.Before == nil {
		return nil
	}
	if err := h.Before(h.trips, b); err != nil {
		return &host.TransportError{Host: h.Name, During: "run a command", Begun: true, Err: err}
	}
	return nil
}

func (h *Host) ask(cmds []sh.Cmd) []sh.Asked {
	var out []sh.Asked
	for _, c := range cmds {
		r := h.do(c)
		out = append(out, sh.Asked{Stdout: r.Stdout, Status: r.Status})
	}
	return out
}

func (h *Host) answers(cmds []sh.Cmd) []host.Answer {
	var out []host.Answer
	for _, a := range h.ask(cmds) {
		out = append(out, host.Answer{Stdout: a.Stdout, Status: a.Status})
	}
	return out
}

func (h *Host) steps(cmds []sh.Cmd) (out []sh.Ran, failed bool) {
	for _, c := range cmds {
		r := h.do(c)
		if out = append(out, r); r.Status != 0 {
			return out, true
		}
	}
	return out, false
}

// do carries out one command; what is not known is refused with status 127.
func (h *Host) do(c sh.Cmd) sh.Ran {
	switch {
	case c.Text == "get" && len(c.Args) == 1 && c.Args[0] == h.Hangs:
		panic(&host.StuckError{Host: h.Name, Silent: time.Minute, Runs: []string{"get " + h.Hangs}})
	case c.Text == "get" && len(c.Args) == 1:
		text, ok := h.Texts[c.Args[0]]
		if !ok {
			return sh.Ran{Status: 1}
		}
		return sh.Ran{Stdout: []byte(text)}
	case c.Text == "put" && len(c.Args) == 2:
		h.Texts[c.Args[0]] = c.Args[1]
		h.house.log = append(h.house.log, h.Name+" "+c.Args[0]+"="+c.Args[1])
		return sh.Ran{}
	case c.Text == "fail" && len(c.Args) == 2:
		h.house.log = append(h.house.log, h.Name+" failed")
		status := 1
		_, _ = fmt.Sscan(c.Args[0], &status)
		return sh.Ran{Stderr: []byte(c.Args[1]), Status: status}
	}
	h.house.odd = append(h.house.odd, h.Name+": "+c.Text+" "+strings.Join(c.Args, " "))
	return sh.Ran{Status: 127, Stderr: []byte("not found")}
}
