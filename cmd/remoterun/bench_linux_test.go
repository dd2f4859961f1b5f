//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"remoterun/runner/hosttest/real"
)

// benchRoot is the folder on the host that the workloads make.
const benchRoot = "/var/lib/bench"

// benchTasks is how many tasks a workload has, a quarter of each kind.
const benchTasks = 100

// benchBook is the playbook of the workloads, for both programs that read it.
func benchBook() string {
	var b strings.Builder
	b.WriteString("- hosts: all\n  gather_facts: false\n  tasks:\n")
	for i := range benchTasks {
		n := i / 4
		switch i % 4 {
		case 0:
			fmt.Fprintf(&b, "    - file: {path: %s/d%d, state: directory, mode: '0750'}\n", benchRoot, n)
		case 1:
			fmt.Fprintf(&b, "    - template: {src: app.j2, dest: %s/d%d/app.conf, mode: '0640'}\n      vars: {n: %d}\n", benchRoot, n, n)
		case 2:
			fmt.Fprintf(&b, "    - lineinfile: {path: %s/d%d/lines, line: limit = %d, create: true, mode: '0644'}\n", benchRoot, n, n)
		case 3:
			fmt.Fprintf(&b, "    - command: {cmd: mkdir %s/d%d/made, creates: %s/d%d/made}\n", benchRoot, n, benchRoot, n)
		}
	}
	return b.String()
}

const benchTemplate = `# {{ inventory_hostname }} application {{ n }}
{% for i in range(20) %}
option_{{ i }} = value {{ n }} {{ i }}
{% endfor %}
`

// benchScript is what somebody would write by hand for the same end: it leaves
// alone what is right already, and puts files in place whole.
func benchScript(host string) string {
	var b strings.Builder
	b.WriteString("set -eu\n")
	for n := range benchTasks / 4 {
		dir := fmt.Sprintf("%s/d%d", benchRoot, n)
		fmt.Fprintf(&b, "[ -d %[1]s ] || mkdir -p %[1]s\n[ \"$(stat -c %%a %[1]s)\" = 750 ] || chmod 750 %[1]s\n", dir)
		fmt.Fprintf(&b, "cat > /tmp/.bench <<'EOT'\n# %s application %d\n", host, n)
		for i := range 20 {
			fmt.Fprintf(&b, "option_%d = value %d %d\n", i, n, i)
		}
		fmt.Fprintf(&b, "EOT\nif ! cmp -s /tmp/.bench %[1]s/app.conf; then cp /tmp/.bench %[1]s/.new; chmod 640 %[1]s/.new; mv %[1]s/.new %[1]s/app.conf; fi\n", dir)
		fmt.Fprintf(&b, "[ \"$(stat -c %%a %[1]s/app.conf)\" = 640 ] || chmod 640 %[1]s/app.conf\n", dir)
		fmt.Fprintf(&b, "grep -qxF 'limit = %[2]d' %[1]s/lines 2>/dev/null || echo 'limit = %[2]d' >> %[1]s/lines\n", dir, n)
		fmt.Fprintf(&b, "[ \"$(stat -c %%a %[1]s/lines)\" = 644 ] || chmod 644 %[1]s/lines\n", dir)
		fmt.Fprintf(&b, "[ -e %[1]s/made ] || mkdir %[1]s/made\n", dir)
	}
	b.WriteString("rm -f /tmp/.bench\n")
	return b.String()
}

// contender is a way to do the workload; rounds is how often it takes part.
type contender struct {
	name    string
	rounds  int
	command func(b *testing.B) (cmd *exec.Cmd, after func())
}

