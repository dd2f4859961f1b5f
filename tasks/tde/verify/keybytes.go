package verify

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/tde/guard"
)

// keySearch is what the search of the whole data folder for the key gave.
type keySearch struct {
	keys    int   // that were searched for
	weak    int   // of which too few bytes in a row can be searched for
	bytes   int64 // that were searched
	files   int64 // likewise
	left    int64 // bytes that were left out, beyond the limit
	outside int64 // links and mounts that lead out of the folder: not followed
	control bool  // the same search finds the keyring in RAM
	strays  []string
	problem string
}

// keySearchText searches every file below the data folder $1 for the bytes of
// the keys in the keyring of folder $2, as they are and in hex, and for the names
// of keys that follow, as a keyring holds them: up to $3 bytes in all. What is
// searched for is read from the keyring in RAM and goes through pipes alone: it
// is in no argument, variable or file. Of a key, pieces of six bytes and more are
// searched for that hold neither zero bytes nor line ends. Lines: "keys N WEAK";
// "control found|lost": the same search in the folder of the keyring; "key FILE";
// "record FILE"; "searched BYTES FILES"; "left BYTES"; "outside N" for
// links and mounts, which are not followed; "end".
const keySearchText sh.Constant = `export LC_ALL=C
cd -- "$1" || exit 5
ram=$2 limit=$3
shift 3
size=$(stat -c %s "$ram/keyring") || exit 5
field() { tail -c +$(($1 * 292 + 257)) "$ram/keyring" | head -c "$2"; }
length() { case $(od -An -tu4 -j $(($1 * 292 + 288)) -N4 "$ram/keyring" | tr -d ' ') in 16) echo 16;; *) echo 32;; esac; }
pieces() { { field "$1" "$2"; echo; } | tr '\0' '\n' | sed -n '/....../p'; }
keys() {
	k=0
	while [ $((k * 292)) -lt "$size" ]; do
		n=$(length $k)
		pieces $k "$n"
		field $k "$n" | od -An -v -tx1 | tr -d ' \n'
		echo
		field $k "$n" | od -An -v -tx1 | tr -d ' \n' | tr a-f A-F
		echo
		k=$((k + 1))
	done
}
below() { find "$1" -maxdepth 1 -type f; }
holds() { { exec 3<&0; "$@" </dev/null | tr '\0' '\n' | grep -qF -f /proc/self/fd/3; } }
whole() { find "$1" -maxdepth 1 -type f -exec cat {} + 2>/dev/null; }
named() { keys; for w; do echo "$w"; done; }
look() {
	d=$1
	shift
	named "$@" | holds whole "$d" || return 0
	below "$d" | while IFS= read -r f; do
		if keys | holds cat -- "$f"; then echo "key $f"; continue; fi
		for w; do
			if tr '\0\n' '\n\1' <"$f" | grep -q -e "$w\$"; then echo "record $f"; break; fi
		done
	done
}
k=0 weak=0
while [ $((k * 292)) -lt "$size" ]; do
	[ "$(pieces $k "$(length $k)" | wc -l)" -gt 0 ] || weak=$((weak + 1))
	k=$((k + 1))
done
echo "keys $k $weak"
case $(look "$ram" "$@") in *"key $ram/keyring"*) echo "control found";; *) echo "control lost";; esac
find . -xdev -type d | {
	done=0 files=0 left=0 out=$(find . -xdev -type l | wc -l) here=$(stat -c %d .)
	while IFS= read -r d; do
		[ "$(stat -c %d "$d")" = "$here" ] || { out=$((out + 1)); continue; }
		s=0 n=0
		for b in $(find "$d" -maxdepth 1 -type f -exec stat -c %s {} + 2>/dev/null); do s=$((s + b)) n=$((n + 1)); done
		if [ $((done + s)) -gt "$limit" ]; then left=$((left + s)); continue; fi
		done=$((done + s)) files=$((files + n))
		look "$d" "$@"
	done
	echo "searched $done $files"
	echo "left $left"
	echo "outside $((out))"
}
echo end`

// searchKeys searches the whole data folder for the keys.
func (st *searchStep) searchKeys(ctx context.Context, w host.Writer) (keySearch, error) {
	p := st.p
	if !p.ram.Present() {
		return keySearch{}, nil
	}
	limit := int64(min(max(p.args.SearchGiB, 0), 1<<20)) << 30
	out, err := w.Run(ctx, sh.Script(keySearchText, append([]string{p.site.HostData, p.args.RAMDir(), strconv.FormatInt(limit, 10)}, p.keyNames()...)...))
	if err != nil {
		return keySearch{}, err
	}
	body, whole := strings.CutSuffix(string(out.Stdout), "end\n")
	if out.Status != 0 || !whole {
		return keySearch{problem: fmt.Sprintf("the search of %s for the key did not come to its end: %s", p.site.HostData, guard.Tail(out.Stderr, 1))}, nil
	}
	return parseKeySearch(body), nil
}

func parseKeySearch(body string) keySearch {
	r := keySearch{}
	for line := range strings.Lines(body) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		a, b, _ := strings.Cut(rest, " ")
		file := strings.TrimPrefix(rest, "./")
		switch word {
		case "keys":
			r.keys, r.weak = int(guard.Number(a)), int(guard.Number(b))
		case "control":
			r.control = rest == "found"
		case "key":
			r.strays = append(r.strays, file+" holds a key's bytes")
		case "record":
			if !ownKeyFile(file) {
				r.strays = append(r.strays, file+" holds a key's name as a keyring does")
			}
		case "searched":
			r.bytes, r.files = guard.Number(a), guard.Number(b)
		case "left":
			r.left = guard.Number(a)
		case "outside":
			r.outside = guard.Number(a)
		}
	}
	return r
}

// checkKeyBytes: no file of the data folder, of whatever size, holds a key.
func checkKeyBytes(p *proof) checkResult {
	k := p.keyBytes
	switch {
	case p.found == nil:
		return p.noSearch()
	case !p.ram.Present():
		return notProved("there is no keyring in RAM, so what to search for is not known")
	case k.problem != "":
		return checkIs(false, "%s", k.problem)
	case len(k.strays) > 0:
		r := checkIs(false, "%s a key or its record in %s", value.Count(len(k.strays), "file holds", "files hold"), p.site.HostData)
		r.Details = k.strays
		return r
	case !k.control:
		return checkIs(false, "the search does not even find the keyring in RAM, so that it found nothing else says nothing")
	}
	evidence := fmt.Sprintf("%d MB in %s searched for %s (bytes, hex, records): none; the same search finds the keyring in RAM", k.bytes>>20, value.Count(k.files, "file"), value.Count(k.keys, "key"))
	switch {
	case k.left > 0:
		return notProved("%s; %d MB more were left out (search_gib: %d)", evidence, k.left>>20, p.args.SearchGiB)
	case k.outside > 0:
		return notProved("%s; %s out of the folder (a tablespace, a WAL folder), not followed", evidence, value.Count(k.outside, "link or mount leads", "links or mounts lead"))
	case k.weak > 0:
		return notProved("%s; %s too many zeros and line ends to be searched for", evidence, value.Count(k.weak, "key has", "keys have"))
	case k.keys == 0 || k.files == 0:
		return checkIs(false, "%s", evidence)
	}
	return checkIs(true, "%s", evidence)
}
