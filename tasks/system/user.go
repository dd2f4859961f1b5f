package system

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// userArgs are the arguments of user.
type userArgs struct {
	Name       string     `arg:"name,user" need:"yes" help:"the user"`
	State      string     `arg:"state" default:"present" choices:"absent,present" help:"whether he shall be there"`
	UID        *int       `arg:"uid" help:"his number"`
	NonUnique  bool       `arg:"non_unique" default:"no" help:"uid may be another user's"`
	Comment    *string    `arg:"comment" help:"his full name"`
	Group      string     `arg:"group" help:"his first group, by name or number"`
	Groups     *kit.Words `arg:"groups" help:"other groups; an empty list means none"`
	Append     bool       `arg:"append" default:"no" help:"groups are added to those that he has"`
	Shell      string     `arg:"shell" help:"his shell"`
	Home       string     `arg:"home" type:"path" help:"his home"`
	CreateHome bool       `arg:"create_home,createhome" default:"yes" help:"make the home of a new user, and one that is missing"`
	MoveHome   bool       `arg:"move_home" default:"no" help:"move the files when home changes"`
	Skeleton   string     `arg:"skeleton" help:"the folder that a new home is a copy of"`
	Umask      string     `arg:"umask" help:"the umask of a new home"`
	Password   *kit.Body  `arg:"password" secret:"yes" help:"the hash of his password (see the filter password_hash); it travels over stdin"`
	Update     string     `arg:"update_password" default:"always" choices:"always,on_create" help:"when password is set"`
	Lock       *bool      `arg:"password_lock" help:"lock the password, or unlock it"`
	ExpireMax  *int       `arg:"password_expire_max" help:"most days between changes of the password"`
	ExpireMin  *int       `arg:"password_expire_min" help:"least days between them"`
	ExpireWarn *int       `arg:"password_expire_warn" help:"days before its end from which on he is told"`
	Inactive   *int       `arg:"password_expire_account_disable" help:"days behind its end after which the account is closed"`
	Expires    *float64   `arg:"expires" help:"when the account ends, in seconds since 1970; negative: never"`
	System     bool       `arg:"system" default:"no" help:"a new user gets a number of the system's"`
	Remove     bool       `arg:"remove" default:"no" help:"with absent: his home, too"`
	Force      bool       `arg:"force" default:"no" help:"with absent: although he is logged in"`
	Local      bool       `arg:"local" default:"no" help:"accepted: users are made in the host's own files anyway"`
	SSHKey     bool       `arg:"generate_ssh_key" default:"no" help:"make a key pair that is missing"`
	KeyBits    int        `arg:"ssh_key_bits" default:"0" help:"its length; 0: ssh-keygen's own"`
	KeyType    string     `arg:"ssh_key_type" default:"rsa" help:"its type"`
	KeyFile    string     `arg:"ssh_key_file" type:"path" help:"where; without it .ssh/id_TYPE in his home"`
	KeyComment string     `arg:"ssh_key_comment" help:"its comment"`
	KeyPhrase  kit.Body   `arg:"ssh_key_passphrase" secret:"yes" help:"what a new key is encrypted with; without one it is not"`
	SEUser     string     `arg:"seuser" help:"SELinux: the user that a new one is mapped to"`
}

// User keeps users.
func User() play.Module {
	return kit.Define(kit.Doc{Name: "user", Short: "users of the host"}, user{})
}

type user struct{}

