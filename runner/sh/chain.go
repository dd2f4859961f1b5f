package sh

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// chainHead defines what a batch's script uses: _m prints a mark on stdout, _e
// on stderr. Names begin with _ because the text of users runs beside them.
const chainHead = `_m() { printf "%s %s\n" "$_n" "$1"; }
_e() { printf "%s %s\n" "$_n" "$1" >&2; }
`

// chainData is added when steps read data: _t N copies exactly N bytes.
const chainData = `if echo ab | dd bs=1 count=1 iflag=fullblock >/dev/null 2>&1; then _t() { dd bs=$1 count=1 iflag=fullblock 2>/dev/null; }
else _t() { dd bs=1 count=$1 2>/dev/null; }; fi
`

// Render makes the batch's script and the data that follows it in the frame.
// The nonce must be the frame's own. Errors: a command that no shell can take,
// an input that cannot be read.
func (b Batch) Render(nonce string) (script string, data []byte, err error) {
	w := batchWriter{funcs: map[string]string{}, asks: map[string]string{}}
	if err := w.chain(b.Chain); err != nil {
		return "", nil, err
	}
	for i, q := range b.Ask {
		if i%together == 0 {
			if err := w.all(b.Ask[i:min(len(b.Ask), i+together)]); err != nil {
				return "", nil, err
			}
		}
		if err := w.ask(q, "a", i); err != nil {
			return "", nil, err
		}
	}
	head := "_n=" + nonce + "\n" + chainHead
	if w.data.Len() > 0 {
		head += chainData
	}
	if w.clocked {
		head += string(Clock)
	}
	if w.temporary {
		kept, end := tempKept()
		head += kept
		w.body.WriteString(end)
	}
	return b.Lock.under(head + w.defs.String() + w.body.String() + "_m .\nexit 0"), w.data.Bytes(), nil
}

// batchWriter collects a batch's script: function definitions first, then the
// body, and beside them the data of steps in the order in which they read it.
type batchWriter struct {
	defs, body strings.Builder
	data       bytes.Buffer
	funcs      map[string]string // text -> name of the function that holds it
	clocked    bool              // a step tells its times
	temporary  bool              // a step notes temporary files
	asks       map[string]string // a question's call -> name of the function that asks it
}

func (w *batchWriter) chain(links []Link) error {
	if len(links) == 0 {
		return nil
	}
	w.body.WriteString("_c() {\n")
	for i, l := range links {
		if err := w.link(i, l); err != nil {
			return err
		}
	}
	w.body.WriteString("}\nif command -v sha256sum >/dev/null; then _c; else _m n; fi\n")
	return nil
}

func (w *batchWriter) link(i int, l Link) error {
	if err := w.again(i, l.Again); err != nil {
		return err
	}
	if len(l.Guard) > 0 {
		end, want := "} | sha256sum)", hex.EncodeToString(l.Want[:])+"*"
		if l.Text != "" {
			// The shell takes the last line break off.
			end, want = "})", Quote(strings.TrimSuffix(l.Text, "\n"))
		}
		w.body.WriteString("_s=$({\n")
		for _, q := range l.Guard {
			name, err := w.question(q)
			if err != nil {
				return err
			}
			w.body.WriteString(name + "\nprintf \"\\n%s\\n\" $?\n")
		}
		fmt.Fprintf(&w.body, "%s\ncase $_s in %s) ;; *)\n", end, want)
		if err := w.stop(i, "g", l.Again); err != nil {
			return err
		}
		w.body.WriteString(";; esac\n")
	}
	if l.begins() {
		fmt.Fprintf(&w.body, "_m \"b %d\"\n", i)
	}
	for k, st := range l.Steps {
		if err := w.step(i, k, st, l.Again); err != nil {
			return err
		}
	}
	fmt.Fprintf(&w.body, "_m \"l %d\"\n", i)
	return nil
}

// stop ends the chain at link i and asks its questions afresh.
func (w *batchWriter) stop(i int, why string, again []Cmd) error {
	fmt.Fprintf(&w.body, "_m \"x %d %s\"\n", i, why)
	if len(again) > 0 {
		fmt.Fprintf(&w.body, "_a%d\n", i)
	}
	w.body.WriteString("return\n")
	return nil
}

// again defines what link i asks when the chain stops there, for whatever reason.
func (w *batchWriter) again(i int, qs []Cmd) error {
	if len(qs) == 0 {
		return nil
	}
	text := fmt.Sprintf("_a%d() {\n", i)
	for k, q := range qs {
		name, err := w.question(q)
		if err != nil {
			return err
		}
		text += fmt.Sprintf("%s\n_m \"g %d $?\"\n", name, k)
	}
	w.defs.WriteString(text + "}\n")
	return nil
}

func (w *batchWriter) ask(q Cmd, kind string, i int) error {
	name, err := w.question(q)
	if err != nil {
		return err
	}
	fmt.Fprintf(&w.body, "%s\n_m \"%s %d $?\"\n", name, kind, i)
	return nil
}

// together is the most questions that share what they ask: a long $_all takes
// longer to search than a program takes to start.
const together = 100

