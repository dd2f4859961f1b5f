package kit

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
)

// getWords are k_get: it sends one request with the host's own curl, GNU's wget or
// busybox's wget, and writes what comes to descriptor 8. Variables: k_cfg = options
// for curl, k_wcfg = options for GNU's wget, k_url, k_file = the path of a file:
// URL, k_send = a file that is the request's body, k_since = a file whose time of
// change the answer must be younger than; the arguments are busybox's words. It
// sets k_code (200 for files, -1 = no answer) and k_head: heads of all answers, and
// what the program complained about. Heads and headers never stand in a
// program's arguments, but for busybox. k_own7 FILE opens a new file as descriptor
// 7, for oneself only: by the shell itself, since a shell that is being ended may
// have removed what a child of it makes later.
const getWords = `k_own7() {
k_y=$(umask)
umask 077; set -C
command exec 7>"$1" || { set +C; return 1; }
set +C; umask "$k_y"
}
k_get() {
k_code=-1 k_head= k_bad=
if [ -n "$k_file" ]; then
k_head=$(cat -- "$k_file" 2>&1 >&8) && k_code=200
return 0
fi
k_7=/proc/self/fd/7
[ -e /proc/self/fd ] || k_7=/dev/fd/7
if [ -n "$k_since" ]; then k_since=$(LC_ALL=C date -u -r "$k_since" "+%a, %d %b %Y %H:%M:%S GMT" 2>/dev/null); fi
if command -v curl >/dev/null; then
if [ -n "$k_send" ]; then k_cfg="$k_cfg
data-binary = \"@$k_send\""; fi
if [ -n "$k_since" ]; then k_cfg="$k_cfg
header = \"If-Modified-Since: $k_since\""; fi
k_head=$(printf "%s\n" "$k_cfg" | { curl -q -sS -D $k_7 -K - >&8; } 7>&1 2>&1)
elif ! command -v wget >/dev/null; then
echo "this host has neither curl nor wget: install one of them first, with package: {name: curl}" >&2
exit 1
elif wget --help 2>&1 | head -n 1 | grep -q GNU; then
_name "${_d:-${TMPDIR:-/tmp}}"
k_x=$_t
k_own7 "$k_x" || exit 1
printf "%s\n" "$k_wcfg" ${k_since:+"header = If-Modified-Since: $k_since"} ${k_send:+"body_file = $k_send"} >&7
command exec 7>&-
k_head=$({ wget --config="$k_x" -O - "$k_url" >&8; } 2>&1) || k_bad=$?
else
k_head=$({ wget -q -S "$@" ${k_send:+--post-file "$k_send"} ${k_since:+--header "If-Modified-Since: $k_since"} -O - "$k_url" >&8; } 2>&1) || k_bad=1
fi
k_x=$(printf "%s\n" "$k_head" | tr -d "\r" | sed -n "s/^.*HTTP\/[0-9.]* \([1-5][0-9][0-9]\).*/\1/p" | tail -n 1)
k_code=${k_x:--1}
case $k_head in *"curl: ("*) k_code=-1 ;; esac
case $k_bad$k_code in *2??) [ -z "$k_bad" ] || k_code=-1 ;; esac
}
k_tell() { printf "%s\n%s\n" "$k_code" "$(printf "%s\n" "$k_head" | wc -l)"; printf "%s\n" "$k_head"; }
`

// HTTP is the arguments that modules share which fetch over HTTP.
type HTTP struct {
	Agent    string     `arg:"http_agent" default:"ansible-httpget" help:"what the request says it comes from"`
	Username Text       `arg:"url_username,username,user" help:"for HTTP's own authentication"`
	Password Text       `arg:"url_password,password" secret:"yes" help:"for HTTP's own authentication"`
	Basic    bool       `arg:"force_basic_auth" default:"no" help:"send them before the server asks"`
	Cert     string     `arg:"client_cert" type:"path" help:"a client's certificate on the host (PEM)"`
	Key      string     `arg:"client_key" type:"path" help:"its key, where the certificate's file lacks it"`
	Validate bool       `arg:"validate_certs" default:"yes" help:"refuse certificates that the host does not trust"`
	Proxy    bool       `arg:"use_proxy" default:"yes" help:"use the proxy that the task's environment names"`
	GSSAPI   bool       `arg:"use_gssapi" default:"no" help:"Kerberos, by curl"`
	Netrc    bool       `arg:"use_netrc" default:"yes" help:"names and passwords of ~/.netrc of the host"`
	Headers  *value.Map `arg:"headers" help:"headers of the request"`
	Unfollow []string   `arg:"unredirected_headers" help:"accepted: curl sends no credentials to another host"`
	Ciphers  []string   `arg:"ciphers" help:"OpenSSL's names of ciphers, for curl"`
	Unzip    bool       `arg:"decompress" default:"yes" help:"unpack an answer that was packed for the way (curl)"`
}

