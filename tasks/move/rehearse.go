package move

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/job"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/compose"
	"remoterun/tasks/move/copy"
)

// A rehearsal does everything but the change: the running server gives a base
// backup of itself into a throw-away volume, a server of ours runs on that as it
// would on the frozen cluster, and from it the copy goes into a throw-away target
// and is proved. So what is rehearsed is the very copy that a move makes, and the
// application writes on meanwhile.

// Rehearsed is what is known of the last one; it is kept on the host.
type Rehearsed struct {
	When     string           `json:"when"`
	By       string           `json:"by"`
	Image    string           `json:"image"`
	Rows     int64            `json:"rows"`
	Bytes    int64            `json:"bytes"`    // of the databases
	Seconds  map[string]int64 `json:"seconds"`  // of each phase
	Downtime int64            `json:"downtime"` // seconds to expect
	Peak     int64            `json:"peak"`     // bytes of disk that a move takes
	Unequal  int              `json:"unequal"`  // differences that nobody knows a reason for
}

func (s Stack) rehearsedFile() string { return s.state() + "/rehearsed.json" }

// rehearsal plans one.
func (p Phases) rehearsal(m *mover, v site, img *compose.Image) play.Plan {
	m.Stack, m.record = m.Stack.Rehearsing(), nil
	var done Rehearsed
	step := act{"rehearse the move, into a throw-away copy", func(ctx context.Context, w host.Writer) (err error) {
		if done, err = (rehearsal{m}).rehearse(ctx, w, v, img); err == nil {
			w.Say(done.line())
		}
		return err
	}}
	finish := func([]host.Output) (play.Result, error) {
		data := value.MapOf("rows", value.Int(done.Rows), "bytes", value.Int(done.Bytes), "downtime_seconds", value.Int(done.Downtime), "disk_bytes", value.Int(done.Peak))
		for _, ph := range shown() {
			data.Put("seconds_"+ph, value.Int(done.Seconds[ph]))
		}
		return play.Result{Changed: false, Data: data, Msg: done.line()}, nil
	}
	return play.Plan{Steps: []host.Step{step}, Result: play.Result{Msg: "it is rehearsed"}, Finish: finish, Repeats: true}
}

// shown are the phases of which seconds are told.
func shown() []string {
	out := []string{"target"}
	for _, p := range copy.Phases() {
		out = append(out, string(p))
	}
	return out
}

// phasesTook tells the seconds of each phase.
func phasesTook(seconds map[string]int64) string {
	var parts []string
	for _, p := range shown() {
		parts = append(parts, fmt.Sprintf("%s %d s", p, seconds[p]))
	}
	return strings.Join(parts, ", ")
}

// line is what the operator reads.
func (r Rehearsed) line() string {
	verdict := "everything arrived equal"
	if r.Unequal > 0 {
		verdict = value.Count(r.Unequal, "difference")
	}
	return fmt.Sprintf("rehearsed: %s; %s, %s; %s; expect about %s of downtime, and %s of disk", verdict, value.Count(r.Rows, "row"), mib(r.Bytes), phasesTook(r.Seconds), time.Duration(r.Downtime)*time.Second, mib(r.Peak))
}

// short is the line that the real move shows.
func (r Rehearsed) short() string {
	verdict := "equal"
	if r.Unequal > 0 {
		verdict = "with " + value.Count(r.Unequal, "difference")
	}
	return fmt.Sprintf("last rehearsal: %s by %s into %s, %s, downtime about %s", r.When, r.By, r.Image, verdict, time.Duration(r.Downtime)*time.Second)
}

func mib(n int64) string { return fmt.Sprintf("%d MiB", (n+(1<<20)-1)>>20) }

// rehearsal is the copy of a live source into a throw-away target.
type rehearsal struct{ *mover }

// rehearse does it, attaches to one that is at work, and takes away what it made.
func (m rehearsal) rehearse(ctx context.Context, w host.Writer, v site, img *compose.Image) (Rehearsed, error) {
	going, err := m.job().Look(ctx, w, 0)
	if err != nil {
		return Rehearsed{}, err
	}
	was, err := ask(ctx, w, m.recordAt())
	if err != nil {
		return Rehearsed{}, err
	}
	if going.Phase == job.Running && going.Doing == m.doing() && was != nil && was.State == Made {
		m.record = was
	} else if err := m.stage(ctx, w, v, img); err != nil {
		return Rehearsed{}, err
	}
	err = m.copy(ctx, w)
	if err != nil && !m.gaveUp(ctx, w) {
		return Rehearsed{}, err // it goes on on the host
	}
	var out Rehearsed
	if err == nil {
		err = m.prove(ctx, w)
		var merr error
		if out, merr = m.measured(ctx, w); merr != nil && err == nil {
			err = merr
		}
	}
	if cerr := m.strike(ctx, w); err == nil {
		err = cerr
	}
	return out, err
}

// gaveUp reports a copy that does not run any more.
func (m rehearsal) gaveUp(ctx context.Context, w host.Writer) bool {
	s, err := m.job().Look(context.WithoutCancel(ctx), w, 0)
	return err == nil && s.Phase != job.Running
}

