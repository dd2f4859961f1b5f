package files

import (
	"context"
	"crypto/md5" // #nosec G501: Apache's own way of hashing
	"crypto/rand"
	"crypto/sha1" // #nosec G505: the file's older way
	"encoding/base64"
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// htpasswdArgs are the arguments of htpasswd.
type htpasswdArgs struct {
	Path     string   `arg:"path,dest,destfile" need:"yes" type:"path" help:"the file"`
	Name     string   `arg:"name,username" need:"yes" help:"the user"`
	Password kit.Text `arg:"password" secret:"yes" help:"the password; needed unless absent"`
	Scheme   string   `arg:"hash_scheme,crypt_scheme" default:"apr_md5_crypt" choices:"apr_md5_crypt,ldap_sha1,plaintext" help:"how a new password is kept"`
	State    string   `arg:"state" default:"present" choices:"absent,present" help:"whether the file shall have the user"`
	Create   bool     `arg:"create" default:"yes" help:"make a file that is missing"`
	Unsafe   bool     `arg:"unsafe_writes" default:"no" help:"write in place where a rename is refused"`
	kit.Attrs
}

// Htpasswd keeps users of a web server's file.
func Htpasswd() play.Module {
	return kit.Define(kit.Doc{Name: "htpasswd", Short: "users and passwords in a web server's file"}, htpasswd{})
}

type htpasswd struct{}

func (htpasswd) Validate(a htpasswdArgs) *play.ArgError {
	switch {
	case a.Name == "" || strings.ContainsAny(a.Name, ":\n\r"):
		return &play.ArgError{Arg: "name", Msg: fmt.Sprintf("%q is not valid as the name of a user", a.Name)}
	case a.State == "present" && a.Password.S == "":
		return &play.ArgError{Msg: "state is present but all of the following are missing: password"}
	case a.Scheme == "plaintext" && strings.ContainsAny(a.Password.S, ":\n\r"):
		return &play.ArgError{Arg: "password", Msg: "cannot be kept as it is: it holds a colon or a line break"}
	case a.Mode.Preserves():
		return &play.ArgError{Arg: "mode", Msg: kit.NoSource}
	}
	return nil
}

func (a htpasswdArgs) file() kit.TextFile {
	return kit.TextFile{Path: a.Path, Attrs: a.Attrs, Create: a.Create, Unsafe: a.Unsafe, Secret: true, Absent: "Destination %s does not exist", Quiet: true}
}

func (htpasswd) Facts(a htpasswdArgs) []host.Question { return a.file().Facts() }

func (htpasswd) Plan(a htpasswdArgs, s host.Seen) (play.Plan, error) {
	f := a.file()
	if a.State == "absent" {
		f.Create = true
	}
	at, stop, err := f.Find(s)
	if err != nil || stop != nil {
		return kit.Stopped(stop, err)
	}
	if a.State == "absent" && !at.There() {
		p := kit.Unchanged(at.Path+" is not there", value.NewMap())
		p.Result.Msg = at.Path + " not present"
		return p, nil
	}
	before, line, after := split(string(at.Old), a.Name)
	_, kept, found := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
	same := found == (a.State == "present") && (a.State == "absent" || samePassword(kept, a.Password.S))
	msg := map[bool]string{true: a.Name + " already present", false: "Add " + a.Name}[same]
	if a.State == "absent" {
		msg = map[bool]string{true: a.Name + " not present", false: "Remove " + a.Name}[same]
	} else if found && !same {
		msg = "Update " + a.Name
	}
	if same || a.State == "absent" {
		return f.Become(s, at, []byte(before+after), !same, msg, value.NewMap())
	}
	p, err := f.Become(s, at, []byte(before+a.Name+":\n"+after), true, msg, value.NewMap())
	if err != nil || len(p.Steps) == 0 {
		return p, err
	}
	w, err := f.Writing(s, at)
	p.Steps[0] = hashStep{a: a, before: before, after: after, write: w}
	return p, err
}

// split finds a user's line.
func split(text, name string) (before, line, after string) {
	before = text
	at := 0
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, name+":") {
			before, line, after = text[:at], l, text[at+len(l):]
			break
		}
		at += len(l)
	}
	if line == "" && before != "" && !strings.HasSuffix(before, "\n") {
		before += "\n"
	}
	return before, line, after
}