// Request is one request.
type Request struct {
	HTTP
	URL, Method string
	Timeout     int  // seconds without progress
	Fresh       bool // caches on the way are not asked
	CA          string
	Socket      string // a UNIX socket to connect to
	Follow      bool
	Send        bool // a body comes
	Type        string
}

// Secret reports that a secret stands in it.
func (r Request) Secret() bool {
	return (r.Username.Marks | r.Password.Marks | value.DeepMarks(value.FromMap(r.Headers))).Secret()
}

// File is the path of a file: URL, empty for others.
func (r Request) File() string {
	u, err := url.Parse(r.URL)
	if err != nil || u.Scheme != "file" {
		return ""
	}
	return u.Path
}

// Check reports what no request can be made of.
func (r Request) Check() error {
	u, err := url.Parse(r.URL)
	switch {
	case strings.ContainsAny(r.URL, "\n\r\x00"):
		return fmt.Errorf("a URL holds no line break")
	case err != nil:
		return fmt.Errorf("%q is not valid as a URL", r.URL)
	case u.Scheme == "file" && u.Path != "":
		return nil
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "ftp" || u.Host == "":
		return fmt.Errorf("%q is not valid as a URL: it begins with http://, https://, ftp:// or file://", r.URL)
	}
	for _, h := range r.headers() {
		if strings.ContainsAny(h, "\n\r\x00") {
			return fmt.Errorf("a header holds no line break")
		}
	}
	return nil
}

// headers are the request's, "Name: value".
func (r Request) headers() []string {
	var out []string
	typed := false
	for k, v := range r.Headers.All() {
		typed = typed || strings.EqualFold(value.Str(k), "content-type")
		out = append(out, value.Str(k)+": "+value.Str(v))
	}
	if r.Type != "" && !typed {
		out = append(out, "Content-Type: "+r.Type)
	}
	if r.Fresh {
		out = append(out, "Cache-Control: no-cache")
	}
	return out
}

// curl are the options in the form of curl's file of options.
func (r Request) curl() string {
	q := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\t", `\t`)
	var b strings.Builder
	set := func(on bool, name, v string) {
		if on {
			fmt.Fprintf(&b, "%s = \"%s\"\n", name, q.Replace(v))
		}
	}
	flag := func(on bool, name string) {
		if on {
			b.WriteString(name + "\n")
		}
	}
	n := strconv.Itoa(max(r.Timeout, 1))
	set(true, "url", r.URL)
	flag(true, "globoff")
	set(true, "user-agent", r.Agent)
	set(true, "connect-timeout", n)
	set(true, "speed-time", n)
	set(true, "speed-limit", "1")
	flag(r.Method == "HEAD", "head")
	set(r.Method != "" && r.Method != "GET" && r.Method != "HEAD" && (r.Method != "POST" || !r.Send), "request", r.Method)
	flag(r.Follow, "location")
	set(r.Follow, "max-redirs", "10")
	flag(!r.Validate, "insecure")
	set(!r.Proxy, "noproxy", "*")
	set(r.Cert != "", "cert", r.Cert)
	set(r.Key != "", "key", r.Key)
	set(r.CA != "", "cacert", r.CA)
	set(r.Socket != "", "unix-socket", r.Socket)
	set(len(r.Ciphers) > 0, "ciphers", strings.Join(r.Ciphers, ":"))
	flag(r.Unzip && strings.Contains(strings.ToLower(strings.Join(r.headers(), "\n")), "accept-encoding:"), "compressed")
	set(r.Username.S != "", "user", r.Username.S+":"+r.Password.S)
	flag(r.Username.S != "" && !r.Basic, "anyauth")
	flag(r.GSSAPI, "negotiate")
	set(r.GSSAPI && r.Username.S == "", "user", ":")
	flag(r.Netrc && r.Username.S == "" && !r.GSSAPI, "netrc-optional")
	for _, h := range r.headers() {
		if strings.HasSuffix(h, ": ") {
			h = strings.TrimSuffix(h, ": ") + ";"
		}
		set(true, "header", h)
	}
	return b.String()
}

