package main

import (
	"context"
	"fmt"
	"time"

	"remoterun/runner"
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
}

var _ runner.Connector = (*connector)(nil)

// Connect makes one connection.
func (c *connector) Connect(ctx context.Context, e runner.Endpoint) (host.Conn, error) {
	switch e.Connection {
	case "local":
		return local.New(e.Name, c.password(e), local.Options{}), nil
	case "ssh", "smart", "paramiko", "paramiko_ssh":
		t := ssh.Target{Name: e.Name, Addr: e.Addr, Port: e.Port, User: e.User, KeyFile: e.KeyFile, Password: e.Password, AskPassword: c.askPassword, ConnectTimeout: c.timeout}
		conn, err := c.dialer.Dial(ctx, t, c.password(e))
		if err != nil {
			return nil, err
		}
		return conn, nil
	}
	return nil, fmt.Errorf("%s: connection %q is not one of ssh, local", e.Name, e.Connection)
}

// password answers a become program's prompt: from the host's variables, else
// from the operator, who is asked once per run.
func (c *connector) password(e runner.Endpoint) framed.Password {
	return func(ctx context.Context, as host.As) (secret.Sealed, error) {
		if !e.BecomePassword.IsZero() {
			return e.BecomePassword, nil
		}
		pw, err := c.prompts.Secret(ctx, play.Ask{Key: becomeKey, Text: "BECOME password", Sealed: true})
		if err == nil {
			c.redactor.AddSealed(pw)
		}
		return pw, err
	}
}
