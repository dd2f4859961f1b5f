//go:build linux

package compose

import (
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/hosttest/real"
)

// TestRealCompose asks the real programs.
func TestRealCompose(t *testing.T) {
	real.NeedCompose(t)
	m := real.NewOperator(t).Start(t, real.Options{Name: "compose", Docker: true})
	m.Write(t, "/srv/x/compose.yaml", "name: rr-compose-test\nservices:\n  db:\n    image: no/such:1\n    environment: [A=1]\n    volumes: ['data:/data']\nvolumes: {data: {}}\n")
	w := m.Worker(t, "root", host.As{})
	p := Project{Dir: "/srv/x"}
	c, err := get(t, w, p.Config())
	if err != nil || c.Name != "rr-compose-test" || c.Services["db"].Env("A") != "1" || c.VolumeName(c.Services["db"].Volumes[0]) != "rr-compose-test_data" {
		t.Errorf("%+v %v", c, err)
	}
	if all, err := get(t, w, p.Containers()); err != nil || len(all) != 0 {
		t.Errorf("containers %v %v", all, err)
	}
	if v, err := get(t, w, Version()); err != nil || !strings.Contains(v, ".") {
		t.Errorf("version %q %v", v, err)
	}
	if i, err := get(t, w, ImageNamed("no/such:1")); i != nil || err != nil {
		t.Errorf("image %v %v", i, err)
	}
	if v, err := get(t, w, VolumeNamed("rr-compose-test_data")); v != nil || err != nil {
		t.Errorf("volume %v %v", v, err)
	}
	out, err := p.Up("db").Do(t.Context(), w)
	if err != nil || out.Status == 0 {
		t.Errorf("an image that is not there was pulled: %+v %v", out, err)
	}
}
