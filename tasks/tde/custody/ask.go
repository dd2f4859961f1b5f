package custody

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"remoterun/runner/play"
	"remoterun/runner/secret"
	"remoterun/tasks/tde/seal"
)

// Shower is a Prompter that can show a sealed secret on the operator's
// terminal, and nowhere else, until the operator says that it is noted down.
// Without it no passphrase is offered.
type Shower interface {
	Show(ctx context.Context, text string, s secret.Sealed) error
}

// newPassphrase asks for a passphrase twice, and again where it is too easy to
// guess; none at all means one of six words. inputs are words that guessers would
// try first: CheckPassphrase.
func newPassphrase(ctx context.Context, p play.Prompter, random io.Reader, inputs ...string) (secret.Sealed, error) {
	shower, offers := p.(Shower)
	text := "New passphrase for the keys"
	if offers {
		text += " (Enter = six words are made for you)"
	}
	var weak error
	for n := range maxRounds {
		a := play.Ask{Key: "tde new passphrase", Text: text, Sealed: true, Confirm: true}
		if n > 0 {
			a.Key += " " + strconv.Itoa(n+1)
			a.Text = weak.Error() + ". " + text
		}
		s, err := p.Secret(ctx, a)
		switch {
		case err != nil && weak != nil && ctx.Err() == nil:
			return secret.Sealed{}, fmt.Errorf("%w (not asked again: %w)", weak, err)
		case err != nil:
			return secret.Sealed{}, err
		case s.Len() == 0 && offers:
			return offered(ctx, p, shower, random)
		}
		if weak = seal.CheckPassphrase(s, inputs...); weak == nil {
			return s, nil
		}
		s.Wipe()
	}
	return secret.Sealed{}, weak
}

// offered makes a passphrase of six words, shows it and has it typed back.
func offered(ctx context.Context, p play.Prompter, shower Shower, random io.Reader) (secret.Sealed, error) {
	made, err := seal.Diceware(random)
	if err != nil {
		return secret.Sealed{}, err
	}
	if err := shower.Show(ctx, "This passphrase opens your keys. Nobody can restore it. Note it down:", made); err != nil {
		made.Wipe()
		return secret.Sealed{}, err
	}
	typed, err := p.Secret(ctx, play.Ask{Key: "tde new passphrase typed back", Text: "The new passphrase, as you noted it down", Sealed: true})
	if err != nil {
		return secret.Sealed{}, err
	}
	defer typed.Wipe()
	if !typed.Equal(made) {
		made.Wipe()
		return secret.Sealed{}, errors.New("passphrase: what was typed back differs from what was shown")
	}
	return made, nil
}
