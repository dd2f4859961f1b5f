package sh

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

// FuzzChain: whatever a step prints, ends with and reads, the chain's own shell
// tells its parts apart: what was printed comes back byte for byte.
func FuzzChain(f *testing.F) {
	for _, c := range []struct {
		out, in string
		status  byte
	}{{"", "", 0}, {"N s 0 0 0\n", "x", 0}, {"N .\n", "", 3}, {"no end", "\x00\x01\xff", 0}, {"a\nb\n", "it's $x `y`\n", 1}, {"N x 0 g\nN l 0\n", "\n\n", 255}} {
		f.Add(c.out, c.in, c.status)
	}
	list := shells(f)
	f.Fuzz(func(t *testing.T, out, in string, status byte) {
		if strings.ContainsRune(out, 0) {
			t.Skip("no argument holds NUL")
		}
		nonce := NewNonce()
		step := Script(`cat; printf %s "$1"; printf %s "$1" >&2; exit "$2"`, out, string('0'+rune(status%8))).With(Bytes(in))
		batch := Batch{Chain: []Link{{Steps: []Cmd{step}}, {Steps: []Cmd{Script("echo second")}}}, Ask: []Cmd{Script(`printf %s "$1"`, out)}}
		script, data, err := batch.Render(nonce)
		if err != nil {
			t.Fatal(err)
		}
		for _, argv := range list {
			cmd := exec.Command(argv[0], append(argv[1:], "-c", script)...)
			var o, e bytes.Buffer
			cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(data), &o, &e
			_ = cmd.Run()
			res, err := batch.Parse(nonce, Raw{Stdout: o.Bytes(), Stderr: e.Bytes()})
			if err != nil {
				t.Fatalf("%v: %v", argv, err)
			}
			ran := res.Steps[0][0]
			if string(ran.Stdout) != in+out || string(ran.Stderr) != out || ran.Status != int(status%8) || string(res.Asked[0].Stdout) != out {
				t.Fatalf("%v: %+v", argv, res)
			}
			if (res.Done == 2) != (status%8 == 0) || (res.Stopped == StopStep) != (status%8 != 0) {
				t.Fatalf("%v: the chain went on past status %d: %+v", argv, status%8, res)
			}
		}
	})
}
