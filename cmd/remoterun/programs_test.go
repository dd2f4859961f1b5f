package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestProgramsPerTask counts the programs that a host has to start for each of
// many tasks, changed and unchanged: what two runs differ by, of which one has more
// tasks, so that the connection's own share is left out. The counts are exact; what a command
// itself starts by an absolute path is not among them. A chain of up to 32 costs some
// programs of its own.
func TestProgramsPerTask(t *testing.T) {
	log := countedPrograms(t)
	const few, many = 20, 60
	dir := t.TempDir()
	for _, c := range []struct {
		name, task         string
		changed, unchanged float64 // at most
	}{
		{"command", `command: "/bin/true {{ item }}"`, 0.1, 0.1},
		{"command that creates", `command: "/bin/cp {{ d }}/seed {{ d }}/f{{ item }} creates={{ d }}/f{{ item }}"`, 0.2, 0},
		{"shell", `shell: ": {{ item }}"`, 0.1, 0.1},
		// Its folder is looked at before and after, then a rename.
		{"copy", `copy: {content: "x {{ item }}\n", dest: "{{ d }}/f{{ item }}", mode: "0644"}`, 3.2, 0.1},
		{"template", `template: {src: t.j2, dest: "{{ d }}/f{{ item }}"}`, 3.2, 0.1},
		// Whole texts of many files in one answer: a text could pass for another's.
		{"lineinfile", `lineinfile: {path: "{{ d }}/f{{ item }}", line: "x", create: yes}`, 3.2, 1.1},
		{"file", `file: {path: "{{ d }}/f{{ item }}", state: directory}`, 3.2, 0.1},
		{"stat", `stat: {path: "{{ d }}/f{{ item }}"}`, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var ran []string
			run := func(n int, fresh bool, d string) float64 {
				writeFile(t, dir+"/t.j2", "{{ item }}\n")
				writeFile(t, dir+"/book.yaml", book(c.task, n))
				if fresh {
					writeFile(t, d+"/seed", "s\n")
				}
				writeFile(t, log, "")
				if st, c := counting(t, dir+"/book.yaml", "h1,", "d="+d); st.Hosts["h1"] == nil || st.Hosts["h1"].OK != n {
					t.Fatalf("%+v after %d round trips", st.Hosts["h1"], c.trips.Load())
				}
				text, err := os.ReadFile(log)
				if err != nil {
					t.Fatal(err)
				}
				ran = append(ran, tally(string(text)))
				return float64(strings.Count(string(text), "\n"))
			}
			a, b := t.TempDir(), t.TempDir()
			changed := (run(many, true, a) - run(few, true, b)) / (many - few)
			unchanged := (run(many, false, a) - run(few, false, b)) / (many - few)
			t.Logf("programs per task: changed %.2f, unchanged %.2f", changed, unchanged)
			if changed > c.changed || unchanged > c.unchanged {
				t.Errorf("programs per task: changed %.2f (at most %.2f), unchanged %.2f (at most %.2f)\n%d tasks changed: %s\nunchanged: %s", changed, c.changed, unchanged, c.unchanged, many, ran[0], ran[2])
			}
		})
	}
}

// TestProgramsInStep counts what a task costs a host among several, where each task is
// a frame of its own: the frame's session, shell and reader.
func TestProgramsInStep(t *testing.T) {
	log := countedPrograms(t)
	dir := t.TempDir()
	count := func(n int) (int, string) {
		writeFile(t, log, "")
		writeFile(t, dir+"/book.yaml", book(`command: "/bin/true {{ item }}"`, n))
		if st, _ := counting(t, dir+"/book.yaml", "h1,h2", "x=y"); st.Hosts["h1"].OK != n || st.Hosts["h2"].OK != n {
			t.Fatalf("%+v %+v", st.Hosts["h1"], st.Hosts["h2"])
		}
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(text), "\n"), tally(string(text))
	}
	few, _ := count(5)
	many, ran := count(25)
	if per := float64(many-few) / (20 * 2); per > 3.1 {
		t.Errorf("%.2f programs for a task and host: %s", per, ran)
	}
}

