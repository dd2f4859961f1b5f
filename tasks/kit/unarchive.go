package kit

import (
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// leadsOut is an awk program that reads lines "name TAB target" (target empty, or of
// a link; hard links' begin with "=") and prints the first name that leads out of
// the folder d: an absolute name, a part "..", a link whose target goes up further
// than it is deep or goes up behind a name, a name below a link.
const leadsOut = `BEGIN { FS = "\t" }
function out(n) { print n; bad = 1; exit }
{
name = $1; sub(/^(\.\/)+/, "", name); sub(/\/+$/, "", name)
if ($1 ~ /^\//) out($1)
k = split(name, part, "/"); up = ""
for (i = 1; i <= k; i++) {
if (part[i] == "..") out($1)
if (i > 1 && (up in link)) out($1)
up = (i > 1 ? up "/" : "") part[i]
}
t = $2
if (t == "") next
depth = k - 1
if (t ~ /^=/) { t = substr(t, 2); depth = 0 } else link[name] = 1
if (t ~ /^\//) { if (index(t "/", d "/") != 1 || t ~ /\/\.\.(\/|$)/) out($1); next }
k = split(t, part, "/"); down = 0
for (i = 1; i <= k; i++) {
if (part[i] == "" || part[i] == ".") continue
if (part[i] != "..") { down = 1; continue }
if (down || --depth < 0) out($1)
}
}
END { for (n in link) { } }`

// tarNames makes such lines of what tar -tv prints.
const tarNames = `{ kind = substr($0, 1, 1); for (i = 0; i < 5; i++) sub(/^[^ ]+ +/, ""); t = ""
if (kind == "l" || kind == "h" || index($0, " link to ")) {
i = index($0, " -> "); w = 4
if (kind == "h" || !i) { i = index($0, " link to "); w = 9; if (!i) { i = index($0, " -> "); w = 4 } }
if (i) { t = (kind == "h" || w == 9 ? "=" : "") substr($0, i + w); $0 = substr($0, 1, i - 1) }
}
print $0 "\t" t }`

// unarchText unpacks an archive whole or not at all: folder, the archive (a file of
// the host, url, or empty for stdin), its name for messages, owner, group, mode,
// yes to keep files that are newer, yes to print what is in it, patterns to leave
// out and to take (one a line), the hash of what comes on stdin, how many words the request has; those words, then
// options for tar or unzip. It is unpacked in a folder that nobody else can enter,
// looked at, compared with what is there, and renamed into place. It prints same or
// new, then the names.
const unarchText sh.Constant = sh.Temp + holdText + stageText + getWords + `k_dest=$1 k_src=$2 k_name=$3 k_uow=$4 k_ugr=$5 k_umo=$6 k_new=$7 k_list=$8 k_ex=$9
shift 9
k_inc=$1 k_sum=$2 k_nreq=$3
shift 3
k_dmo= k_dow= k_dgr= k_al= k_like= k_ba= k_fow= k_fgr= k_fm=
if [ ! -d "$k_dest" ]; then echo "Destination '$k_dest' is not a directory" >&2; exit 1; fi
case $k_dest in /*) ;; *) k_dest=${PWD%/}/$k_dest ;; esac
case $k_src in "" | url | /*) ;; *) k_src=${PWD%/}/$k_src ;; esac
k_into "$k_dest" || exit 1
k_dest=$PWD
k_stage || exit 1
k_arc=$k_src
case $k_src in
"")
k_arc=./archive; cat >$k_arc || exit 1
k_h=$(sha256sum <$k_arc)
case $k_h in "$k_sum "*) ;; *) echo "$k_name did not arrive whole" >&2; exit 1 ;; esac ;;
url)
k_arc=./archive
k_fetch() {
k_c=$# k_x=0 k_cfg=$1 k_wcfg=$2 k_url=$3 k_file=$4 k_send= k_since=
while [ $k_x -lt $k_c ]; do
k_h=$1; shift
if [ $k_x -ge 4 ] && [ $k_x -lt "$k_nreq" ]; then set -- "$@" "$k_h"; fi
k_x=$((k_x + 1))
done
command exec 8>$k_arc
k_get "$@"
exec 8>&-
}
k_fetch "$@"
shift "$k_nreq"
if [ "$k_code" != 200 ]; then
if [ "$k_code" = -1 ]; then k_h=$k_head; else k_h="HTTP Error $k_code"; fi
echo "Failure downloading $k_name, $k_h" >&2
exit 1
fi ;;
*) if [ ! -e "$k_arc" ]; then echo "Source '$k_name' does not exist" >&2; exit 1; fi
if [ ! -r "$k_arc" ]; then echo "Source '$k_name' not readable" >&2; exit 1; fi ;;
esac
if [ ! -s "$k_arc" ]; then echo "Invalid archive '$k_name', the file is 0 bytes" >&2; exit 1; fi
mkdir ./all || exit 1
: >./ex; [ -z "$k_ex" ] || printf "%s\n" "$k_ex" >./ex
: >./inc; [ -z "$k_inc" ] || printf "%s\n" "$k_inc" >./inc
k_leave() {
while IFS= read -r k_h; do
(cd ./all && find . -mindepth 1 -exec sh -c 'x=$1; shift; for p; do case ${p#./} in $x | */$x) rm -rf "$p" ;; esac; done' sh "$k_h" {} +) || return
done <./ex
}
k_cannot() { printf "%s\n" "Failed to find handler for \"$k_name\". Make sure the required command to extract the file is installed." "$1" >&2; exit 1; }
k_zip= k_z=
case $(od -An -tx1 -N 3 "$k_arc" | tr -d " ") in 1f8b*) k_z=-z ;; 425a68*) k_z=-j ;; fd377a*) k_z=-J ;; esac
case $(od -An -c -N 2 "$k_arc" | tr -d " ") in PK*) k_zip=y ;; esac
if [ -n "$k_zip" ]; then
command -v unzip >/dev/null || k_cannot "Unable to find required 'unzip' or 'zipinfo' binary in the path."
unzip -Z1 "$k_arc" >./names 2>/dev/null || unzip -l "$k_arc" 2>./err | sed -n 's/^ *[0-9][0-9]*  *[0-9-]*  *[0-9:]*  *//p' | sed '$d' >./names
[ -s ./names ] || k_cannot "$(cat ./err)"
k_h=$(awk -v d="$k_dest" '` + leadsOut + `' ./names)
else
tar $k_z -tvf "$k_arc" >./long 2>./err || k_cannot "$(cat ./err)"
k_h=$(awk '` + tarNames + `' ./long | awk -v d="$k_dest" '` + leadsOut + `')
fi
if [ -n "$k_h" ]; then echo "failed to unpack $k_name to $k_dest: the member $k_h leads out of it; nothing was unpacked" >&2; exit 1; fi
if [ -n "$k_zip" ]; then
set -- unzip -q -o "$@" "$k_arc"
while IFS= read -r k_h; do set -- "$@" "$k_h"; done <./inc
if [ -s ./ex ]; then set -- "$@" -x; fi
while IFS= read -r k_h; do set -- "$@" "$k_h"; done <./ex
"$@" -d ./all >./out 2>&1
else
k_gnu=
if tar --version 2>/dev/null | grep -q GNU; then k_gnu=y; fi
if [ -n "$k_gnu" ] && [ -s ./ex ]; then set -- "$@" -X ./ex; fi
while IFS= read -r k_h; do set -- "$@" "$k_h"; done <./inc
tar $k_z -xpf "$k_arc" -C ./all "$@" >./out 2>&1 && { [ -n "$k_gnu" ] || k_leave; }
fi || { echo "failed to unpack $k_name to $k_dest: $(cat ./out)" >&2; exit 1; }
k_h=$(cd ./all && find . -type l -exec sh -c 'for p; do printf "%s\t%s\n" "$p" "$(readlink "$p")"; done' sh {} + | awk -v d="$k_dest" '` + leadsOut + `')
if [ -n "$k_h" ]; then echo "failed to unpack $k_name to $k_dest: the link $k_h leads out of it; nothing was unpacked" >&2; exit 1; fi
cd ./all || exit 1
k_p="what is in $k_name"
if [ -n "$k_uow" ]; then find . -mindepth 1 -exec chown -h "$k_uow" {} + || { k_no "chown failed: failed to look up user $k_uow or to change the owner of $k_p"; exit 1; }; fi
if [ -n "$k_ugr" ]; then find . -mindepth 1 -exec chgrp -h "$k_ugr" {} + || { k_no "chgrp failed: failed to look up group $k_ugr or to change the group of $k_p"; exit 1; }; fi
if [ -n "$k_umo" ]; then find . -mindepth 1 ! -type l -exec chmod "$k_umo" {} + || exit 1; fi
if [ -n "$k_new" ]; then
find . -type f -exec sh -c 'd=$1; shift; for p; do if [ "$d/$p" -nt "$p" ]; then rm -f "$p"; fi; done' sh "$k_dest" {} +
fi
k_stat="%f"
if [ "$k_u" = 0 ]; then k_stat="%f %u %g"; fi
find . -mindepth 1 -exec stat -c "$k_stat %n" {} + | sort >../here
find . -mindepth 1 -exec sh -c 'd=$1 f=$2; shift 2; cd "$d" && stat -c "$f %n" "$@" 2>/dev/null' sh "$k_dest" "$k_stat" {} + | sort >../there
find . -type f -exec sha256sum {} + >../sums
find . -type l -exec sh -c 'd=$1; shift; for p; do [ "$(readlink "$p")" = "$(readlink "$d/$p" 2>/dev/null)" ] || echo x; done' sh "$k_dest" {} + >../links
k_same=same
cmp -s ../here ../there && [ ! -s ../links ] || k_same=new
if [ $k_same = same ] && [ -s ../sums ]; then (cd "$k_dest" && sha256sum -c >/dev/null 2>&1) <../sums || k_same=new; fi
echo $k_same
if [ -n "$k_list" ]; then { find . -mindepth 1 -type d | sed "s/$/\//"; find . -mindepth 1 ! -type d; } | sed "s/^\.\///" | sort; fi
[ $k_same = new ] || exit 0
k_down() {
if [ -h "./$1" ] && [ -d "./$1" ]; then k_into "${PWD%/}/$1"; return; fi
if [ -h "./$1" ]; then k_no "${PWD%/}/$1 is a link to nothing"; return; fi
set -- "$1" $(stat -c "%u %g 0%a" "$k_i")
if [ -d "./$1" ]; then
k_cd "$1" || return
k_x=$(stat -c "%u %g 0%a" .)
[ "$k_x" = "$2 $3 $4" ] || [ "$k_u" != 0 ] || chown "$2:$3" . || return
chmod "$4" . 2>/dev/null || [ "$k_x" = "$2 $3 $4" ]
return
fi
if [ "$2:$3" = "$k_me" ]; then k_mkdir "$1" "" "" "$4"; else k_mkdir "$1" "$2" "$3" "$4"; fi
}
cd -P /proc/self/fd/5 || exit 1
k_6=/proc/self/fd/6/all
k_put ""`

// Archive is an archive that is unpacked.
type Archive struct {
	Dest, Name string
	Src        string   // a file of the host; empty = stdin
	URL        *Request // instead of Src
	Sum        string   // the SHA-256 of what comes on stdin
	Want       Change
	KeepNewer  bool
	List       bool
	Exclude    []string
	Include    []string
	Options    []string
}

// Unpack is the step that unpacks it; data is what comes on stdin, nil = none.
func (a Archive) Unpack(data sh.Input) host.Step {
	src, req := Safe(a.Src), []string(nil)
	if a.URL != nil {
		src, req = "url", a.URL.args()
	}
	args := []string{clean(a.Dest), src, a.Name, a.Want.Owner, a.Want.Group, a.Want.Mode, Yes(a.KeepNewer), Yes(a.List),
		strings.Join(a.Exclude, "\n"), strings.Join(a.Include, "\n"), a.Sum, strconv.Itoa(len(req))}
	cmd := sh.Script(unarchText, append(append(args, req...), a.Options...)...)
	if data != nil {
		cmd = cmd.With(data)
	}
	return host.Run{Cmd: cmd, What: "unpack " + a.Name + " to " + a.Dest}
}

// unpackedText compares a folder with lines "mode digest name" on stdin (mode is
// st_mode in hex; of a link the digest is its text's): folder, owner, group.
const unpackedText sh.Constant = `cd "$1" 2>/dev/null || { echo none; exit 0; }
LC_ALL=C; export LC_ALL
o=$2 g=$3 all=$(cat)
printf "%s\n" "$all" | sed -n "s/^8[0-9a-f]* \([0-9a-f]*\) /\1  /p" >/dev/null
want=$(printf "%s\n" "$all" | sed "s/ [^ ]* / /")
got=$(set --
flush() {
stat -c "%f %U %u %G %g %n" "$@" 2>/dev/null | while read -r f on ou gn gu n; do
if [ -n "$o" ] && [ "$o" != "$on" ] && [ "$o" != "$ou" ]; then echo owner; fi
if [ -n "$g" ] && [ "$g" != "$gn" ] && [ "$g" != "$gu" ]; then echo group; fi
printf "%s %s\n" "$f" "$n"
done
}
while read -r f s n; do
set -- "$@" "$n"
if [ $# -ge 300 ]; then flush "$@"; set --; fi
done <<END
$all
END
[ $# -eq 0 ] || flush "$@")
if [ "$want" != "$got" ]; then echo differs; exit 0; fi
printf "%s\n" "$all" | { sed -n "s/^8[0-9a-f]* \([0-9a-f]*\) /\1  /p" | grep . || echo "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  /dev/null"; } | sha256sum -c >/dev/null 2>&1 || { echo differs; exit 0; }
printf "%s\n" "$all" | while read -r f s n; do
case $f in a*) h=$(printf %s "$(readlink "$n")" | sha256sum); if [ "${h%% *}" != "$s" ]; then echo differs; fi ;; esac
done
echo same`

// Unpacked asks whether a folder holds what lines say: see unpackedText.
func (a Archive) Unpacked(lines string) host.Fact[string] {
	return host.Fact[string]{
		Q: host.NewProbe(unpackedText, Safe(a.Dest), a.Want.Owner, a.Want.Group).WithStdin(lines),
		Parse: func(ans host.Answer) (string, error) {
			first, _, _ := strings.Cut(string(ans.Stdout), "\n")
			return first, nil
		},
	}
}

// comparedText compares an archive of the host with a folder where that can be done
// without writing: GNU's tar, and unzip. Folder, archive, yes when the mode is
// wanted otherwise, then tar's options. It prints same, differs, or why it cannot be;
// behind it what is in it.
const comparedText sh.Constant = `LC_ALL=C; export LC_ALL
d=$1 a=$2 m=$3; shift 3
case $a in /*) ;; *) a=$PWD/$a ;; esac
if [ ! -d "$d" ]; then echo nofolder; exit 0; fi
if [ ! -e "$a" ]; then echo absent; exit 0; fi
if [ ! -r "$a" ]; then echo unreadable; exit 0; fi
case $(od -An -c -N 2 "$a" | tr -d " ") in
PK*)
if [ $# -gt 0 ]; then echo unknown; exit 0; fi
l=$(unzip -Z1 "$a" 2>/dev/null) || { echo unknown; exit 0; }
r=same
while IFS= read -r n; do
case $n in
*/) if [ ! -d "$d/$n" ]; then r=differs; break; fi ;;
*[][*?\\]* | -*) r=unknown; break ;;
*) if [ ! -f "$d/$n" ] || ! unzip -p "$a" "$n" | cmp -s - "$d/$n"; then r=differs; break; fi ;;
esac
done <<END
$l
END
echo $r
printf "%s\n" "$l" ;;
*)
tar --version 2>/dev/null | grep -q GNU || { echo unknown; exit 0; }
r=$(tar --diff -f "$a" -C "$d" "$@" 2>&1)
if [ -n "$m" ]; then r=$(printf "%s\n" "$r" | grep -v ": Mode differs$"); fi
r=$(printf "%s\n" "$r" | grep -v -e ": Uid differs$" -e ": Gid differs$" -e ": Mod time differs$" -e "^$" -e ": Removing leading")
if [ -n "$r" ]; then echo differs; else echo same; fi
tar -tf "$a" "$@" 2>/dev/null ;;
esac`

// Compared asks whether an archive of the host is unpacked already.
func (a Archive) Compared(modeGiven bool) host.Probe {
	var opts []string
	for _, x := range a.Exclude {
		opts = append(opts, "--exclude="+x)
	}
	opts = append(opts, a.Include...)
	return host.NewProbe(comparedText, append([]string{Safe(a.Dest), Safe(a.Src), Yes(modeGiven)}, opts...)...)
}
