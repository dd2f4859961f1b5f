package packages

import (
	"encoding/base64"
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/kit"
)

// aptPlaces finds apt's files, which its settings may move.
const aptPlaces = `L=/etc/apt/sources.list P=/etc/apt/sources.list.d/ T=/etc/apt/trusted.gpg Q=/etc/apt/trusted.gpg.d/ E=/etc/apt/
eval "$(apt-config shell L Dir::Etc::sourcelist/f P Dir::Etc::sourceparts/d T Dir::Etc::trusted/f Q Dir::Etc::trustedparts/d E Dir::Etc/d 2>/dev/null)"
`

// sourcesText prints the places of the list and of its folder, the release's code
// name, then of every list its path, its size and its text.
const sourcesText sh.Constant = aptPlaces + `VERSION_CODENAME=
if [ -r /etc/os-release ]; then . /etc/os-release; fi
printf "%s\n%s\n%s\n" "$L" "$P" "$VERSION_CODENAME"
for f in "$L" "$P"*.list; do
if [ -f "$f" ]; then printf "%s\n" "$f"; stat -L -c %s "$f"; cat "$f"; echo; fi
done`

// aptSources are the lists of a host.
type aptSources struct {
	list, parts, codename string
	files                 []aptList
}

type aptList struct{ path, text string }

func sources() host.Fact[aptSources] {
	return host.Fact[aptSources]{Q: host.NewProbe(sourcesText), Parse: func(a host.Answer) (aptSources, error) {
		l := kit.Lines{Rest: string(a.Stdout)}
		out := aptSources{list: l.Next(), parts: l.Next(), codename: l.Next()}
		for l.Rest != "" {
			f := aptList{path: l.Next()}
			var ok bool
			if f.text, ok = l.Sized(l.Next()); !ok || l.Rest == "" {
				return out, fmt.Errorf("%s cannot be read", f.path)
			}
			l.Rest = l.Rest[1:]
			out.files = append(out.files, f)
		}
		return out, nil
	}}
}

// ringsText prints the places of apt's keys, then of every file of them its path
// and its bytes in base64: a keyring (or empty for all that apt trusts).
const ringsText sh.Constant = aptPlaces + `printf "%s\n%s\n" "$T" "$Q"
if [ -n "$1" ]; then set -- "$1"; else set -- "$T" "$Q"*.gpg "$Q"*.asc; fi
for f; do
if [ -f "$f" ]; then printf "%s\n" "$f"; base64 <"$f"; echo .; fi
done`

// aptRings are the keys that a host's apt trusts.
type aptRings struct {
	parts string
	files []aptRing
}

type aptRing struct {
	path string
	keys []pgpKey
	err  error // it cannot be read as keys
}

func rings(keyring string) host.Fact[aptRings] {
	return host.Fact[aptRings]{Q: host.NewProbe(ringsText, keyring), Parse: func(a host.Answer) (aptRings, error) {
		l := kit.Lines{Rest: string(a.Stdout)}
		l.Next()
		out := aptRings{parts: l.Next()}
		for l.Rest != "" {
			f := aptRing{path: l.Next()}
			var b strings.Builder
			for line := l.Next(); line != "." && l.Rest != ""; line = l.Next() {
				b.WriteString(line)
			}
			data, err := base64.StdEncoding.DecodeString(b.String())
			if err == nil && len(data) > 0 {
				f.keys, err = readKeys(data)
			}
			f.err = err
			out.files = append(out.files, f)
		}
		return out, nil
	}}
}

// has reports whether a key is there.
func (r aptRings) has(id string) bool {
	for _, f := range r.files {
		for _, k := range f.keys {
			if k.is(id) {
				return true
			}
		}
	}
	return false
}

// ids are the fingerprints of all keys.
func (r aptRings) ids() []string {
	var out []string
	for _, f := range r.files {
		for _, k := range f.keys {
			out = append(out, k.ids[0])
		}
	}
	return out
}

// without are the keys that are not there yet.
func (r aptRings) without(keys []pgpKey) []pgpKey {
	var out []pgpKey
	for _, k := range keys {
		if !r.has(k.ids[0]) {
			out = append(out, k)
		}
	}
	return out
}

// add is the step that puts keys into a keyring, empty = a file of their own.
func (r aptRings) add(keyring string, keys []pgpKey) (host.Step, error) {
	p := keyring
	if p == "" {
		id := keys[0].ids[0]
		p = strings.TrimSuffix(r.parts, "/") + "/" + id[len(id)-16:] + ".gpg"
	}
	var data []byte
	for _, f := range r.files {
		if f.path != p {
			continue
		}
		if f.err != nil {
			return nil, fmt.Errorf("%s: %w", p, f.err)
		}
		for _, k := range f.keys {
			data = append(data, k.data...)
		}
	}
	for _, k := range keys {
		data = append(data, k.data...)
	}
	w := kit.Write{Path: p, Mkdir: true, Want: kit.Change{Mode: kit.Octal(0o644)}}
	return w.Step(kit.MadeInput(p, data)), nil
}
