package move

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"

	"remoterun/runner/host"
	"remoterun/runner/job"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/tasks/move/archive"
	"remoterun/tasks/move/catalog"
	"remoterun/tasks/move/shelf"
)

// A backup is made of the running database before anything is changed: roles by
// pg_dumpall, each database by pg_dump -Fc. It comes to the laptop in pieces that
// lie in the host's memory for a moment, is encrypted (age) before it touches the
// laptop's disk, and is read back from there to its end.

// Backup is one, as its folder says it.
type Backup struct {
	Format  int          `json:"format"`
	Project string       `json:"project"`
	Host    string       `json:"host"`
	When    string       `json:"when"`
	By      string       `json:"by"`
	Server  string       `json:"server"`
	Files   []BackupFile `json:"files"`
}

// BackupFile is one file of it; bytes and hash are those of the encrypted file.
type BackupFile struct {
	Name     string `json:"name"`
	Database string `json:"database,omitempty"` // "" = roles
	Bytes    int64  `json:"bytes"`
	SHA256   string `json:"sha256"`
	Tables   int    `json:"tables"` // whose rows were read back
	Rows     int64  `json:"row_bytes"`
}

const backupList = "backup.json"

// backupServer leaves the backup on the host, encrypted.
const backupServer = "server"

// saver makes one backup.
type saver struct {
	m      *mover
	w      host.Writer
	shelf  shelf.Shelf
	to     []age.Recipient
	reader age.Identity // for reading back
	moved  int64
}

// archiving saves the databases of a move: to the laptop, or on the host.
type archiving struct{ *mover }

// backup is the phase; before it the operator is asked, so that nobody waits in the
// middle.
func (m archiving) backup(ctx context.Context, w host.Writer, id string) error {
	r := m.record
	if err := m.agree(ctx, w); err != nil {
		return err
	}
	if r.Backup != "" {
		return nil
	}
	var dir string
	var err error
	switch m.args.Backup {
	case "no":
		dir = "none was made: backup is no"
	case "recent":
		if dir, err = m.recent(w.Name()); err != nil {
			dir, err = m.recentThere(ctx, w, m.now(), err)
		}
	default:
		dir, err = m.save(ctx, w, id)
	}
	if err != nil {
		return err
	}
	w.Say("backup: " + dir)
	r.Backup = dir
	return m.keep(ctx, w, r)
}

// backups is the laptop's folder for those of a host.
func (m archiving) backups(hostName string) string {
	dir := m.args.Backups
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(m.dirs, dir)
	}
	return filepath.Join(dir, filepath.Base(hostName))
}

// save makes a backup, and returns its folder.
func (m archiving) save(ctx context.Context, w host.Writer, id string) (string, error) {
	s, err := m.saved(ctx, w, id)
	if err != nil {
		return "", err
	}
	return s.shelf.Where(), nil
}

func (m archiving) saved(ctx context.Context, w host.Writer, id string) (*saver, error) {
	s := &saver{m: m.mover, w: w}
	if err := s.recipients(ctx); err != nil {
		return nil, err
	}
	return s, s.all(ctx, id)
}

// place finds the shelf for it.
func (s *saver) place(ctx context.Context) (err error) {
	m, name := s.m, s.m.Project+"-"+s.m.now().UTC().Format("20060102T150405Z")
	var need int64
	for _, d := range m.record.Cluster.Databases {
		need += d.Bytes
	}
	if m.args.Backup == backupServer {
		dir := path.Join(m.hostBackups(), name)
		s.shelf = shelf.OnHost(s.w, dir)
		return m.roomFor(ctx, s.w, dir, need)
	}
	s.shelf, err = shelf.OnLaptop(filepath.Join(archiving{m}.backups(s.w.Name()), name), need)
	var full *shelf.Full
	if errors.As(err, &full) {
		err = refuse("laptop's disk", "make room, or set backup to server, to recent, or to no when you have one elsewhere", "%s are free in %s, and the databases have %s", mib(full.Free), full.Dir, mib(need))
	}
	return err
}

