package archives

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"sort"
	"strings"

	"remoterun/runner/play"
	"remoterun/tasks/kit"
)

// archiveList is what is in an archive, as it will be unpacked.
type archiveList struct {
	entries map[string]archived
}

// archived is one member: st_mode, and the digest of its content, or of a
// link's text.
type archived struct {
	mode uint32
	sum  string
}

// listArchive reads an archive of the laptop: tar, packed by gzip or bzip2 or not at
// all, and zip. It returns nil for what only the host can read (xz, zstd).
func listArchive(src play.Source) (*archiveList, error) {
	f, err := src.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	begin := bufio.NewReaderSize(f, 64<<10)
	b, err := begin.Peek(262)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var r io.Reader = begin
	switch {
	case bytes.HasPrefix(b, []byte("PK")):
		return listZip(f, src.Size())
	case bytes.HasPrefix(b, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		r = z
	case bytes.HasPrefix(b, []byte("BZh")):
		r = bzip2.NewReader(r)
	case len(b) < 262 || string(b[257:262]) != "ustar":
		return nil, nil
	}
	return listTar(r)
}

// listTar reads a tar stream. Special files, sparse ones and names with line breaks
// are left to the host.
func listTar(r io.Reader) (*archiveList, error) {
	l := &archiveList{entries: map[string]archived{}}
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if err != nil {
			return nil, fmt.Errorf("not valid as an archive: %w", err)
		}
		name := strings.TrimSuffix(h.Name, "/")
		if err := inside(name); err != nil {
			return nil, err
		}
		e := archived{mode: uint32(h.Mode) & kit.PermBits} // #nosec G115
		switch h.Typeflag {
		case tar.TypeReg:
			e.mode |= kit.TypeReg
			sum := sha256.New()
			if _, err := io.Copy(sum, t); err != nil { // #nosec G110: only a digest is kept
				return nil, err
			}
			e.sum = hex.EncodeToString(sum.Sum(nil))
		case tar.TypeDir:
			e.mode, e.sum = e.mode|kit.TypeDir, "-"
		case tar.TypeSymlink:
			e.mode, e.sum = kit.TypeLink|0o777, digest(h.Linkname)
		case tar.TypeLink:
			if err := inside(h.Linkname); err != nil {
				return nil, err
			}
			e = l.entries[path.Clean("/" + h.Linkname)[1:]]
		case tar.TypeXGlobalHeader:
			continue
		default:
			return nil, nil
		}
		if !l.add(name, e) {
			return nil, nil
		}
	}
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// inside refuses names that lead out; links are looked at by the host as well.
func inside(name string) error {
	if strings.HasPrefix(name, "/") {
		return fmt.Errorf("the member %s has an absolute name; nothing was unpacked", name)
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return fmt.Errorf("the member %s leads out of the folder; nothing was unpacked", name)
		}
	}
	return nil
}

// add keeps a member; false when its name cannot be compared line by line.
func (l *archiveList) add(name string, e archived) bool {
	name = path.Clean("/" + name)[1:]
	if name == "" {
		return true
	}
	l.entries[name] = e
	return !strings.ContainsAny(name, "\n\\\r") && name == strings.TrimSpace(name)
}

// listZip reads a zip file.
func listZip(f io.Reader, size int64) (*archiveList, error) {
	at, ok := f.(io.ReaderAt)
	if !ok {
		return nil, nil
	}
	z, err := zip.NewReader(at, size)
	if err != nil {
		return nil, fmt.Errorf("not valid as an archive: %w", err)
	}
	l := &archiveList{entries: map[string]archived{}}
	for _, f := range z.File {
		if err := inside(strings.TrimSuffix(f.Name, "/")); err != nil {
			return nil, err
		}
		if f.CreatorVersion>>8 != 3 || f.Mode()&0o7000000 != 0 && !f.Mode().IsDir() { // modes of no UNIX, or no plain file
			return nil, nil
		}
		e := archived{mode: uint32(f.Mode().Perm()) | kit.TypeReg}
		if f.Mode().IsDir() {
			e = archived{mode: uint32(f.Mode().Perm()) | kit.TypeDir, sum: "-"}
		} else if e.sum, err = sumOf(f); err != nil {
			return nil, err
		}
		if !f.Mode().IsDir() && !f.Mode().IsRegular() || !l.add(f.Name, e) {
			return nil, nil
		}
	}
	return l, nil
}

func sumOf(f *zip.File) (string, error) {
	r, err := f.Open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil { // #nosec G110: only a digest is kept
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// names are the members, folders with a slash at the end.
func (l *archiveList) names() []string {
	var out []string
	for n, e := range l.entries {
		if e.mode&kit.TypeMask == kit.TypeDir {
			n += "/"
		}
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

// lines are the members for kit.Archive.Unpacked, with another mode where one is
// wanted.
func (l *archiveList) lines(mode kit.Mode) string {
	var out []string
	for n, e := range l.entries {
		m := e.mode
		if mode.Given() && m&kit.TypeMask != kit.TypeLink {
			m = m&kit.TypeMask | mode.Apply(m, 0)
		}
		out = append(out, fmt.Sprintf("%x %s %s", m, e.sum, n))
	}
	sort.Slice(out, func(i, j int) bool { return out[i][4:] < out[j][4:] })
	return strings.Join(out, "\n")
}
