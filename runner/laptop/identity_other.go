//go:build !linux

package laptop

import "os"

// identityOf knows nothing here: every file is hashed in every run.
func identityOf(os.FileInfo) (identity, bool) { return identity{}, false }
