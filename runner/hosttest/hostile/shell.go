package hostile

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"regexp"
	"sync"
	"syscall"

	"golang.org/x/crypto/ssh"
)

var errDenied = errors.New("denied")

func (t *talk) channel(nc ssh.NewChannel) {
	if t.mode.channel != nil {
		t.mode.channel(t, nc)
		return
	}
	c, reqs, err := nc.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	for r := range reqs {
		if r.Type != "exec" {
			if r.WantReply {
				_ = r.Reply(false, nil)
			}
			continue
		}
		t.wg.Go(func() { ssh.DiscardRequests(reqs) })
		if t.mode.exec != nil {
			t.mode.exec(t, c, r)
			return
		}
		_ = r.Reply(true, nil)
		t.shell(c, command(r))
		return
	}
}

func command(r *ssh.Request) string {
	var m struct{ Text string }
	_ = ssh.Unmarshal(r.Payload, &m)
	return m.Text
}

// shell runs a command as any server does, and changes what it prints.
func (t *talk) shell(c ssh.Channel, text string) {
	cmd := exec.Command("/bin/sh", "-c", text) // #nosec G204: that is what a login shell is for
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return
	}
	var once sync.Once
	done := func() {
		if t.mode.then != nil {
			once.Do(func() { t.mode.then(c) })
		}
	}
	cmd.Stdout = &changer{to: c, change: t.mode.out, ends: frameEnd(), done: done}
	cmd.Stderr = &changer{to: c.Stderr(), change: t.mode.errs, ends: errEnd(), ready: true, done: done}
	if err := cmd.Start(); err != nil {
		return
	}
	t.wg.Go(func() { _, _ = io.Copy(in, c); _ = in.Close() })
	status := uint32(0)
	if err := cmd.Wait(); err != nil {
		status = 1
	}
	_, _ = c.SendRequest("exit-status", false, ssh.Marshal(struct{ N uint32 }{status}))
}

// frameEnd finds a frame as the reader on the host prints it on stdout, errEnd
// the end of one on stderr.
func frameEnd() *regexp.Regexp {
	return regexp.MustCompile(`(?s)([0-9a-f]{32}) P .*?([0-9a-f]{32}) [0-9]+\n`)
}

func errEnd() *regexp.Regexp { return regexp.MustCompile(`(?s)()([0-9a-f]{32})\n`) }

// changer collects what is printed up to the end of a frame, and changes it.
type changer struct {
	to     io.Writer
	change func(nonce, text string) string
	ends   *regexp.Regexp
	done   func()
	buf    bytes.Buffer
	ready  bool
}

// Write passes on what comes before the first frame, and frames as they are
// changed.
func (c *changer) Write(p []byte) (int, error) {
	if c.change == nil {
		return c.to.Write(p)
	}
	c.buf.Write(p)
	if !c.ready {
		if i := bytes.IndexByte(c.buf.Bytes(), '\n'); i >= 0 && bytes.HasPrefix(c.buf.Bytes(), []byte("READY ")) {
			c.ready = true
			_, _ = c.to.Write(c.buf.Next(i + 1))
		}
	}
	for c.ready {
		m := c.end()
		if m == nil {
			return len(p), nil
		}
		text := string(c.buf.Next(m[1]))
		if changed := c.change(text[m[4]:m[5]], text); changed != "" {
			_, _ = io.WriteString(c.to, changed)
		}
		c.done()
	}
	return len(p), nil
}

// end finds a frame whose beginning and end have one nonce.
func (c *changer) end() []int {
	b := c.buf.Bytes()
	m := c.ends.FindSubmatchIndex(b)
	for at := 0; m != nil && m[3] > m[2] && !bytes.Equal(b[m[2]:m[3]], b[m[4]:m[5]]); {
		// Marks of a batch stand inside: look for a later end.
		key := append(bytes.Clone(b[m[2]:m[3]]), ' ')
		at = m[5]
		i := bytes.Index(b[at:], key)
		if i < 0 {
			return nil
		}
		i += at
		nl := bytes.IndexByte(b[i:], '\n')
		if nl < 0 {
			return nil
		}
		m = []int{m[0], i + nl + 1, m[2], m[3], i, i + len(key) - 1}
	}
	return m
}
