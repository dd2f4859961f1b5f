package archives

import (
	"context"
	"fmt"
	"path"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// unarchiveArgs are the arguments of unarchive.
type unarchiveArgs struct {
	Src       string   `arg:"src" need:"yes" type:"path" help:"the archive: a file of the laptop; with remote_src a file of the host or a URL"`
	Dest      string   `arg:"dest" need:"yes" type:"path" help:"the folder that it is unpacked in"`
	RemoteSrc bool     `arg:"remote_src" default:"no" help:"src is on the host, or a URL that it fetches"`
	Copy      bool     `arg:"copy" default:"yes" help:"no means the same as remote_src: yes"`
	Creates   string   `arg:"creates" type:"path" help:"nothing is done where this is there"`
	Exclude   []string `arg:"exclude" help:"patterns of what is left out"`
	Include   []string `arg:"include" help:"only these members"`
	List      bool     `arg:"list_files" default:"no" help:"the result names what is in it, as files"`
	KeepNewer bool     `arg:"keep_newer" default:"no" help:"files that are newer than the archive's stay"`
	Options   []string `arg:"extra_opts" help:"more options for tar or unzip, --strip-components=1"`
	Validate  bool     `arg:"validate_certs" default:"yes" help:"of a URL: refuse certificates that the host does not trust"`
	Decrypt   bool     `arg:"decrypt" default:"yes" help:"accepted: vaults are always opened"`
	Buffer    int      `arg:"io_buffer_size" default:"65536" help:"accepted, without meaning"`
	kit.Attrs

	in     play.Input
	listed *archiveList // nil = only the host can read it
}

// Unarchive unpacks an archive.
func Unarchive() play.Module {
	return kit.Define(kit.Doc{Name: "unarchive", Short: "what is in an archive (tar, zip), unpacked", Waited: true, Needs: "src (or content) and dest are required"}, unarchive{})
}

type unarchive struct{}

func (a unarchiveArgs) onHost() bool { return a.RemoteSrc || !a.Copy }

func (a unarchiveArgs) isURL() bool { return a.onHost() && strings.Contains(a.Src, "://") }

func (unarchive) Validate(a unarchiveArgs) *play.ArgError {
	switch {
	case len(a.Include) > 0 && len(a.Exclude) > 0:
		return &play.ArgError{Msg: "parameters are mutually exclusive: include|exclude"}
	case a.Mode.Preserves():
		return &play.ArgError{Arg: "mode", Msg: kit.NoSource}
	case strings.ContainsAny(strings.Join(append(a.Include, a.Exclude...), ""), "\n"):
		return &play.ArgError{Msg: "include and exclude hold no line break"}
	}
	if a.isURL() {
		if err := a.request().Check(); err != nil {
			return &play.ArgError{Arg: "src", Msg: err.Error()}
		}
	}
	return nil
}

func (a unarchiveArgs) request() *kit.Request {
	return &kit.Request{HTTP: kit.HTTP{Agent: "ansible-httpget", Validate: a.Validate, Proxy: true, Netrc: true}, URL: a.Src, Timeout: 10, Follow: true}
}

// Resolve reads the laptop's archive.
func (unarchive) Resolve(_ context.Context, a *unarchiveArgs, in play.Inputs) error {
	if a.onHost() {
		return nil
	}
	f, err := in.File("files", a.Src)
	if err != nil {
		return err
	}
	if f.Kind == 'd' {
		return &play.ArgError{Arg: "src", Msg: a.Src + " is a folder, not an archive"}
	}
	a.in = f
	if f.Data.Size() == 0 {
		return &play.ArgError{Arg: "src", Msg: fmt.Sprintf("Invalid archive '%s', the file is 0 bytes", a.Src)}
	}
	if a.listed, err = listArchive(f.Data); err != nil {
		return &play.ArgError{Arg: "src", Msg: fmt.Sprintf("%s: %v", a.Src, err)}
	}
	return nil
}

func (unarchive) Facts(a unarchiveArgs) []host.Question {
	out := kit.Hint(a.Dest, kit.LookAt(a.Dest, "", false).Q)
	if a.Creates != "" {
		out = append(out, kit.Hint(a.Creates, kit.LookAt(a.Creates, "", false).Q)...)
	}
	return out
}

func (m unarchive) Plan(a unarchiveArgs, s host.Seen) (play.Plan, error) {
	words := []string{a.Dest, a.Creates, a.Src}
	if !a.onHost() {
		words[2] = ""
	}
	words, err := kit.ExpandAll(s, words)
	if err != nil {
		return play.Plan{}, err
	}
	data := value.MapOf("dest", value.String(words[0]), "src", value.String(a.Src))
	if words[1] != "" {
		c, err := host.Get(s, kit.LookAt(words[1], "", false))
		if err != nil {
			return play.Plan{}, err
		}
		if c.Target.Exists {
			p := kit.Unchanged(words[1]+" is there", data)
			p.Result.Msg = fmt.Sprintf("skipped, since %s exists", words[1])
			p.Result.Skipped = true
			return p, nil
		}
	}
	dest, err := host.Get(s, kit.LookAt(kit.TrimSlash(words[0]), "", false))
	switch {
	case err != nil:
		return play.Plan{}, err
	case !dest.Target.IsDir():
		return kit.Failure("dest '%s' must be an existing dir", words[0]), nil
	}
	dest.Target.PutInto(data)
	data.Put("state", value.String("directory"))
	arc := a.archive(words[0], words[2])
	if arc.Want, err = a.want(s); err != nil {
		return play.Plan{}, err
	}
	return a.compare(s, arc, data)
}

func (a unarchiveArgs) archive(dest, src string) kit.Archive {
	arc := kit.Archive{Dest: dest, Name: src, Src: src, KeepNewer: a.KeepNewer, List: a.List, Exclude: a.Exclude, Include: a.Include, Options: a.Options}
	switch {
	case a.isURL():
		arc.URL = a.request()
	case !a.onHost():
		arc.Name, arc.Sum = path.Base(a.Src), a.in.SHA256
	}
	return arc
}

// want is what owner, group and mode of all that is unpacked shall be.
func (a unarchiveArgs) want(s host.Seen) (kit.Change, error) {
	_, err := a.Attrs.Fresh(s, kit.TypeReg) // refuses contexts of SELinux where it runs
	c := kit.Change{Owner: a.Owner, Group: a.Group}
	if a.Mode.Given() {
		c.Mode = a.Mode.Word()
	}
	return c, err
}

// compare plans by what is there already.
func (a unarchiveArgs) compare(s host.Seen, arc kit.Archive, data *value.Map) (play.Plan, error) {
	same := func(files []string) play.Plan {
		a.putFiles(data, files)
		return kit.Unchanged(arc.Dest+" holds all that is in "+arc.Name, data)
	}
	switch {
	case a.listed != nil && !a.KeepNewer && len(a.Options)+len(a.Include)+len(a.Exclude) == 0:
		lines := a.listed.lines(a.Mode)
		is, err := host.Get(s, arc.Unpacked(lines))
		if err != nil {
			return play.Plan{}, err
		}
		if is == "same" {
			return same(a.listed.names()), nil
		}
		return a.unpack(arc, data, false), nil
	case a.onHost() && !a.isURL() && !a.KeepNewer && len(a.Options) == 0:
		is, err := s.Answer(arc.Compared(a.Mode.Given()))
		if err != nil {
			return play.Plan{}, err
		}
		word, names, _ := strings.Cut(strings.TrimSuffix(string(is.Stdout), "\n"), "\n")
		switch word {
		case "absent":
			return kit.Failure("Source '%s' does not exist", arc.Src), nil
		case "unreadable":
			return kit.Failure("Source '%s' not readable", arc.Src), nil
		case "same":
			if a.Owner+a.Group == "" && !a.Mode.Given() {
				return same(strings.Split(names, "\n")), nil
			}
		case "differs":
			return a.unpack(arc, data, false), nil
		}
	}
	return a.unpack(arc, data, true), nil
}

func (a unarchiveArgs) putFiles(data *value.Map, names []string) {
	if !a.List {
		return
	}
	items := []value.Value{}
	for _, n := range names {
		if n != "" {
			items = append(items, kit.HostText(n))
		}
	}
	data.Put("files", value.List(items...))
}

// unpack is the plan of the step, which says itself whether something differed.
func (a unarchiveArgs) unpack(arc kit.Archive, data *value.Map, repeats bool) play.Plan {
	st := arc.Unpack(nil)
	if !a.onHost() {
		st = arc.Unpack(kit.Stdin(a.in.Data))
	}
	if run, ok := st.(host.Run); ok && a.in.Secret {
		run.Cmd.Secret = true
		st = run
	}
	return play.Plan{
		Steps: []host.Step{st}, Repeats: repeats, Result: play.Result{Changed: true, Data: data},
		Finish: kit.After(func(ran []host.Output) (play.Result, error) {
			word, names, _ := strings.Cut(strings.TrimSuffix(string(ran[0].Stdout), "\n"), "\n")
			out := data.Clone()
			a.putFiles(out, strings.Split(names, "\n"))
			return play.Result{Changed: word != "same", Data: out}, nil
		}),
	}
}
