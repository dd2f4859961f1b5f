package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"
)

// tree says what a run left in the folder top, in the form that
// testdata/conformance/record/tree.py writes for Ansible: TREE, PATH,
// KIND MODE OWNER, nothing, CONTENT with tabs between.
func tree(t *testing.T, top string, names *strings.Replacer, unheld []string) string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == top {
			return err
		}
		look, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(top, path)
		rel = drawnNames(rel)
		text := "unheld"
		if !slices.ContainsFunc(unheld, func(glob string) bool { return globbed(glob, rel) }) {
			if text, err = treeContent(path, look, names); err != nil {
				return err
			}
		}
		lines = append(lines, strings.Join([]string{"TREE", rel, treeWords(look), "", text}, "\t")+"\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// drawnNames is a path without what differs from run to run: times and what
// stands for a process id in backups, and names that were drawn.
func drawnNames(path string) string {
	path = regexp.MustCompile(`\.[0-9a-f]+\.\d{4}-\d\d-\d\d@\d\d:\d\d:\d\d~`).ReplaceAllString(path, ".PID.TIME~")
	return regexp.MustCompile(`ansible\.[A-Za-z0-9_]{8}`).ReplaceAllString(path, "ansible.DRAWN")
}

// globbed says whether a path matches glob, in which * stands for slashes, too.
func globbed(glob, path string) bool {
	re := strings.ReplaceAll(regexp.QuoteMeta(glob), `\*`, ".*")
	return regexp.MustCompile("^" + re + "$").MatchString(path)
}

// treeWords are a file's kind, its mode, and its owner if that is not us.
func treeWords(look fs.FileInfo) string {
	kinds := map[fs.FileMode]string{0: "file", fs.ModeDir: "folder", fs.ModeSymlink: "link", fs.ModeNamedPipe: "pipe", fs.ModeSocket: "socket"}
	kind := kinds[look.Mode().Type()]
	words := []string{kind}
	st := look.Sys().(*syscall.Stat_t)
	if kind != "link" {
		words = append(words, fmt.Sprintf("%04o", st.Mode&0o7777))
	}
	if int(st.Uid) != os.Geteuid() || int(st.Gid) != os.Getegid() {
		owner, group := strconv.Itoa(int(st.Uid)), strconv.Itoa(int(st.Gid))
		if u, err := user.LookupId(owner); err == nil {
			owner = u.Username
		}
		if g, err := user.LookupGroupId(group); err == nil {
			group = g.Name
		}
		words = append(words, owner+":"+group)
	}
	if kind == "file" && st.Nlink > 1 {
		words = append(words, fmt.Sprintf("links=%d", st.Nlink))
	}
	return strings.Join(words, " ")
}

// treeContent is a short text as JSON, the hash of what is longer or no text, and
// a link's target.
func treeContent(path string, look fs.FileInfo, names *strings.Replacer) (string, error) {
	var text string
	switch look.Mode().Type() {
	case fs.ModeSymlink:
		target, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		text = target
	case 0:
		b, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		text = string(b)
	default:
		return "", nil
	}
	text = names.Replace(text)
	if len(text) > 300 || !utf8.ValidString(text) {
		return fmt.Sprintf("sha256 %x", sha256.Sum256([]byte(text))), nil
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(text)
	return strings.TrimSuffix(b.String(), "\n"), err
}
