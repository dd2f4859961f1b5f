package move

import (
	"context"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// smoke asks the application whether it works: its health address, then the
// operator's commands. A red one leaves the move open: rollback is offered.
func (m *mover) smoke(ctx context.Context, w host.Writer) error {
	back := "remoterun rollback goes back to the old database; the same command tries again"
	if m.args.Health != "" {
		w.Say("waiting for " + m.args.Health)
		if _, err := output(ctx, w, "ask "+m.args.Health, sh.Script(healthText, m.args.Health)); err != nil {
			return refuse(m.args.Health, back, "it does not answer 200: %v", err)
		}
	}
	for _, c := range m.args.Smoke {
		text, err := output(ctx, w, c, sh.User(`cd "$1" || exit 1
`+c, m.Dir))
		if err != nil {
			return refuse("smoke test "+c, back, "%v %s", err, strings.TrimSpace(text))
		}
	}
	m.record.State, m.record.Ended = Done, m.time()
	return m.keep(ctx, w, m.record)
}

// healthText waits up to two minutes for a 200 of the address $1.
const healthText sh.Constant = `n=0
until if command -v curl >/dev/null; then curl -fsS -m 5 -o /dev/null "$1"; else wget -q -T 5 -O /dev/null "$1"; fi 2>/dev/null; do
	n=$((n + 1))
	[ $n -lt 120 ] || { echo "no answer within two minutes" >&2; exit 1; }
	sleep 1
done`
