package net

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/pyre"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// waitArgs are the arguments of wait_for.
type waitArgs struct {
	Host     string   `arg:"host" default:"127.0.0.1" help:"an address, as the host sees it"`
	Port     int      `arg:"port" help:"a TCP port"`
	Path     string   `arg:"path" type:"path" help:"a file or folder of the host"`
	Regexp   *string  `arg:"search_regex" help:"a Python expression that the file or the port's first bytes must hold"`
	State    string   `arg:"state" default:"started" choices:"absent,drained,present,started,stopped" help:"what is waited for"`
	Delay    int      `arg:"delay" default:"0" help:"seconds before the first look"`
	Timeout  int      `arg:"timeout" default:"300" help:"seconds after which the task fails; without port and path the time that is waited"`
	Connect  int      `arg:"connect_timeout" default:"5" help:"seconds that one connection may take"`
	Sleep    int      `arg:"sleep" default:"1" help:"seconds between looks"`
	Msg      string   `arg:"msg" help:"the message of a timeout"`
	States   []string `arg:"active_connection_states" default:"ESTABLISHED,FIN_WAIT1,FIN_WAIT2,SYN_RECV,SYN_SENT,TIME_WAIT" choices:"ESTABLISHED,SYN_SENT,SYN_RECV,FIN_WAIT1,FIN_WAIT2,TIME_WAIT" help:"with drained: what counts as a connection"`
	Excluded []string `arg:"exclude_hosts" help:"with drained: addresses whose connections do not count"`
}

// WaitFor waits for a port, a file, or time.
func WaitFor() play.Module {
	return kit.Define(kit.Doc{Name: "wait_for", Short: "wait for a port, a file, or some time"}, waitFor{})
}

type waitFor struct{}

func (waitFor) Validate(a waitArgs) *play.ArgError {
	if a.Regexp != nil {
		if _, err := kit.CompilePy(*a.Regexp, pyre.Flags{Multiline: true}); err != nil {
			return &play.ArgError{Arg: "search_regex", Msg: err.Error()}
		}
	}
	switch {
	case a.Port != 0 && a.Path != "":
		return &play.ArgError{Msg: "port and path parameter can not both be passed to wait_for"}
	case a.Path != "" && (a.State == "stopped" || a.State == "drained"):
		return &play.ArgError{Arg: "state", Msg: "state=" + a.State + " should only be used for checking a port in the wait_for module"}
	case a.State == "drained" && a.Port == 0:
		return &play.ArgError{Arg: "port", Msg: "state=drained needs a port"}
	case a.Excluded != nil && a.State != "drained":
		return &play.ArgError{Arg: "exclude_hosts", Msg: "exclude_hosts should only be with state=drained"}
	case a.Port < 0 || a.Port > 65535:
		return &play.ArgError{Arg: "port", Msg: fmt.Sprintf("%d is not a valid port", a.Port)}
	}
	return nil
}

// named are the groups that have names.
func (a waitArgs) named(groups []value.Value) *value.Map {
	out := value.NewMap()
	if a.Regexp == nil || len(groups) == 0 {
		return out
	}
	if re, err := kit.CompilePy(*a.Regexp, pyre.Flags{Multiline: true}); err == nil {
		for _, name := range re.Names() {
			out.Put(name, groups[re.Named(name)-1])
		}
	}
	return out
}

func (waitFor) Facts(waitArgs) []host.Question { return nil }

func (waitFor) Plan(a waitArgs, s host.Seen) (play.Plan, error) {
	p, err := kit.Place(s, a.Path)
	if err != nil {
		return play.Plan{}, err
	}
	a.Path = p
	data := func(elapsed int64, groups []value.Value) *value.Map {
		port, path, re := value.Null(), value.Null(), value.Null()
		if a.Port != 0 {
			port = value.Int(int64(a.Port))
		}
		if a.Path != "" {
			path = value.String(a.Path)
		}
		if a.Regexp != nil {
			re = value.String(*a.Regexp)
		}
		return value.MapOf("state", value.String(a.State), "port", port, "path", path, "search_regex", re,
			"elapsed", value.Int(elapsed), "match_groups", value.List(groups...), "match_groupdict", value.FromMap(a.named(groups)))
	}
	return play.Plan{
		Steps: []host.Step{wait{a}}, Repeats: true,
		Result: play.Result{Skipped: true, Msg: "remote module (wait_for) does not support check mode"},
		Finish: func(ran []host.Output) (play.Result, error) {
			parts := strings.Split(string(ran[0].Stdout), "\x00")
			elapsed, _ := strconv.ParseInt(parts[0], 10, 64)
			items := []value.Value{}
			for _, g := range parts[1:] {
				if text, took := strings.CutPrefix(g, "="); took {
					items = append(items, kit.HostText(text))
				} else {
					items = append(items, value.Null())
				}
			}
			r := play.Result{Data: data(elapsed, items)}
			if ran[0].Status != 0 {
				r.Failed, r.Msg, r.Complete = true, string(ran[0].Stderr), true
				r.Data = value.MapOf("elapsed", value.Int(elapsed))
			}
			return r, nil
		},
	}, nil
}

