// Package archive reads archives of pg_dump's custom format (-Fc) from a stream,
// to its end: the list of what is in them, and that the section of every table's
// rows is there and whole. It restores nothing and keeps no row.
package archive

import (
	"bufio"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Contents is what an archive holds.
type Contents struct {
	Database string
	Server   string // version of the server that was dumped
	Entries  int
	Tables   []string // whose rows are in it: schema.name
	Large    int      // large objects
	Bytes    int64    // of rows, unpacked
}

// Read reads to the end. Errors say what is not whole.
func Read(r io.Reader) (Contents, error) {
	a := &reader{r: bufio.NewReaderSize(r, 1<<16), want: map[int]string{}}
	c, err := a.all()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("archive: it ends in the middle")
	}
	return c, err
}

type reader struct {
	r       *bufio.Reader
	ints    int // bytes of a number
	offsets int
	version int // of the format: major*100 + minor
	gzip    bool
	want    map[int]string // data sections that are to come
	c       Contents
}

func (a *reader) all() (Contents, error) {
	if err := a.head(); err != nil {
		return a.c, err
	}
	n, err := a.number()
	if err != nil {
		return a.c, err
	}
	if n < 0 || n > 10_000_000 {
		return a.c, fmt.Errorf("archive: a number of %d entries", n)
	}
	for range n {
		if err := a.entry(); err != nil {
			return a.c, err
		}
	}
	a.c.Entries = n
	for {
		switch kind, err := a.r.ReadByte(); {
		case errors.Is(err, io.EOF):
			return a.c, a.missing()
		case err != nil:
			return a.c, err
		case kind == 1 || kind == 3:
			if err := a.section(kind == 3); err != nil {
				return a.c, err
			}
		default:
			return a.c, fmt.Errorf("archive: a section of the unknown kind %d", kind)
		}
	}
}

// missing says which sections did not come.
func (a *reader) missing() error {
	if len(a.want) == 0 {
		slices.Sort(a.c.Tables)
		return nil
	}
	var names []string
	for _, n := range a.want {
		names = append(names, n)
	}
	slices.Sort(names)
	return fmt.Errorf("archive: the rows of %s are not in it", names[0])
}

// head reads the header; formats 1.12 (PostgreSQL 9) to 1.16 are known.
func (a *reader) head() error {
	var h [11]byte
	if _, err := io.ReadFull(a.r, h[:]); err != nil || string(h[:5]) != "PGDMP" {
		return errors.New("archive: it is not one of pg_dump's")
	}
	a.version, a.ints, a.offsets = int(h[5])*100+int(h[6]), int(h[8]), int(h[9])
	if a.version < 112 || a.version > 116 || h[10] != 1 || a.ints < 1 || a.ints > 8 || a.offsets < 1 || a.offsets > 8 {
		return fmt.Errorf("archive: format %d.%d of kind %d is not known", h[5], h[6], h[10])
	}
	if a.version >= 115 {
		kind, err := a.r.ReadByte()
		if err != nil {
			return err
		}
		a.gzip = kind == 1
	} else {
		level, err := a.number()
		if err != nil {
			return err
		}
		a.gzip = level != 0
	}
	for range 7 { // when it was made
		if _, err := a.number(); err != nil {
			return err
		}
	}
	var err error
	if a.c.Database, err = a.text(); err == nil {
		a.c.Server, err = a.text()
	}
	if err == nil {
		_, err = a.text()
	}
	return err
}

// number is a sign and bytes, the lowest first.
func (a *reader) number() (int, error) {
	var b [9]byte
	if _, err := io.ReadFull(a.r, b[:a.ints+1]); err != nil {
		return 0, err
	}
	n := 0
	for i := a.ints; i > 0; i-- {
		n = n<<8 | int(b[i])
	}
	if b[0] != 0 {
		n = -n
	}
	return n, nil
}

// longest text of an entry: a definition.
const longest = 256 << 20

func (a *reader) text() (string, error) {
	s, _, err := a.maybeText()
	return s, err
}