// wget are the options in the form of wget's file of settings.
func (r Request) wget() string {
	var b strings.Builder
	set := func(on bool, name, v string) {
		if on {
			fmt.Fprintf(&b, "%s = %s\n", name, v)
		}
	}
	set(true, "verbose", "off")
	set(true, "server_response", "on")
	set(true, "content_on_error", "on")
	set(true, "tries", "1")
	set(true, "timeout", strconv.Itoa(max(r.Timeout, 1)))
	set(true, "user_agent", r.Agent)
	set(true, "max_redirect", map[bool]string{true: "10", false: "0"}[r.Follow])
	set(r.Method == "HEAD", "spider", "on")
	set(r.Method != "" && r.Method != "HEAD" && (r.Method != "GET" || r.Send), "method", r.Method)
	set(!r.Validate, "check_certificate", "off")
	set(!r.Proxy, "use_proxy", "off")
	set(r.Cert != "", "certificate", r.Cert)
	set(r.Key != "", "private_key", r.Key)
	set(r.CA != "", "ca_certificate", r.CA)
	set(r.Username.S != "", "http_user", r.Username.S)
	set(r.Username.S != "", "http_password", r.Password.S)
	set(r.Basic, "auth_no_challenge", "on")
	set(!r.Netrc, "netrc", "off")
	for _, h := range r.headers() {
		set(true, "header", h)
	}
	return b.String()
}

// busybox are the words for busybox's wget.
func (r Request) busybox() []string {
	out := []string{"-U", r.Agent} // -T ends some builds of it with a segmentation fault
	if r.Method == "HEAD" {
		out = append(out, "--spider")
	}
	if !r.Validate {
		out = append(out, "--no-check-certificate")
	}
	if !r.Proxy {
		out = append(out, "-Y", "off")
	}
	for _, h := range r.headers() {
		out = append(out, "--header", h)
	}
	return out
}

// Args are the request for scripts that begin with GetPrelude.
func (r Request) args() []string {
	return append([]string{r.curl(), r.wget(), r.URL, r.File()}, r.busybox()...)
}

// getPrelude takes a request off the arguments.
const getPrelude = `k_cfg=$1 k_wcfg=$2 k_url=$3 k_file=$4 k_send= k_since=
shift 4
`

// sinceText asks by curl what a conditional request gives: the request, the file.
// It prints the status; nothing where it cannot be asked without writing.
const sinceText sh.Constant = `k_path=$1; shift
` + getPrelude + getWords + `if [ -n "$k_file" ] || ! command -v curl >/dev/null; then exit 0; fi
exec 8>/dev/null
k_since=$k_path
k_get
echo "$k_code"`

// Since asks whether what a file was made of is still the same for the server:
// status 304. The question is asked at the task's turn, of the server.
func (r Request) Since(file string) host.Fact[bool] {
	r.Method = "HEAD"
	return host.Fact[bool]{
		Q:     host.NewProbe(sinceText, append([]string{Safe(file)}, r.args()...)...).Wide(),
		Parse: func(a host.Answer) (bool, error) { return strings.TrimSpace(string(a.Stdout)) == "304", nil },
	}
}

// readText prints what a request gives, for questions, or ends with what the
// program complained about.
const readText sh.Constant = getPrelude + `if [ -n "$k_file" ]; then cat -- "$k_file" 2>&1
elif command -v curl >/dev/null; then printf "%s\n" "$k_cfg" | curl -q -sSf -K - 2>&1
elif command -v wget >/dev/null; then wget -q "$@" -O - "$k_url" 2>&1
else echo "this host has neither curl nor wget: install one of them first, with package: {name: curl}"; exit 1
fi`

// Read asks for a small text at an address; the answer's status tells whether it
// came.
func (r Request) Read() host.Probe { return host.NewProbe(readText, r.args()...).Wide() }

