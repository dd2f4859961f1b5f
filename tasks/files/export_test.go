package files

import "remoterun/runner/host"

// StatProbe is what stat asks of a path.
func StatProbe(path string, follow bool, algorithm string) host.Probe {
	return statArgs{Path: path, Follow: follow, Checksum: algorithm != "", Algorithm: algorithm, Attributes: true}.probe(path)
}
