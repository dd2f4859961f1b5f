package inventory

import (
	"os"
	"path/filepath"
)

// Find returns the sources when none is named with -i: those of ansible.cfg
// when it names some, else the first of ./inventory, ./inventory.ini,
// ./inventory.yaml, ./inventory.yml and ./hosts below dir, else none.
func Find(dir string, configured []string) []string {
	if len(configured) > 0 {
		return configured
	}
	for _, name := range []string{"inventory", "inventory.ini", "inventory.yaml", "inventory.yml", "hosts"} {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return []string{path}
		}
	}
	return nil
}