// contenders are the floor, this program, and Ansible where it is installed.
func contenders(b *testing.B, d *desk, op *real.Operator, host string) []contender {
	rounds, others := benchRounds(b, "REMOTERUN_BENCH_ROUNDS", 7), benchRounds(b, "REMOTERUN_BENCH_ANSIBLE_ROUNDS", 1)
	ssh := []string{"-F", op.ConfigFile(), "-i", op.KeyFile(), "-o", "IdentitiesOnly=yes", "-o", "UserKnownHostsFile=" + op.KnownHosts(), "-o", "BatchMode=yes"}
	out := []contender{
		{"floor: ssh host sh -s", rounds, func(*testing.B) (*exec.Cmd, func()) {
			cmd := exec.Command("ssh", append(slices.Clone(ssh), host, "sh -s")...) // #nosec G204: our own
			cmd.Stdin = strings.NewReader(benchScript(host))
			return cmd, func() {}
		}},
		{"remoterun", rounds, func(b *testing.B) (*exec.Cmd, func()) {
			return d.command(b.Context(), b, "book.yaml"), func() {}
		}},
	}
	if _, err := exec.LookPath("ansible-playbook"); err != nil || others == 0 {
		b.Log("ansible-playbook is not measured: not installed, or REMOTERUN_BENCH_ANSIBLE_ROUNDS=0")
		return out
	}
	for _, pipelining := range []string{"True", "False"} {
		name := map[string]string{"True": "Ansible, pipelining", "False": "Ansible, defaults"}[pipelining]
		out = append(out, contender{name, others, func(b *testing.B) (*exec.Cmd, func()) {
			control, err := os.MkdirTemp("/tmp", "bench")
			if err != nil {
				b.Fatal(err)
			}
			cmd := exec.Command("ansible-playbook", "-i", "hosts", "book.yaml", "--ssh-common-args", strings.Join(ssh, " ")) // #nosec G204: our own
			cmd.Dir = d.dir
			cmd.Env = append(os.Environ(), "HOME="+d.home, "ANSIBLE_PIPELINING="+pipelining, "ANSIBLE_SSH_CONTROL_PATH_DIR="+control, "ANSIBLE_NOCOLOR=1", "ANSIBLE_LOCALHOST_WARNING=False")
			return cmd, func() {
				// Its master connection would serve the next run.
				masters, _ := filepath.Glob(control + "/*")
				for _, m := range masters {
					_ = exec.Command("ssh", append(slices.Clone(ssh), "-o", "ControlPath="+m, "-O", "exit", host)...).Run() // #nosec G204: our own
				}
				_ = os.RemoveAll(control)
			}
		}})
	}
	return out
}

func benchRounds(b *testing.B, name string, or int) int {
	if s := os.Getenv(name); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			b.Fatalf("%s=%s is not a number", name, s)
		}
		return n
	}
	return or
}

// BenchmarkAgainstTheFloor is make bench: whole processes, in alternation, over
// a link with a delay. It prints a table and asserts no time.
func BenchmarkAgainstTheFloor(b *testing.B) {
	const host = "target"
	op := real.NewOperator(b)
	m := op.Start(b, real.Options{Name: host})
	d := newDesk(b, op.Home, b.TempDir(), "")
	writeFile(b, filepath.Join(d.dir, "hosts"), host+"\n")
	writeFile(b, filepath.Join(d.dir, "book.yaml"), benchBook())
	writeFile(b, filepath.Join(d.dir, "app.j2"), benchTemplate)
	all := contenders(b, d, op, host)
	want := ""
	for _, c := range all { // all make the same, and each has run once
		benchEmpty(b, m)
		benchRun(b, c)
		got := m.Run(b, `cd "$1" && find . -printf "%P %y %m\n" | sort; find . -type f | sort | xargs sha256sum`, benchRoot)
		if want == "" {
			want = got
		}
		if got != want {
			b.Fatalf("%s made something else:\n%s\nnot\n%s", c.name, got, want)
		}
	}
	for _, changing := range []bool{false, true} {
		for _, delay := range []time.Duration{0, 20 * time.Millisecond, 100 * time.Millisecond} {
			m.Link.Delay(delay)
			took := benchRounded(b, m, all, changing)
			m.Link.Delay(0)
			what := map[bool]string{false: "unchanged", true: "all changing"}[changing]
			fmt.Print(benchTable(all, took, fmt.Sprintf("%d tasks, %s, round trip %s", benchTasks, what, delay))) // a log of a benchmark is cut short
		}
	}
	b.ReportMetric(0, "ns/op")
}

