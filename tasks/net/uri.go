package net

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// uriArgs are the arguments of uri.
type uriArgs struct {
	URL       kit.Text    `arg:"url" need:"yes" help:"http, https, ftp or file, as the host reaches it"`
	Method    string      `arg:"method" default:"GET" help:"the request's method"`
	Body      value.Value `arg:"body" help:"what is sent"`
	Format    string      `arg:"body_format" default:"raw" choices:"form-multipart,form-urlencoded,json,raw" help:"how a body that is not text is written, and the header Content-Type that says so"`
	Src       string      `arg:"src" type:"path" help:"a file of the laptop that is sent"`
	RemoteSrc bool        `arg:"remote_src" default:"no" help:"src is a file of the host"`
	Status    []string    `arg:"status_code" default:"200" help:"the statuses that are not a failure"`
	Content   bool        `arg:"return_content" default:"no" help:"the answer's text is in the result, as content"`
	Follow    string      `arg:"follow_redirects" default:"safe" choices:"all,no,none,safe,urllib2,yes" help:"which redirections are followed: safe is those of GET and HEAD"`
	Dest      string      `arg:"dest" type:"path" help:"a file or folder that the answer is written to"`
	Creates   string      `arg:"creates" type:"path" help:"nothing is done where this is there"`
	Removes   string      `arg:"removes" type:"path" help:"nothing is done where this is not there"`
	Timeout   int         `arg:"timeout" default:"30" help:"seconds without an answer, or without a byte of it"`
	Socket    string      `arg:"unix_socket" type:"path" help:"a UNIX socket to connect to (curl)"`
	CA        string      `arg:"ca_path" type:"path" help:"certificates of the host that are trusted, in PEM"`
	Force     bool        `arg:"force" default:"no" help:"caches on the way are not asked"`
	Unsafe    bool        `arg:"unsafe_writes" default:"no" help:"write in place where a rename is refused"`
	kit.HTTP
	kit.Attrs

	body        []byte
	sends       bool
	contentType string
}

// URI sends one request to a web server.
func URI() play.Module {
	return kit.Define(kit.Doc{Name: "uri", Short: "one request to a web server, and what it answers"}, uri{})
}

type uri struct{}

func (uri) Validate(a uriArgs) *play.ArgError {
	if err := a.request().Check(); err != nil {
		return &play.ArgError{Arg: "url", Msg: err.Error()}
	}
	if err := kit.NoSealed(a.Body); err != nil {
		return &play.ArgError{Arg: "body", Msg: err.Error()}
	}
	switch {
	case !regexp.MustCompile(`^[A-Za-z]+$`).MatchString(a.Method):
		return &play.ArgError{Arg: "method", Msg: "Parameter 'method' needs to be a single word in uppercase, like GET or POST."}
	case a.Src != "" && !a.Body.IsNull():
		return &play.ArgError{Msg: "parameters are mutually exclusive: body|src"}
	case a.Mode.Preserves():
		return &play.ArgError{Arg: "mode", Msg: kit.NoSource}
	}
	for _, s := range a.Status {
		if _, err := strconv.Atoi(s); err != nil {
			return &play.ArgError{Arg: "status_code", Msg: fmt.Sprintf("%q is not an integer", s)}
		}
	}
	return nil
}

// Resolve makes the body: files of the laptop stand in it.
func (uri) Resolve(_ context.Context, a *uriArgs, in play.Inputs) error {
	switch {
	case a.Src != "" && a.RemoteSrc:
		return nil
	case a.Src != "":
		f, err := in.File("files", a.Src)
		if err != nil {
			return err
		}
		a.body, err = f.Data.Bytes()
		a.sends = true
		return err
	}
	var err error
	a.sends = !a.Body.IsNull()
	a.body, a.contentType, err = encodeBody(a.Body, a.Format, in)
	if err != nil {
		return &play.ArgError{Arg: "body", Msg: err.Error()}
	}
	return nil
}

func (a uriArgs) request() kit.Request {
	safe := a.Method == "GET" || a.Method == "HEAD"
	follow := a.Follow == "all" || a.Follow == "yes" || safe && (a.Follow == "safe" || a.Follow == "urllib2")
	return kit.Request{HTTP: a.HTTP, URL: a.URL.S, Method: strings.ToUpper(a.Method), Timeout: a.Timeout, Fresh: a.Force, CA: a.CA, Socket: a.Socket,
		Follow: follow, Send: a.sends || a.Src != "", Type: a.contentType}
}

func (uri) Facts(a uriArgs) []host.Question {
	var out []host.Question
	for _, p := range []string{a.Creates, a.Removes, a.Dest} {
		if p != "" {
			out = append(out, kit.Hint(p, kit.LookAt(p, "", false).Q)...)
		}
	}
	return out
}

// skipped is why nothing is to do.
func (a uriArgs) skipped(s host.Seen) (string, error) {
	for _, c := range []struct {
		path  string
		there bool
		text  string
	}{{a.Creates, true, "skipped, since '%s' exists"}, {a.Removes, false, "skipped, since '%s' does not exist"}} {
		if c.path == "" {
			continue
		}
		p, err := kit.Place(s, c.path)
		if err != nil {
			return "", err
		}
		look, err := host.Get(s, kit.LookAt(p, "", false))
		if err != nil {
			return "", err
		}
		if look.Target.Exists == c.there {
			return fmt.Sprintf(c.text, p), nil
		}
	}
	return "", nil
}

