package tdetest

import (
	"context"
	"errors"

	"remoterun/runner/play"
	"remoterun/runner/secret"
)

// Typist answers secret prompts in order, by key; it can show secrets.
type Typist struct {
	Answers map[string]string
	Asked   []string
	Texts   []string
	Shown   secret.Sealed
}

var errNoTerminal = errors.New("no terminal")

func (p *Typist) Ask(context.Context, play.Ask) (string, error) { return "", errNoTerminal }

func (p *Typist) Secret(_ context.Context, a play.Ask) (secret.Sealed, error) {
	p.Asked, p.Texts = append(p.Asked, a.Key), append(p.Texts, a.Text)
	if a.Key == "tde new passphrase typed back" && p.Answers[a.Key] == "as shown" {
		return p.Shown.Clone(), nil
	}
	s, ok := p.Answers[a.Key]
	if !ok {
		return secret.Sealed{}, errNoTerminal
	}
	return Passphrase(s), nil
}