// hashStep hashes the password, with a salt of its own, and writes the file.
type hashStep struct {
	a             htpasswdArgs
	before, after string
	write         kit.Write
}

// Describe is that of the write.
func (h hashStep) Describe() string { return "set the password of " + h.a.Name + " in " + h.write.Path }

// Do writes the file with the new line.
func (h hashStep) Do(ctx context.Context, w host.Writer) (host.Output, error) {
	hash, err := h.a.hash()
	if err != nil {
		return host.Output{}, err
	}
	in := kit.MadeInput(h.write.Path, []byte(h.before+h.a.Name+":"+hash+"\n"+h.after))
	in.Secret = true
	return h.write.Step(in).Do(ctx, w)
}

func (a htpasswdArgs) hash() (string, error) {
	switch a.Scheme {
	case "plaintext":
		return a.Password.S, nil
	case "ldap_sha1":
		return sha1Hash(a.Password.S), nil
	}
	raw := make([]byte, 8)
	if _, err := rand.Read(raw); err != nil {
		return "", err
	}
	salt := make([]byte, 8)
	for i, b := range raw {
		salt[i] = itoa64[b&63]
	}
	return apr1(a.Password.S, string(salt)), nil
}

func sha1Hash(pw string) string {
	sum := sha1.Sum([]byte(pw)) // #nosec G401
	return "{SHA}" + base64.StdEncoding.EncodeToString(sum[:])
}

// samePassword reports whether what the file keeps is a password's. Other schemes
// (bcrypt) cannot be compared, and count as another password.
func samePassword(kept, pw string) bool {
	switch {
	case strings.HasPrefix(kept, "{SHA}"):
		return kept == sha1Hash(pw)
	case strings.HasPrefix(kept, "$apr1$"):
		f := strings.Split(kept, "$")
		return len(f) == 4 && len(f[2]) <= 8 && kept == apr1(pw, f[2])
	case strings.HasPrefix(kept, "$"):
		return false
	}
	return kept == pw
}

const itoa64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// apr1 is Apache's variant of MD5-crypt.
func apr1(pw, salt string) string {
	p := []byte(pw)
	alt := md5.Sum([]byte(pw + salt + pw)) // #nosec G401
	ctx := []byte(pw + "$apr1$" + salt)
	for n := len(p); n > 0; n -= 16 {
		ctx = append(ctx, alt[:min(n, 16)]...)
	}
	for n := len(p); n > 0; n >>= 1 {
		if n&1 == 1 {
			ctx = append(ctx, 0)
		} else {
			ctx = append(ctx, p[0])
		}
	}
	sum := md5.Sum(ctx) // #nosec G401
	for i := range 1000 {
		var b []byte
		if i&1 == 1 {
			b = append(b, p...)
		} else {
			b = append(b, sum[:]...)
		}
		if i%3 != 0 {
			b = append(b, salt...)
		}
		if i%7 != 0 {
			b = append(b, p...)
		}
		if i&1 == 1 {
			b = append(b, sum[:]...)
		} else {
			b = append(b, p...)
		}
		sum = md5.Sum(b) // #nosec G401
	}
	var out strings.Builder
	put := func(a, b, c byte, n int) {
		v := uint(a)<<16 | uint(b)<<8 | uint(c)
		for range n {
			out.WriteByte(itoa64[v&63])
			v >>= 6
		}
	}
	put(sum[0], sum[6], sum[12], 4)
	put(sum[1], sum[7], sum[13], 4)
	put(sum[2], sum[8], sum[14], 4)
	put(sum[3], sum[9], sum[15], 4)
	put(sum[4], sum[10], sum[5], 4)
	put(0, 0, sum[11], 2)
	return "$apr1$" + salt + "$" + out.String()
}
