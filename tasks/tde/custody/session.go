package custody

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/secret"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/seal"
)

// Session is what is open in the laptop's memory during one run: keyrings by
// project and host, and the passphrases that were typed. Safe for concurrent
// use: hosts open theirs at the same time.
type Session struct {
	mu       sync.Mutex
	rev      int // grows with every change: laptop questions carry it in their keys
	opened   map[string]Opened
	retired  []Opened // what newer ones replaced; somebody may still hold it
	rounds   []*round
	waiting  map[int][]string // hosts that the passphrase of the round before did not open
	deriving int
	changed  chan struct{} // closed and made anew when deriving falls
	fresh    *round        // the passphrase of new keys
}

// round is one asking for a passphrase; everybody gets the same answer.
type round struct {
	done chan struct{}
	pass secret.Sealed
	err  error
}

// Opened is a keyring that is open.
type Opened struct {
	Project, Host string
	Keyring       seal.Keyring
	// Manifest is that of the newest sealed copy; zero when there is none yet.
	Manifest seal.Manifest
	// Unsealed is set for a keyring that no sealed copy holds yet: made or merged
	// in this run.
	Unsealed bool
	// Tips are the sealed copies that it was opened from.
	Tips       []seal.StoredCopy
	Passphrase secret.Sealed
	// Unnoted says why this laptop will not remember it; "" = it does.
	Unnoted string
}

// NewSession returns a session in which nothing is open.
func NewSession() *Session {
	return &Session{opened: map[string]Opened{}, waiting: map[int][]string{}, changed: make(chan struct{})}
}

// Close overwrites every key and passphrase.
func (s *Session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.opened {
		s.retired = append(s.retired, o)
	}
	for _, o := range s.retired {
		o.Keyring.Wipe()
		o.Passphrase.Wipe()
	}
	for _, r := range append(s.rounds, s.fresh) {
		if r != nil {
			r.pass.Wipe()
		}
	}
	s.opened, s.retired, s.rounds, s.fresh = map[string]Opened{}, nil, nil, nil
	s.rev++
	return nil
}

// Opened returns the open keyring of a host's project.
func (s *Session) Opened(project, hostname string) (Opened, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.opened[seal.RingID(project, hostname)]
	return o, ok
}

// Put keeps an open keyring; the one before it stays usable for who holds it.
func (s *Session) Put(o Opened) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.opened[seal.RingID(o.Project, o.Host)]; ok {
		s.retired = append(s.retired, old)
	}
	s.opened[seal.RingID(o.Project, o.Host)] = o
	s.rev++
}

// Touch says that something of the laptop changed: answers of before are stale.
func (s *Session) Touch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rev++
}

func (s *Session) revision() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strconv.Itoa(s.rev)
}

// maxRounds is how often a passphrase is asked for in one run.
const maxRounds = 3

// try opens one host's sealed files: with the passphrase that is asked for once
// per run, and if that is a wrong one for this host, with another that is asked
// for by name. attempt answers ErrPassphrase for a wrong one.
func (s *Session) try(ctx context.Context, p play.Prompter, hostname string, attempt func(secret.Sealed) error) (secret.Sealed, error) {
	for n := range maxRounds {
		pass, err := s.round(ctx, p, n, hostname)
		switch {
		case err != nil && n > 0 && ctx.Err() == nil:
			return secret.Sealed{}, fmt.Errorf("%s: %w (not asked again: %w)", hostname, seal.ErrPassphrase, err)
		case err != nil:
			return secret.Sealed{}, err
		}
		err = attempt(pass)
		if errors.Is(err, seal.ErrPassphrase) {
			s.fail(n+1, hostname)
			continue
		}
		s.derived()
		return pass, err
	}
	return secret.Sealed{}, fmt.Errorf("%s: %w, %d times", hostname, seal.ErrPassphrase, maxRounds)
}

