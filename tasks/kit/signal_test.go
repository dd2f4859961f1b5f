package kit_test

import (
	"testing"

	"remoterun/tasks/kit"
	"remoterun/tasks/tasktest"
)

// TestNothingIsLeft: writing scripts that are cut at any moment leave nothing
// beside the file.
func TestNothingIsLeft(t *testing.T) {
	for name, c := range map[string]tasktest.Struck{
		"file":     {Text: kit.PutText, Args: []string{"DIR/f", "", "", "", "", "", "", "", "", "", "sum", "00", "4", "", "", ""}},
		"proved":   {Text: kit.PutText, Args: []string{"DIR/f", "", "", "", "", "", "", "", "", "", "sum", "00", "4", "", "", "", "test", "%s"}},
		"archive":  {Text: kit.UnarchText, Args: []string{"DIR", "", "a.tgz", "", "", "", "", "", "", "", "", "0"}},
		"download": {Text: kit.GetText, Args: []string{"DIR/f", "", "", "md5", "00", "", "", "", "", "", "-1", "yes", "", "", "", "url = \"http://127.0.0.1:1/\"", "", "http://127.0.0.1:1/", ""}},
		"folder":   {Text: kit.UnpackText, Args: []string{"DIR/to", "0755", "", "", "0644", "", ""}},
	} {
		t.Run(name, func(t *testing.T) { tasktest.NothingIsLeft(t, c) })
	}
}
