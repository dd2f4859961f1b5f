package runner

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"remoterun/runner/known"
	"remoterun/runner/laptop"
	"remoterun/runner/play"
	"remoterun/runner/program"
	"remoterun/runner/value"
	"remoterun/runner/vars"
)

// playRun is one play being run.
type playRun struct {
	r      *Runner
	p      *play.Play
	name   string
	layers []play.Layer // vars, prompts, vars_files
	main   *program.Program
	hand   *program.Program
	all    []string // the play's hosts, as the inventory has them
	line   []string // the same in the order of the play

	mu    sync.Mutex
	magic *value.Map
	now   []string        // the batch that is run
	left  map[string]bool // hosts that do no more of this play: failed, or sent away
	plain map[string]*known.Machine
	incMu sync.Mutex
	inc   map[string]*program.Program // included files and roles by task and path
	// roles are those whose variables every task sees; guarded by mu, as hand is.
	roles []*play.Role
	said  string // the task that was announced last in this round
	gates map[gate]chan struct{}
	// laptop says that a host of the batch is the laptop itself.
	laptop atomic.Bool
	// ending says that the batch or the whole play ends for all its hosts.
	ending atomic.Int32
}

// What ending can be.
const (
	endBatch = 1 + iota
	endPlay
)

// open reads what the play itself says: vars, prompts, files, hosts.
func (pr *playRun) open(ctx context.Context) error {
	pr.plain = map[string]*known.Machine{}
	pr.magic, pr.left = value.NewMap(), map[string]bool{}
	pr.layers = []play.Layer{{Name: "vars of the play", Vars: pr.p.Vars}}
	hosts, err := pr.hosts(ctx)
	if err != nil {
		return err
	}
	order, err := pr.text(ctx, value.String(pr.p.Order))
	if err != nil {
		return fmt.Errorf("order: %w", err)
	}
	if pr.line, err = ordered(hosts, order); err != nil {
		return err
	}
	pr.all = hosts
	for _, h := range hosts {
		if pr.r.isLost(h) {
			pr.left[h] = true
		}
	}
	pr.roles = pr.p.Roles
	pr.setMagic(pr.line)
	if pr.name, err = pr.text(ctx, pr.p.Name); err != nil {
		return err
	}
	if pr.name == "" {
		if pr.name, err = pr.text(ctx, pr.p.Hosts); err != nil {
			return err
		}
	}
	if len(hosts) > 0 {
		if err := pr.prompts(ctx); err != nil {
			return err
		}
	}
	if err := pr.varsFiles(ctx); err != nil {
		return err
	}
	pr.compile()
	return nil
}

func (pr *playRun) compile() {
	pr.main = program.OfPlay(pr.p, pr.keep)
	pr.hand = program.Compile(nil, pr.p.Handlers)
	if !pr.r.begun {
		pr.r.begun = pr.main.StartAt(pr.r.want.StartAt) // until then nothing runs
	}
}

// scope is the play's own: host-independent where no host is named.
func (pr *playRun) scope(ctx context.Context, host string) *vars.Scope {
	return pr.r.store.Scope(ctx, host, pr.frame(nil, nil), false)
}

// frame is what the play adds to a host's variables.
func (pr *playRun) frame(blocks, params []*value.Map) vars.Frame {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	f := vars.Frame{Play: pr.layers, Block: blocks, Params: params, Magic: pr.magic, Dirs: []string{pr.p.Dir}}
	for _, r := range pr.roles {
		f.Defaults, f.Roles = append(f.Defaults, r.OpenDefaults), append(f.Roles, r.OpenVars)
	}
	return f
}

func (pr *playRun) text(ctx context.Context, v value.Value) (string, error) {
	if v.IsNull() {
		return "", nil
	}
	out, err := pr.r.world.Expr.Render(ctx, v, pr.scope(ctx, "localhost"))
	if out.IsOmit() {
		return "", err
	}
	if _, isList := out.AsSeq(); isList {
		parts := make([]string, len(out.Items()))
		for i, it := range out.Items() {
			parts[i] = value.Str(it)
		}
		return strings.Join(parts, ","), err
	}
	return value.Str(out), err
}

// hosts resolves the play's pattern within the limit.
func (pr *playRun) hosts(ctx context.Context) ([]string, error) {
	pattern, err := pr.text(ctx, pr.p.Hosts)
	if err != nil {
		return nil, err
	}
	hosts, err := pr.r.world.Inventory.Hosts(pattern)
	if err != nil {
		return nil, err
	}
	if limit := pr.r.want.Limit; limit != "" {
		allowed, err := pr.r.world.Inventory.Hosts(limit)
		if err != nil {
			return nil, err
		}
		hosts = slices.DeleteFunc(slices.Clone(hosts), func(h string) bool { return !slices.Contains(allowed, h) })
	}
	return hosts, nil
}

