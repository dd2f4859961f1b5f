package sh

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkChain makes the script of a full chain of small files, the largest
// frame that ordinary playbooks send, and reads the host's answer to it.
func BenchmarkChain(b *testing.B) {
	var batch Batch
	var out, errs strings.Builder
	for i := range 32 {
		q := Script(probeText, fmt.Sprintf("/etc/app/%d.conf", i))
		batch.Chain = append(batch.Chain, Link{Guard: []Cmd{q}, Text: "absent\n\n0\n", Again: []Cmd{q},
			Steps: []Cmd{Script(writeText, fmt.Sprintf("/etc/app/%d.conf", i)).With(Bytes(strings.Repeat("option = value\n", 40)))}})
		fmt.Fprintf(&out, "wrote it\nN s %d 0 0\nN l %d\n", i, i)
		fmt.Fprintf(&errs, "N s %d 0\n", i)
	}
	out.WriteString("N .\n")
	b.ReportAllocs()
	for b.Loop() {
		script, data, err := batch.Render("N")
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(script) + len(data)))
		if res, err := batch.Parse("N", Raw{Stdout: []byte(out.String()), Stderr: []byte(errs.String())}); err != nil || res.Done != 32 {
			b.Fatal(res.Done, err)
		}
	}
}