// Answered is what a server answered.
type Answered struct {
	Code int
	URL  string // where redirections ended
	// Head are the headers of the last answer, with names in lower case.
	Head map[string]string
	// Names are Head's keys in order.
	Names   []string
	Cookies [][2]string
	Reason  string // "OK", or what the program complained about
	Body    string

	moved bool   // the head that is read is a redirection
	next  string // where it leads
}

// ParseAnswered reads what k_tell printed; Body is what stands behind it.
func ParseAnswered(text, from string) Answered {
	l := Lines{text}
	a := Answered{URL: from, Head: map[string]string{}}
	a.Code, _ = strconv.Atoi(strings.TrimSpace(l.Next()))
	n, _ := strconv.Atoi(strings.TrimSpace(l.Next()))
	var said []string
	for range n {
		if l.Rest == "" { // it said that there are more
			break
		}
		a.line(strings.TrimSpace(l.Next()), &said)
	}
	a.Body = l.Rest
	switch {
	case a.Code == -1:
		a.Reason = "Request failed: " + strings.TrimSpace(strings.Join(said, " "))
	case a.Code >= 400:
		a.Reason = fmt.Sprintf("HTTP Error %d: %s", a.Code, a.Reason)
	default:
		length := a.Head["content-length"]
		if length == "" {
			length = "unknown"
		}
		a.Reason = strings.TrimSpace(a.Reason)
		if a.Reason == "" {
			a.Reason = "OK"
		}
		a.Reason += " (" + length + " bytes)"
	}
	return a
}

// maxHeader is how many bytes are kept of a header that comes again and again.
const maxHeader = 64 << 10

// line reads one line of the heads.
func (a *Answered) line(s string, said *[]string) {
	if proto, rest, ok := strings.Cut(s, " "); ok && strings.HasPrefix(proto, "HTTP/") {
		a.Head, a.Names = map[string]string{}, nil
		if a.next != "" {
			a.URL, a.next = a.next, ""
		}
		_, a.Reason, _ = strings.Cut(rest, " ")
		a.moved = strings.HasPrefix(rest, "3")
		return
	}
	k, v, ok := strings.Cut(s, ":")
	if !ok || strings.ContainsAny(k, " (") || k == "curl" || k == "wget" {
		if s != "" {
			*said = append(*said, s)
		}
		return
	}
	k, v = strings.ToLower(k), strings.TrimSpace(v)
	switch k {
	case "location":
		if a.moved {
			a.next = Absolute(a.URL, v)
		}
	case "set-cookie":
		pair, _, _ := strings.Cut(v, ";")
		name, val, _ := strings.Cut(pair, "=")
		a.Cookies = append(a.Cookies, [2]string{strings.TrimSpace(name), strings.TrimSpace(val)})
	}
	if old, twice := a.Head[k]; twice {
		if len(old)+len(v) <= maxHeader {
			a.Head[k] = old + ", " + v
		}
		return
	}
	a.Head[k] = v
	a.Names = append(a.Names, k)
}

// HTML is a warning of an answer that is a page where a file was asked for: a
// proxy's page for logging in comes with status 200.
func (a Answered) HTML(asked string) (string, bool) {
	t := a.Head["content-type"]
	name := NameOfURL(asked)
	if !strings.HasPrefix(strings.ToLower(t), "text/html") || !regexp.MustCompile(`\.\w+$`).MatchString(name) || strings.Contains(strings.ToLower(path.Ext(name)), "htm") {
		return "", false
	}
	return fmt.Sprintf("%s was answered with a web page (%s): a proxy may stand before the server", asked, t), true
}