func (uri) Plan(a uriArgs, s host.Seen) (play.Plan, error) {
	why, err := a.skipped(s)
	if err != nil {
		return play.Plan{}, err
	}
	if why != "" {
		return kit.Unchanged(why, value.MapOf("stdout", value.String(why))), nil
	}
	d, err := a.landing(s)
	if err != nil {
		return play.Plan{}, err
	}
	return play.Plan{
		Steps:   []host.Step{a.request().Get(d, a.Method+" "+value.Show(a.URL.Value()))},
		Repeats: true,
		Result:  play.Result{Skipped: true, Msg: "remote module (uri) does not support check mode"},
		Finish:  kit.After(a.finish),
	}, nil
}

// landing is where the answer goes.
func (a uriArgs) landing(s host.Seen) (kit.Download, error) {
	d := kit.Download{Statuses: strings.Join(a.Status, " "), Unsafe: a.Unsafe}
	if a.Src != "" && a.RemoteSrc {
		d.BodyFile = a.Src
	} else if a.sends {
		d.Body = sh.Bytes(a.body)
	}
	if a.Dest == "" {
		return d, nil
	}
	var err error
	if d.Path, err = kit.Place(s, a.Dest); err != nil {
		return d, err
	}
	look, err := host.Get(s, kit.LookAt(d.Path, "", false))
	if err != nil {
		return d, err
	}
	d.Dir, d.Since = look.Target.IsDir(), look.Target.IsFile()
	if look.Own.IsLink() && look.Real != "" && !d.Dir {
		d.Path, d.Via = look.Real, look.Via(look.Real)
	}
	if d.Since {
		d.Want, err = a.Change(s, look.Target)
		return d, err
	}
	mode, err := a.Attrs.Fresh(s, kit.TypeReg)
	d.Want = kit.Change{Owner: a.Owner, Group: a.Group, Mode: mode}
	return d, err
}

// finish makes the result of the answer.
func (a uriArgs) finish(ran []host.Output) (play.Result, error) {
	l, err := kit.ParseLanded(ran[0], a.URL.S)
	if err != nil {
		return play.Result{}, err
	}
	data := value.NewMap()
	for _, n := range l.Names {
		v := l.Head[n]
		if n == "location" {
			v = kit.Absolute(a.URL.S, v)
		}
		data.Put(strings.ReplaceAll(n, "-", "_"), kit.HostText(v))
	}
	cookies, pairs := value.NewMap(), []string{}
	for _, c := range l.Cookies {
		cookies.Set(kit.HostText(c[0]), kit.HostText(c[1]))
		pairs = append(pairs, c[0]+"="+c[1])
	}
	data.Put("cookies", value.FromMap(cookies))
	data.Put("cookies_string", kit.HostText(strings.Join(pairs, "; ")))
	url := a.URL.Value()
	if l.URL != a.URL.S {
		url = kit.HostText(l.URL)
	}
	data.Put("url", url)
	data.Put("redirected", value.Bool(l.URL != a.URL.S))
	data.Put("status", value.Int(int64(l.Code)))
	data.Put("elapsed", value.Int(l.Seconds))
	r := play.Result{Msg: l.Reason, Data: data, Changed: l.Written && l.Changed}
	bad := !a.allows(l.Code)
	if bad {
		r.Failed, r.Msg = true, fmt.Sprintf("Status code was %d and not [%s]: %s", l.Code, strings.Join(a.Status, ", "), l.Reason)
	}
	a.content(&r, l)
	return r, nil
}

func (a uriArgs) allows(code int) bool {
	for _, s := range a.Status {
		if n, _ := strconv.Atoi(s); n == code {
			return true
		}
	}
	return false
}

// content adds the answer's text, and what it is as JSON.
func (a uriArgs) content(r *play.Result, l kit.Landed) {
	if l.Written {
		l.Info.PutInto(r.Data)
		r.Data.Put("path", kit.HostText(l.Path))
		r.Data.Put("size", value.Int(l.Size))
		r.Data.Put("state", value.String("file"))
		return
	}
	kind, params, _ := strings.Cut(l.Head["content-type"], ";")
	body := l.Body
	if p := strings.ToLower(params); strings.Contains(p, "iso-8859-1") || strings.Contains(p, "latin") {
		runes := make([]rune, len(body))
		for i := range len(body) {
			runes[i] = rune(body[i])
		}
		body = string(runes)
	} else {
		body = strings.ToValidUTF8(body, "\ufffd")
	}
	if regexp.MustCompile(`(?i)[/+](json|javascript)$`).MatchString(strings.TrimSpace(kind)) {
		if v, err := value.ParseJSON([]byte(body)); err == nil {
			r.Data.Put("json", v.With(value.Unsafe))
		}
	}
	if a.Content {
		r.Data.Put("content", kit.HostText(body))
	}
}
