package custody

import (
	"context"
	"errors"
	"fmt"
	"path"
	"sort"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/seal"
)

// listText lists the sealed files in $1: "SHA256 NAME" each, then "end". It
// exits 3 when the folder is not there and 4 when the asker is not root.
const listText = `[ "$(id -u)" = 0 ] || exit 4
cd "$1" 2>/dev/null || exit 3
for f in *.enc *.tag *.json; do
	[ -f "$f" ] && [ ! -L "$f" ] || continue
	echo "$(sha256sum <"$f" | cut -d " " -f 1) $f"
done
echo end`

// ServerFile is one sealed file on a host.
type ServerFile struct{ Name, SHA256 string }

// ServerCopy is what a host holds of a project's sealed keyrings.
type ServerCopy struct {
	Folder string
	// Copies maps names ("000001-1a2b3c4d") to the SHA-256 of their three files,
	// by suffix; incomplete ones are left out.
	Copies map[string]map[string]string
}

// Server asks for the sealed files on the host.
func Server(stateDir, project string) host.Fact[ServerCopy] {
	folder := path.Join(stateDir, project)
	return host.Fact[ServerCopy]{
		Q: host.NewProbe(listText, folder),
		Parse: func(a host.Answer) (ServerCopy, error) {
			sc := ServerCopy{Folder: folder, Copies: map[string]map[string]string{}}
			switch a.Status {
			case 3:
				return sc, nil
			case 4:
				return sc, guard.Refuse(folder, "use become: yes", "only root may look into it")
			}
			return sc, sc.parse(a)
		},
	}
}

func (sc *ServerCopy) parse(a host.Answer) error {
	text, whole := strings.CutSuffix(string(a.Stdout), "end\n")
	if a.Status != 0 || !whole {
		return fmt.Errorf("%s: the list is not whole (status %d)", sc.Folder, a.Status)
	}
	for line := range strings.Lines(text) {
		sum, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !seal.CopyFile().MatchString(name) || !seal.HexHash().MatchString(sum) {
			continue
		}
		suffix := path.Ext(name)
		base := strings.TrimSuffix(name, suffix)
		if sc.Copies[base] == nil {
			sc.Copies[base] = map[string]string{}
		}
		sc.Copies[base][suffix] = sum
	}
	for base, sums := range sc.Copies {
		if len(sums) != 3 {
			delete(sc.Copies, base)
		}
	}
	return nil
}