// wait is the step that looks again and again.
type wait struct{ a waitArgs }

// Describe says what is waited for.
func (w wait) Describe() string { return "wait for " + w.subject() + " (" + w.a.State + ")" }

func (w wait) subject() string {
	switch {
	case w.a.Path != "":
		return w.a.Path
	case w.a.Port != 0:
		return net.JoinHostPort(w.a.Host, strconv.Itoa(w.a.Port))
	}
	return value.Count(w.a.Timeout, "second")
}

// Do waits. Its output is the seconds that it took, then the groups of the
// expression, with NUL bytes between.
func (w wait) Do(ctx context.Context, wr host.Writer) (host.Output, error) {
	start := time.Now()
	end := start.Add(time.Duration(w.a.Timeout) * time.Second)
	elapsed := func() string { return strconv.Itoa(int(time.Since(start).Seconds())) }
	if err := pause(ctx, w.a.Delay); err != nil {
		return host.Output{}, err
	}
	if w.a.Port == 0 && w.a.Path == "" {
		return host.Output{Stdout: []byte(strconv.Itoa(w.a.Delay + w.a.Timeout))}, pause(ctx, w.a.Timeout)
	}
	for time.Now().Before(end) {
		done, groups, err := w.look(ctx, wr)
		if err != nil {
			return host.Output{}, err
		}
		if done {
			return host.Output{Stdout: []byte(strings.Join(append([]string{elapsed()}, groups...), "\x00"))}, nil
		}
		if err := pause(ctx, max(w.a.Sleep, 0)); err != nil {
			return host.Output{}, err
		}
	}
	return host.Output{Status: 1, Stdout: []byte(elapsed()), Stderr: []byte(w.late())}, nil
}

