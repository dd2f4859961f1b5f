package main

import (
	"context"
	"errors"
	"fmt"
	"remoterun/runner/reach"
	"sync"
	"time"

	"remoterun/runner/framed"
	"remoterun/runner/host"
	"remoterun/runner/local"
	"remoterun/runner/play"
	"remoterun/runner/secret"
	"remoterun/runner/ssh"
)

// becomeKey is the one question for the become program's password.
const becomeKey = "become password"

// connector joins the engine with the transports.
type connector struct {
	dialer      *ssh.Dialer
	prompts     play.Prompter
	redactor    *secret.Redactor
	askPassword bool // -k
	timeout     time.Duration
	silence     time.Duration // of questions, 0 = as they say
}

var _ reach.Connector = (*connector)(nil)

// Connect makes one connection.
func (c *connector) Connect(ctx context.Context, e reach.Endpoint) (host.Conn, error) {
	switch e.Connection {
	case "local":
		conn := local.New(e.Name, c.password(e), local.Options{})
		conn.Silence = c.silence
		return conn, nil
	case "ssh", "smart", "paramiko", "paramiko_ssh":
		t := ssh.Target{Name: e.Name, Addr: e.Addr, Port: e.Port, User: e.User, KeyFile: e.KeyFile, Password: e.Password, AskPassword: c.askPassword, ConnectTimeout: c.timeout}
		conn, err := c.dialer.Dial(ctx, t, c.password(e))
		if err != nil {
			return nil, err
		}
		conn.Silence = c.silence
		return conn, nil
	}
	return nil, fmt.Errorf("%s: connection %q is not one of ssh, local", e.Name, e.Connection)
}

// password answers a become program's prompt: from the host's variables, else
// from the operator, who is asked once per run, and again for a host that
// refuses what was typed. A host is asked with what it took last.
func (c *connector) password(e reach.Endpoint) framed.Password {
	var mu sync.Mutex
	last := 0
	return func(ctx context.Context, as host.As, wrong int) (secret.Sealed, error) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case !e.BecomePassword.IsZero() && wrong > 0:
			return secret.Sealed{}, errors.New("its variables have no other password")
		case !e.BecomePassword.IsZero():
			return e.BecomePassword, nil
		case wrong > 0:
			last++
		}
		pw, err := c.prompts.Secret(ctx, becomeAsk(e, last))
		if err == nil {
			c.redactor.AddSealed(pw)
		} else if wrong > 0 {
			last--
		}
		return pw, err
	}
}

// becomeAsk is the question for the become program's password after as many
// wrong answers.
func becomeAsk(e reach.Endpoint, wrong int) play.Ask {
	if wrong == 0 {
		return play.Ask{Key: becomeKey, Text: "BECOME password (" + loginName(e) + " asks first; the others are tried with it, too)", Sealed: true}
	}
	return play.Ask{Key: fmt.Sprintf("%s, again %d", becomeKey, wrong), Text: loginName(e) + ": that password was wrong. BECOME password", Sealed: true}
}

// loginName is who logs in where, in the inventory's words.
func loginName(e reach.Endpoint) string {
	if e.User == "" {
		return e.Name
	}
	return e.User + "@" + e.Name
}
