package ast

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// findings are what one load found wrong, and what looks so.
type findings struct {
	mistakes, warnings []Mistake
	// missing are files of the laptop that are not there: warnings when local, which
	// says that a task writes on the laptop, where they may come to be.
	missing []Mistake
	local   bool
}

// settle decides about the files that are missing.
func (fd *findings) settle() {
	if fd.local {
		fd.warnings = append(fd.warnings, fd.missing...)
	} else {
		fd.mistakes = append(fd.mistakes, fd.missing...)
	}
}

func (fd *findings) wrong(at value.Pos, format string, args ...any) {
	fd.mistakes = append(fd.mistakes, Mistake{Pos: at, Msg: fmt.Sprintf(format, args...)})
}

func (fd *findings) warn(at value.Pos, format string, args ...any) {
	fd.warnings = append(fd.warnings, Mistake{Pos: at, Msg: fmt.Sprintf(format, args...)})
}

// unknown reports a word that is not among the allowed ones.
func (fd *findings) unknown(at value.Pos, allowed []string, word, format string, args ...any) {
	fd.mistakes = append(fd.mistakes, Mistake{
		Pos: at, Msg: fmt.Sprintf(format, args...), Meant: nearest(word, allowed), Allowed: allowed,
	})
}

// lacks reports a word that is not among those that are there.
func (fd *findings) lacks(lack Lack, at value.Pos, allowed []string, word, format string, args ...any) {
	fd.unknown(at, allowed, word, format, args...)
	fd.mistakes[len(fd.mistakes)-1].Lack = lack
}

// readError is an error of reading without the path, which stands before it.
func readError(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Op + ": " + p.Err.Error()
	}
	return err.Error()
}

// take adds the mistakes of an error.
func (fd *findings) take(err error) {
	if m, ok := err.(*Mistakes); ok {
		fd.mistakes = append(fd.mistakes, m.List...)
		return
	}
	fd.mistakes = append(fd.mistakes, mistakeOf(err, value.Pos{}))
}

// playPlace notes plays that work on the laptop itself: files may come to be.
func (fd *findings) playPlace(p *play.Play) {
	for _, v := range listOf(p.Hosts) {
		text := value.Str(v)
		if strings.Contains(text, "localhost") || strings.Contains(text, "127.0.0.1") || value.HasTemplate(v) {
			fd.local = true
		}
	}
	fd.local = fd.local || value.Str(p.Connection) == "local"
}

func onlyWhere(w where) string { return " (fails only where it is run; " + w.why + ")" }

// unneeded makes warnings of what is wrong in a file that need not come to be
// taken in: nothing of it is read then.
func (fd *findings) unneeded(from int, w where) {
	if w.sure {
		return
	}
	for _, m := range fd.mistakes[from:] {
		m.only = onlyWhere(w)
		fd.warnings = append(fd.warnings, m)
	}
	fd.mistakes = fd.mistakes[:from]
}

// absent notes a file that isn't there: as a mistake where the run is certain
// to need it, else as a warning.
func (fd *findings) absent(t *play.Task, w where, m Mistake) {
	if w.sure && len(t.When) == 0 && (t.Loop == nil || fullList(t.Loop.Items)) && !forgiving(&t.Keywords) || w.handler && len(t.When) == 0 {
		fd.missing = append(fd.missing, m)
		return
	}
	fd.warnings = append(fd.warnings, m)
}

// place notes what is done on the laptop: files may come to be.
func (fd *findings) place(k *play.Keywords) {
	switch value.Str(k.Delegate) {
	case "localhost", "127.0.0.1", "::1":
		fd.local = true
	}
	fd.local = fd.local || value.Str(k.Connection) == "local" || value.HasTemplate(k.Delegate)
}

// forgiving reports keywords with which a failing task doesn't fail the play,
// or which keep it from being run unless it is asked for.
func forgiving(k *play.Keywords) bool {
	for _, t := range k.Tags {
		if t == "never" {
			return true
		}
	}
	return !k.IgnoreErrors.IsNull() && !value.Equal(k.IgnoreErrors, value.Bool(false))
}
