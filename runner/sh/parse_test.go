package sh

import (
	"errors"
	"strings"
	"testing"
)

// asked is a batch of two links, the first with a guard and two steps, and a
// question behind them.
func asked() Batch {
	q := Script("true")
	return Batch{Chain: []Link{{Guard: []Cmd{q}, Steps: []Cmd{q, q}, Again: []Cmd{q, q}}, {Guard: []Cmd{q}}}, Ask: []Cmd{q}}
}

const (
	wholeOut = "N b 0\noneN s 0 0 0\ntwo\nN s 0 1 0\nN l 0\nN l 1\nanswerN a 0 3\nN .\n"
	wholeErr = "e1N s 0 0\nN s 0 1\n"
)

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		out, err            string
		done, steps, fresh  int
		stopped             Stop
		stdout, stderr, ask string
	}{
		"whole":           {wholeOut, wholeErr, 2, 2, 0, StopNone, "one", "e1", "answer"},
		"guard":           {"N x 0 g\nfreshN g 0 0\nN g 1 1\nanswerN a 0 3\nN .\n", "", 0, 0, 2, StopGuard, "", "", "answer"},
		"second guard":    {"N b 0\noneN s 0 0 0\nN s 0 1 0\nN l 0\nN x 1 g\nanswerN a 0 3\nN .\n", wholeErr, 1, 2, 0, StopGuard, "one", "e1", "answer"},
		"failing step":    {"N b 0\noneN s 0 0 9\nN x 0 s\nN g 0 0\nN g 1 0\nanswerN a 0 3\nN .\n", "e1N s 0 0\n", 0, 1, 2, StopStep, "one", "e1", "answer"},
		"no sha256sum":    {"N n\nanswerN a 0 3\nN .\n", "", 0, 0, 0, StopUnable, "", "", "answer"},
		"output as marks": {"N b 0\nN\nM s 0 0 0\nN s 0 0 0\nN s 0 1 0\nN l 0\nN l 1\nanswerN a 0 3\nN .\n", wholeErr, 2, 2, 0, StopNone, "N\nM s 0 0 0\n", "e1", "answer"},
	} {
		t.Run(name, func(t *testing.T) {
			res, err := asked().Parse("N", Raw{Stdout: []byte(c.out), Stderr: []byte(c.err)})
			if err != nil {
				t.Fatal(err)
			}
			if res.Done != c.done || res.Stopped != c.stopped || len(res.Again) != c.fresh {
				t.Errorf("done %d, stopped %v, fresh %d", res.Done, res.Stopped, len(res.Again))
			}
			if len(res.Asked) != 1 || string(res.Asked[0].Stdout) != c.ask || res.Asked[0].Status != 3 {
				t.Errorf("asked %v", res.Asked)
			}
			steps := 0
			for _, s := range res.Steps {
				steps += len(s)
			}
			if steps != c.steps {
				t.Fatalf("%d steps, want %d", steps, c.steps)
			}
			if steps > 0 && (string(res.Steps[0][0].Stdout) != c.stdout || string(res.Steps[0][0].Stderr) != c.stderr) {
				t.Errorf("step %q %q", res.Steps[0][0].Stdout, res.Steps[0][0].Stderr)
			}
		})
	}
}

// What the batch cannot have printed is refused whole, whoever printed it.
func TestParseRefusesWhatTheBatchCannotSay(t *testing.T) {
	for name, c := range map[string]struct{ out, err, want string }{
		"nothing":              {"", "", "did not reach its end"},
		"a cut mark":           {"oneN s 0 0 0", wholeErr, "a mark is cut"},
		"a negative link":      {"N b 0\nN s -1 0 0\n", wholeErr, `mark "s -1 0 0" where "s 0 0" and a status are due`},
		"a link far away":      {"N b 0\nN s 2000000000 0 0\n", wholeErr, `"s 0 0" and a status are due`},
		"a link out of order":  {"N b 0\nN l 1\n", wholeErr, `"s 0 0" and a status are due`},
		"a step left out":      {strings.Replace(wholeOut, "two\nN s 0 1 0\n", "", 1), wholeErr, `"s 0 1" and a status are due`},
		"a link left out":      {strings.Replace(wholeOut, "N l 1\n", "", 1), wholeErr, `mark "a 0 3" where "l 1" is due`},
		"an answer left out":   {strings.Replace(wholeOut, "N a 0 3\n", "", 1), wholeErr, `mark "." where "a 0" and a status are due`},
		"one answer more":      {strings.Replace(wholeOut, "N .", "N a 1 0\nN .", 1), wholeErr, `mark "a 1 0" where "." is due`},
		"no status":            {strings.Replace(wholeOut, "a 0 3", "a 0", 1), wholeErr, `mark "a 0" where "a 0" and a status are due`},
		"a status of no shell": {strings.Replace(wholeOut, "a 0 3", "a 0 256", 1), wholeErr, `mark "a 0 256"`},
		"no end":               {strings.Replace(wholeOut, "N .\n", "", 1), wholeErr, "did not reach its end"},
		"more than the end":    {wholeOut + "N .\n", wholeErr, `mark "." behind the end`},
		"no beginning":         {strings.Replace(wholeOut, "N b 0\n", "", 1), wholeErr, `mark "s 0 0 0" where "b 0" is due`},
		"an unknown mark":      {"N q 1\n", "", `mark "q 1"`},
		"stderr without marks": {wholeOut, "", `stderr has no mark "s 0 0"`},
		"a failure that went on": {strings.Replace(wholeOut, "s 0 0 0", "s 0 0 1", 1), wholeErr,
			`mark "s 0 1 0" where "x 0 s" is due`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := asked().Parse("N", Raw{Stdout: []byte(c.out), Stderr: []byte(c.err)})
			if !errors.Is(err, ErrGarbled) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
}

// FuzzParse: whatever a host prints, the shape of what comes out is the batch's.
func FuzzParse(f *testing.F) {
	for _, s := range []string{wholeOut, "N x 0 g\nN g 0 0\nN g 1 0\nN a 0 0\nN .\n", "N n\nN a 0 0\nN .\n", "N s -1 0 0\n"} {
		f.Add([]byte(s), []byte(wholeErr))
	}
	b := asked()
	f.Fuzz(func(t *testing.T, out, errs []byte) {
		res, err := b.Parse("N", Raw{Stdout: out, Stderr: errs})
		if err != nil {
			if !errors.Is(err, ErrGarbled) {
				t.Fatal(err)
			}
			return
		}
		if len(res.Asked) != len(b.Ask) || res.Done > len(b.Chain) || len(res.Steps) > len(b.Chain) {
			t.Fatalf("%+v", res)
		}
		stopped := res.Stopped == StopGuard || res.Stopped == StopStep
		if stopped && len(res.Again) != len(b.Chain[res.Done].Again) || res.Stopped == StopNone && res.Done != len(b.Chain) {
			t.Fatalf("%+v", res)
		}
		for i := range res.Done {
			if len(res.Steps[i]) != len(b.Chain[i].Steps) {
				t.Fatalf("link %d is done with %d steps", i, len(res.Steps[i]))
			}
		}
	})
}