// getText fetches into a file: path, the link that led to it, yes when the path is
// a folder, digest (md5, sha1 …) and hex, owner, group, mode, yes for a backup, yes
// to write in place where a rename is refused, statuses that count (empty = all are
// printed), yes when a body comes on stdin, a file of the host that is the body,
// yes for a conditional request, the folder of the download (or empty); then the
// request. Without a path what comes is printed behind the heads. Where it
// lands, the file as it is, lines for what it is called, its SHA-1, the old one's
// (- where that is of another size, and of more than 256 MiB),
// its MD5, the backup, and whether it changed come first.
const getText sh.Constant = sh.Temp + holdText + getWords + `k_path=$1 k_via=$2 k_dir=$3 k_alg=$4 k_hex=$5 k_ow=$6 k_gr=$7 k_mo=$8 k_ba=$9
shift 9
k_un0=$1 k_ok=$2 k_in=$3 k_sf=$4 k_cond=$5 k_tmp=$6
shift 6
` + getPrelude + `k_begin=$(date +%s)
if [ -n "$k_in" ]; then
_name "${_d:-${TMPDIR:-/tmp}}"
k_send=$_t
k_own7 "$k_send" || exit 1
cat >&7 || exit 1
command exec 7>&-
elif [ -n "$k_sf" ]; then
k_send=$k_sf
if [ ! -r "$k_send" ]; then echo "Unable to open source file $k_send" >&2; exit 1; fi
fi
if [ -n "$k_tmp" ] && [ ! -d "$k_tmp" ]; then
if [ -e "$k_tmp" ]; then echo "$k_tmp is a file but should be a directory." >&2; else echo "$k_tmp directory does not exist." >&2; fi
exit 1
fi
if [ -z "$k_path" ]; then
k_hold "${_d:-${TMPDIR:-/tmp}}/x" || exit 1
elif [ -n "$k_dir" ]; then
case $k_path in /*) ;; *) k_path=${PWD%/}/$k_path ;; esac
k_into "$k_path" || exit 1
k_p=${k_path%/}
else
k_q=${k_path%/*}
if [ ! -d "${k_q:-/}" ]; then echo "Destination ${k_q:-/} does not exist" >&2; exit 1; fi
k_at "$k_path" "$k_via" || exit 1
if [ -d "./$k_n" ]; then k_no "$k_p is a directory"; exit 1; fi
if [ -n "$k_cond" ] && [ -f "./$k_n" ]; then k_since=$PWD/$k_n; fi
fi
k_um=$(umask)
umask 077
k_new || exit 1
k_get "$@"
k_time=$(($(date +%s) - k_begin))
case " $k_ok " in *" $k_code "*) ;; *) k_path= ;; esac
if [ "$k_code" = 304 ]; then k_path=; fi
if [ -z "$k_path" ]; then
echo "none $k_time"
k_tell
cat <"$k_8"
exit 0
fi
if [ -n "$k_dir" ]; then
k_n=$(printf "%s\n" "$k_head" | tr -d "\r" | sed -n 's/^ *[Cc]ontent-[Dd]isposition: *attachment; \{0,1\}filename="\{0,1\}\([^";]*\).*/\1/p' | tail -n 1)
if [ -z "$k_n" ]; then
k_n=$(printf "%s\n" "$k_head" | tr -d "\r" | sed -n 's/^ *[Ll]ocation: *//p' | tail -n 1)
k_n=${k_n:-$k_url}
k_n=${k_n%%[?#]*}
case ${k_n#*://} in */*) ;; *) k_n= ;; esac
fi
k_n=${k_n##*/}
case $k_n in "" | . | ..) k_n=index.html ;; esac
k_p=$k_p/$k_n
if [ -d "./$k_n" ]; then k_no "$k_p is a directory"; exit 1; fi
fi
if [ -n "$k_alg" ]; then
command -v "${k_alg}sum" >/dev/null || { k_no "this host has no ${k_alg}sum: take another digest for the checksum"; exit 1; }
k_h=$("${k_alg}sum" <"$k_8")
k_h=${k_h%% *}
[ "$k_h" = "$k_hex" ] || { k_no "The checksum for $k_p did not match $k_hex; it was $k_h."; exit 1; }
fi
k_s=$(sha1sum <"$k_8") k_m=$(md5sum <"$k_8") k_o= k_ch= k_ke= c=
k_s=${k_s%% *} k_m=${k_m%% *}
if [ -f "./$k_n" ] && [ ! -h "./$k_n" ]; then
set -- $(stat -c "%u:%g %a %s" "./$k_n") $(stat -L -c %s "$k_8")
if [ "$3" = "$4" ] || [ "$3" -le 268435456 ]; then
k_o=$(sha1sum <"./$k_n") || exit 1
k_o=${k_o%% *}
else k_o=-; fi
k_ke=$1
[ "$k_o" = "$k_s" ] || k_mo=${k_mo:-0$2}
fi
if [ "$k_o" = "$k_s" ]; then
k_rm=$k_t
k_open "./$k_n" || exit 1
k_8=$k_9
k_see "$k_8" && k_own "$k_ow" "$k_gr" "$k_mo" "" && k_ch=$k_c || exit 1
rm -f "$k_rm"
else
[ -n "$k_mo" ] || k_mo=$(printf "0%o" $((0666 & ~0$k_um)))
k_see "$k_8" && k_own "$k_ow" "$k_gr" "$k_mo" "$k_ke" || exit 1
if [ -n "$k_ba" ] && [ -n "$k_o" ]; then k_keep "$k_un0" || exit 1; c=${k_p%/*}/$c; fi
if k_mv; then k_ch=y
elif [ -z "$k_un0" ]; then k_no "$k_e"; exit 1
else
k_open "./$k_n" && cat <"$k_8" >"$k_9" || exit 1
k_8=$k_9 k_ch=y
k_see "$k_8" && k_own "$k_ow" "$k_gr" "$k_mo" "$k_ke" || exit 1
rm -f "$k_t"
fi
fi
echo "file $k_time"
k_told
printf "%s\n%s\n%s\n%s\n%s\n%s\n" "$k_p" "$k_s" "$k_o" "$k_m" "$c" "$k_ch"
k_tell`