func (user) Validate(a userArgs) *play.ArgError {
	if !accountName(a.Name) {
		return &play.ArgError{Arg: "name", Msg: strconv.Quote(a.Name) + " is not valid as the name of a user"}
	}
	if a.NonUnique && a.UID == nil {
		return &play.ArgError{Msg: "non_unique is True but all of the following are missing: uid"}
	}
	if a.Append && a.Groups == nil {
		return &play.ArgError{Msg: "append is True but all of the following are missing: groups"}
	}
	if strings.ContainsAny(a.KeyPhrase.S, "\n\r\x00") {
		return &play.ArgError{Arg: "ssh_key_passphrase", Msg: "holds no line break"}
	}
	for _, f := range []string{a.Shell, a.Home, a.Group, deref(a.Comment)} {
		if strings.ContainsAny(f, ":\n\x00") {
			return &play.ArgError{Msg: "a colon or a line break cannot stand in a user's entry: " + strconv.Quote(f)}
		}
	}
	if a.Password != nil && strings.ContainsAny(a.Password.S, ":\n\x00") {
		return &play.ArgError{Arg: "password", Msg: "a hash holds no colon and no line break"}
	}
	return nil
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// groups are the names of groups, without empty ones.
func (a userArgs) groups() []string {
	var out []string
	if a.Groups == nil {
		return nil
	}
	for _, g := range *a.Groups {
		if n := strings.TrimSpace(g.S); n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// fact asks for the user; his first group is asked for first.
func (a userArgs) fact(home string) host.Fact[account] {
	asked := a.groups()
	if a.Group != "" {
		asked = append([]string{a.Group}, asked...)
	} else {
		asked = append([]string{a.Name}, asked...)
	}
	return accountOf(a.Name, home, asked)
}

func (user) Facts(a userArgs) []host.Question {
	return kit.Hint(a.Home, a.fact(a.Home).Q)
}

func (user) Plan(a userArgs, s host.Seen) (play.Plan, error) {
	home, err := kit.Place(s, a.Home)
	if err != nil {
		return play.Plan{}, err
	}
	a.Home = home
	is, err := host.Get(s, a.fact(home))
	if err != nil {
		return play.Plan{}, err
	}
	if a.State == "absent" {
		return a.absent(is), nil
	}
	if missing := a.missing(is); missing != "" {
		return a.groupless(is, "Group "+missing+" does not exist"), nil
	}
	steps := a.make(is)
	if is.exists {
		steps = a.change(is)
	}
	return a.plan(s, is, steps)
}

// groupless is the plan of a user one of whose groups is not there. That a new one
// cannot be made is found when he is made: before, a task in front may make the
// group, and check mode says what would be.
func (a userArgs) groupless(is account, why string) play.Plan {
	if is.exists {
		return kit.Failure("%s", why)
	}
	return play.Plan{
		Steps:  []host.Step{host.Run{Cmd: sh.Script("exit 1"), What: "make user " + a.Name}},
		Result: play.Result{Changed: true, Data: value.MapOf("name", value.String(a.Name), "state", value.String("present"), "system", value.Bool(a.System))},
		Finish: func([]host.Output) (play.Result, error) {
			return play.Result{Failed: true, Msg: why, Data: value.MapOf("name", value.String(a.Name))}, nil
		},
	}
}

// missing is a group that is asked for and not there.
func (a userArgs) missing(is account) string {
	asked := append([]string{a.Group}, a.groups()...)
	for i, g := range asked {
		if g != "" && i < len(is.wanted) && is.wanted[i].name == "" {
			return g
		}
	}
	return ""
}

func (a userArgs) absent(is account) play.Plan {
	data := value.MapOf("name", value.String(a.Name), "state", value.String("absent"))
	if !is.exists {
		return kit.Unchanged("there is no user "+a.Name, data)
	}
	data.Put("force", value.Bool(a.Force))
	data.Put("remove", value.Bool(a.Remove))
	words := []string{"del", a.Name}
	if a.Force {
		words = append(words, "-f")
	}
	if a.Remove {
		words = append(words, "-r")
	}
	return play.Plan{Steps: []host.Step{goodbye{a.Name, userStep("remove the user "+a.Name, words...)}}, Result: play.Result{Changed: true, Data: data}}
}

// expiry is expires as days since 1970, "-" for never; ok=false when it is not
// given.
func (a userArgs) expiry() (days string, ok bool) {
	switch {
	case a.Expires == nil:
		return "", false
	case *a.Expires < 0:
		return "-", true
	}
	return strconv.FormatInt(int64(*a.Expires)/86400, 10), true
}

// date is days since 1970 as useradd reads them; empty for never.
func date(days string) string {
	n, err := strconv.ParseInt(days, 10, 64)
	if err != nil {
		return ""
	}
	return time.Unix(n*86400, 0).UTC().Format("2006-01-02")
}

// sameHash compares a password's hash with what the host told of its own.
func (a userArgs) sameHash(is account) bool {
	sum := sha256.Sum256([]byte(strings.TrimLeft(a.Password.S, "!")))
	return hex.EncodeToString(sum[:]) == is.hash
}

// plan makes a plan of steps, and reads afterwards what became of the user.
func (a userArgs) plan(s host.Seen, is account, steps []host.Step) (play.Plan, error) {
	data := value.MapOf("name", value.String(a.Name), "state", value.String("present"))
	if is.exists {
		data.Put("append", value.Bool(a.Append))
		data.Put("move_home", value.Bool(a.MoveHome))
	} else {
		data.Put("system", value.Bool(a.System))
		data.Put("create_home", value.Bool(a.CreateHome))
	}
	if a.Password != nil {
		data.Put("password", value.String("NOT_LOGGING_PASSWORD"))
	}
	if a.Groups != nil {
		data.Put("groups", value.String(strings.Join(a.groups(), ",")))
	}
	if len(steps) == 0 {
		if a.SSHKey {
			return a.key(s, is, data, false)
		}
		return kit.Unchanged("the user "+a.Name+" is as he shall be", a.told(is, data)), nil
	}
	return play.Plan{
		Steps:  steps,
		Result: play.Result{Changed: true, Data: data, Warnings: a.warnings()},
		Then: func([]host.Output) (play.Bound, error) {
			return kit.Stage(func(s host.Seen) (play.Plan, error) {
				now, err := host.Get(s, a.fact(a.Home))
				if err != nil {
					return play.Plan{}, err
				}
				if !now.exists {
					return kit.Failure("failed to look up user name: %s", a.Name), nil
				}
				if a.SSHKey {
					return a.key(s, now, data, true)
				}
				return play.Plan{Result: play.Result{Changed: true, Data: a.told(now, data), Warnings: a.warnings()}}, nil
			}), nil
		},
	}, nil
}

// told adds what the host says of the user.
func (a userArgs) told(is account, data *value.Map) *value.Map {
	out := data.Clone()
	out.Put("uid", number(is.uid))
	out.Put("group", number(is.gid))
	out.Put("comment", kit.HostText(is.comment))
	out.Put("home", kit.HostText(is.home))
	out.Put("shell", kit.HostText(is.shell))
	return out
}

// hashLetters are those of a password's hash.
const hashLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./="

// warnings are Ansible's of a password that looks like none of a hash.
func (a userArgs) warnings() []string {
	if a.Password == nil {
		return nil
	}
	p := a.Password.S
	if p == "" || p == "*" || p == "!" || p == "*************" {
		return nil
	}
	f := strings.Split(p, "$")
	length := map[string]int{"1": 22, "5": 43, "6": 86}
	if len(f) >= 3 && !strings.ContainsAny(p, ":*!") {
		last := f[len(f)-1]
		odd := strings.ContainsFunc(last, func(r rune) bool { return !strings.ContainsRune(hashLetters, r) })
		if n := length[f[1]]; !odd && (n == 0 || len(last) == n) {
			return nil
		}
	}
	return []string{"The input password appears not to have been hashed. The 'password' argument must be encrypted for this module to work properly."}
}