func benchEmpty(b *testing.B, m *real.Machine) {
	m.Run(b, `rm -rf "$1" && mkdir "$1"`, benchRoot)
}

// benchRounded lets the contenders run in turn, round by round.
func benchRounded(b *testing.B, m *real.Machine, all []contender, changing bool) [][]spent {
	took := make([][]spent, len(all))
	for round := 0; ; round++ {
		any := false
		for i, c := range all {
			if round >= c.rounds {
				continue
			}
			any = true
			if changing {
				benchEmpty(b, m)
			}
			took[i] = append(took[i], benchRun(b, c))
		}
		if !any {
			return took
		}
	}
}

// spent is what a whole process took: the clock's time, and the processor's of this
// process with all that it waited for, which is the contender and a host inside it.
type spent struct{ wall, cpu time.Duration }

// processors is what this process and all that it has waited for have used.
func processors(b *testing.B) (all time.Duration) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var used syscall.Rusage
		if err := syscall.Getrusage(who, &used); err != nil {
			b.Fatal(err)
		}
		all += time.Duration(used.Utime.Nano() + used.Stime.Nano())
	}
	return all
}

// benchRun is what one whole process took, which must end well.
func benchRun(b *testing.B, c contender) spent {
	ctx, cancel := context.WithTimeoutCause(b.Context(), 20*time.Minute, errors.New(c.name+" hangs"))
	defer cancel()
	cmd, after := c.command(b)
	defer after()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	begin, used := time.Now(), processors(b)
	err := cmd.Run()
	took := spent{time.Since(begin), processors(b) - used}
	if err != nil {
		b.Fatalf("%s: %v\n%s", c.name, err, out.String())
	}
	return took
}

// benchTable shows medians, and ratios to the first contender's.
func benchTable(all []contender, took [][]spent, title string) string {
	var t strings.Builder
	fmt.Fprintln(&t, title)
	wall := func(s spent) time.Duration { return s.wall }
	cpu := func(s spent) time.Duration { return s.cpu }
	for i, c := range all {
		m, used := median(took[i], wall), median(took[i], cpu)
		fmt.Fprintf(&t, "  %-28s %8.3f s  x%-6.2f  processors %8.3f s  x%-6.2f (%d runs)\n", c.name, m.Seconds(), float64(m)/float64(median(took[0], wall)), used.Seconds(), float64(used)/float64(median(took[0], cpu)), len(took[i]))
	}
	return t.String()
}

func median(all []spent, of func(spent) time.Duration) time.Duration {
	var d []time.Duration
	for _, s := range all {
		d = append(d, of(s))
	}
	slices.Sort(d)
	return d[len(d)/2]
}

// BenchmarkLoad is what stands between the command line and the first byte to
// a host: inventory, playbook and every check of 1000 tasks.
func BenchmarkLoad(b *testing.B) {
	dir := b.TempDir()
	book := filepath.Join(dir, "book.yaml")
	writeFile(b, filepath.Join(dir, "t.j2"), "line {{ n }}\n")
	writeFile(b, book, fileTasks(1000))
	b.ReportAllocs()
	for b.Loop() {
		a := &app{in: strings.NewReader(""), out: &bytes.Buffer{}, err: &bytes.Buffer{}, env: func(string) (string, bool) { return "", false }}
		s, err := a.open(b.Context(), &runFlags{projectFlags: projectFlags{inventory: []string{"h1,"}, extra: []string{"root=" + dir}}, passphraseFD: -1})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.loader.Load(book); err != nil {
			b.Fatal(err)
		}
	}
}