// roomFor refuses a disk of the host with less room than a backup may need.
func (s Stack) roomFor(ctx context.Context, w host.Writer, dir string, need int64) error {
	text, err := output(ctx, w, "look for room", sh.Script(roomText, path.Dir(dir)))
	if err != nil {
		return err
	}
	_, line, _ := strings.Cut(text, "\n")
	if f := strings.Fields(line); len(f) > 5 {
		if kb, err := strconv.ParseInt(f[3], 10, 64); err == nil && kb<<10 < need {
			return refuse("disk "+f[5]+" of "+w.Name(), "make room on it, or set backup to laptop", "%s are free, and the databases have %s", mib(kb<<10), mib(need))
		}
	}
	return nil
}

// all makes every file, and the list of them.
func (s *saver) all(ctx context.Context, id string) error {
	if err := s.place(ctx); err != nil {
		return err
	}
	m := s.m
	b := Backup{Format: 1, Project: m.Project, Host: s.w.Name(), When: m.time(), By: m.by, Server: m.record.Source.Version}
	f, err := s.file(ctx, id, "roles.sql.age", nil)
	if err != nil {
		return err
	}
	b.Files = append(b.Files, f)
	for i, d := range m.record.Cluster.Databases {
		f, err := s.file(ctx, id, fmt.Sprintf("%02d-%s.dump.age", i+1, plainName(d.Name)), &d)
		if err != nil {
			return err
		}
		b.Files = append(b.Files, f)
	}
	text, err := json.MarshalIndent(b, "", " ")
	if err != nil {
		return err
	}
	return shelf.Put(ctx, s.shelf, backupList, append(text, '\n'))
}

// plainName is a database's name as part of a file's.
func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, s)
}

// recipients are those that were named, and one of this run's own, whose key is
// never kept, for reading back; without any, a passphrase.
func (s *saver) recipients(ctx context.Context) error {
	for _, text := range s.m.args.Recipients {
		r, err := age.ParseX25519Recipient(strings.TrimSpace(text))
		if err != nil {
			return refuse("recipient "+text, "age-keygen makes one: age1...", "%v", err)
		}
		s.to = append(s.to, r)
	}
	if len(s.to) > 0 {
		own, err := age.GenerateX25519Identity()
		if err != nil {
			return err
		}
		s.to, s.reader = append(s.to, own.Recipient()), own
		return nil
	}
	if s.m.prompter == nil {
		return refuse("backup of "+s.m.Project, "set backup_recipients", "it has nobody to be encrypted for")
	}
	pass, err := s.m.prompter.Secret(ctx, play.Ask{Key: "backup passphrase " + s.w.Name() + " " + s.m.Project, Sealed: true, Confirm: true,
		Text: fmt.Sprintf("Passphrase for the backup of %s on %s (or set backup_recipients)", s.m.Project, s.w.Name())})
	if err != nil {
		return err
	}
	return pass.Use(func(b []byte) error {
		if len(b) < 8 {
			return refuse("passphrase of the backup", "type a longer one", "it has less than 8 characters")
		}
		r, err := age.NewScryptRecipient(string(b))
		if err != nil {
			return err
		}
		id, err := age.NewScryptIdentity(string(b))
		s.to, s.reader = []age.Recipient{r}, id
		return err
	})
}

