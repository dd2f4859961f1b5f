package hostile

import (
	"encoding/binary"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Modes are all ways to misbehave.
func Modes() []Mode {
	all := append(beforeLogin(), stalls()...)
	all = append(all, duringLogin()...)
	all = append(all, channels()...)
	all = append(all, frames()...)
	for i := range all {
		if all[i].Class == "" {
			all[i].Class = Unreachable
		}
	}
	return all
}

// rest is a server that does nothing more but takes what comes.
func (t *talk) rest() { _, _ = io.Copy(io.Discard, t.Conn) }

func (t *talk) say(text string) { _, _ = io.WriteString(t.Conn, text) }

// forever does something until the conversation ends.
func (t *talk) forever(every time.Duration, do func() error) {
	for do() == nil {
		select {
		case <-time.After(every):
		case <-t.end:
			return
		}
	}
}

const version = "SSH-2.0-hostile\r\n"

// packet is a message before the first key exchange.
func packet(payload []byte) []byte {
	pad := 8 - (5+len(payload))%8
	if pad < 4 {
		pad += 8
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(1+len(payload)+pad))
	return append(append(append(b, byte(pad)), payload...), make([]byte, pad)...)
}

func beforeLogin() []Mode {
	slow := "the login did not end within"
	return []Mode{
		{Name: "silent", Says: slow + " 1s: it takes the connection and says nothing", raw: func(t *talk) { t.rest() }},
		{Name: "version and silence", Says: slow + ` 1s: it says "SSH-2.0-hostile" and then nothing of use`, raw: func(t *talk) { t.say(version); t.rest() }},
		{Name: "half a version", Says: slow, raw: func(t *talk) { t.say("SSH-2.0-hal"); t.rest() }},
		{Name: "version and end", Says: `the server ended the connection during the login (it says "SSH-2.0-hostile")`, raw: func(t *talk) { t.say(version); _, _ = t.Read(make([]byte, 1)) }},
		{Name: "slow endless banner", Says: slow + ` 1s: it says "Welcome!" and no SSH version`, raw: func(t *talk) {
			t.forever(10*time.Millisecond, func() error { _, err := io.WriteString(t, "Welcome!\r\n"); return err })
		}},
		{Name: "one endless line", Says: `this is not an SSH server, it says "xxxx`, raw: func(t *talk) {
			t.forever(0, func() error { _, err := io.WriteString(t, strings.Repeat("x", 4096)); return err })
		}},
		{Name: "protocol 1", Says: `this server speaks SSH protocol 1 only ("SSH-1.5-old")`, raw: func(t *talk) { t.say("SSH-1.5-old\n"); t.rest() }},
		{Name: "another protocol", Says: `this is not an SSH server, it says "HTTP/1.1 400 Bad Request"`, raw: func(t *talk) { t.say("HTTP/1.1 400 Bad Request\r\n\r\n"); t.Close() }},
		{Name: "endless ignore", Says: slow, raw: func(t *talk) {
			t.say(version)
			t.forever(time.Millisecond, func() error { _, err := t.Write(packet([]byte{2, 0, 0, 0, 1, 'x'})); return err })
		}},
		{Name: "garbage", Says: "connect to", raw: func(t *talk) { t.say(version + strings.Repeat("\xff\x00garbage", 999)); t.rest() }},
		{Name: "no word", Tries: 3, Says: "the server closed the connection without a word", raw: func(t *talk) { _, _ = t.Read(make([]byte, 4096)) }},
		{Name: "too many logins", Tries: 9, Says: `it says "Exceeded MaxStartups"`, raw: func(t *talk) { t.say("Exceeded MaxStartups\r\n") }},
		{Name: "refused for a while", Says: `it says "Not allowed at this time"`, raw: func(t *talk) { t.say("Not allowed at this time\r\n") }},
	}
}

// stalls are servers that fall silent at any place before the login is done.
func stalls() []Mode {
	var out []Mode
	for n := range 9 {
		out = append(out, Mode{Name: "stall after write " + string(rune('0'+n)), Says: "did not end within 1s: it", wrap: func(c net.Conn) net.Conn { return &stalled{Conn: c, left: n} }})
	}
	return out
}

// stalled swallows what is written after so many writes.
type stalled struct {
	net.Conn
	mu   sync.Mutex
	left int
}

func (s *stalled) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left--; s.left < 0 {
		return len(p), nil
	}
	return s.Conn.Write(p)
}

func duringLogin() []Mode {
	return []Mode{
		{Name: "endless login banners", Says: "the login did not end within 1s: its key is checked, but it does not answer the login of op", login: func(c *ssh.ServerConfig, t *talk) {
			c.PublicKeyCallback = func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
				<-t.end
				return nil, errDenied
			}
			c.PreAuthConnCallback = func(pre ssh.ServerPreAuthConn) {
				t.wg.Go(func() {
					t.forever(5*time.Millisecond, func() error { return pre.SendAuthBanner("more\n") })
				})
			}
		}},
		{Name: "never content", Says: "the login", login: func(c *ssh.ServerConfig, _ *talk) {
			var more func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error)
			more = func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
				return nil, &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{PublicKeyCallback: more}}
			}
			c.PublicKeyCallback = more
		}},
	}
}

// mute accepts channels and requests, and prints nothing.
func mute(t *talk, c ssh.Channel, r *ssh.Request) {
	_ = r.Reply(true, nil)
	_, _ = io.Copy(io.Discard, c)
	<-t.end
}

func prints(text string, then func(*talk, ssh.Channel)) func(*talk, ssh.Channel, *ssh.Request) {
	return func(t *talk, c ssh.Channel, r *ssh.Request) {
		_ = r.Reply(true, nil)
		_, _ = io.WriteString(c, text)
		if then != nil {
			then(t, c)
		}
		_, _ = io.Copy(io.Discard, c)
		<-t.end
	}
}