// Download is where an answer goes.
type Download struct {
	Path, Via string
	Dir       bool
	Digest    string // md5, sha1, sha256 …; empty = none
	Hex       string
	Want      Change
	Backup    bool
	Unsafe    bool
	Statuses  string // that are written to Path, with blanks
	Body      sh.Input
	BodyFile  string // a file of the host
	Since     bool
	Temp      string
}

// Get is the step that sends a request. Its output is read by ParseLanded.
func (r Request) Get(d Download, what string) host.Step {
	p := d.Path
	if p != "" {
		p = clean(p)
	}
	via := d.Via
	if via != "" {
		via = clean(via)
	}
	args := []string{p, via, Yes(d.Dir), d.Digest, d.Hex, d.Want.Owner, d.Want.Group, d.Want.Mode, Yes(d.Backup),
		Yes(d.Unsafe), d.Statuses, Yes(d.Body != nil), d.BodyFile, Yes(d.Since), d.Temp}
	cmd := sh.Script(getText, append(args, r.args()...)...)
	if d.Body != nil {
		cmd = cmd.With(d.Body)
	}
	return host.Run{Cmd: cmd, What: what}
}

// Landed is what became of a request.
type Landed struct {
	Answered
	Written        bool // a file is as it came
	Changed        bool
	Seconds        int64
	Path           string
	SHA1, Old, MD5 string
	Backup         string
	Size           int64
	Info           Info
}

// ParseLanded reads the output of Get.
func ParseLanded(out host.Output, from string) (Landed, error) {
	l := Lines{string(out.Stdout)}
	kind, seconds, _ := strings.Cut(l.Next(), " ")
	var d Landed
	d.Seconds, _ = strconv.ParseInt(seconds, 10, 64)
	if d.Written = kind == "file"; d.Written {
		var err error
		if d.Info, d.Size, l.Rest, err = Told(host.Output{Stdout: []byte(l.Rest)}, "the file"); err != nil {
			return d, err
		}
		d.Path, d.SHA1, d.Old, d.MD5, d.Backup, d.Changed = l.Next(), l.Next(), l.Next(), l.Next(), l.Next(), l.Next() != ""
	}
	d.Answered = ParseAnswered(l.Rest, from)
	return d, nil
}

// Fetched is the result of a file that a request brought, without its address.
func (d Landed) Fetched() *value.Map {
	m := value.MapOf("dest", HostText(d.Path), "checksum_src", value.String(d.SHA1), "checksum_dest", value.Null(), "md5sum", value.String(d.MD5),
		"elapsed", value.Int(d.Seconds), "status_code", value.Int(int64(d.Code)), "size", value.Int(d.Size), "state", value.String("file"))
	if d.Old != "" && d.Old != "-" {
		m.Put("checksum_dest", value.String(d.Old))
	}
	d.Info.PutInto(m)
	if d.Backup != "" {
		m.Put("backup_file", HostText(d.Backup))
	}
	return m
}

// Refused is the failure of an answer that is no file.
func (d Landed) Refused() play.Result {
	r := play.Failure("Request failed")
	if d.Code == -1 {
		r = play.Failure(d.Reason)
	}
	r.Data = value.MapOf("status_code", value.Int(int64(d.Code)), "response", HostText(d.Reason), "elapsed", value.Int(d.Seconds))
	return r
}
