package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"remoterun/runner/play"
	"remoterun/runner/secret"
)

// TestErrorsAndQuestionsAreShownSafely: what servers say gets into errors and,
// for keyboard-interactive logins, into questions.
func TestErrorsAndQuestionsAreShownSafely(t *testing.T) {
	a := &app{redactor: secret.NewRedactor()}
	a.redactor.Add([]byte("canary-secret"))
	if got := a.shown(errors.New("x canary-secret \x1b[2J").Error()); got != `x ******** \x1b[2J` {
		t.Errorf("error: %q", got)
	}
	if got := question(play.Ask{Text: "Password\x1b]0;x\x07:"}); strings.ContainsAny(got, "\x1b\x07") {
		t.Errorf("question: %q", got)
	}
	var out bytes.Buffer
	a = &app{out: &out, err: &out, env: func(string) (string, bool) { return "", false }}
	if code := a.run(t.Context(), []string{"./no\x1b[2Jplaybook.yaml"}); code == exitOK || strings.Contains(out.String(), "\x1b") {
		t.Errorf("code %d: %q", code, out.String())
	}
}