// stage makes both sides of a rehearsal, and its plan.
func (m rehearsal) stage(ctx context.Context, w host.Writer, v site, img *compose.Image) error {
	if err := m.strike(ctx, w); err != nil {
		return err
	}
	if err := (preflight{m.mover}).begin(ctx, w, v, img, false); err != nil {
		return err
	}
	r := m.record
	r.Verb = "rehearsal"
	w.Say("taking a copy of the running cluster")
	if err := m.baseBackup(ctx, w, v.db.ID); err != nil {
		return err
	}
	if err := m.conf(ctx, w); err != nil {
		return err
	}
	if err := run(ctx, w, "start a server on the copy", sh.Script(bothText, m.dir(), "source")); err != nil {
		return err
	}
	c, err := m.readSource(ctx, w)
	if err != nil {
		return err
	}
	r.Cluster, r.State, r.Frozen = c, Frozen, m.time()
	return m.makeTarget(ctx, w)
}

// copied is the volume of the copy.
func (s Stack) copied() string { return s.Project + "_rehearsal_source" }

// baseText fills the volume $3, over the folder $4 where one is said, with a base
// backup of the server in container $1, as its role $2. The slot keeps the WAL
// that the copy needs, and is gone with its session.
const baseText sh.Constant = `set -u
c=$1 u=$2 v=$3 folder=$4 data=$5 dir=$6
set -- --label "remoterun.rehearsal=$v"
if [ -n "$folder" ]; then
	{ [ ! -e "$folder" ] || [ -z "$(ls -A "$folder")" ]; } && mkdir -p -m 700 -- "$folder" || { echo "$folder is not empty" >&2; exit 11; }
	set -- "$@" --opt type=none --opt o=bind --opt "device=$folder"
fi
docker volume create "$@" "$v" >/dev/null || exit 1
at=$folder
[ -n "$at" ] || at=$(docker volume inspect -f '{{.Mountpoint}}' "$v") || exit 1
: >"$dir/slot"
{ echo "SELECT pg_create_physical_replication_slot('remoterun_rehearsal', true, true);"; while [ -e "$dir/slot" ]; do sleep 1; done; } | docker exec -i "$c" psql -X -q -A -t -w -U "$u" -d postgres -f - >/dev/null 2>&1 &
{ { docker exec "$c" pg_basebackup -U "$u" -w -D - -Ft -X fetch -c fast </dev/null 2>"$dir/said"; echo $? >"$dir/rc"; } | tar -x -C "$at" -f -; } || { rm -f "$dir/slot"; echo "the copy cannot be unpacked: is the disk full? $(tail -n 2 "$dir/said")" >&2; exit 1; }
rm -f "$dir/slot"
[ "$(cat "$dir/rc")" = 0 ] || { tail -n 3 "$dir/said" >&2; exit 3; }
chown -R "$(stat -c %u:%g "$data/PG_VERSION")" "$at" && chmod 700 "$at" && rm -f "$at/postmaster.pid" && [ -f "$at/global/pg_control" ]`

// baseBackup takes the copy that is rehearsed on.
func (m rehearsal) baseBackup(ctx context.Context, w host.Writer, id string) error {
	folder := ""
	if m.record.New.Folder != "" {
		folder = m.record.New.Folder + "_source"
	}
	out, err := w.Run(ctx, sh.Script(baseText, id, m.record.Source.Super, m.copied(), folder, m.record.Source.Data, m.dir()))
	if err != nil || out.Status == 0 {
		return err
	}
	said := strings.ReplaceAll(strings.TrimSpace(string(out.Stderr)), "\n", "; ")
	switch {
	case strings.Contains(said, "pg_hba.conf"):
		return refuse(m.object(), "add the line \"local replication all trust\" to its pg_hba.conf, and SELECT pg_reload_conf()", "it gives no copy of itself: %s", said)
	case strings.Contains(said, "max_wal_senders") || strings.Contains(said, "wal_level"):
		return refuse(m.object(), "a move needs no rehearsal; or set wal_level = replica and max_wal_senders = 10, and restart it", "it gives no copy of itself: %s", said)
	}
	return fmt.Errorf("copy of the running cluster: %s", said)
}

// beganText prints the phases' beginnings and the disk's peak.
const beganText = `cd "$1" || exit 1
for f in began/*; do [ -e "$f" ] && echo "${f#began/} $(cat "$f")"; done
echo "peak $(cat peak 2>/dev/null || echo 0)"`

// phaseSeconds are how long each phase of the copy took, and the disk's peak in
// bytes.
func (m *mover) phaseSeconds(ctx context.Context, w host.Writer) (map[string]int64, int64, error) {
	text, err := output(ctx, w, "read how long it took", sh.Script(beganText, m.dir()))
	if err != nil {
		return nil, 0, err
	}
	at := map[string]int64{}
	for line := range strings.Lines(text) {
		word, n, _ := strings.Cut(strings.TrimSpace(line), " ")
		at[word], _ = strconv.ParseInt(n, 10, 64)
	}
	out := map[string]int64{}
	end := at["end"]
	phases := copy.Phases()
	for i := len(phases) - 1; i >= 0; i-- {
		name := string(phases[i])
		if b, ok := at[name]; ok && b <= end {
			out[name], end = end-b, b
		}
	}
	return out, max(0, at["peak"]<<10-m.record.Used), nil
}

