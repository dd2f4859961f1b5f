package sh

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// ErrGarbled is the answer to output that does not follow the frame's marks.
var ErrGarbled = errors.New("the host's answer does not follow the protocol")

// ParseBatch reads what the script of Render printed on stdout and stderr.
func ParseBatch(nonce string, stdout, stderr []byte) (BatchResult, error) {
	p := batchParser{}
	errs := map[string][]byte{}
	err := eachMark(nonce, stderr, func(text []byte, mark string) error {
		errs[mark] = text
		return nil
	})
	if err != nil {
		return BatchResult{}, err
	}
	err = eachMark(nonce, stdout, func(text []byte, mark string) error { return p.take(text, mark, errs) })
	if err != nil {
		return BatchResult{}, err
	}
	if !p.ended {
		return p.res, fmt.Errorf("%w: the batch did not reach its end", ErrGarbled)
	}
	return p.res, nil
}

// eachMark calls f with every mark line and the bytes before it.
func eachMark(nonce string, out []byte, f func(text []byte, mark string) error) error {
	key := []byte(nonce + " ")
	for {
		i := bytes.Index(out, key)
		if i < 0 {
			return nil
		}
		rest := out[i+len(key):]
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			return fmt.Errorf("%w: a mark is cut", ErrGarbled)
		}
		if err := f(out[:i], string(rest[:end])); err != nil {
			return err
		}
		out = rest[end+1:]
	}
}

type batchParser struct {
	res   BatchResult
	ended bool
}

func (p *batchParser) take(text []byte, mark string, errs map[string][]byte) error {
	kind, rest, _ := strings.Cut(mark, " ")
	var a, b, status int
	bad := func() error { return fmt.Errorf("%w: mark %q", ErrGarbled, mark) }
	switch kind {
	case ".":
		p.ended = true
	case "n":
		p.res.Stopped = StopUnable
	case "l":
		p.res.Done++
	case "s":
		if n, _ := fmt.Sscanf(rest, "%d %d %d", &a, &b, &status); n != 3 {
			return bad()
		}
		for len(p.res.Steps) <= a {
			p.res.Steps = append(p.res.Steps, nil)
		}
		stderr := errs[fmt.Sprintf("s %d %d", a, b)]
		p.res.Steps[a] = append(p.res.Steps[a], Ran{Stdout: bytes.Clone(text), Stderr: bytes.Clone(stderr), Status: status})
	case "x":
		p.res.Stopped = StopGuard
		if strings.HasSuffix(rest, "s") {
			p.res.Stopped = StopStep
		}
	case "g", "a":
		if n, _ := fmt.Sscanf(rest, "%d %d", &a, &status); n != 2 {
			return bad()
		}
		asked := Asked{Stdout: bytes.Clone(text), Status: status}
		if kind == "g" {
			p.res.Again = append(p.res.Again, asked)
		} else {
			p.res.Asked = append(p.res.Asked, asked)
		}
	default:
		return bad()
	}
	return nil
}