// TestProgramsPerTree counts the programs for a folder of many files and of more, and
// of many folders: a file costs none, a folder that is there some, a new one none.
func TestProgramsPerTree(t *testing.T) {
	log := countedPrograms(t)
	const few, many = 60, 260 // a smaller script is read by the shell itself (sh.Header)
	count := func(n, folders int) (first, mended, unchanged int, ran string) {
		dir := t.TempDir()
		for i := range folders {
			if err := os.MkdirAll(fmt.Sprintf("%s/tree/d%d", dir, i), 0o755); err != nil { // #nosec G301
				t.Fatal(err)
			}
		}
		for i := range n {
			writeFile(t, fmt.Sprintf("%s/tree/d%d/f%d", dir, i%folders, i), fmt.Sprintf("text of %d\n", i))
		}
		writeFile(t, dir+"/book.yaml", "- hosts: all\n  gather_facts: no\n  tasks:\n    - copy: {src: tree/, dest: '{{ d }}/tree', mode: '0640', directory_mode: '0750'}\n")
		d := t.TempDir()
		run := func(changed int) int {
			writeFile(t, log, "")
			if st, _ := counting(t, dir+"/book.yaml", "h1,", "d="+d); st.Hosts["h1"] == nil || st.Hosts["h1"].OK != 1 || st.Hosts["h1"].Changed != changed {
				t.Fatalf("%+v", st.Hosts["h1"])
			}
			text, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			ran += tally(string(text)) + "\n"
			return strings.Count(string(text), "\n")
		}
		first = run(1)
		for i := range n / 2 {
			writeFile(t, fmt.Sprintf("%s/tree/d%d/f%d", d, i%folders, i), "another\n")
		}
		mended = run(1)
		unchanged = run(0)
		return first, mended, unchanged, ran
	}
	const folders = 4
	a1, a2, a3, _ := count(few, folders)
	b1, b2, b3, ran := count(many, folders)
	if c1, _, _, ran := count(many, 5*folders); c1 > b1+2 {
		t.Errorf("programs of a first copy grow with the folders: %d for %d, %d for %d\n%s", b1, folders, c1, 5*folders, ran)
	}
	t.Logf("%d files: %d programs first, %d for half of them, %d unchanged; %d files: %d, %d, %d", few, a1, a2, a3, many, b1, b2, b3)
	if b1 > a1+folders || b2 > a2+folders || b3 > a3 {
		t.Errorf("programs grow with the files: %d, %d, %d for %d of them, %d, %d, %d for %d\n%s", a1, a2, a3, few, b1, b2, b3, many, ran)
	}
}

// TestProgramsPerLargeFile: the host hashes a large file once, while it passes, both
// ways; what is not there yet is not asked for a hash before.
func TestProgramsPerLargeFile(t *testing.T) {
	log := countedPrograms(t)
	dir := t.TempDir()
	writeFile(t, dir+"/big", strings.Repeat("0123456789abcdef", 9<<20/16))
	for task, most := range map[string]map[string]int{
		"copy: {src: big, dest: '{{ d }}/there'}":                    {"sha256sum openssl": 1, "cat": 0, "tee": 1},
		"fetch: {src: " + dir + "/big, dest: '{{ d }}/', flat: yes}": {"sha256sum openssl": 0, "sha1sum": 1, "cat": 1},
	} {
		writeFile(t, log, "")
		writeFile(t, dir+"/book.yaml", "- hosts: all\n  gather_facts: no\n  tasks:\n    - "+task+"\n")
		if st, _ := counting(t, dir+"/book.yaml", "h1,", "d="+t.TempDir()); st.Hosts["h1"] == nil || st.Hosts["h1"].Changed != 1 {
			t.Fatalf("%s: %+v", task, st.Hosts["h1"])
		}
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		for names, n := range most {
			ran := 0
			for _, name := range strings.Fields(string(text)) {
				if slices.Contains(strings.Fields(names), name) {
					ran++
				}
			}
			if ran > n {
				t.Errorf("%s: %d of %s, at most %d: %s", task, ran, names, n, tally(string(text)))
			}
		}
	}
}

// tally counts the lines of a log: "3 stat, 1 mv".
func tally(log string) string {
	n := map[string]int{}
	for _, name := range strings.Fields(log) {
		n[name]++
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(n)) {
		out = append(out, fmt.Sprint(n[name], " ", name))
	}
	return strings.Join(out, ", ")
}

// book has n tasks of one kind, each with its own item.
func book(task string, n int) string {
	var b strings.Builder
	b.WriteString("- hosts: all\n  gather_facts: no\n  tasks:\n")
	for i := range n {
		fmt.Fprintf(&b, "    - %s\n      vars: {item: %d}\n", task, i)
	}
	return b.String()
}

// countedPrograms puts a word before every program of this machine that notes its
// name, one a line, in the file that it returns.
func countedPrograms(t *testing.T) string {
	t.Helper()
	dir, real := t.TempDir(), map[string]string{}
	for _, from := range filepath.SplitList(os.Getenv("PATH")) {
		entries, err := os.ReadDir(from)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if p, err := exec.LookPath(filepath.Join(from, e.Name())); err == nil && real[e.Name()] == "" {
				real[e.Name()] = p
			}
		}
	}
	log := filepath.Join(dir, "log")
	for name, path := range real {
		text := "#!/bin/sh\necho " + name + " >>" + log + "\nexec " + path + ` "$@"` + "\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	return log
}