// ordered is the order in which the play's hosts take their turns.
func ordered(hosts []string, order string) ([]string, error) {
	hosts = slices.Clone(hosts)
	switch order {
	case "", "inventory":
	case "sorted":
		slices.Sort(hosts)
	case "reverse_sorted":
		slices.Sort(hosts)
		slices.Reverse(hosts)
	case "reverse_inventory":
		slices.Reverse(hosts)
	case "shuffle":
		rand.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
	default:
		return nil, fmt.Errorf("order: %q is not one of inventory, reverse_inventory, sorted, reverse_sorted, shuffle", order)
	}
	return hosts, nil
}

// onLaptop reports that the play's own tasks change the laptop: what reads its
// files is not rendered ahead then.
func (pr *playRun) onLaptop() bool { return pr.laptop.Load() }

// setMagic begins a batch.
func (pr *playRun) setMagic(batch []string) {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	pr.now = batch
	pr.makeMagic()
}

// leave takes hosts out of those that are left in the play.
func (pr *playRun) leave(names ...string) {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	for _, n := range names {
		pr.left[n] = true
	}
	pr.makeMagic()
}

// stay lists the hosts of a list that are left. The lock is held.
func (pr *playRun) stay(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return pr.left[n] })
}

// makeMagic makes the play's own names anew: scopes keep the old ones.
func (pr *playRun) makeMagic() {
	m := value.NewMap()
	batch := pr.stay(pr.now)
	m.Put("playbook_dir", value.String(pr.p.Dir))
	m.Put("ansible_play_name", value.String(pr.name))
	m.Put("ansible_play_hosts_all", value.Strings(pr.all...))
	m.Put("ansible_play_hosts", value.Strings(pr.stay(pr.all)...))
	m.Put("play_hosts", value.Strings(batch...))
	m.Put("ansible_play_batch", value.Strings(batch...))
	for k, v := range pr.r.want.Names().All() {
		m.Set(k, v)
	}
	pr.roleNames(m)
	pr.magic = m
}

// Names are the magic variables that are the same for every play and host of a run.
func (w Wishes) Names() *value.Map {
	m := value.MapOf("ansible_check_mode", value.Bool(w.Check), "ansible_diff_mode", value.Bool(w.Diff),
		"ansible_forks", value.Int(int64(w.Forks)), "ansible_verbosity", value.Int(int64(w.Verbosity)),
		"ansible_run_tags", value.Strings(orAll(w.Tags)...), "ansible_skip_tags", value.Strings(w.SkipTags...),
		"ansible_playbook_python", value.String("/usr/bin/python3"), // where Ansible's would be: playbooks hand it on as ansible_python_interpreter
		"ansible_version", value.FromMap(value.MapOf("full", value.String("2.14.18"), "major", value.Int(2), "minor", value.Int(14), "revision", value.Int(18), "string", value.String("2.14.18"))))
	if w.Limit != "" {
		m.Put("ansible_limit", value.String(w.Limit))
	}
	return m
}

func orAll(tags []string) []string {
	if len(tags) == 0 {
		return []string{"all"}
	}
	return tags
}

// prompts asks vars_prompt; private answers are sealed.
func (pr *playRun) prompts(ctx context.Context) error {
	m := value.NewMap()
	for _, p := range pr.p.VarsPrompt {
		if _, given := pr.r.want.Extra.Lookup(p.Name); given {
			continue
		}
		text := p.Text
		if text == "" {
			text = p.Name
		}
		v, err := pr.prompt(ctx, p, text)
		if errors.Is(err, play.ErrNobody) && !p.Default.IsNull() {
			pr.r.warn("", "vars_prompt "+p.Name+": there is nobody to ask, so its default counts")
			v, err = p.Default, nil
		}
		if err != nil {
			return fmt.Errorf("%s: vars_prompt %s: %w", p.Pos, p.Name, err)
		}
		if v, err = hashed(ctx, pr, p, v); err != nil {
			return fmt.Errorf("%s: vars_prompt %s: %w", p.Pos, p.Name, err)
		}
		m.Put(p.Name, v)
	}
	if m.Len() > 0 {
		pr.layers = append(pr.layers, play.Layer{Name: "vars_prompt", Vars: m})
	}
	return nil
}

// hashed is what is kept of an answer. A hash may be where the answer may not: in
// a command's words.
func hashed(ctx context.Context, pr *playRun, p play.Prompt, answer value.Value) (value.Value, error) {
	if p.Hashed.IsNull() {
		return answer, nil
	}
	fr := pr.frame(nil, nil)
	fr.Block = append(fr.Block, value.MapOf(p.Name, answer))
	out, err := pr.r.world.Expr.Render(ctx, p.Hashed, pr.r.store.Scope(ctx, "localhost", fr, false))
	if err != nil {
		return out, err
	}
	pr.r.world.Redactor.Add([]byte(value.Str(out)))
	return value.MarkedString(value.Str(out), value.Masked|value.Unsafe), nil
}