// Names lists the complete copies, oldest generation first.
func (sc ServerCopy) Names() []string {
	out := make([]string, 0, len(sc.Copies))
	for n := range sc.Copies {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

// Differs reports that the host has other bytes under the copy's name, or not all
// of its files.
func (sc ServerCopy) Differs(c seal.StoredCopy) bool {
	sums, ok := sc.Copies[c.Name]
	return ok && !sameSums(sums, tipInfo(c).Sums)
}

// Differing are copies that both have, with other bytes.
func (i ShelfInfo) Differing(sc ServerCopy) []string {
	var out []string
	for _, tip := range i.Tips {
		if sums, ok := sc.Copies[tip.Name]; ok && !sameSums(sums, tip.Sums) {
			out = append(out, tip.Name)
		}
	}
	return out
}

// Wrong says which files of a copy on the host are not the laptop's, and whether
// the host's is the one that was changed: a copy is named by its ciphertext's hash.
func (i ShelfInfo) Wrong(sc ServerCopy, name string) string {
	var files []string
	for _, tip := range i.Tips {
		for _, s := range []string{".enc", ".tag", ".json"} {
			if tip.Name == name && sc.Copies[name][s] != tip.Sums[s] {
				files = append(files, s)
			}
		}
	}
	if sum := sc.Copies[name][".enc"]; len(sum) > 8 && !strings.HasSuffix(name, "-"+sum[:8]) {
		return "the server's was changed: by its hash its .enc is another one (other bytes than here: " + strings.Join(files, ", ") + ")"
	}
	return "it is on the server with other bytes than here: " + strings.Join(files, ", ") + " (this laptop's fits its own hash)"
}

// CopyState compares a laptop's shelf with a host's copies.
type CopyState string

const (
	CopiesNone   CopyState = "none"           // neither has one
	CopiesEqual  CopyState = "equal"          // the newest is on both, byte for byte
	CopyMissing  CopyState = "laptop only"    // the host lacks the newest
	CopyServer   CopyState = "server only"    // the laptop has none at all
	CopyNewer    CopyState = "server newer"   // the host has one that the laptop does not know
	CopyDiffers  CopyState = "server differs" // same name, other bytes
	CopyNoServer CopyState = "not kept"       // tde_server_copy: no
	CopyDamaged  CopyState = "laptop damaged" // files of the laptop's are changed or gone
)

// Compare says how the two relate; the copy that decides is named.
func (i ShelfInfo) Compare(sc ServerCopy) (CopyState, string) {
	server := sc.Names()
	if len(i.Tips) == 0 {
		if len(server) == 0 {
			return CopiesNone, ""
		}
		return CopyServer, server[len(server)-1]
	}
	newest := i.Tips[len(i.Tips)-1].Name
	for _, n := range server {
		if n[:6] >= newest[:6] && !i.Has(n) {
			return CopyNewer, n
		}
	}
	state := CopiesEqual
	for _, tip := range i.Tips {
		sums, ok := sc.Copies[tip.Name]
		switch {
		case !ok:
			state = CopyMissing
		case !sameSums(sums, tip.Sums):
			return CopyDiffers, tip.Name
		}
	}
	return state, newest
}

func sameSums(a, b map[string]string) bool {
	for _, s := range []string{".enc", ".tag", ".json"} {
		if a[s] == "" || a[s] != b[s] {
			return false
		}
	}
	return true
}

// storeText stores one sealed keyring in $1 under the name $2: three files of
// $3, $4, $5 bytes and hash $6, $7, $8 come on stdin one after another. All are
// on the disk before the first gets its name; the .json's name is the commit.
const storeText sh.Constant = `umask 077
no() { echo "$1" >&2; exit 11; }
[ "$(id -u)" = 0 ] || no "$1: only root may write there"
[ ! -L "$1" ] || no "$1: it is a symbolic link"
mkdir -p "$1" || exit 1
cd -P "$1" || exit 1
[ "$(stat -c %u .)" = 0 ] || no "$1: it is not root's"
chmod 0700 . || exit 1
rm -f .in.*
if echo ab | dd bs=1 count=1 iflag=fullblock >/dev/null 2>&1; then take() { dd bs="$1" count=1 iflag=fullblock 2>/dev/null; }
else take() { dd bs=1 count="$1" 2>/dev/null; }; fi
n=$2
one() {
	if [ -e "$n.$1" ] && [ "$(sha256sum <"$n.$1" | cut -d " " -f 1)" != "$3" ]; then no "$n.$1: it is there with other bytes and is not overwritten"; fi
	take "$2" >".in.$n.$1" || { echo "$n.$1: it cannot be written (disk full?)" >&2; rm -f .in.*; exit 1; }
	[ "$(sha256sum <".in.$n.$1" | cut -d " " -f 1)" = "$3" ] || { echo "$n.$1: it did not arrive whole" >&2; rm -f .in.*; exit 1; }
}
one enc "$3" "$6"
one tag "$4" "$7"
one json "$5" "$8"
sync
mv -f ".in.$n.enc" "$n.enc" && mv -f ".in.$n.tag" "$n.tag" && sync && mv -f ".in.$n.json" "$n.json" && sync`

// readText prints the three files of the copy $2 in $1: a line with their sizes,
// then their bytes.
const readText sh.Constant = `cd -P "$1" || exit 1
echo $(wc -c <"$2.enc") $(wc -c <"$2.tag") $(wc -c <"$2.json")
cat "$2.enc" "$2.tag" "$2.json"`

// storeOn writes a sealed copy to a host.
func storeOn(ctx context.Context, w host.Writer, folder string, c seal.StoredCopy) error {
	files := [][]byte{c.Enc, c.Tag, c.Copy.Manifest}
	args := []string{folder, c.Name}
	var data []byte
	for _, f := range files {
		args = append(args, strconv.Itoa(len(f)))
		data = append(data, f...)
	}
	for _, f := range files {
		args = append(args, seal.HexSum(f))
	}
	out, err := w.Run(ctx, sh.Script(storeText, args...).With(sh.Bytes(data)))
	if err != nil {
		return err
	}
	return guard.ScriptError(out, folder, "look at it on the host")
}

// ReadFrom reads a sealed copy back from a host.
func ReadFrom(ctx context.Context, w host.Writer, sealer seal.Sealer, folder, name string) (seal.StoredCopy, error) {
	c := seal.StoredCopy{Name: name}
	out, err := w.Run(ctx, sh.Script(readText, folder, name))
	if err == nil {
		err = out.Err("read " + path.Join(folder, name))
	}
	if err != nil {
		return c, err
	}
	line, rest, _ := strings.Cut(string(out.Stdout), "\n")
	files, ok := splitSizes(line, rest)
	if !ok {
		return c, fmt.Errorf("read %s: the answer is not whole", path.Join(folder, name))
	}
	c.Enc, c.Tag, c.Copy.Manifest = files[0], files[1], files[2]
	c.Manifest, err = sealer.Inspect(c.Copy)
	if err == nil && c.Copy.Name(c.Manifest) != name {
		err = errors.New("by its manifest it is " + c.Copy.Name(c.Manifest))
	}
	if err != nil {
		return c, guard.Refuse(path.Join(folder, name), "move it away on the host and run setup again", "what was read back is damaged: %v", err)
	}
	return c, nil
}

// splitSizes cuts three files out of what a host printed: their sizes in bytes,
// then they. A size is a host's word: each is held against what is there before
// anything is reckoned with it.
func splitSizes(line, rest string) (files [3][]byte, ok bool) {
	words := strings.Fields(line)
	if len(words) != len(files) {
		return files, false
	}
	for i, w := range words {
		n, err := strconv.ParseUint(w, 10, 32)
		if err != nil || n > uint64(len(rest)) {
			return files, false
		}
		files[i], rest = []byte(rest[:n]), rest[n:]
	}
	return files, rest == ""
}

// setAside keeps the copy $2 in $1 under other names: its bytes are not
// what their names promise.
const setAside sh.Constant = `cd -P "$1" || exit 1
for s in enc tag json; do [ ! -f "$2.$s" ] || mv -f "$2.$s" "$2.$s.bad" || exit 1; done
sync`

// Mend puts a copy in the place of one on the host that has other bytes under its
// name, where the host's is the wrong one: it does not open, and c does. The wrong
// one is kept, as *.bad.
func (d Deps) Mend(ctx context.Context, w host.Writer, folder string, c seal.StoredCopy, o Opened) error {
	object := path.Join(folder, c.Name)
	if back, err := ReadFrom(ctx, w, d.Sealer, folder, c.Name); err == nil {
		k, _, err := d.Sealer.Open(ctx, back.Copy, o.Passphrase)
		if err == nil {
			k.Wipe()
			return guard.Refuse(object, "compare the two by hand", "both it and this laptop's copy open, and their bytes differ")
		}
	}
	out, err := w.Run(ctx, sh.Script(setAside, folder, c.Name))
	if err == nil {
		err = guard.ScriptError(out, object, "look at it on the host")
	}
	if err != nil {
		return err
	}
	w.Say("the server's " + c.Name + " was damaged; it is kept as *.bad")
	return d.PushCopy(ctx, w, folder, c, o)
}

// PushCopy stores a sealed copy on the host, reads it back, opens what was read
// back and compares it with the keyring that is open: only then is it proved.
func (d Deps) PushCopy(ctx context.Context, w host.Writer, folder string, c seal.StoredCopy, o Opened) error {
	if err := storeOn(ctx, w, folder, c); err != nil {
		return err
	}
	back, err := ReadFrom(ctx, w, d.Sealer, folder, c.Name)
	if err != nil {
		return err
	}
	wrong := func(problem string, a ...any) error {
		return guard.Refuse(path.Join(folder, c.Name), "move it away on the host and run setup again", problem, a...)
	}
	if !back.Equal(c.Copy) {
		return wrong("what was read back differs from what was sent")
	}
	k, _, err := d.Sealer.Open(ctx, back.Copy, o.Passphrase)
	if err != nil {
		return wrong("what was read back does not open: %v", err)
	}
	defer k.Wipe()
	if missing := o.Keyring.Missing(k); len(missing) > 0 || k.Len() == 0 {
		return wrong("what was read back holds other keys")
	}
	return nil
}

// CopiesView is how the sealed copies of laptop and host relate.
type CopiesView struct {
	State CopyState // "" = not looked at
	Said  string    // the copy that decides, or what is wrong with the laptop's
	// Advises: Said ends with what to type.
	Advises bool
	// Left are copies on a host that should keep none.
	Left []string
}

// CopiesOf compares the sealed copies of laptop and host: no passphrase is
// needed for that.
func (d Deps) CopiesOf(s host.Seen, keysDir, project, hostname string, serverCopy bool) (CopiesView, error) {
	shelf, err := host.Get(s, d.ShelfFact(keysDir, project, hostname))
	var bad *guard.ErrAnswer
	if errors.As(err, &bad) {
		return CopiesView{State: CopyDamaged, Said: bad.Error(), Advises: bad.Status == guard.StatusRefused}, nil
	}
	if err != nil {
		return CopiesView{}, err
	}
	if why := shelf.suspect(); why != "" {
		return CopiesView{State: CopyDamaged, Said: why}, nil
	}
	server, err := host.Get(s, Server(seal.StateDir, project))
	if err != nil {
		return CopiesView{}, err
	}
	if !serverCopy && len(shelf.Tips) > 0 {
		return CopiesView{State: CopyNoServer, Said: strings.Join(shelf.Names, ", "), Left: server.Names()}, nil
	}
	state, said := shelf.Compare(server)
	return CopiesView{State: state, Said: said}, nil
}

// suspect says what of the laptop's folder needs no server to be seen: a HEAD that is
// gone, a step back from what this laptop has opened.
func (i ShelfInfo) suspect() string {
	if len(i.Names) > 0 && i.Head == "" {
		return i.Folder + ": HEAD is gone or cannot be read, so nothing says whether " + i.Names[len(i.Names)-1] + " is the newest"
	}
	if i.Back != "" {
		return i.Folder + ": " + i.Back
	}
	return ""
}

// Advised is what is wrong with sealed copies, with what to type.
func (v CopiesView) Advised(hostname string) string {
	text := string(v.State)
	switch {
	case text == "":
		text = v.Said
	case v.Said != "":
		text += ": " + v.Said
	}
	if v.Advises {
		return text
	}
	return text + "; next: " + NextOfCopies(v.State, hostname)
}

// NextOfCopies is what brings sealed copies together.
func NextOfCopies(c CopyState, hostname string) string {
	switch c {
	case CopyServer, CopyNewer, CopyDamaged:
		return "remoterun key import " + hostname
	case CopyDiffers:
		return "remoterun setup " + hostname + " --yes, which puts this laptop's copy in the place of the server's, where that one does not open"
	}
	return "remoterun setup " + hostname
}