// round waits for the passphrase of round n and counts the caller as deriving.
// The first one asks, except that from the second round on it waits until no
// host derives any more, so that the question can name all that are left.
func (s *Session) round(ctx context.Context, p play.Prompter, n int, hostname string) (secret.Sealed, error) {
	s.mu.Lock()
	for len(s.rounds) <= n && n > 0 && s.deriving > 0 {
		wait := s.changed
		s.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return secret.Sealed{}, context.Cause(ctx)
		}
		s.mu.Lock()
	}
	if len(s.rounds) <= n {
		r := &round{done: make(chan struct{})}
		s.rounds = append(s.rounds, r)
		a := askFor(n, s.waiting[n])
		s.mu.Unlock()
		r.pass, r.err = p.Secret(ctx, a)
		close(r.done)
		s.mu.Lock()
	}
	r := s.rounds[n]
	s.deriving++
	s.mu.Unlock()
	select {
	case <-r.done:
	case <-ctx.Done():
		s.derived()
		return secret.Sealed{}, context.Cause(ctx)
	}
	if r.err != nil {
		s.derived()
	}
	return r.pass, r.err
}

func askFor(n int, hosts []string) play.Ask {
	a := play.Ask{Key: "tde passphrase", Text: "Passphrase of the keys", Sealed: true}
	if n > 0 {
		hosts = slices.Clone(hosts)
		sort.Strings(hosts)
		a.Key = "tde passphrase " + strconv.Itoa(n+1)
		a.Text = "It did not open " + strings.Join(hosts, ", ") + ". Passphrase of the keys of " + strings.Join(hosts, ", ")
	}
	return a
}

// fail notes that a host needs the passphrase of round n.
func (s *Session) fail(n int, hostname string) {
	s.mu.Lock()
	s.waiting[n] = append(s.waiting[n], hostname)
	s.mu.Unlock()
	s.derived()
}

func (s *Session) derived() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deriving--
	close(s.changed)
	s.changed = make(chan struct{})
}

// ForNewKeys asks once per run for the passphrase of new keys.
func (s *Session) ForNewKeys(ctx context.Context, d Deps, inputs ...string) (secret.Sealed, error) {
	s.mu.Lock()
	if s.fresh == nil {
		r := &round{done: make(chan struct{})}
		s.fresh = r
		s.mu.Unlock()
		r.pass, r.err = newPassphrase(ctx, d.Prompter, d.Random, inputs...)
		close(r.done)
		s.mu.Lock()
	}
	r := s.fresh
	s.mu.Unlock()
	select {
	case <-r.done:
		return r.pass, r.err
	case <-ctx.Done():
		return secret.Sealed{}, context.Cause(ctx)
	}
}

// Open opens the newest sealed copies of a host's project on the laptop; copies
// that stand side by side are merged in memory. What is open stays open.
func (d Deps) Open(ctx context.Context, store Store, project, hostname string) (Opened, error) {
	shelf, err := store.Load(d.Sealer, project, hostname)
	if err != nil {
		return Opened{}, err
	}
	tips, err := shelf.Tips()
	if err != nil {
		return Opened{}, err
	}
	if o, ok := d.Session.Opened(project, hostname); ok && (o.Unsealed || sameTips(o.Tips, tips)) {
		return o, nil
	}
	if len(tips) == 0 {
		return Opened{}, guard.Refuse(shelf.Folder, "next: remoterun setup "+hostname+"; or, when the server has a sealed copy: remoterun key import "+hostname, "there is no sealed keyring of %s@%s", project, hostname)
	}
	var rings []seal.Keyring
	pass, err := d.Session.try(ctx, d.Prompter, hostname, func(pass secret.Sealed) error {
		rings = nil
		for _, c := range tips {
			k, _, err := d.Sealer.Open(ctx, c.Copy, pass)
			if err != nil {
				return sealedError(shelf.Folder, c.Name, err)
			}
			rings = append(rings, k)
		}
		return nil
	})
	if err != nil {
		return Opened{}, err
	}
	unnoted, err := d.witness(shelf, tips)
	if err != nil {
		for _, k := range rings {
			k.Wipe()
		}
		return Opened{}, err
	}
	o := Opened{Project: project, Host: hostname, Keyring: rings[len(rings)-1], Manifest: tips[len(tips)-1].Manifest, Tips: tips, Passphrase: pass, Unnoted: unnoted}
	for _, k := range rings[:len(rings)-1] {
		merged, err := seal.Merge(k, o.Keyring)
		k.Wipe()
		o.Keyring.Wipe()
		if err != nil {
			return Opened{}, guard.Refuse(shelf.Folder, "the offline header check (key verify) says which one is live; move the other away", "merging %s: %v", strings.Join(seal.Names(tips), " and "), err)
		}
		o.Keyring, o.Unsealed = merged, true
	}
	d.Session.Put(o)
	return o, nil
}

