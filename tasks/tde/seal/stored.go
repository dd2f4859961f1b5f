package seal

// StateDir is where a host keeps what is ours: STATE/PROJECT/, root's, 0700. The
// sealed files lie in it under the names that they have on the laptop.
const StateDir = "/var/lib/remoterun"

func RingID(project, hostname string) string { return project + "@" + hostname }

// StoredCopy is a complete sealed keyring of a folder: its .json is there.
type StoredCopy struct {
	Copy
	Manifest Manifest
	Name     string // "000001-1a2b3c4d"
}

// Link is the hash by which a following manifest names this one.
func (c StoredCopy) Link() string { return HexSum(c.Copy.Manifest) }

func Names(copies []StoredCopy) []string {
	out := make([]string, len(copies))
	for i, c := range copies {
		out[i] = c.Name
	}
	return out
}
