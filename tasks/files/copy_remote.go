package files

import (
	"io"
	"path"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// remote plans a copy on the host itself.
func (a copyArgs) remote(s host.Seen) (play.Plan, error) {
	src, err := kit.Place(s, a.Src)
	if err != nil {
		return play.Plan{}, err
	}
	at := kit.LookAt(kit.TrimSlash(src), "", true)
	lk, err := host.Get(s, at)
	switch {
	case err != nil:
		return play.Plan{}, err
	case !lk.Target.Exists:
		return kit.Failure("Source %s not found", src), nil
	case lk.Target.IsDir():
		return a.remoteTree(s, src)
	case !lk.Readable:
		return kit.Failure("Source %s not readable", src), nil
	}
	sums, err := s.Answer(host.NewProbe(sumsText, kit.Safe(src)))
	if err != nil {
		return play.Plan{}, err
	}
	d := a.deploy()
	if w := strings.Fields(string(sums.Stdout)); len(w) == 2 {
		d.sums = [2]string{w[0], w[1]}
	}
	d.always = true
	d.in = play.Input{Name: path.Base(src), Path: src, Mode: lk.Target.Mode & kit.PermBits, Kind: 'f', SHA256: lk.SHA256, Data: onHost{size: lk.Size}}
	d.from = src
	return d.plan(s)
}

// sumsText prints the hashes that a result has, of what is not large: they are read for.
const sumsText sh.Constant = `n=$(stat -L -c %s "$1") && [ "$n" -le 67108864 ] || exit 0
a=$(sha1sum <"$1") && b=$(md5sum <"$1") && echo "${a%% *} ${b%% *}"`

// onHost stands for bytes that never come to the laptop.
type onHost struct{ size int64 }

// Size is the number of bytes.
func (o onHost) Size() int64 { return o.size }

// Open returns none.
func (o onHost) Open() (io.ReadCloser, error) { return nil, errOnHost{} }

// Bytes returns none.
func (o onHost) Bytes() ([]byte, error) { return nil, errOnHost{} }

type errOnHost struct{}

func (errOnHost) Error() string { return "the source is on the host" }

// sameTreeText prints same when every entry of folder $1 is in folder $2 with
// the same content.
const sameTreeText sh.Constant = `cd "$1" || exit 1
if [ ! -d "$2" ]; then echo differs; exit 0; fi
d=$(cd "$2" && pwd)
r=$(find . -mindepth 1 -exec sh -c 'd=$1; shift
for p; do
if [ -L "$p" ]; then [ "$(readlink "$p")" = "$(readlink "$d/$p")" ]
elif [ -d "$p" ]; then [ -d "$d/$p" ]
elif [ -f "$p" ]; then [ -f "$d/$p" ] && cmp -s "$p" "$d/$p"
else [ "$(stat -c %f "$p")" = "$(stat -c %f "$d/$p" 2>/dev/null)" ]; fi || { echo x; exit 0; }
done' sh "$d" {} +)
if [ -z "$r" ]; then echo same; else echo differs; fi`

// remoteTree plans the copy of a folder of the host.
func (a copyArgs) remoteTree(s host.Seen, src string) (play.Plan, error) {
	dest, err := kit.Place(s, a.Dest)
	if err != nil {
		return play.Plan{}, err
	}
	given, wanted := dest, src
	dest = kit.TrimSlash(dest)
	if !strings.HasSuffix(src, "/") {
		dest += "/" + path.Base(src)
	}
	src = kit.TrimSlash(src)
	same := host.NewProbe(sameTreeText, kit.Safe(src), kit.Safe(dest))
	got, err := s.Answer(same)
	if err != nil {
		return play.Plan{}, err
	}
	top := kit.TrimSlash(given)
	is, err := host.Get(s, kit.LookAt(top, "", false))
	if err != nil {
		return play.Plan{}, err
	}
	said := given
	if !is.Own.Exists {
		said = top
	}
	data := func(i kit.Info, size int64) *value.Map {
		m := value.MapOf("dest", value.String(said), "src", value.String(wanted), "checksum", value.Null(), "state", value.String("directory"))
		i.PutInto(m)
		if size >= 0 {
			m.Put("size", value.Int(size))
		}
		return m
	}
	var steps []host.Step
	c := kit.Change{Owner: a.Owner, Group: a.Group}
	if strings.TrimSpace(string(got.Stdout)) != "same" {
		steps = append(steps, kit.CopyFolder(src, dest))
		if c.Any() {
			steps = append(steps, kit.Below(dest, "", c))
		}
	}
	from := is.Target
	if !is.Target.Exists {
		lk, err := host.Get(s, kit.LookAt(src, "", true))
		if err != nil {
			return play.Plan{}, err
		}
		from = lk.Target
	}
	attrs, err := a.Change(s, from)
	if err != nil {
		return play.Plan{}, err
	}
	if len(steps) == 0 && !attrs.Any() {
		size, err := host.Get(s, kit.SizeOf(top))
		return kit.Unchanged(dest+" holds every file", data(is.Target, size)), err
	}
	if !is.Target.Exists {
		attrs.Owner, attrs.Group = a.Owner, a.Group
	}
	p := top
	if is.Own.IsLink() && is.Real != "" {
		p = is.Real
	}
	steps = append(steps, attrs.Step(p, is.Via(p), false)) // it tells of the folder
	will := attrs.Predict(from)
	return play.Plan{Steps: steps, Result: play.Result{Changed: true, Data: data(will, -1)}, Finish: finishTold(p, will, -1, data), ByStatus: true}, nil
}
