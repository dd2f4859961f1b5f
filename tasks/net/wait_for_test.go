package net_test

import (
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	netmods "remoterun/tasks/net"
	"remoterun/tasks/tasktest"
)

func TestWaitFor(t *testing.T) {
	h := tasktest.NewHost(t, nil)
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("220 mail ready\r\n"))
			_ = c.Close()
		}
	}()
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	must := func(args string) tasktest.Outcome {
		return tasktest.Must(t, h, netmods.WaitFor(), tasktest.Args(t, args))
	}
	must("{port: " + port + "}")
	if o := must("{port: " + port + ", search_regex: '^(\\d+) mail'}"); o.Get("match_groups") != "['220']" {
		t.Error(o.Get("match_groups"))
	}
	_ = l.Close()
	must("{port: " + port + ", state: stopped}")
	go func() { time.Sleep(300 * time.Millisecond); _ = os.WriteFile(dir+"/f", []byte("ready"), 0o600) }()
	if o := must("{path: " + dir + "/f, search_regex: 'rea(d)y', sleep: 1}"); o.Result.Changed || o.Get("elapsed") == "<none>" {
		t.Errorf("%+v", o.Result)
	}
	must("{path: " + dir + "/none, state: absent}")
	must("{port: " + port + ", state: drained, active_connection_states: [ESTABLISHED]}")
	for args, want := range map[string]string{
		"{port: " + port + ", timeout: 1}":                 "Timeout when waiting for 127.0.0.1:" + port,
		"{path: /none, timeout: 1, msg: gave up}":          "gave up",
		"{path: " + dir + "/f, state: absent, timeout: 1}": "Timeout when waiting for " + dir + "/f to be absent.",
	} {
		if o, err := tasktest.Apply(t.Context(), h, netmods.WaitFor(), tasktest.Args(t, args), false); err != nil || !o.Result.Failed || o.Result.Msg != want {
			t.Errorf("%s: %q %v", args, o.Result.Msg, err)
		}
	}
}