func (pr *playRun) prompt(ctx context.Context, p play.Prompt, text string) (value.Value, error) {
	ask := play.Ask{Key: "prompt " + p.Name, Text: text, Confirm: p.Confirm, Sealed: p.Private, Default: value.Str(p.Default)}
	if p.Default.IsNull() {
		ask.Default = ""
	}
	if !p.Private {
		s, err := pr.r.world.Prompter.Ask(ctx, ask)
		return value.String(s), err
	}
	sec, err := pr.r.world.Prompter.Secret(ctx, ask)
	if err != nil {
		return value.Value{}, err
	}
	pr.r.world.Redactor.AddSealed(sec)
	var s string
	err = sec.Use(func(b []byte) error { s = string(b); return nil })
	if s == "" {
		s = ask.Default
	}
	return value.MarkedString(s, value.Sealed|value.Unsafe), err
}

// varsFiles loads vars_files: of a list of alternatives the first that is there.
func (pr *playRun) varsFiles(ctx context.Context) error {
	for _, f := range pr.p.VarsFiles {
		tries := []value.Value{f}
		if _, isList := f.AsSeq(); isList {
			tries = f.Items()
		}
		var last error
		for _, t := range tries {
			path, err := pr.text(ctx, t)
			if err != nil {
				return err
			}
			m, err := pr.r.world.Loader.Vars(laptop.Abs(pr.p.Dir, path))
			if last = err; err == nil {
				pr.layers = append(pr.layers, play.Layer{Name: "vars_files " + path, Vars: m})
				break
			}
		}
		if last != nil {
			return last
		}
	}
	return nil
}

// batches splits the hosts by serial.
func (pr *playRun) batches(ctx context.Context) ([][]string, error) {
	if len(pr.p.Serial) == 0 {
		if len(pr.all) == 0 {
			return nil, nil
		}
		return [][]string{pr.line}, nil
	}
	var out [][]string
	rest := pr.line
	for i := 0; len(rest) > 0; i++ {
		v := pr.p.Serial[min(i, len(pr.p.Serial)-1)]
		s, err := pr.text(ctx, v)
		if err != nil {
			return nil, err
		}
		if s == "" { // omitted
			s = "0"
		}
		n, err := share(s, len(pr.all))
		if err != nil {
			return nil, fmt.Errorf("serial: %w", err)
		}
		n = min(n, len(rest))
		out = append(out, rest[:n])
		rest = rest[n:]
	}
	return out, nil
}

// mayFail is how many percent of the hosts may fail before the play ends for all;
// ok = the play says so.
func (pr *playRun) mayFail(ctx context.Context) (most float64, ok bool, err error) {
	s, err := pr.text(ctx, pr.p.MaxFail)
	if err != nil || s == "" {
		return 0, false, err
	}
	most, err = strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(s), "%"), 64)
	if err != nil || math.IsNaN(most) {
		return 0, false, fmt.Errorf("max_fail_percentage: %q is not a number of percent", s)
	}
	return most, true, nil
}

// share reads "3" or "30%" of n; it is at least 1, and 0 is all.
func share(s string, n int) (int, error) {
	text, percent := strings.CutSuffix(strings.TrimSpace(s), "%")
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f >= 0 && f <= 1e9) { // nan is neither
		return 0, errors.New(`"` + s + `" is neither a number nor a percentage`)
	}
	k := int(f)
	if percent {
		k = max(1, int(f*float64(n)/100))
	}
	if k == 0 {
		return n, nil
	}
	return k, nil
}

// keep says whether the tags select a task.
func (pr *playRun) keep(t *play.Task, words []*play.Keywords) bool {
	tags := slices.Clone(pr.p.Tags)
	for _, w := range append(slices.Clone(words), &t.Keywords) {
		tags = append(tags, w.Tags...)
	}
	return Selected(tags, pr.r.want.Tags, pr.r.want.SkipTags)
}

// Selected is Ansible's rule for tags: -t and --skip-tags. A task without tags
// counts as untagged.
func Selected(tags, only, skip []string) bool {
	if len(tags) == 0 {
		tags = []string{"untagged"}
	}
	if len(only) == 0 {
		only = []string{"all"}
	}
	has := func(t string) bool { return slices.Contains(tags, t) }
	never, tagged := has("never"), !has("untagged")
	switch {
	case has("always"), slices.ContainsFunc(only, has):
	case slices.Contains(only, "all") && !never, slices.Contains(only, "tagged") && tagged && !never:
	default:
		return false
	}
	if slices.Contains(skip, "all") {
		return has("always") && !slices.Contains(skip, "always")
	}
	return !slices.ContainsFunc(skip, has) && !(slices.Contains(skip, "tagged") && tagged)
}

// roleNames puts the names of the play's roles among its own names.
func (pr *playRun) roleNames(m *value.Map) {
	var own, deps, all []string
	add := func(to *[]string, name string) {
		if !slices.Contains(*to, name) {
			*to = append(*to, name)
		}
	}
	for _, r := range pr.roles {
		own = append(own, r.Name)
		for _, d := range r.AllDeps() {
			add(&deps, d.Name)
		}
	}
	for _, n := range slices.Concat(deps, own) {
		add(&all, n)
	}
	m.Put("ansible_role_names", value.Strings(all...))
	m.Put("ansible_play_role_names", value.Strings(own...))
	m.Put("role_names", value.Strings(own...))
	m.Put("ansible_dependent_role_names", value.Strings(deps...))
}