// file makes one file and reads it back: of a database, or of the roles (nil).
func (s *saver) file(ctx context.Context, id, name string, d *catalog.Database) (BackupFile, error) {
	out := BackupFile{Name: name}
	if d != nil {
		out.Database = d.Name
	}
	f, err := s.shelf.Create(ctx, name)
	if err != nil {
		return out, err
	}
	enc, err := age.Encrypt(f, s.to...)
	if err == nil {
		err = s.pour(ctx, id, out.Database, enc)
	}
	if err == nil {
		err = enc.Close()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return out, err
	}
	back, err := s.shelf.Open(ctx, name)
	if err != nil {
		return out, err
	}
	defer func() { _ = back.Close() }()
	sum := sha256.New()
	count := &counter{w: sum}
	dec, err := age.Decrypt(io.TeeReader(back, count), s.reader)
	if err == nil {
		err = out.proved(dec, d)
	}
	if err != nil {
		return out, fmt.Errorf("backup %s/%s, read back: %w", s.shelf.Where(), name, err)
	}
	out.Bytes, out.SHA256 = count.n, hex.EncodeToString(sum.Sum(nil))
	return out, nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// rolesEnd is the last line that pg_dumpall prints.
const rolesEnd = "-- PostgreSQL database cluster dump complete"

// proved reads a file to its end: the list of the archive, and the rows of every
// table that the database had.
func (f *BackupFile) proved(r io.Reader, d *catalog.Database) error {
	if d == nil {
		text, err := io.ReadAll(io.LimitReader(r, 256<<20))
		if err == nil && !strings.Contains(string(text), rolesEnd) {
			err = errors.New("it ends in the middle")
		}
		return err
	}
	c, err := archive.Read(r)
	if err != nil {
		return err
	}
	f.Tables, f.Rows = len(c.Tables), c.Bytes
	for _, t := range d.Container.Tables {
		if t.Kind == "r" && !t.Extension && !slices.Contains(c.Tables, t.Schema+"."+t.Name) {
			return fmt.Errorf("the rows of %s.%s are not in it: was the table dropped meanwhile? the same command makes it again", t.Schema, t.Name)
		}
	}
	return nil
}

// dumpText is the job: it prints a dump of the server in container $1, as role $2,
// of the database $3 ("" = the roles), in pieces of at most 4 MiB in the folder
// $4, of which six may wait. dd takes what one read gives: nothing is read twice.
// Nobody who fetches for five minutes ends it.
const dumpText sh.Constant = `c=$1 u=$2 d=$3 R=$4
umask 077
rm -rf "$R" && mkdir -p "$R" && cd "$R" || exit 1
{ if [ -n "$d" ]; then docker exec -e PGDATABASE="$d" -e PGAPPNAME=remoterun/backup -e PGOPTIONS="-c ` + catalog.NoMerge + `" "$c" sh -c 'exec pg_dump -w -U "$1" -Fc' sh "$u" </dev/null
else docker exec -e PGAPPNAME=remoterun/backup -e PGOPTIONS="-c ` + catalog.NoMerge + `" "$c" pg_dumpall -w -U "$u" -l postgres -g </dev/null; fi 2>said; echo $? >rc; } | {
	n=0
	while :; do
		dd bs=65536 count=64 of=new 2>/dev/null || exit 1
		[ -s new ] || break
		n=$((n + 1))
		mv new "p$n"
		i=0
		while [ -e "p$((n - 5))" ]; do
			i=$((i + 1))
			[ $i -lt 1500 ] || exit 1
			sleep 0.2 2>/dev/null || sleep 1
		done
	done
}
[ "$(cat rc)" = 0 ] || { tail -n 3 said >&2; exit 1; }
: >end`

// pieceText prints piece $2 of the folder $1, and takes it away: status 0; 7 =
// there is none any more, 8 = not yet, 9 = the dump failed, with its words.
const pieceText sh.Constant = `cd "$1" 2>/dev/null || exit 8
i=0
while [ ! -e "p$2" ]; do
	[ ! -e end ] || exit 7
	i=$((i + 1))
	[ $i -lt 50 ] || exit 8
	if [ -s rc ] && [ "$(cat rc)" != 0 ]; then tail -n 3 said >&2; exit 9; fi
	sleep 0.1 2>/dev/null || sleep 1
done
cat "p$2" && rm -f "p$2"`

// pour has one dump come over.
func (s *saver) pour(ctx context.Context, id, database string, to io.Writer) error {
	m, ram := s.m, s.m.ram()+"-backup"
	if err := m.ownJob(ctx, s.w); err != nil {
		return err
	}
	doing := m.doing()
	start := m.job().Start(sh.Script(dumpText, id, m.record.Source.Super, database, ram), job.What{Who: m.by, Since: m.time(), Doing: doing})
	if err := run(ctx, s.w, "begin the backup", start); err != nil {
		return err
	}
	defer func() {
		end := context.WithoutCancel(ctx)
		_ = run(end, s.w, "end the backup", m.job().Stop())
		_ = run(end, s.w, "take the pieces away", sh.Script(`rm -rf -- "$1"`, ram))
	}()
	for n := 1; ; {
		out, err := s.w.Run(ctx, sh.Script(pieceText, ram, fmt.Sprint(n)))
		if err != nil {
			return err
		}
		switch out.Status {
		case 0:
			if _, err := to.Write(out.Stdout); err != nil {
				return answered(err, refuse("disk of "+s.shelf.Where(), "make room on it", "%v", err))
			}
			s.moved += int64(len(out.Stdout))
			s.w.Progress(s.moved, 0)
			n++
		case 7:
			return nil
		case 8:
			st, err := m.job().Look(ctx, s.w, 0)
			if err != nil {
				return err
			}
			if st.Phase != job.Running && st.Status != 0 {
				return refuse("backup of "+m.Project, "the same command begins it again; nothing was changed", "%s", complaint(st.Err))
			}
		default:
			return refuse("backup of "+m.Project, "mend what it says; nothing was changed", "database %s cannot be dumped: %s", or(database, "(roles)"), strings.TrimSpace(string(out.Stderr)))
		}
	}
}

// newest a backup may be, for recent.
const recentWithin = 24 * time.Hour

// recent looks for a backup of the last day that is whole.
func (m archiving) recent(hostName string) (string, error) {
	dir := m.backups(hostName)
	lists, _ := filepath.Glob(filepath.Join(dir, m.Project+"-*", backupList))
	slices.Sort(lists)
	no := refuse("backup of "+m.Project, "set backup to laptop", "none of the last 24 hours is in %s", dir)
	if len(lists) == 0 {
		return "", no
	}
	list := lists[len(lists)-1]
	text, err := os.ReadFile(list)
	if err != nil {
		return "", err
	}
	var b Backup
	if err := json.Unmarshal(text, &b); err != nil {
		return "", fmt.Errorf("%s: %w", list, err)
	}
	when, err := time.Parse(time.RFC3339, b.When)
	if err != nil || m.now().Sub(when) > recentWithin || b.Project != m.Project {
		return "", no
	}
	for _, f := range b.Files {
		if err := f.whole(filepath.Dir(list)); err != nil {
			return "", err
		}
	}
	return filepath.Dir(list) + " of " + b.When, nil
}

// hostBackups is the host's folder for those that stay there.
func (s Stack) hostBackups() string { return s.state() + "/backups" }

// recentThere looks on the host, where the laptop has none (no).
func (s Stack) recentThere(ctx context.Context, w host.Writer, now time.Time, no error) (string, error) {
	text, err := output(ctx, w, "look for a backup on the host", sh.Script(hostListText, s.hostBackups(), s.Project))
	if err != nil || text == "" {
		return "", errors.Join(err, no)
	}
	dir, rest, _ := strings.Cut(text, "\n")
	list, sums, _ := strings.Cut(rest, "\n--\n")
	var b Backup
	if err := json.Unmarshal([]byte(list), &b); err != nil {
		return "", fmt.Errorf("%s/%s: %w", dir, backupList, err)
	}
	when, err := time.Parse(time.RFC3339, b.When)
	if err != nil || now.Sub(when) > recentWithin {
		return "", no
	}
	for _, f := range b.Files {
		if !strings.Contains("\n"+sums, "\n"+f.SHA256+"  "+f.Name+"\n") {
			return "", refuse("backup "+dir+"/"+f.Name, "set backup to laptop or server", "it is not what was written then")
		}
	}
	return w.Name() + ":" + dir + " of " + b.When, nil
}

// hostListText prints the list of the newest backup of project $2 in the folder $1,
// behind a line with its folder, when every file of it is what was written then.
const hostListText sh.Constant = `set -- "$1"/"$2"-*/` + backupList + `
for f; do :; done
[ -f "$f" ] || exit 0
d=${f%/*}
echo "$d"
cat -- "$f"
printf '\n--\n'
cd "$d" && for a in *.age; do sha256sum -- "$a"; done`

// whole compares a file with its hash.
func (f BackupFile) whole(dir string) error {
	path := filepath.Join(dir, filepath.Base(f.Name))
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != f.SHA256 {
		return refuse("backup "+path, "set backup to laptop", "it is not what was written then")
	}
	return nil
}