// measured sums the rehearsal up, and keeps it for the real move.
func (m rehearsal) measured(ctx context.Context, w host.Writer) (Rehearsed, error) {
	r := m.record
	sec, peak, err := m.phaseSeconds(ctx, w)
	if err != nil {
		return Rehearsed{}, err
	}
	sec["target"] = r.Making
	out := Rehearsed{When: m.time(), By: m.by, Image: m.to.Image(), Seconds: sec}
	for _, s := range sec {
		out.Downtime += s
	}
	out.Downtime += settleSeconds
	copied := int64(0)
	for _, d := range r.Cluster.Databases {
		out.Bytes += d.Bytes
		copied += d.Bytes
	}
	// The copy of the source is not there when it is done in earnest.
	out.Peak = max(out.Bytes, peak-copied)
	if r.Proof != nil {
		out.Rows, out.Unequal = r.Proof.Rows, len(r.Proof.Unknown())
		for _, d := range r.Proof.Differences {
			why := "DIFFERENT"
			if d.Known != "" {
				why = "known: " + d.Known
			}
			w.Say(strings.TrimSpace(d.Database+" "+d.Kind+" "+d.Name) + ": " + why)
		}
	}
	text, err := json.Marshal(out)
	if err != nil {
		return out, err
	}
	return out, run(ctx, w, "keep what was measured", sh.Script(keepText, m.rehearsedFile()).With(sh.Bytes(append(text, '\n'))))
}

// settleSeconds are for stops and starts, which are not rehearsed.
const settleSeconds = 10

// strikeText takes away what a rehearsal made: containers, volumes with what is in
// them, its folders. Volumes are those that say it on their label.
const strikeText sh.Constant = compose.GoneText + `set -u
p=$1 dir=$2 ram=$3 source=$4 state=$5
docker rm -f -v "$p-rehearsal-source" "$p-rehearsal-target" >/dev/null 2>&1
vols=$(docker volume ls -q --filter "label=remoterun.project=$p" --filter "name=^${p}_rehearsal") || exit 1
for v in $vols "$source"; do
	! gone volume "$v" || continue
	at=$(docker volume inspect -f '{{with .Options}}{{.device}}{{end}}' "$v")
	case $at in ?*rehearsal*) [ ! -d "$at" ] || rm -rf -- "$at" || exit 1;; esac
	docker volume rm "$v" >/dev/null || exit 1
done
rm -rf -- "$dir" "$ram" "$state" || exit 1
rmdir "${ram%/*}" 2>/dev/null
exit 0`

// strike takes away what a rehearsal made.
func (m rehearsal) strike(ctx context.Context, w host.Writer) error {
	if err := m.ownJob(ctx, w); err != nil {
		return err
	}
	return run(ctx, w, "take the rehearsal's copies away", sh.Script(strikeText, m.Project, m.dir(), m.ram(), m.Rehearsing().copied(), m.state()+"/rehearsal-new"))
}

// endRehearsal takes away what a rehearsal left that was cut; one that is at work is
// not disturbed.
func (m rehearsal) endRehearsal(ctx context.Context, w host.Writer) error {
	s, err := m.job().Look(ctx, w, 0)
	if err != nil {
		return err
	}
	if s.Phase == job.Running {
		return refuse(m.object(), "wait for its end", "%s is at work on it since %s (%s)", s.Who, s.Since, s.Doing)
	}
	left, err := output(ctx, w, "look for a rehearsal", sh.Script(`[ ! -d "$1" ] || echo left`, m.Rehearsing().dir()))
	if err != nil || left == "" {
		return err
	}
	r := *m.mover
	r.Stack = m.Rehearsing()
	return rehearsal{&r}.strike(ctx, w)
}

// ownJob ends a rehearsal's job, and no other.
func (m *mover) ownJob(ctx context.Context, w host.Writer) error {
	s, err := m.job().Look(ctx, w, 0)
	if err != nil || s.Phase != job.Running {
		return err
	}
	if s.Doing != m.doing() {
		return refuse(m.object(), "wait for its end, or remoterun rollback ends it", "%s is at work on it since %s (%s)", s.Who, s.Since, s.Doing)
	}
	return run(ctx, w, "end the rehearsal", m.job().Stop())
}

// lastRehearsal says when it was rehearsed.
func (m rehearsal) lastRehearsal(ctx context.Context, w host.Writer) (string, error) {
	text, err := output(ctx, w, "look for a rehearsal", sh.Script(`[ ! -e "$1" ] || cat -- "$1"`, m.rehearsedFile()))
	if err != nil {
		return "", err
	}
	var r Rehearsed
	if json.Unmarshal([]byte(text), &r) != nil || r.When == "" {
		return "it was never rehearsed: --rehearse does all but the change, and tells the downtime", nil
	}
	return r.short(), nil
}