// pause sleeps unless the task is cancelled.
func pause(ctx context.Context, seconds int) error {
	select {
	case <-time.After(time.Duration(seconds) * time.Second):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// late is the message of a timeout.
func (w wait) late() string {
	a := w.a
	at := fmt.Sprintf("%s:%d", a.Host, a.Port)
	switch {
	case a.Msg != "":
		return a.Msg
	case a.State == "drained":
		return "Timeout when waiting for " + at + " to drain"
	case a.Path != "" && a.State == "absent":
		return "Timeout when waiting for " + a.Path + " to be absent."
	case a.State == "absent" || a.State == "stopped":
		return "Timeout when waiting for " + at + " to stop."
	case a.Path != "" && a.Regexp != nil:
		return "Timeout when waiting for search string " + *a.Regexp + " in " + a.Path
	case a.Path != "":
		return "Timeout when waiting for file " + a.Path
	case a.Regexp != nil:
		return "Timeout when waiting for search string " + *a.Regexp + " in " + at
	}
	return "Timeout when waiting for " + at
}

// look is one look.
func (w wait) look(ctx context.Context, wr host.Writer) (done bool, groups []string, err error) {
	gone := w.a.State == "absent" || w.a.State == "stopped"
	switch {
	case w.a.State == "drained":
		out, err := wr.Run(ctx, sh.Script(drainText))
		return err == nil && !w.connected(string(out.Stdout)), nil, err
	case w.a.Path != "":
		return w.file(ctx, wr, gone)
	}
	open, groups, err := w.port(ctx, wr)
	return open != gone, groups, err
}

// drainText prints the kernel's table of TCP connections.
const drainText sh.Constant = `cat /proc/net/tcp /proc/net/tcp6 2>/dev/null`

// connected reports whether a connection of the port is in one of the states.
func (w wait) connected(table string) bool {
	codes := map[string]string{"01": "ESTABLISHED", "02": "SYN_SENT", "03": "SYN_RECV", "04": "FIN_WAIT1", "05": "FIN_WAIT2", "06": "TIME_WAIT"}
	port := fmt.Sprintf("%04X", w.a.Port)
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasSuffix(f[1], ":"+port) {
			continue
		}
		for _, s := range w.a.States {
			if codes[f[3]] == s && !w.excluded(f[2]) {
				return true
			}
		}
	}
	return false
}

// excluded reports whether an address of the table (bytes reversed in hex) is
// one of exclude_hosts.
func (w wait) excluded(addr string) bool {
	hex, _, _ := strings.Cut(addr, ":")
	for _, h := range w.a.Excluded {
		ip := net.ParseIP(h).To4()
		if ip == nil {
			continue
		}
		word := fmt.Sprintf("%02X%02X%02X%02X", ip[3], ip[2], ip[1], ip[0])
		if hex == word || strings.HasSuffix(hex, "FFFF0000"+word) {
			return true
		}
	}
	return false
}

// file looks at a path.
func (w wait) file(ctx context.Context, wr host.Writer, gone bool) (bool, []string, error) {
	a, err := wr.Probe(ctx, host.NewProbe(`if [ -e "$1" ]; then if [ -n "$2" ]; then cat "$1"; fi; else exit 3; fi`, kit.Safe(w.a.Path), kit.Yes(w.a.Regexp != nil && !gone)))
	switch {
	case err != nil:
		return false, nil, err
	case gone:
		return a.Status == 3, nil, nil
	case a.Status != 0:
		return false, nil, nil
	}
	return w.match(string(a.Stdout))
}

// match returns the groups of what search_regex finds, each behind "="; empty = it took
// no part.
func (w wait) match(text string) (bool, []string, error) {
	if w.a.Regexp == nil {
		return true, nil, nil
	}
	re, err := kit.CompilePy(*w.a.Regexp, pyre.Flags{Multiline: true})
	if err != nil {
		return false, nil, err
	}
	m, err := kit.SearchLine(re, text)
	if err != nil || m == nil {
		return false, nil, err
	}
	var groups []string
	for n := range re.Groups() {
		g, took := m.Group(n + 1)
		if took {
			g = "=" + g
		}
		groups = append(groups, g)
	}
	return true, groups, nil
}

// port tries to connect from the host.
func (w wait) port(ctx context.Context, wr host.Writer) (bool, []string, error) {
	limit, cancel := context.WithTimeout(ctx, time.Duration(max(w.a.Connect, 1))*time.Second)
	defer cancel()
	c, err := wr.Dial(limit, "tcp", net.JoinHostPort(w.a.Host, strconv.Itoa(w.a.Port)))
	var fwd *host.ForwardError
	switch {
	case errors.As(err, &fwd) && fwd.Refused:
		return w.portByShell(ctx, wr)
	case errors.Is(err, host.ErrTransport):
		return false, nil, err
	case ctx.Err() != nil:
		return false, nil, context.Cause(ctx)
	case err != nil:
		return false, nil, nil
	}
	defer c.Close()
	if w.a.Regexp == nil {
		return true, nil, nil
	}
	return w.read(c)
}

// read takes what the port says until the expression fits.
func (w wait) read(c net.Conn) (bool, []string, error) {
	_ = c.SetReadDeadline(time.Now().Add(time.Duration(max(w.a.Connect, 1)) * time.Second))
	var text []byte
	buf := make([]byte, 1024)
	for len(text) < 1<<20 {
		n, err := c.Read(buf)
		text = append(text, buf[:n]...)
		if ok, groups, e := w.match(string(text)); ok || e != nil {
			return ok, groups, e
		}
		if err != nil {
			return false, nil, nil
		}
	}
	return false, nil, nil
}

// portText connects where the server forbids forwarding: by nc, or bash.
const portText sh.Constant = `if command -v nc >/dev/null; then nc -z -w "$3" "$1" "$2" </dev/null
elif command -v bash >/dev/null; then timeout "$3" bash -c '</dev/tcp/"$0"/"$1"' "$1" "$2" 2>/dev/null
else exit 9; fi`

func (w wait) portByShell(ctx context.Context, wr host.Writer) (bool, []string, error) {
	out, err := wr.Run(ctx, sh.Script(portText, w.a.Host, strconv.Itoa(w.a.Port), strconv.Itoa(max(w.a.Connect, 1))))
	if err == nil && out.Status == 9 {
		err = fmt.Errorf("the server forbids forwarding and has neither nc nor bash: the port %s cannot be tried", w.subject())
	}
	return err == nil && out.Status == 0, nil, err
}