func channels() []Mode {
	protocol := "the host does not keep to the protocol: "
	hold := func(t *talk, _ ssh.NewChannel) { <-t.end }
	return []Mode{
		{Name: "channel open without answer", Says: "open a channel: " + protocol + "no answer within 2s", channel: hold},
		{Name: "flood of global requests", Says: "open a channel: " + protocol, channel: hold, conn: func(t *talk, c ssh.Conn) {
			t.forever(time.Millisecond, func() error { _, _, err := c.SendRequest("flood", false, nil); return err })
		}},
		{Name: "deaf", Says: "open a channel: ", channel: hold, deaf: true},
		{Name: "channel open refused", Says: "open a channel: ssh: rejected", channel: func(_ *talk, c ssh.NewChannel) { _ = c.Reject(ssh.Prohibited, "no") }},
		{Name: "exec without answer", Says: "start a shell: " + protocol + "no answer within 2s", exec: func(t *talk, _ ssh.Channel, _ *ssh.Request) { <-t.end }},
		{Name: "exec refused", Says: "the server refuses to run commands for this user", exec: func(_ *talk, _ ssh.Channel, r *ssh.Request) { _ = r.Reply(false, nil) }},
		{Name: "no shell", Class: Failed, Says: "the login shell did not start /bin/sh within 2s", exec: mute},
		{Name: "endless chatter", Class: Failed, Says: "the login shell printed more than 1024 KiB before /bin/sh was ready", exec: func(t *talk, c ssh.Channel, r *ssh.Request) {
			_ = r.Reply(true, nil)
			t.forever(0, func() error { _, err := io.WriteString(c, strings.Repeat("Welcome!\n", 99)); return err })
		}},
		{Name: "end of data without close", Says: "end a shell: " + protocol + "its streams ended, but no status came within 2s", exec: prints("", func(_ *talk, c ssh.Channel) { _ = c.CloseWrite() })},
		{Name: "close without status", Says: "the connection ended before the command did", exec: func(_ *talk, c ssh.Channel, r *ssh.Request) { _ = r.Reply(true, nil); _ = c.Close() }},
		{Name: "cut at the shell", Says: "start a shell: ", exec: func(t *talk, _ ssh.Channel, _ *ssh.Request) { _ = t.Conn.Close() }},
		{Name: "READY and silence", Says: protocol + "it did not begin within 2s", exec: prints("READY 0 setsid\n", nil)},
		{Name: "READY and end of data", Says: protocol + "its streams ended, but no status came within 2s", exec: prints("READY 0\n", func(_ *talk, c ssh.Channel) { _ = c.CloseWrite() })},
		{Name: "READY of nobody", Says: protocol + `the shell answered "READY root" instead of READY and a user id`, exec: prints("READY root\n", nil)},
	}
}

func frames() []Mode {
	garbled := "the host does not keep to the protocol: its answer is garbled"
	return []Mode{
		{Name: "other marks", Says: "it did not begin within 2s", out: func(nonce, text string) string {
			return strings.ReplaceAll(text, nonce, "0123456789abcdef0123456789abcdef")
		}},
		{Name: "a status that is none", Says: garbled, out: func(nonce, text string) string {
			return text[:strings.LastIndex(text, nonce)] + nonce + " x\n"
		}},
		{Name: "a status of many digits", Says: garbled, out: func(nonce, text string) string {
			return text[:strings.LastIndex(text, nonce)] + nonce + " 9223372036854775808\n"
		}},
		{Name: "the end alone", Says: garbled, out: func(nonce, text string) string { return text[strings.LastIndex(text, nonce):] }},
		{Name: "no mark on stderr", Says: "it ended on stdout, but not on stderr within 2s", errs: func(nonce, text string) string { return strings.TrimSuffix(text, nonce+"\n") }},
		{Name: "a cut frame", Says: "connection ended before", out: func(_, text string) string { return text[:len(text)-3] }, then: func(c ssh.Channel) { _ = c.Close() }},
		{Name: "a cut frame, the channel open", Says: "its streams ended, but no status came within 2s", out: func(_, text string) string { return text[:len(text)-3] }, then: func(c ssh.Channel) { _ = c.CloseWrite() }},
		{Name: "data for ever", Class: Failed, Says: "printed more than 64 MiB", out: func(nonce, text string) string { return nonce + " P 77\n" }, then: func(c ssh.Channel) {
			for err := error(nil); err == nil; {
				_, err = io.WriteString(c, strings.Repeat("\xff\x00garbage", 9999))
			}
		}},
		{Name: "questions without marks", Says: garbled, out: func(nonce, text string) string {
			return nonce + " P 77\n" + nonce + " 0\n"
		}},
		{Name: "reordered marks", Says: garbled, out: func(nonce, text string) string {
			lines := strings.SplitAfter(text, "\n")
			for i := 1; i < len(lines)-2; i++ {
				lines[i], lines[len(lines)-2-i] = lines[len(lines)-2-i], lines[i]
				break
			}
			return strings.Join(lines, "")
		}},
		{Name: "an inner mark cut", Says: garbled, out: inside("$1\n")},
		{Name: "an inner mark twice", Says: garbled, out: inside("$0$0")},
		{Name: "an inner mark of a later question", Says: garbled, out: inside("$1 7 $2\n")},
		{Name: "an inner status out of range", Says: garbled, out: inside("$1 9999$2\n")},
	}
}

// inside changes each mark of a question's or a step's end.
func inside(to string) func(string, string) string {
	return func(_, text string) string {
		return regexp.MustCompile(`([0-9a-f]{32} [asg](?: [0-9]+)+) ([0-9]+)\n`).ReplaceAllString(text, to)
	}
}
