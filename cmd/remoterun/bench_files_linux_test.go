//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What the workloads of BenchmarkFiles are made of.
const (
	benchFiles    = 2000
	benchFileSize = 2 << 10
	benchLarge    = 200 << 20
	benchHosts    = 100
	benchCommands = 11
)

// workload is what contenders do in turn; before is done in front of each.
type workload struct {
	name   string
	before func(b *testing.B)
	all    []contender
}

// filesDesk is where the workloads with files are worked from.
type filesDesk struct {
	*desk
	root   string // what the host makes is there
	ssh    []string
	line   string // of the host in an inventory
	rounds int
}

// BenchmarkFiles is the other half of make bench: a tree, a large file both ways, and
// many hosts, against what people use for that. The host is a server of this process.
// It prints tables and asserts no time.
func BenchmarkFiles(b *testing.B) {
	st := newStreams(b)
	const host = "op@127.0.0.1"
	f := &filesDesk{desk: newDesk(b, st.home, b.TempDir(), ""), root: b.TempDir(), rounds: benchRounds(b, "REMOTERUN_BENCH_ROUNDS", 3),
		ssh: []string{"-F", "none", "-i", st.home + "/.ssh/id_ed25519", "-o", fmt.Sprint("Port=", st.port), "-o", "IdentitiesOnly=yes", "-o", "UserKnownHostsFile=" + st.home + "/.ssh/known_hosts", "-o", "BatchMode=yes"}}
	f.line = fmt.Sprintf("ansible_host=127.0.0.1 ansible_port=%d ansible_user=op ansible_ssh_private_key_file=%s/.ssh/id_ed25519\n", st.port, st.home)
	f.provide(b)
	for _, w := range f.workloads(host) {
		if !strings.Contains(w.name, os.Getenv("REMOTERUN_BENCH_WORKLOAD")) {
			continue
		}
		took := make([][]spent, len(w.all))
		for range f.rounds {
			for i, c := range w.all {
				w.before(b)
				took[i] = append(took[i], benchRun(b, c))
			}
		}
		fmt.Print(benchTable(w.all, took, w.name))
	}
	b.ReportMetric(0, "ns/op")
}

// provide makes the laptop's files and the playbooks.
func (f *filesDesk) provide(b *testing.B) {
	tree := filepath.Join(f.dir, "tree")
	for i := range benchFiles {
		dir := fmt.Sprintf("%s/d%d", tree, i%20)
		if err := os.MkdirAll(dir, 0o755); err != nil { // #nosec G301
			b.Fatal(err)
		}
		writeFile(b, fmt.Sprintf("%s/f%d", dir, i), strings.Repeat(fmt.Sprintf("%09d\n", i), benchFileSize/10))
	}
	big, err := os.Create(filepath.Join(f.dir, "big"))
	if err != nil {
		b.Fatal(err)
	}
	for at := int64(0); at < benchLarge; at += 4096 {
		if _, err := fmt.Fprintf(big, "%0*d", 4096, at); err != nil {
			b.Fatal(err)
		}
	}
	if err := big.Close(); err != nil {
		b.Fatal(err)
	}
	book := func(name, tasks string) {
		writeFile(b, filepath.Join(f.dir, name), "- hosts: all\n  gather_facts: false\n  tasks:\n"+tasks)
	}
	book("tree.yaml", "    - copy: {src: tree/, dest: "+f.root+"/tree}\n")
	book("up.yaml", "    - copy: {src: big, dest: "+f.root+"/big}\n")
	book("down.yaml", "    - fetch: {src: "+f.root+"/source, dest: got, flat: true}\n")
	book("commands.yaml", strings.Repeat("    - command: \"true\"\n", benchCommands))
	writeFile(b, filepath.Join(f.dir, "inventory"), "far "+f.line)
	var fleet strings.Builder
	for i := range benchHosts {
		fmt.Fprintf(&fleet, "n%d %s", i, f.line)
	}
	writeFile(b, filepath.Join(f.dir, "fleet"), fleet.String())
	writeFile(b, filepath.Join(f.dir, "put"), "put big "+f.root+"/big\n")
	writeFile(b, filepath.Join(f.dir, "get"), "get "+f.root+"/source got\n")
	if err := os.Link(filepath.Join(f.dir, "big"), f.root+"/source"); err != nil {
		b.Fatal(err)
	}
}

// workloads are the rows; the first contender of each is what the others are held
// against. What is not installed does not take part.
func (f *filesDesk) workloads(host string) []workload {
	nothing := func(*testing.B) {}
	no := func(path ...string) func(b *testing.B) {
		return func(b *testing.B) {
			for _, p := range append([]string{f.root + "/tree", f.root + "/big"}, path...) {
				if err := os.RemoveAll(p); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	run := func(args ...string) contender {
		return contender{"remoterun", f.rounds, func(b *testing.B) (*exec.Cmd, func()) { return f.command(b.Context(), b, args...), func() {} }}
	}
	other := func(name string, argv ...string) contender {
		return contender{name, f.rounds, func(*testing.B) (*exec.Cmd, func()) {
			cmd := exec.Command(argv[0], argv[1:]...) // #nosec G204: our own
			cmd.Dir = f.dir
			return cmd, func() {}
		}}
	}
	ssh := "ssh " + strings.Join(f.ssh, " ")
	rsync := other("rsync", "rsync", "-a", "-e", ssh, "tree/", host+":"+f.root+"/tree/")
	tar := other("tar through ssh", "sh", "-c", "tar -cf - tree | "+ssh+" "+host+" tar -xf - -C "+f.root)
	sftp := func(batch string) contender {
		return other("sftp", slices.Concat([]string{"sftp", "-q", "-b", batch}, f.ssh, []string{host})...)
	}
	each := other("one script each, 50 at once", "sh", "-c", fmt.Sprintf("seq %d | xargs -P 50 -I{} %s %s '%s'", benchHosts, ssh, host, strings.Repeat("true; ", benchCommands)))
	out := []workload{
		{fmt.Sprintf("%d files of %d bytes, first copy", benchFiles, benchFileSize), no(), []contender{rsync, tar, run("tree.yaml")}},
		{fmt.Sprintf("%d files of %d bytes, unchanged", benchFiles, benchFileSize), nothing, []contender{rsync, run("tree.yaml")}},
		{fmt.Sprintf("a file of %d MiB to the host", benchLarge>>20), no(), []contender{sftp("put"), run("up.yaml")}},
		{fmt.Sprintf("a file of %d MiB from the host", benchLarge>>20), no(f.dir + "/got"), []contender{sftp("get"), run("down.yaml")}},
		{fmt.Sprintf("%d commands on %d hosts", benchCommands, benchHosts), nothing, []contender{each, run("commands.yaml", "-i", "fleet", "--forks", "50")}},
	}
	if _, err := exec.LookPath("rsync"); err != nil {
		out[0].all, out[1].all = out[0].all[1:], out[1].all[1:]
	}
	return out
}
