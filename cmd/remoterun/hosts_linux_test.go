//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// perHost is the most memory in bytes that one more connected host may cost.
const perHost = 300 << 10

// fleetPlay is a play with some of everything, which every host goes through in
// step.
const fleetPlay = `
    - command: "true"
    - copy: {content: "{{ inventory_hostname }}\n", dest: 'DIR/{{ inventory_hostname }}'}
    - stat: {path: 'DIR/{{ inventory_hostname }}'}
      register: s
    - assert: {that: s.stat.exists}
    - lineinfile: {path: 'DIR/{{ inventory_hostname }}', line: more}
    - shell: echo {{ inventory_hostname }}
`

// fleet runs the play on n hosts at once, and returns how much memory the program
// had at most.
func (s *streams) fleet(t testing.TB, n int) int64 {
	t.Helper()
	own := t.TempDir()
	text, err := os.ReadFile(s.dir + "/inventory")
	if err != nil {
		t.Fatal(err)
	}
	one, _, _ := strings.Cut(string(text), "\n")
	var hosts strings.Builder
	for i := range n {
		fmt.Fprintf(&hosts, "h%d%s\n", i, strings.TrimPrefix(one, "far"))
	}
	writeFile(t, s.dir+"/fleet", hosts.String())
	writeFile(t, s.dir+"/book.yaml", "- hosts: all\n  gather_facts: false\n  tasks:"+strings.ReplaceAll(fleetPlay, "DIR", own))
	s.run(t, "book.yaml", "-i", "fleet", "--forks", strconv.Itoa(n)).want(t, exitOK)
	made, err := os.ReadDir(own)
	if err != nil || len(made) != n {
		t.Errorf("%d of %d hosts are done: %v", len(made), n, err)
	}
	return s.peaked(t)
}

// TestMemoryPerHost: what one more host costs, all connected at once.
func TestMemoryPerHost(t *testing.T) {
	s := newStreams(t)
	const few, many = 8, 72
	var each int64
	for range 3 { // when the collector ran decides on some MiB of either
		a, b := s.fleet(t, few), s.fleet(t, many)
		each = (b - a) / (many - few)
		t.Logf("%.1f MiB with %d hosts, %.1f MiB with %d: %d KiB each", float64(a)/(1<<20), few, float64(b)/(1<<20), many, each>>10)
		if a > 0 && each > 0 && each <= perHost {
			return
		}
	}
	t.Errorf("%d bytes of memory for each host, at most %d", each, perHost)
}

// BenchmarkManyHosts prints what the program costs with many hosts connected at once,
// each a shell of this machine behind SSH: memory, and processor time of its own.
// REMOTERUN_BENCH_HOSTS says how many (500).
func BenchmarkManyHosts(b *testing.B) {
	s := newStreams(b)
	few, many := 10, benchRounds(b, "REMOTERUN_BENCH_HOSTS", 500)
	s.fleet(b, few)
	m1, c1 := s.peaked(b), s.spent(b)
	s.fleet(b, many)
	m2, c2 := s.peaked(b), s.spent(b)
	more := int64(many - few)
	fmt.Printf("%d hosts at once: %.1f MiB, %s of processor time; for each %d KiB and %s\n",
		many, float64(m2)/(1<<20), c2.Round(time.Millisecond), (m2-m1)/more>>10, ((c2 - c1) / time.Duration(more)).Round(10*time.Microsecond))
	b.ReportMetric(0, "ns/op")
}

// spent is the processor time of the run before.
func (s *streams) spent(t testing.TB) time.Duration {
	t.Helper()
	text, err := os.ReadFile(s.peak + ".cpu")
	if err != nil {
		t.Fatal(err)
	}
	d, err := time.ParseDuration(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}
