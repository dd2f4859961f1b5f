package sh

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFramesArriveWhole sends scripts of all lengths and bytes, with and without data
// that they read or leave, to the reader in each shell, and to one whose dd knows no
// fullblock: each prints its own text and the next one is in step.
func TestFramesArriveWhole(t *testing.T) {
	old := t.TempDir() // a dd of before, and no program beside it that the reader does not need
	for _, name := range []string{"sh", "cat", "id", "date", "setsid", "true"} {
		file, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(file, filepath.Join(old, name)); err != nil {
			t.Fatal(err)
		}
	}
	dd := "#!/bin/sh\ncase \"$*\" in *fullblock*) echo 'dd: invalid input flag' >&2; exit 1;; esac\nexec /bin/dd \"$@\"\n"
	if err := os.WriteFile(filepath.Join(old, "dd"), []byte(dd), 0o755); err != nil { // #nosec G306
		t.Fatal(err)
	}
	for name, how := range map[string][]string{"dash": {"dash"}, "bash": {"bash", "--posix"}, "busybox": {"busybox", "sh"}, "an old dd": {"sh"}} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(how[0], append(how[1:], "-c", Loop())...) // #nosec G204: shells of the test
			if name == "an old dd" {
				cmd.Env = []string{"PATH=" + old}
			}
			var in, want strings.Builder
			r := rand.New(rand.NewPCG(7, 1))
			for i := range 60 {
				nonce := fmt.Sprintf("%032x", i)
				text := lines(r, i)
				data := strings.Repeat("d\n", r.IntN(3)*r.IntN(40000))
				script := "cat <<'END-OF-TEXT'\n" + text + "END-OF-TEXT\nset -u; (echo ${_i-none}${_l-none}${_e-none} $#)\n"
				out := text + "nonenonenone 0\n"
				if i%2 == 0 && data != "" {
					script += "cat; exit 7"
					out += data + nonce + " 7\n"
				} else {
					script += "exit 3"
					out += nonce + " 3\n"
				}
				header, body := Header(nonce, script, int64(len(data)))
				in.WriteString(header + body + data)
				want.WriteString(nonce + " P PID\n" + out)
			}
			cmd.Stdin = strings.NewReader(in.String())
			got, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			_, rest, _ := strings.Cut(string(got), "\n") // READY
			var seen strings.Builder
			for l := range strings.Lines(rest) {
				if at := strings.Index(l, " P "); at == 32 && strings.Trim(l[at+3:], "0123456789\n") == "" {
					l = l[:at] + " P PID\n"
				}
				seen.WriteString(l)
			}
			if seen.String() != want.String() {
				a, b := seen.String(), want.String()
				at := 0
				for at < min(len(a), len(b)) && a[at] == b[at] {
					at++
				}
				t.Errorf("differs at byte %d\ngot  %.300q\nwant %.300q", at, a[max(0, at-100):], b[max(0, at-100):])
			}
		})
	}
}

// lines are some lines for the i-th script: every third has bytes that are not ASCII's,
// every fifth is long.
func lines(r *rand.Rand, i int) string {
	parts := []string{"a", " ", "\t", `\`, `\n`, `\\`, "$x", "`", "'", `"`, "%s", "", "  lead", "trail  ", "!", "#EOS", "*", "-n"}
	if i%3 == 0 {
		parts = append(parts, "\x81\x82", "Ё", "\xff", "\r", "\x01", "\x7f", "€")
	}
	n := r.IntN(20)
	if i%5 == 0 {
		n = 100 + r.IntN(3000)
	}
	var b strings.Builder
	for range n {
		for range r.IntN(6) {
			b.WriteString(parts[r.IntN(len(parts))])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestHeader: who reads a script is said by its header.
func TestHeader(t *testing.T) {
	long := strings.Repeat("x", byShell)
	for script, want := range map[string]string{"true": "N 10 5 2\n", "a\n\tb": "N 10 5 3\n", "": "N 6 5 2\n", "ä": "N 7 5 0\n", "a\rb": "N 8 5 0\n", long: fmt.Sprintf("N %d 5 0\n", byShell+5)} {
		if header, body := Header("N", script, 5); header != want || !strings.HasPrefix(body, script) {
			t.Errorf("%.20q: %q, want %q", script, header, want)
		}
	}
}
