package keys

import (
	"context"
	"fmt"
	"path"
	"path/filepath"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/memory"
	"remoterun/tasks/tde/pgtde"
	"remoterun/tasks/tde/seal"
)

// keyringArgs are tde_keyring's arguments.
type keyringArgs struct {
	Action     string   `arg:"action" need:"yes" choices:"make,seal,open,push,load,compare,sheet,import" help:"what is done with the keyring; docs/modules/tde_keyring.md"`
	Project    string   `arg:"project" need:"yes" help:"tde_project"`
	KeysDir    string   `arg:"keys_dir" default:"./keys" help:"the laptop's folder of sealed keyrings, from the inventory's folder (tde_keys_dir)"`
	Cipher     string   `arg:"cipher" default:"aes_128" choices:"aes_128,aes_256" help:"length of a new key (tde_cipher)"`
	ServerCopy bool     `arg:"server_copy" default:"yes" help:"keep the sealed files on the host, too (tde_server_copy)"`
	SecondCopy string   `arg:"second_copy" help:"another folder off the server: push without server_copy puts the sealed files there, import brings them from there, make looks whether they are there (tde_second_copy)"`
	StateDir   string   `arg:"state_dir" default:"/var/lib/remoterun" help:"the host's folder for what is ours"`
	DataDirs   []string `arg:"data_dirs" help:"make, load and compare: data folders on the host whose key headers are looked at beside the project's volumes"`
	Path       string   `arg:"path" help:"load: the mount in RAM, by default /run/remoterun/PROJECT/keyring"`
	Owner      *int     `arg:"owner" help:"load: numeric owner, by default that of the data folder, root before there is one"`
	Group      *int     `arg:"group" help:"load: numeric group, by default that of the data folder, else the owner's number"`
	Swap       string   `arg:"swap" default:"refuse" choices:"refuse,accept" help:"load: whether swap that reaches a disk is accepted (tde_swap)"`
	ReportsDir string   `arg:"reports_dir" default:"./reports" help:"sheet: where the recovery sheet goes (tde_reports_dir)"`

	host string // the inventory's name
}

func New(d custody.Deps) play.Module {
	return kit.Define(kit.Doc{
		Name:  "tde_keyring",
		Short: "Makes, seals, opens, pushes and compares the keyring of a host's project",
	}, keyringTask{d})
}

type keyringTask struct{ d custody.Deps }

var (
	_ kit.Laptop[keyringArgs]   = keyringTask{}
	_ kit.Resolver[keyringArgs] = keyringTask{}
)

// Laptop: these actions open no connection.
func (keyringTask) Laptop(a keyringArgs) bool {
	switch a.Action {
	case "open", "seal", "sheet":
		return true
	}
	return false
}

// Validate checks what the types cannot.
func (keyringTask) Validate(a keyringArgs) *play.ArgError {
	if err := seal.CheckProject(a.Project); err != nil {
		return &play.ArgError{Arg: "project", Msg: err.Error()}
	}
	if a.Path != "" {
		if err := memory.CheckMountPath(a.Path); err != nil {
			return &play.ArgError{Arg: "path", Msg: err.Error()}
		}
	}
	if !path.IsAbs(a.StateDir) {
		return &play.ArgError{Arg: "state_dir", Msg: "an absolute path is needed"}
	}
	if a.Action == "push" && !a.ServerCopy && a.SecondCopy == "" {
		return &play.ArgError{Arg: "second_copy", Msg: "without a server copy, a second folder off the server must get the sealed files"}
	}
	return nil
}

// Resolve notes whose keyring it is.
func (t keyringTask) Resolve(_ context.Context, a *keyringArgs, in play.Inputs) error {
	a.host = in.Host()
	if a.Path == "" {
		a.Path = memory.MountPath(a.Project)
	}
	return seal.CheckHost(a.host)
}

// Facts is a hint of the host's probes.
func (t keyringTask) Facts(a keyringArgs) []host.Question {
	switch a.Action {
	case "make":
		return []host.Question{custody.Server(a.StateDir, a.Project).Q}
	case "push", "compare", "import":
		return []host.Question{custody.Server(a.StateDir, a.Project).Q}
	case "load":
		return []host.Question{memory.Mount(a.Path).Q}
	}
	return nil
}

// Plan is the action's.
func (t keyringTask) Plan(a keyringArgs, s host.Seen) (play.Plan, error) {
	plan, err := t.plan(a, s)
	if err != nil {
		return guard.PlanOf(err)
	}
	return plan, nil
}

