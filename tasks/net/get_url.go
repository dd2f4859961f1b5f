package net

import (
	"fmt"
	"regexp"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// getURLArgs are the arguments of get_url.
type getURLArgs struct {
	URL      kit.Text `arg:"url" need:"yes" help:"http, https, ftp or file, as the host reaches it"`
	Dest     string   `arg:"dest" need:"yes" type:"path" help:"a file; or a folder, in which the server's name for it is taken"`
	Backup   bool     `arg:"backup" default:"no" help:"keep the old file under a name with the time"`
	Checksum string   `arg:"checksum" help:"what must come, ALGORITHM:HEX, or ALGORITHM:URL of a file of checksums"`
	Timeout  int      `arg:"timeout" default:"10" help:"seconds without an answer, or without a byte of it"`
	Temp     string   `arg:"tmp_dest" type:"path" help:"accepted, and must be a folder: what comes lies beside dest until it is whole"`
	Force    bool     `arg:"force" default:"no" help:"fetch it although the server says that it is not newer"`
	Unsafe   bool     `arg:"unsafe_writes" default:"no" help:"write in place where a rename is refused"`
	kit.HTTP
	kit.Attrs
}

// GetURL fetches a file from a web server.
func GetURL() play.Module {
	return kit.Define(kit.Doc{Name: "get_url", Short: "a file from a web server"}, getURL{})
}

type getURL struct{}

func (a getURLArgs) request(u string) kit.Request {
	return kit.Request{HTTP: a.HTTP, URL: u, Timeout: a.Timeout, Fresh: a.Force, Follow: true}
}

func (getURL) Validate(a getURLArgs) *play.ArgError {
	if err := a.request(a.URL.S).Check(); err != nil {
		return &play.ArgError{Arg: "url", Msg: err.Error()}
	}
	if a.Mode.Preserves() {
		return &play.ArgError{Arg: "mode", Msg: kit.NoSource}
	}
	_, _, err := a.sum()
	return err
}

// sum are the algorithm of the checksum and what stands behind it: a number in hex
// or an address.
func (a getURLArgs) sum() (algorithm, sum string, err *play.ArgError) {
	if a.Checksum == "" {
		return "", "", nil
	}
	algorithm, sum, ok := strings.Cut(a.Checksum, ":")
	switch {
	case !ok:
		return "", "", &play.ArgError{Arg: "checksum", Msg: "The checksum parameter has to be in format <algorithm>:<checksum>"}
	case !regexp.MustCompile(`^(md5|sha1|sha224|sha256|sha384|sha512)$`).MatchString(algorithm):
		return "", "", &play.ArgError{Arg: "checksum", Msg: fmt.Sprintf("Could not hash file with algorithm '%s': md5, sha1, sha224, sha256, sha384, sha512", algorithm)}
	case isURL(sum):
		return algorithm, sum, nil
	}
	sum, ok = cleanHex(sum)
	if !ok {
		return "", "", &play.ArgError{Arg: "checksum", Msg: "The checksum format is invalid"}
	}
	return algorithm, sum, nil
}

func isURL(s string) bool {
	return regexp.MustCompile(`^(https?|ftp|file):`).MatchString(s)
}

// cleanHex takes out what is no letter or digit, as people paste it.
func cleanHex(s string) (string, bool) {
	s = strings.ToLower(regexp.MustCompile(`\W+`).ReplaceAllString(s, ""))
	return s, regexp.MustCompile(`^[0-9a-f]+$`).MatchString(s)
}

// listed finds the checksum of a name in a file of checksums.
func listed(text, name string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) == 1 && len(strings.Fields(lines[0])) == 1 {
		return strings.TrimSpace(lines[0])
	}
	for _, l := range lines {
		sum, file, ok := strings.Cut(strings.TrimSuffix(l, "\r"), " ")
		if !ok {
			continue
		}
		if strings.HasPrefix(file, " ") || strings.HasPrefix(file, "*") {
			file = file[1:]
		}
		if strings.TrimLeft(file, "./") == name {
			return sum
		}
	}
	return ""
}

func (getURL) Facts(a getURLArgs) []host.Question {
	return kit.Hint(a.Dest, kit.LookAt(a.Dest, "", false).Q)
}

// digestText prints the digest of a file: algorithm, file.
const digestText sh.Constant = `h=$("${1}sum" <"$2") && echo "${h%% *}"`

