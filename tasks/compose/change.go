package compose

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// Change is what becomes of the user's own file so that it holds an addition, and
// why it is this one.
type Change struct {
	Addition
	Path, Before, After string
	Why                 string
	// Stale are other files with lines of ours, which come out of them.
	Stale []Source
}

// Change edits the file that the addition belongs into (Holder).
func (a Addition) Change(sources []Source) (Change, error) {
	s, why, err := Holder(sources, a)
	if err != nil {
		return Change{}, err
	}
	c := Change{Addition: a, Path: s.Path, Before: s.Text, Why: why}
	if c.After, err = s.Edited(a, s.Path == sources[0].Path); err != nil {
		return Change{}, err
	}
	for _, o := range sources {
		if o.Path != s.Path && o.Overlaid() {
			c.Stale = append(c.Stale, o)
		}
	}
	return c, nil
}

// Nothing reports a change that is made already.
func (c Change) Nothing() bool { return c.Before == c.After && len(c.Stale) == 0 }

// Diff is the change for people, and for the program patch in the file's folder.
func (c Change) Diff() string { return Diff(path.Base(c.Path), c.Before, c.After) }

// Kept is where the file lies as it was, below the project's folder of state.
func (c Change) Kept(state string) string { return path.Join(state, "before."+path.Base(c.Path)) }

// writeEdit lands the new text of the file $2 by rename, with the owner and mode
// that it had, while it is what $3 (a SHA-256) says; the old one is kept as $4, ""
// = it is not. All is made ready in $1, a folder of root's. Then the folder and the
// arguments of docker that check it: what compose does not take goes back.
const writeEdit = readyText + `was=$3 keep=$4
shift 4
cat >"$w/new" || exit 1
[ -s "$w/new" ] || { echo "nothing arrived" >&2; exit 1; }
[ ! -L "$f" ] && [ -f "$f" ] || { echo "it is no longer a file: look at it, then the same command again" >&2; exit 1; }
cp -p "$f" "$w/old" || exit 1
[ "$(sha256sum <"$w/old" | cut -c 1-64)" = "$was" ] || { echo "somebody has changed it since it was looked at: the same command again" >&2; exit 1; }
[ -z "$keep" ] || { cp -p "$w/old" "$w/keep" && chown 0:0 "$w/keep" && chmod 600 "$w/keep" && mv -f "$w/keep" "$keep"; } || exit 1
m=$(stat -c %a "$w/old") o=$(stat -c %u:%g "$w/old") || exit 1
chmod "$m" "$w/new" && chown "$o" "$w/new" && mv -f "$w/new" "$f" || exit 1
if err=$(check "$@" 2>&1 >/dev/null); then exit 0; fi
mv -f "$w/old" "$f"
echo "compose does not take the overlay, the old file is back: $err" >&2
exit 1`

// removeText takes a file away that nothing but ours is in.
const removeText sh.Constant = `rm -f -- "$1"`

// Make makes the change on the host and shows it; state is the project's folder of
// root's. Compose itself says afterwards that nothing else has changed and that
// the addition is in force: otherwise the file goes back, and the error is a *Clash.
func (p Project) Make(ctx context.Context, w host.Writer, state string, c Change, inForce func(Config) string) error {
	before, err := p.printed(ctx, w)
	if err != nil {
		return err
	}
	keep := ""
	if !strings.Contains(c.Before, Mark) {
		keep = c.Kept(state)
	}
	if err := p.land(ctx, w, state, c.Path, c.Before, c.After, keep); err != nil {
		return err
	}
	if why, err := p.judge(ctx, w, before, c.Addition, inForce); err != nil || why != "" {
		if back := p.land(ctx, w, state, c.Path, c.After, c.Before, ""); back != nil && err == nil {
			err = fmt.Errorf("%s was changed, and could not be put back: %w", c.Path, back)
		}
		if err == nil {
			err = clash(c.Path, byHand, "the edit was taken back: compose reads it otherwise than it was meant (%s)", why)
		}
		return err
	}
	for _, s := range c.Stale {
		if err := p.takeOut(ctx, w, state, s); err != nil {
			return err
		}
	}
	w.Say(c.Path + " is edited, " + c.Why)
	for line := range strings.Lines(Shown(c.Diff())) {
		w.Say(strings.TrimRight(line, "\r\n"))
	}
	return nil
}

// judge says what is wrong with the files as they are now; "" = nothing is.
func (p Project) judge(ctx context.Context, w host.Writer, before []byte, a Addition, inForce func(Config) string) (string, error) {
	after, err := p.printed(ctx, w)
	if err != nil {
		return "", err
	}
	if why := Beside(before, after, a); why != "" {
		return why + " is not what it was", nil
	}
	cfg, err := ParseConfig(string(after))
	if err != nil {
		return "", err
	}
	return inForce(cfg), nil
}

// takeOut takes our lines out of another file.
func (p Project) takeOut(ctx context.Context, w host.Writer, state string, s Source) error {
	text := s.Without()
	if strings.TrimSpace(text) != "" {
		return p.land(ctx, w, state, s.Path, s.Text, text, "")
	}
	out, err := w.Run(ctx, sh.Script(removeText, s.Path))
	if err == nil && out.Status != 0 {
		err = Fail("remove "+s.Path, out.Status, string(out.Stderr))
	}
	return err
}

// TakeBack takes our lines out of the user's own file.
func (p Project) TakeBack(ctx context.Context, w host.Writer, state string, s Source, after string) error {
	return p.land(ctx, w, state, s.Path, s.Text, after, "")
}

// land writes a file of the user's.
func (p Project) land(ctx context.Context, w host.Writer, state, file, before, after, keep string) error {
	sum := sha256.Sum256([]byte(before))
	args := append([]string{state, file, hex.EncodeToString(sum[:]), keep}, p.Command("config", "-q").Args...)
	out, err := w.Run(ctx, sh.Script(writeEdit, args...).With(sh.Bytes(after)))
	if err == nil && out.Status != 0 {
		err = Fail("edit "+file, out.Status, string(out.Stderr))
	}
	return err
}

// printed is the whole configuration as compose prints it.
func (p Project) printed(ctx context.Context, w host.Writer) ([]byte, error) {
	a, err := p.Config().Q.Ask(ctx, w)
	if err == nil && a.Status != 0 {
		err = Fail("docker compose config in "+p.Dir, a.Status, string(a.Stdout))
	}
	return a.Stdout, err
}