// sealedError keeps a wrong passphrase as it is; everything else that is wrong
// with a sealed copy is a refusal.
func sealedError(folder, name string, err error) error {
	if errors.Is(err, seal.ErrPassphrase) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return guard.Refuse(folder+"/"+name, Shelf{Folder: folder}.backWayOut(), "%v", err)
}

func sameTips(a, b []seal.StoredCopy) bool {
	return slices.EqualFunc(a, b, func(x, y seal.StoredCopy) bool { return x.Name == y.Name && x.Equal(y.Copy) })
}

// OpenInfo is what may be shown of an open keyring: what plans rest on.
type OpenInfo struct {
	Project, Host string
	KeyringID     string
	Generation    int
	Names         []string // of the sealed copies it was opened from
	Unsealed      bool
	Keys          []seal.Entry // the last is the wanted one
	Size          int          // bytes of the keyring file
	SHA256        string       // of the keyring file
	Note          string
	Behind        string // that HEAD is older than what was opened
	Unnoted       string // that this laptop will not remember it
}

// Wanted is the key that clusters should be on.
func (i OpenInfo) Wanted() seal.Entry {
	if len(i.Keys) == 0 {
		return seal.Entry{}
	}
	return i.Keys[len(i.Keys)-1]
}

func InfoOf(o Opened) (OpenInfo, error) {
	sum, err := o.Keyring.SHA256()
	return OpenInfo{
		Project: o.Project, Host: o.Host, KeyringID: o.Manifest.KeyringID, Generation: o.Manifest.Generation,
		Names: seal.Names(o.Tips), Unsealed: o.Unsealed, Keys: o.Keyring.Entries(), Size: o.Keyring.Size(), SHA256: sum,
		Note: seal.PassphraseNote(o.Passphrase), Unnoted: o.Unnoted,
	}, err
}

// laptop is a question that the laptop answers: it leaves the Reader alone, so
// no connection is opened for it.
type laptop struct {
	key string
	ask func(ctx context.Context) ([]byte, error)
}

// Key is equal for the same question while nothing of the laptop changed.
func (q laptop) Key() string { return q.key }

// Ask answers without the host. Refusals and wrong passphrases are statuses.
func (q laptop) Ask(ctx context.Context, _ host.Reader) (host.Answer, error) {
	text, err := q.ask(ctx)
	return guard.Answered(ctx, text, err)
}

// LaptopFact is a laptop question whose answer is T as JSON.
func LaptopFact[T any](s *Session, ask func(ctx context.Context) (T, error), key ...string) host.Fact[T] {
	return host.Fact[T]{
		Q: laptop{host.KeyOf("tde", append(key, s.revision())...), func(ctx context.Context) ([]byte, error) {
			v, err := ask(ctx)
			if err != nil {
				return nil, err
			}
			return json.Marshal(v)
		}},
		Parse: func(a host.Answer) (v T, err error) {
			if a.Status != 0 {
				return v, &guard.ErrAnswer{Status: a.Status, Msg: string(a.Stdout)}
			}
			return v, json.Unmarshal(a.Stdout, &v)
		},
	}
}

// IsOpen reports that a host's keyring is open: a task before this one, load,
// brings it into RAM.
func (d Deps) IsOpen(s host.Seen, project, hostname string) (bool, error) {
	_, err := host.Get(s, d.OpenFact(project, hostname))
	var none *guard.ErrAnswer
	if errors.As(err, &none) {
		return false, nil
	}
	return err == nil, err
}

// OpenFact asks what is open of a host's project. Its error is an *ErrAnswer
// when nothing is: a task with action=open or action=make comes before.
func (d Deps) OpenFact(project, hostname string) host.Fact[OpenInfo] {
	return LaptopFact(d.Session, func(context.Context) (OpenInfo, error) {
		o, ok := d.Session.Opened(project, hostname)
		if !ok {
			return OpenInfo{}, guard.Refuse("keyring of "+seal.RingID(project, hostname), "put a task tde_keyring with action: open before this one", "it is not open")
		}
		return InfoOf(o)
	}, "open", project, hostname)
}

func WantedKey(s host.Seen, d Deps, given, project, hostname string) (string, error) {
	if given != "" {
		return given, nil
	}
	info, err := host.Get(s, d.OpenFact(project, hostname))
	var none *guard.ErrAnswer
	if errors.As(err, &none) {
		return "", nil
	}
	return info.Wanted().Name, err
}