func (m getURL) Plan(a getURLArgs, s host.Seen) (play.Plan, error) {
	dest, err := kit.Place(s, a.Dest)
	if err != nil {
		return play.Plan{}, err
	}
	look, err := host.Get(s, kit.LookAt(dest, "", false))
	if err != nil {
		return play.Plan{}, err
	}
	algorithm, sum, stop, err := a.wanted(s)
	if err != nil || stop != "" {
		return kit.Failure("%s", stop), err
	}
	d := kit.Download{Path: dest, Dir: look.Target.IsDir(), Digest: algorithm, Hex: sum, Backup: a.Backup, Unsafe: a.Unsafe, Statuses: "200", Temp: a.Temp}
	if d.Dir || !look.Target.Exists {
		if d.Want, err = a.fresh(s); err != nil {
			return play.Plan{}, err
		}
		return a.fetch(d), nil
	}
	if look.Own.IsLink() && look.Real != "" {
		d.Path, d.Via = look.Real, look.Via(look.Real)
	}
	if d.Want, err = a.Change(s, look.Target); err != nil {
		return play.Plan{}, err
	}
	if !a.Force {
		d.Since = d.Digest == ""
		if p, err := a.there(s, d, look); p != nil || err != nil {
			return kit.Stopped(p, err)
		}
	}
	return a.fetch(d), nil
}

// fresh is what a new file gets.
func (a getURLArgs) fresh(s host.Seen) (kit.Change, error) {
	mode, err := a.Attrs.Fresh(s, kit.TypeReg)
	return kit.Change{Owner: a.Owner, Group: a.Group, Mode: mode}, err
}

// wanted is the checksum, read from its address where it has one.
func (a getURLArgs) wanted(s host.Seen) (algorithm, sum, stop string, err error) {
	algorithm, sum, _ = a.sum()
	if !isURL(sum) {
		return algorithm, sum, "", nil
	}
	text, err := s.Answer(a.request(sum).Read())
	if err != nil {
		return "", "", "", err
	}
	if text.Status != 0 {
		return "", "", fmt.Sprintf("Request failed: the checksums at %s: %s", sum, kit.OneLine(string(text.Stdout))), nil
	}
	name := kit.NameOfURL(a.URL.S)
	found, ok := cleanHex(listed(string(text.Stdout), name))
	if !ok {
		return "", "", fmt.Sprintf("Unable to find a checksum for file '%s' in '%s'", name, sum), nil
	}
	return algorithm, found, "", nil
}

// there is the plan for a file that need not be fetched.
func (a getURLArgs) there(s host.Seen, d kit.Download, look kit.Look) (*play.Plan, error) {
	data := value.MapOf("url", a.URL.Value(), "dest", value.String(d.Path), "elapsed", value.Int(0))
	if d.Digest == "" {
		same, err := host.Get(s, a.request(a.URL.S).Since(d.Path))
		if err != nil || !same {
			return nil, err
		}
		data.Put("status_code", value.Int(304))
		p := kit.Unchanged("the server says that "+d.Path+" is as new as its own", data)
		p.Result.Msg = "HTTP Error 304: Not Modified"
		return &p, nil
	}
	has, err := s.Answer(host.NewProbe(digestText, d.Digest, d.Path))
	if err != nil || strings.TrimSpace(string(has.Stdout)) != d.Hex {
		return nil, err
	}
	look.Target.PutInto(data)
	data.Put("checksum_src", value.Null())
	data.Put("checksum_dest", value.Null())
	p := kit.Unchanged(d.Path+" has the checksum", data)
	p.Result.Msg = "file already exists"
	if d.Want.Any() {
		p = play.Plan{Steps: []host.Step{d.Want.Step(d.Path, d.Via, false)}, Result: play.Result{Changed: true, Msg: "file already exists but file attributes changed", Data: data}}
	}
	return &p, nil
}

// fetch plans the download.
func (a getURLArgs) fetch(d kit.Download) play.Plan {
	shown := value.Show(a.URL.Value())
	return play.Plan{
		Steps:   []host.Step{a.request(a.URL.S).Get(d, "fetch "+shown+" to "+d.Path)},
		Repeats: d.Digest == "" || d.Dir || a.Force,
		Result:  play.Result{Changed: true, Data: value.MapOf("url", a.URL.Value(), "dest", value.String(d.Path))},
		Finish: kit.After(func(ran []host.Output) (play.Result, error) {
			l, err := kit.ParseLanded(ran[0], a.URL.S)
			switch {
			case err != nil:
				return play.Result{}, err
			case l.Code == 304:
				return play.Result{Msg: l.Reason, Data: value.MapOf("url", a.URL.Value(), "dest", value.String(d.Path), "status_code", value.Int(304))}, nil
			case !l.Written:
				r := l.Refused()
				r.Data.Put("url", a.URL.Value())
				r.Data.Put("dest", value.String(d.Path))
				return r, nil
			}
			r := play.Result{Changed: l.Changed, Msg: l.Reason, Data: l.Fetched()}
			r.Data.Put("url", a.URL.Value())
			if w, ok := l.HTML(a.URL.S); ok {
				r.Warnings = []string{w}
			}
			return r, nil
		}),
	}
}