func (t keyringTask) plan(a keyringArgs, s host.Seen) (play.Plan, error) {
	switch a.Action {
	case "make":
		return t.make(a, s)
	case "seal":
		return t.seal(a, s)
	case "open":
		return t.open(a, s)
	case "push":
		return t.push(a, s)
	case "load":
		return t.load(a, s)
	case "compare":
		return t.compare(a, s)
	case "sheet":
		return t.sheet(a, s)
	}
	return t.importCopy(a, s)
}

func (t keyringTask) shelf(a keyringArgs) host.Fact[custody.ShelfInfo] {
	return t.d.ShelfFact(a.KeysDir, a.Project, a.host)
}

// object names the keyring in messages.
func (a keyringArgs) object() string { return "keyring of " + seal.RingID(a.Project, a.host) }

func (a keyringArgs) folder() string { return path.Join(a.StateDir, a.Project) }

// open asks for the passphrase and opens the sealed keyring on the laptop.
func (t keyringTask) open(a keyringArgs, s host.Seen) (play.Plan, error) {
	store := t.d.Store(a.KeysDir)
	info, err := host.Get(s, custody.LaptopFact(t.d.Session, func(ctx context.Context) (custody.OpenInfo, error) {
		o, err := t.d.Open(ctx, store, a.Project, a.host)
		if err != nil {
			return custody.OpenInfo{}, err
		}
		shelf, err := store.Load(t.d.Sealer, a.Project, a.host)
		if err == nil {
			err = shelf.HeadLost(a.host)
		}
		if err != nil {
			return custody.OpenInfo{}, err
		}
		info, err := custody.InfoOf(o)
		if behind := shelf.HeadBehind(o.Tips); behind != "" {
			info.Behind = behind + "; next: remoterun setup " + a.host + ", which writes it anew"
		}
		return info, err
	}, "opening", store.Dir, a.Project, a.host))
	if err != nil {
		return play.Plan{}, err
	}
	return play.Plan{Result: openResult(info, false), Local: true}, nil
}

func openResult(i custody.OpenInfo, changed bool) play.Result {
	r := play.Result{Changed: changed, Data: value.MapOf(
		"keyring_id", value.String(i.KeyringID), "generation", value.Int(int64(i.Generation)),
		"keys", entriesValue(i.Keys), "wanted", value.String(i.Wanted().Name),
		"sealed", value.Bool(!i.Unsealed),
	)}
	if i.Note != "" {
		r.Warnings = append(r.Warnings, i.Note)
	}
	for _, text := range []string{i.Behind, i.Unnoted} {
		if text != "" {
			r.Warnings = append(r.Warnings, text)
		}
	}
	if i.Unsealed && len(i.Names) > 1 {
		r.Warnings = append(r.Warnings, "generations of two laptops stand side by side and were merged in memory; run setup to seal the merged keyring")
	}
	return r
}

func entriesValue(keys []seal.Entry) value.Value {
	items := make([]value.Value, len(keys))
	for i, e := range keys {
		items[i] = value.FromMap(value.MapOf("name", value.String(e.Name), "fingerprint", value.String(e.Fingerprint), "bits", value.Int(int64(e.Bits))))
	}
	return value.List(items...)
}

// copies are the sealed keyrings of the laptop and of the server. What is asked
// for with them costs no round trip of its own.
func (t keyringTask) copies(a keyringArgs, s host.Seen, with ...host.Question) (have custody.ShelfInfo, there custody.ServerCopy, err error) {
	shelf, server := t.shelf(a), custody.Server(a.StateDir, a.Project)
	if err := host.All(s, append([]host.Question{shelf.Q, server.Q}, with...)...); err != nil {
		return have, there, err
	}
	if have, err = host.Get(s, shelf); err != nil {
		return have, there, err
	}
	there, err = host.Get(s, server)
	return have, there, err
}

// everywhere is where a key of the project could be named: the laptop's and the
// server's sealed copies, and the key files of the clusters on the host.
func (t keyringTask) everywhere(a keyringArgs, s host.Seen) (have custody.ShelfInfo, there custody.ServerCopy, cluster pgtde.ClusterFiles, err error) {
	clusters := pgtde.Clusters(a.Project, a.DataDirs...)
	if have, there, err = t.copies(a, s, clusters.Q); err != nil {
		return have, there, cluster, err
	}
	cluster, err = host.Get(s, clusters)
	return have, there, cluster, err
}

