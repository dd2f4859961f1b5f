package move

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
)

// smoke asks whether it works: the database for an answer, the application for its
// health address, then the operator's commands, and where he set neither, himself. A red one offers to go
// back at once.
func (m cutting) smoke(ctx context.Context, w host.Writer) error {
	err := m.works(ctx, w)
	if no, ok := asRefusal(err); ok {
		return m.red(ctx, w, no)
	}
	if err != nil {
		return err
	}
	r := m.record
	if m.args.Health != "" {
		r.Cut = m.time() // the first healthy answer
	}
	r.State, r.Ended = Done, m.time()
	if err := m.keep(ctx, w, r); err != nil {
		return err
	}
	w.Say(m.summary())
	return nil
}

// works is nil when the application does; a *Refusal says what does not.
func (m cutting) works(ctx context.Context, w host.Writer) error {
	if err := m.serving(ctx, w, m.record.New.Volume); err != nil {
		return err
	}
	back := "remoterun rollback goes back to the old database; the same command tries again"
	if m.args.Health != "" {
		w.Say("waiting for " + m.args.Health)
		if _, err := output(ctx, w, "ask "+m.args.Health, sh.Script(healthText, m.args.Health)); err != nil {
			return answered(err, refuse(m.args.Health, back, "it does not answer 200: %v", err))
		}
	}
	for _, c := range m.args.Smoke {
		text, err := output(ctx, w, c, sh.User(`cd "$1" || exit 1
`+c, m.Dir))
		if err != nil {
			return answered(err, refuse("smoke test "+c, back, "%v %s", err, strings.TrimSpace(text)))
		}
	}
	if m.args.Health != "" || len(m.args.Smoke) > 0 || m.yes || m.prompter == nil {
		return nil
	}
	answer, err := m.prompter.Ask(ctx, play.Ask{Key: "smoke " + w.Name() + " " + m.Project, YesNo: true,
		Text: fmt.Sprintf("%s on %s runs on %s now. Does the application work? (yes/no)", m.Project, w.Name(), m.to.Image())})
	if err == nil && answer != "yes" {
		err = refuse("application of "+m.Project, back, "it does not work, you said")
	}
	return err
}

// answered is the refusal where a host answered, else what broke on the way.
func answered(err error, no *Refusal) error {
	if errors.Is(err, host.ErrTransport) {
		return err
	}
	return no
}

// red offers to go back.
func (m cutting) red(ctx context.Context, w host.Writer, no *Refusal) error {
	if m.yes || m.prompter == nil {
		return no
	}
	w.Say(no.Object + ": " + no.Problem)
	lines, err := undoing{m.mover}.written(ctx, w)
	if err != nil {
		return err
	}
	for _, l := range lines {
		w.Say("written since: " + l)
	}
	answer, err := m.prompter.Ask(ctx, play.Ask{Key: "red " + w.Name() + " " + m.Project, YesNo: true,
		Text: fmt.Sprintf("Go back to the old database of %s on %s now? It lacks the rows above (yes/no)", m.Project, w.Name())})
	if err != nil || answer != "yes" {
		return no
	}
	if err := (undoing{m.mover}).rollback(ctx, w); err != nil {
		return err
	}
	return refuse(no.Object, "the old database serves the application again", "%s", no.Problem)
}

// healthText waits up to two minutes for a 200 of the address $1.
const healthText sh.Constant = `n=0
until if command -v curl >/dev/null; then curl -fsS -m 5 -o /dev/null "$1"; else wget -q -T 5 -O /dev/null "$1"; fi 2>/dev/null; do
	n=$((n + 1))
	[ $n -lt 120 ] || { echo "no answer within two minutes" >&2; exit 1; }
	sleep 1
done`
