//go:build linux

package tdetest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"remoterun/runner/hosttest/real"
)

// Fleet is what the integration test works on: three machines, each with an
// engine, the real server's image and a compose project of its own, and the
// operator's project folder with the inventory that names them in group prod.
type Fleet struct {
	Op *real.Operator
	// Dir holds inventory.ini; keys and reports land there.
	Dir string
	// Alpha logs in as root (dash). Beta as a user whose sudo asks for
	// real.Password (bash). Gamma is behind Gate, as root (busybox), and has
	// tde_cipher: aes_256.
	Alpha, Beta, Gamma *Stack
	Gate               *real.Machine
}

// StartFleet makes the machines. Nothing runs in their engines yet.
func StartFleet(t testing.TB) *Fleet {
	t.Helper()
	Image().Need(t)
	f := &Fleet{Op: real.NewOperator(t), Dir: t.TempDir()}
	f.Gate = f.Op.Start(t, real.Options{Name: "gate"})
	f.Alpha = f.machine(t, real.Options{Name: "alpha", Shell: "dash"})
	f.Beta = f.machine(t, real.Options{Name: "beta", Shell: "bash"})
	f.Gamma = f.machine(t, real.Options{Name: "gamma", Shell: "busybox", Hidden: true})
	var wg sync.WaitGroup
	for _, s := range f.Stacks() {
		wg.Go(func() { s.Load(t, Image(), ImageTag) })
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow() // Load's own FailNow ends its goroutine only
	}
	f.Op.Through(t, f.Gate, f.Gamma.Machine, gammaAddr)
	f.inventory(t)
	return f
}

// gammaAddr is where Gate reaches Gamma.
const gammaAddr = "127.0.0.33:22"

func (f *Fleet) machine(t testing.TB, o real.Options) *Stack {
	t.Helper()
	o.Docker = true
	m := f.Op.Start(t, o)
	return New(t, m, o.Name+"_app", ImageTag)
}

// Stacks are alpha, beta and gamma.
func (f *Fleet) Stacks() []*Stack { return []*Stack{f.Alpha, f.Beta, f.Gamma} }

func (f *Fleet) inventory(t testing.TB) {
	t.Helper()
	var b strings.Builder
	b.WriteString("[prod]\n")
	for _, s := range f.Stacks() {
		fmt.Fprintf(&b, "%s tde_project=%s tde_compose_dir=%s tde_image=%s\n", s.Name, s.Project, s.Dir, s.Image)
	}
	b.WriteString("\n[prod:vars]\ntde_service=" + Service + "\ntde_extension=" + Extension() + "\n")
	put(t, filepath.Join(f.Dir, "inventory.ini"), b.String())
	put(t, filepath.Join(f.Dir, "host_vars", f.Gamma.Name+".yaml"), "tde_cipher: aes_256\n")
	put(t, filepath.Join(f.Dir, "host_vars", f.Beta.Name+".yaml"),
		"ansible_user: "+real.UserSudo+"\nansible_become: true\nansible_become_password: "+real.Password+"\n")
}

func put(t testing.TB, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Fake puts a file of the given text over one that the kernel makes, such as
// /proc/swaps, until the machine is booted again.
func (s *Stack) Fake(t testing.TB, path, text string) {
	t.Helper()
	s.Write(t, "/run/fake"+path, text)
	s.Run(t, `mount --bind "/run/fake$1" "$1"`, path)
}

// SwapOn makes the machine look as if it swapped to a disk.
func (s *Stack) SwapOn(t testing.TB) {
	t.Helper()
	s.Fake(t, "/proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/vdb                                partition\t1048572\t\t0\t\t-2\n")
	s.Run(t, `sed 's/^SwapTotal:.*/SwapTotal:       1048572 kB/; s/^SwapFree:.*/SwapFree:        1048572 kB/' /proc/meminfo > /run/meminfo && mount --bind /run/meminfo /proc/meminfo`)
}

// SwapOff takes SwapOn back.
func (s *Stack) SwapOff(t testing.TB) {
	t.Helper()
	s.Run(t, "umount /proc/swaps /proc/meminfo")
}