// make makes the first key in memory, if there is none anywhere.
func (t keyringTask) make(a keyringArgs, s host.Seen) (play.Plan, error) {
	have, there, cluster, err := t.everywhere(a, s)
	if err != nil {
		return play.Plan{}, err
	}
	if state, name := have.Compare(there); state == custody.CopyNewer {
		return play.Plan{}, copyProblem(a, have, there, state, name)
	}
	if len(have.Tips) > 0 {
		return play.Plan{Result: a.lengthNoted(have, shelfResult(have, false)), Note: "there is a sealed keyring already: " + have.Tips[len(have.Tips)-1].Name}, nil
	}
	if n := there.Names(); len(n) > 0 {
		return play.Plan{}, guard.Refuse(a.object(), "next: remoterun key import "+a.host+", which brings the server's copy here",
			"the server has a sealed copy (%s in %s) and this laptop has none, so no new key is made", n[len(n)-1], there.Folder)
	}
	if err := t.madeBefore(a, s, have); err != nil {
		return play.Plan{}, err
	}
	if len(cluster.Headers) > 0 {
		return play.Plan{}, guard.Refuse(a.object(), "find the sealed files (git, another laptop, the recovery sheet) and import them: remoterun key import FILES",
			"a cluster on the host is encrypted already (%s), and no sealed copy is here or there, so no new key is made", cluster.Headers[0].Name)
	}
	r := play.Result{Changed: true, Data: value.MapOf("sealed", value.Bool(false))}
	return play.Plan{
		Local: true, Result: r,
		Steps: []host.Step{guard.Act{What: "make a key in this laptop's memory", Run: func(context.Context, host.Writer) ([]byte, error) {
			return nil, t.makeKey(a)
		}}},
		Finish: guard.Finish(func(host.Output) (play.Result, error) { return r, nil }),
	}, nil
}

// madeBefore refuses a new key where another copy of an older one is known of: in the
// second folder, or in this laptop's memory alone.
func (t keyringTask) madeBefore(a keyringArgs, s host.Seen, have custody.ShelfInfo) error {
	second, err := t.secondShelf(a, s)
	if err != nil {
		return err
	}
	if n := len(second.Names); n > 0 {
		return guard.Refuse(a.object(), "next: remoterun key import "+a.host+", which brings it here",
			"the second copy has %s (%s) and this laptop's folder none, so no new key is made", second.Names[n-1], second.Folder)
	}
	if have.Seen > 0 && !t.d.Yes {
		return guard.Refuse(a.object(), custody.LastWayOut+"; where it is lost for good: remoterun setup "+a.host+" --yes, which makes a new key",
			"this laptop has opened generation %d of it before, and nothing is in %s now, so no new key is made", have.Seen, have.Folder)
	}
	return nil
}

// lengthNoted warns of a key that was made for another cipher.
func (a keyringArgs) lengthNoted(have custody.ShelfInfo, r play.Result) play.Result {
	keys := have.Tips[len(have.Tips)-1].Keys
	if k := keys[len(keys)-1]; k.Bits != pgtde.CipherBits(a.Cipher) {
		r.Warnings = append(r.Warnings, fmt.Sprintf("key %s has %d bits, and tde_cipher: %s goes with %d; a key that is there is not made anew", k.Name, k.Bits, a.Cipher, pgtde.CipherBits(a.Cipher)))
	}
	return r
}

func (t keyringTask) makeKey(a keyringArgs) error {
	if o, ok := t.d.Session.Opened(a.Project, a.host); ok && o.Unsealed {
		return nil // made earlier in this run
	}
	name, err := seal.KeyName(a.Project, t.d.Clock(), t.d.Random)
	if err != nil {
		return err
	}
	id, err := seal.RandomHex(t.d.Random, 16)
	if err != nil {
		return err
	}
	k, err := seal.Keyring{}.Append(name, pgtde.CipherBits(a.Cipher), t.d.Random)
	if err != nil {
		return err
	}
	t.d.Session.Put(custody.Opened{Project: a.Project, Host: a.host, Keyring: k, Unsealed: true, Manifest: seal.Manifest{KeyringID: id, Project: a.Project, Host: a.host}})
	return nil
}

// seal stores what was made or merged as a new generation on the laptop.
func (t keyringTask) seal(a keyringArgs, s host.Seen) (play.Plan, error) {
	have, err := host.Get(s, t.shelf(a))
	if err != nil {
		return play.Plan{}, err
	}
	o, open := t.d.Session.Opened(a.Project, a.host)
	if len(have.Tips) == 1 && (!open || !o.Unsealed) && have.Head == have.Tips[0].Name && !have.HeadWrong {
		return play.Plan{Result: shelfResult(have, false), Local: true, Note: "sealed already: " + have.Tips[0].Name}, nil
	}
	return play.Plan{
		Local: true, Result: shelfResult(have, true),
		Steps: []host.Step{guard.Act{What: "seal the keyring into " + have.Folder, Run: func(ctx context.Context, _ host.Writer) ([]byte, error) {
			return t.sealOpened(ctx, t.d.Store(a.KeysDir), a.Project, a.host)
		}}},
		Finish: guard.Finish(sealedResult),
	}, nil
}

