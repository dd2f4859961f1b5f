//go:build unix

package seal

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestReadPlain: what stands in a file's place in the keys folder is neither waited
// for nor read without end.
func TestReadPlain(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, err := range map[string]error{
		"plain":  os.WriteFile(at("plain"), []byte("12345"), 0o600),
		"long":   os.WriteFile(at("long"), []byte("123456"), 0o600),
		"folder": os.Mkdir(at("folder"), 0o700),
		"pipe":   syscall.Mkfifo(at("pipe"), 0o600),
		"link":   os.Symlink("plain", at("link")),
		"zero":   os.Symlink("/dev/zero", at("zero")),
		"circle": os.Symlink("circle", at("circle")),
		"astray": os.Symlink("nowhere", at("astray")),
	} {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	for name, want := range map[string]string{
		"plain": "", "link": "", "long": "it has 6 bytes, and at most 5 are possible", "folder": "it is not an ordinary file (a folder)",
		"pipe": "it is not an ordinary file (a pipe)", "zero": "it is not an ordinary file (a device)",
		"circle": "too many levels of symbolic links", "astray": "no such file",
	} {
		b, err := ReadPlain(at(name), 5)
		if want == "" && (err != nil || string(b) != "12345") || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %q %v, want %q", name, b, err, want)
		}
	}
}
