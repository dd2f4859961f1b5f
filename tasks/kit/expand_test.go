package kit

import (
	"errors"
	"slices"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// TestExpandAll: the task's own environment comes first, and only what it does not
// say is asked of the host.
func TestExpandAll(t *testing.T) {
	env := []sh.Var{{Name: "A", Value: "old"}, {Name: "A", Value: "x y"}, {Name: "B", Value: "$A"}}
	for _, c := range []struct {
		word, want string
		env        []sh.Var
		asked      []string // the arguments of the question, nil = none
	}{
		{word: "plain", want: "plain"},
		{word: "$A/${B}s", env: env, want: "x y/$As"},
		{word: "$A$C", env: env, asked: []string{"", "C"}, want: "x yhost"},
		{word: "~/$A", env: env, asked: []string{"~"}, want: "/root/x y"},
		{word: "~/x", env: []sh.Var{{Name: "HOME", Value: "/h"}}, want: "/h/x"},
		{word: "~joe/x", env: []sh.Var{{Name: "HOME", Value: "/h"}}, asked: []string{"joe"}, want: "/root/x"},
		{word: "$nothing $1", asked: []string{"", "nothing"}, want: "$nothing $1"},
	} {
		answers := map[string]host.Answer{}
		if c.asked != nil {
			text := map[bool]string{true: "/root"}[c.asked[0] != ""]
			for _, n := range c.asked[1:] {
				text += "\x00" + map[bool]string{true: "=host"}[n == "C"]
			}
			answers[host.NewProbe(expandText, c.asked...).Key()] = host.Answer{Stdout: []byte(text)}
		}
		got, err := ExpandAll(host.NewSeen(answers).In(c.env), []string{c.word})
		if err != nil || !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: %q, %v, want %q", c.word, got, err, c.want)
		}
	}
	var need *host.ErrNeed
	if _, err := ExpandAll(host.NewSeen(nil), []string{"$A"}); !errors.As(err, &need) {
		t.Errorf("without the answer: %v", err)
	}
}