// maybeText is a text, and whether there is one.
func (a *reader) maybeText() (string, bool, error) {
	n, err := a.number()
	if err != nil || n < 0 {
		return "", false, err
	}
	if n > longest {
		return "", false, fmt.Errorf("archive: a text of %d bytes", n)
	}
	b, err := io.ReadAll(io.LimitReader(a.r, int64(n)))
	if err == nil && len(b) < n {
		err = io.ErrUnexpectedEOF
	}
	return string(b), true, err
}

func (a *reader) texts(n int) error {
	for range n {
		if _, err := a.text(); err != nil {
			return err
		}
	}
	return nil
}

// entry is one line of the list.
func (a *reader) entry() error {
	id, err := a.number()
	if err != nil {
		return err
	}
	data, err := a.number()
	if err != nil {
		return err
	}
	if err := a.texts(2); err != nil { // catalog and number there
		return err
	}
	tag, err := a.text()
	if err != nil {
		return err
	}
	desc, err := a.text()
	if err != nil {
		return err
	}
	if _, err := a.number(); err != nil { // section
		return err
	}
	if err := a.texts(3); err != nil { // definition, drop, copy
		return err
	}
	schema, err := a.text()
	if err != nil {
		return err
	}
	if err := a.rest(); err != nil {
		return err
	}
	switch {
	case data == 0:
	case desc == "TABLE DATA":
		a.want[id] = schema + "." + tag
	default:
		a.want[id] = desc
	}
	return nil
}

// rest is what stands behind an entry's schema.
func (a *reader) rest() error {
	n := 1 // tablespace
	if a.version >= 114 {
		n++ // access method
	}
	if err := a.texts(n); err != nil {
		return err
	}
	if a.version >= 116 {
		if _, err := a.number(); err != nil { // kind of relation
			return err
		}
	}
	if err := a.texts(2); err != nil { // owner, with oids
		return err
	}
	for { // what it depends on
		_, there, err := a.maybeText()
		if err != nil {
			return err
		}
		if !there {
			break
		}
	}
	_, err := a.r.Discard(1 + a.offsets)
	return err
}

// section reads one section of data.
func (a *reader) section(large bool) error {
	id, err := a.number()
	if err != nil {
		return err
	}
	name, ok := a.want[id]
	if !ok {
		return fmt.Errorf("archive: a section of nothing in the list (%d)", id)
	}
	delete(a.want, id)
	if !large {
		if err := a.chunks(); err != nil {
			return fmt.Errorf("archive: rows of %s: %w", name, err)
		}
		a.c.Tables = append(a.c.Tables, name)
		return nil
	}
	for {
		oid, err := a.number()
		if err != nil || oid == 0 {
			return err
		}
		if err := a.chunks(); err != nil {
			return fmt.Errorf("archive: large object %d: %w", oid, err)
		}
		a.c.Large++
	}
}

// chunks unpacks the pieces of one stream to its end.
func (a *reader) chunks() error {
	p := &pieces{a: a}
	var err error
	var n int64
	if a.gzip {
		var z io.ReadCloser
		if z, err = zlib.NewReader(p); err == nil {
			n, err = io.Copy(io.Discard, z)
		}
		if errors.Is(err, io.EOF) && !p.any {
			err = nil // nothing was packed
		}
	} else {
		n, err = io.Copy(io.Discard, p)
	}
	if err != nil {
		return err
	}
	a.c.Bytes += n
	_, err = io.Copy(io.Discard, p)
	return err
}

// pieces are the bytes of the chunks up to the one that is empty.
type pieces struct {
	a    *reader
	left int
	any  bool
	end  bool
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.end {
		return 0, io.EOF
	}
	if p.left == 0 {
		n, err := p.a.number()
		if err != nil {
			return 0, noEnd(err)
		}
		if n < 0 {
			return 0, fmt.Errorf("a piece of %d bytes", n)
		}
		if n == 0 {
			p.end = true
			return 0, io.EOF
		}
		p.left, p.any = n, true
	}
	n, err := p.a.r.Read(b[:min(len(b), p.left)])
	p.left -= n
	return n, noEnd(err)
}

// noEnd keeps the stream's end from being taken for the section's.
func noEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
