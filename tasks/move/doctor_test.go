package move

import (
	"strings"
	"testing"

	"remoterun/tasks/compose"
)

// TestDoctorOfMachines: what a host says, and what the doctor makes of it.
func TestDoctorOfMachines(t *testing.T) {
	for line, want := range map[string]string{
		"compose 2.20.1": "stops  docker compose 2.20.1: the overlay needs at least 2.24.4 (!override); install a newer docker compose on the host",
		"compose 2.40.3": "", "compose v2.24.4": "",
		"override compose.override.yml":  "know   file /srv/s/compose.override.yml: it is your own",
		"composefile a.yml:b.yml":        "bites  file /srv/s/.env: COMPOSE_FILE=a.yml:b.yml leaves an override out",
		"composefile ":                   "",
		"watch containrrr/watchtower wt": "bites  container containrrr/watchtower wt: it recreates containers by itself",
		"watch ":                         "", "swaps 0": "",
		"swaps 1":         "bites  swap: what is in the database's memory can come to a disk",
		"core |/usr/lib/": "know   core dumps: a handler gets them",
		"core core":       "", "virt kvm": "",
		"virt openvz":    "know   virtualization openvz",
		"rootless 1":     "stops  Docker: it runs rootless",
		"swarm active":   "bites  Docker: it is part of a swarm",
		"swarm inactive": "", "memory 4000000": "",
		"memory 200000": "bites  memory: 195 MiB are available",
	} {
		d := &doctor{site: site{Stack: Stack{Dir: "/srv/s"}}}
		word, v, _ := strings.Cut(line, " ")
		d.fact(word, v)
		got := ""
		for _, f := range d.found {
			got += f.line()
		}
		if want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// TestDoctorOfCallers: who lists compose files is named, with both ways out.
func TestDoctorOfCallers(t *testing.T) {
	d := &doctor{site: site{Stack: Stack{Dir: "/srv/s"}}}
	d.caller(compose.Caller{File: "/srv/s/deploy.sh", Line: 3, Files: []string{"a.yml", "b.yml"}}, "compose.override.yaml")
	const want = "bites  file /srv/s/deploy.sh:3: it calls compose with a.yml, b.yml alone, which goes past the override: after a move it starts nothing (the old place is closed), so the deploy fails; put -f compose.override.yaml behind b.yml in it; or have the move edit the compose file itself (pg_apply: edit)"
	if got := d.found[0].line(); got != want {
		t.Errorf("%q", got)
	}
}

// TestDoctorsVerdict: worst first; one that stops a move fails the task.
func TestDoctorsVerdict(t *testing.T) {
	d := &doctor{}
	d.find(Know, "a", "b", "")
	d.find(Stops, "c", "d", "e")
	d.find(Bites, "f", "g", "")
	r := diagnosis(d.sorted()).Result
	if !r.Failed || r.Msg != "1 of 3 findings would stop a move" {
		t.Errorf("%+v", r)
	}
	lines, _ := r.Data.Lookup("lines")
	if got := lines.Items(); len(got) != 3 || !strings.HasPrefix(d.sorted()[0].line(), "stops  c: d; e") {
		t.Errorf("%v", got)
	}
	if r := diagnosis(nil).Result; r.Failed || r.Msg != "0 findings, none of which stops a move" {
		t.Errorf("%+v", r)
	}
}

// TestRefusals of what no copy carries, each with its way out.
func TestRefusals(t *testing.T) {
	m := &mover{Stack: Stack{Project: "p"}, to: Plain{Name: "img:16"}}
	for _, c := range refusals() {
		err := (preflight{m}).refuseCluster(c.cluster, c.major)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("want %q, got %v", c.want, err)
		}
	}
	v := site{Stack: Stack{Project: "p", Service: "db"}}
	if err := v.movable(); err == nil || !strings.Contains(err.Error(), "service db has no container; start it: docker compose up -d db") {
		t.Error(err)
	}
	v.db = &compose.Container{Name: "/s-db-1"}
	v.db.State.Status = "exited"
	if err := v.movable(); err == nil || !strings.Contains(err.Error(), "container s-db-1 does not run (exited)") {
		t.Error(err)
	}
}