// push proves the newest sealed keyring on the host.
func (t keyringTask) push(a keyringArgs, s host.Seen) (play.Plan, error) {
	if !a.ServerCopy {
		return t.second(a, s)
	}
	have, there, err := t.copies(a, s)
	if err != nil {
		return play.Plan{}, err
	}
	state, name := have.Compare(there)
	if err := copyProblem(a, have, there, state, name); err != nil && !(state == custody.CopyDiffers && t.d.Yes) {
		return play.Plan{}, err
	}
	if state == custody.CopiesEqual {
		return play.Plan{Result: compareResult(have, there, state, false), Note: "the server has " + name + " already, byte for byte"}, nil
	}
	return play.Plan{
		Result: compareResult(have, there, custody.CopiesEqual, true),
		Steps: []host.Step{guard.Act{What: "push the sealed keyring to " + there.Folder + ", read it back and open what was read", Run: func(ctx context.Context, w host.Writer) ([]byte, error) {
			return t.pushNewest(ctx, w, t.d.Store(a.KeysDir), a)
		}}},
		Finish: guard.Finish(sealedResult),
	}, nil
}

// copyProblem refuses to push over what the laptop does not know.
func copyProblem(a keyringArgs, have custody.ShelfInfo, there custody.ServerCopy, state custody.CopyState, name string) error {
	object := "sealed copy of " + seal.RingID(a.Project, a.host)
	switch state {
	case custody.CopyServer:
		return guard.Refuse(object, "next: remoterun key import "+a.host+", which brings it here", "only the server has one (%s in %s)", name, there.Folder)
	case custody.CopyNewer:
		return guard.Refuse(object, "next: remoterun key import "+a.host+", which merges it into this laptop's", "the server has generation %s, which this laptop does not know", name)
	case custody.CopyDiffers:
		return guard.Refuse(object, "next: "+custody.NextOfCopies(state, a.host), "%s: %s", path.Join(there.Folder, name), have.Wrong(there, name))
	}
	return nil
}

// compare says how laptop, host and the cluster's headers stand; it changes
// nothing and refuses nothing but damage and rollback.
func (t keyringTask) compare(a keyringArgs, s host.Seen) (play.Plan, error) {
	have, there, cluster, err := t.everywhere(a, s)
	if err != nil {
		return play.Plan{}, err
	}
	state, _ := have.Compare(there)
	if !a.ServerCopy && len(there.Copies) == 0 {
		state = custody.CopyNoServer
	}
	r := compareResult(have, there, state, false)
	r.Data.Put("headers", value.Int(int64(len(cluster.Headers))))
	if o, ok := t.d.Session.Opened(a.Project, a.host); ok && len(cluster.Headers) > 0 {
		checks, err := pgtde.CheckHeaders(cluster.Headers, o.Keyring)
		if err != nil {
			return play.Plan{}, err
		}
		r.Data.Put("header_checks", checksValue(checks))
	}
	return play.Plan{Result: r, Note: "sealed copies: " + string(state)}, nil
}

func checksValue(checks []pgtde.HeaderCheck) value.Value {
	items := make([]value.Value, len(checks))
	for i, c := range checks {
		items[i] = value.FromMap(value.MapOf(
			"file", value.MarkedString(c.File, value.Unsafe), "key", value.MarkedString(c.Key, value.Unsafe),
			"state", value.String(string(c.State)), "library", value.String(c.Library)))
	}
	return value.List(items...)
}

func compareResult(have custody.ShelfInfo, there custody.ServerCopy, state custody.CopyState, changed bool) play.Result {
	r := shelfResult(have, changed)
	r.Data.Put("copies", value.String(string(state)))
	r.Data.Put("server", value.Strings(there.Names()...))
	r.Data.Put("server_dir", value.String(there.Folder))
	return r
}

func shelfResult(have custody.ShelfInfo, changed bool) play.Result {
	data := value.MapOf("laptop_dir", value.String(filepath.ToSlash(have.Folder)), "laptop", value.Strings(have.Names...))
	if n := len(have.Tips); n > 0 {
		tip := have.Tips[n-1]
		data.Put("generation", value.Int(int64(tip.Generation)))
		data.Put("keyring_id", value.String(tip.KeyringID))
		data.Put("name", value.String(tip.Name))
		keys := make([]seal.Entry, len(tip.Keys))
		for i, k := range tip.Keys {
			keys[i] = seal.Entry{Name: k.Name, Fingerprint: k.Fingerprint, Bits: k.Bits}
		}
		data.Put("keys", entriesValue(keys))
		data.Put("wanted", value.String(keys[len(keys)-1].Name))
	}
	return play.Result{Changed: changed, Data: data}
}
