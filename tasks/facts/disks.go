package facts

import (
	"fmt"
	"strconv"
	"strings"

	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// disks are the block devices of /sys/block and their partitions.
func (g gathered) disks() {
	links := g.diskLinks()
	all := value.NewMap()
	var disk, parts *value.Map
	sector := int64(512)
	for line := range strings.Lines(g.parts["disks"]) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		f := strings.Fields(rest)
		switch {
		case word == "disk" && len(f) >= 6:
			size, _ := strconv.ParseInt(f[1], 10, 64)
			sector, _ = strconv.ParseInt(f[2], 10, 64)
			parts = value.NewMap()
			disk = value.MapOf("virtual", wholeNumber(f[5]), "links", links.of(f[0]), "vendor", value.Null(), "model", value.Null(), "sas_address", value.Null(), "sas_device_handle", value.Null(),
				"removable", kit.HostText(f[3]), "support_discard", value.String("0"), "partitions", value.FromMap(parts), "rotational", kit.HostText(f[4]), "scheduler_mode", value.String(""),
				"sectors", value.Int(size), "sectorsize", kit.HostText(f[2]), "size", kit.HostText(sized(size*512)), "host", value.String(""), "holders", value.List())
			all.Put(f[0], value.FromMap(disk))
		case disk == nil:
		case word == "model" || word == "vendor":
			if rest = strings.TrimSpace(rest); rest != "" {
				disk.Put(word, kit.HostText(rest))
			}
		case word == "scheduler":
			_, mode, _ := strings.Cut(rest, "[")
			mode, _, _ = strings.Cut(mode, "]")
			disk.Put("scheduler_mode", kit.HostText(mode))
		case word == "part" && len(f) >= 3:
			size, _ := strconv.ParseInt(f[2], 10, 64)
			l := links.of(f[0])
			parts.Put(f[0], value.FromMap(value.MapOf("links", l, "start", kit.HostText(f[1]), "sectors", kit.HostText(f[2]), "sectorsize", value.Int(sector),
				"size", kit.HostText(sized(size*512)), "uuid", links.uuid(f[0]), "holders", value.List())))
		}
	}
	g.facts.Put("devices", value.FromMap(all))
	g.facts.Put("device_links", value.FromMap(links.all()))
}

func wholeNumber(text string) value.Value {
	n, _ := strconv.ParseInt(text, 10, 64)
	return value.Int(n)
}

// sized is a size as Ansible shows it: "20.00 GB", by 1024.
func sized(n int64) string {
	for _, u := range []struct {
		name string
		of   int64
	}{{"YB", 0}, {"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}} {
		if u.of > 0 && n >= u.of {
			return fmt.Sprintf("%.2f %s", float64(n)/float64(u.of), u.name)
		}
	}
	return fmt.Sprintf("%.2f Bytes", float64(n))
}

// diskLinks are the names of devices in /dev/disk: kind, device, names.
type diskLinks map[string]map[string][]string

func (g gathered) diskLinks() diskLinks {
	out := diskLinks{"id": {}, "uuid": {}, "label": {}}
	for line := range strings.Lines(g.parts["diskids"]) {
		if f := strings.Fields(line); len(f) == 3 && out[f[0]] != nil {
			device := f[2][strings.LastIndexByte(f[2], '/')+1:]
			out[f[0]][device] = append(out[f[0]][device], f[1])
		}
	}
	return out
}

func (l diskLinks) of(device string) value.Value {
	m := value.NewMap()
	for _, k := range [][2]string{{"ids", "id"}, {"uuids", "uuid"}, {"labels", "label"}} {
		m.Put(k[0], sortedStrings(l[k[1]][device]))
	}
	m.Put("masters", value.List())
	return value.FromMap(m)
}

func (l diskLinks) uuid(device string) value.Value {
	if names := l["uuid"][device]; len(names) > 0 {
		return kit.HostText(names[0])
	}
	return value.Null()
}

func (l diskLinks) all() *value.Map {
	out := value.NewMap()
	for _, k := range [][2]string{{"ids", "id"}, {"uuids", "uuid"}, {"labels", "label"}} {
		m := value.NewMap()
		for device, names := range l[k[1]] {
			m.Put(device, sortedStrings(names))
		}
		out.Put(k[0], value.FromMap(m))
	}
	out.Put("masters", value.FromMap(value.NewMap()))
	return out
}

// odds are facts of one line each.
func (g gathered) odds() {
	g.facts.Put("fips", value.Bool(g.line("fips", 0) == "1"))
	g.facts.Put("is_chroot", value.Bool(g.line("chroot", 0) != "" && g.line("chroot", 1) != "" && g.line("chroot", 0) != g.line("chroot", 1)))
	g.text("iscsi_iqn", g.line("iscsi", 0))
	g.text("hostnqn", "")
	g.facts.Put("fibre_channel_wwn", value.List())
	g.facts.Put("lvm", value.String("N/A"))
	g.facts.Put("selinux_python_present", value.Bool(g.line("python", 0) != ""))
}