// all writes what the questions ask together, when it spares programs.
func (w *batchWriter) all(qs []Cmd) error {
	var groups []*sharing
	of := map[Constant]*sharing{}
	for _, q := range qs {
		if q.Shared == nil {
			continue
		}
		g := of[q.Shared.Text]
		if g == nil {
			g = &sharing{text: q.Shared.Text, known: map[string]bool{}}
			of[g.text], groups = g, append(groups, g)
		}
		g.add(q.Shared.Args)
	}
	w.body.WriteString("_all=\n")
	for _, g := range groups {
		if g.questions < 2 {
			continue
		}
		w.body.WriteString("_all=\"$_all\n$(\n")
		if err := w.subshell(&w.body, Cmd{Text: string(g.text), Args: g.args}, "</dev/null 2>/dev/null"); err != nil {
			return err
		}
		w.body.WriteString(")\"\n")
	}
	return nil
}

// sharing are the questions of a batch that share one text, with the arguments of
// all of them.
type sharing struct {
	text      Constant
	questions int
	args      []string
	known     map[string]bool
}

func (g *sharing) add(args []string) {
	g.questions++
	for _, a := range args {
		if !g.known[a] {
			g.known[a], g.args = true, append(g.args, a)
		}
	}
}

// question returns the name of the shell function that asks q: a guard, and
// the same question asked afresh at several links, stand in the script once.
func (w *batchWriter) question(q Cmd) (string, error) {
	var b strings.Builder
	if err := w.probe(&b, q); err != nil {
		return "", err
	}
	name, ok := w.asks[b.String()]
	if !ok {
		name = "_q" + strconv.Itoa(len(w.asks))
		w.asks[b.String()] = name
		w.defs.WriteString(name + "() {\n" + b.String() + "}\n")
	}
	return name, nil
}

// probe writes a question. Data on its stdin stands in the script, because a
// chain that stops early leaves the frame's data half read.
func (w *batchWriter) probe(b *strings.Builder, q Cmd) error {
	input := "</dev/null"
	if q.Stdin != nil && q.Stdin.Size() != 0 {
		text, err := readAll(q.Stdin)
		if err != nil {
			return err
		}
		if bytes.IndexByte(text, 0) >= 0 {
			return errors.New("a question's stdin holds a NUL byte")
		}
		b.WriteString("printf %s " + Quote(string(text)) + " | ")
		input = ""
	}
	return w.subshell(b, q, input+" 2>/dev/null")
}

func (w *batchWriter) step(i, k int, st Cmd, again []Cmd) error {
	if st.Secret {
		return errors.New("a secret never rides a chain")
	}
	input := "</dev/null"
	if st.Stdin != nil && st.Stdin.Size() != 0 {
		data, err := readAll(st.Stdin)
		if err != nil {
			return err
		}
		if plain(data) {
			w.body.WriteString("printf %s " + Quote(string(data)) + " | ")
		} else {
			w.data.Write(data)
			fmt.Fprintf(&w.body, "_t %d | ", len(data))
		}
		input = ""
	}
	if err := w.subshell(&w.body, st, input); err != nil {
		return err
	}
	fmt.Fprintf(&w.body, "_r=$?; _m \"s %d %d $_r\"; _e \"s %d %d\"\nif [ $_r -ne 0 ]; then\n", i, k, i, k)
	if err := w.stop(i, "s", again); err != nil {
		return err
	}
	w.body.WriteString("fi\n")
	return nil
}

// plain reports data that is short text: it may stand in the script, where no
// program has to copy it out of the frame.
func plain(data []byte) bool {
	return len(data) <= 16<<10 && utf8.Valid(data) && bytes.IndexFunc(data, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\t'
	}) < 0
}

// subshell writes one command so that exit, cd, umask and variables of it stay
// inside.
func (w *batchWriter) subshell(b *strings.Builder, c Cmd, redirect string) error {
	if err := c.Check(); err != nil {
		return err
	}
	b.WriteString("(")
	if len(c.Env) > 0 || c.Dir != "" {
		Cmd{Env: c.Env, Dir: c.Dir}.writeSetup(b)
	}
	b.WriteString(w.function(c))
	for _, a := range c.Args {
		b.WriteByte(' ')
		b.WriteString(Quote(a))
	}
	b.WriteString(") " + redirect + "\n")
	return nil
}

// function returns the name of the shell function that holds the command's
// text, defined at its first use: a chain over a hundred files carries the text
// of their module once. Text of others is kept apart by eval, where a syntax
// error is its own.
func (w *batchWriter) function(c Cmd) string {
	body := c.Text
	if c.foreign {
		body = "eval " + Quote(c.Text)
	}
	name, ok := w.funcs[body]
	if !ok {
		w.clocked = w.clocked || !c.foreign && clocked(body)
		w.temporary = w.temporary || !c.foreign && temporary(body)
		name = "_f" + strconv.Itoa(len(w.funcs))
		w.funcs[body] = name
		w.defs.WriteString(name + "() {\n" + body + "\n}\n")
	}
	return name
}

func readAll(in Input) ([]byte, error) {
	r, err := in.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var b bytes.Buffer
	n, err := b.ReadFrom(r)
	if err == nil && in.Size() >= 0 && n != in.Size() {
		err = fmt.Errorf("input has %d bytes, expected %d", n, in.Size())
	}
	return b.Bytes(), err
}
