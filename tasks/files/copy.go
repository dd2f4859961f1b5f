package files

import (
	"context"
	"fmt"
	"path"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// copyArgs are the arguments of copy.
type copyArgs struct {
	Src       string      `arg:"src" type:"path" help:"a file or folder of the laptop, looked up in files folders; a folder with a slash at its end means what is in it"`
	Content   value.Value `arg:"content" type:"str" secret:"yes" help:"the file's text instead of src; a mapping or list becomes JSON"`
	Dest      string      `arg:"dest" need:"yes" type:"path" help:"where it goes; with a slash at its end a folder"`
	Backup    bool        `arg:"backup" default:"no" help:"keep the old file under a name with the time"`
	Force     bool        `arg:"force" default:"yes" help:"replace a file that differs"`
	Validate  string      `arg:"validate" help:"a command that must accept the new file, %s is its name"`
	DirMode   kit.Mode    `arg:"directory_mode" help:"permissions of the folders that a folder copy makes"`
	RemoteSrc bool        `arg:"remote_src" default:"no" help:"src is on the host already"`
	LocalLink bool        `arg:"local_follow" default:"yes" help:"copy what links of the laptop lead to, not the links"`
	Checksum  string      `arg:"checksum" help:"the SHA-1 that the source must have"`
	Follow    bool        `arg:"follow" default:"no" help:"write what a link leads to instead of replacing the link"`
	Decrypt   bool        `arg:"decrypt" default:"yes" help:"open vaults; no is refused, since what is sealed has no use on a host"`
	Unsafe    bool        `arg:"unsafe_writes" default:"no" help:"write in place where a rename is refused"`
	kit.Attrs

	in   play.Input
	tree *tree // src is a folder
}

// Copy puts files and folders on the host.
func Copy() play.Module {
	return kit.Define(kit.Doc{Name: "copy", Short: "files and folders of the laptop on the host", Waited: true}, copyModule{})
}

type copyModule struct{}

func (a copyArgs) hasContent() bool { return !a.Content.IsNull() }

func (copyModule) Validate(a copyArgs) *play.ArgError {
	if _, err := kit.Validation(a.Validate); err != nil {
		return &play.ArgError{Arg: "validate", Msg: err.Error()}
	}
	switch {
	case !a.Decrypt:
		return &play.ArgError{Arg: "decrypt", Msg: "vaults are always opened: decrypt: no has no meaning here"}
	case a.Src != "" && a.hasContent():
		return &play.ArgError{Msg: "src and content are mutually exclusive"}
	case a.Src == "" && !a.hasContent():
		return &play.ArgError{Msg: "src (or content) is required"}
	case a.hasContent() && strings.HasSuffix(a.Dest, "/"):
		return &play.ArgError{Arg: "dest", Msg: "can not use content with a dir as dest"}
	case a.hasContent() && a.RemoteSrc:
		return &play.ArgError{Arg: "remote_src", Msg: "content is not a file of the host"}
	}
	return nil
}

// Resolve reads the laptop's file or folder.
func (copyModule) Resolve(_ context.Context, a *copyArgs, in play.Inputs) error {
	switch {
	case a.RemoteSrc:
		return nil
	case a.hasContent():
		text, err := contentValue(a.Content)
		if err != nil {
			return err
		}
		a.in = in.Bytes("content", text)
		a.in.Mode = 0o600 // what Ansible's own file of it has: mode: preserve
		return nil
	}
	f, err := in.File("files", a.Src)
	if err != nil {
		return err
	}
	if f.Kind != 'd' {
		a.in = f
		return a.verify()
	}
	a.tree, err = readTree(in, *a)
	return err
}

// contentValue is a content argument as text: a mapping or list is JSON.
func contentValue(v value.Value) (value.Value, error) {
	switch v.Kind() {
	case value.KindMap, value.KindList, value.KindTuple, value.KindObject:
		s, err := value.JSON(v, value.JSONStyle{})
		return value.MarkedString(s, value.DeepMarks(v)), err
	}
	return value.MarkedString(value.Str(v), value.DeepMarks(v)), nil
}

// verify compares the source with the checksum that the playbook names.
func (a copyArgs) verify() error {
	if a.Checksum != "" && a.Checksum != a.in.SHA1 {
		return &play.ArgError{Arg: "checksum", Msg: fmt.Sprintf("Copied file does not match the expected checksum. Transfer failed. (%s has %s)", a.Src, a.in.SHA1)}
	}
	return nil
}

func (a copyArgs) deploy() deploy {
	in := a.in
	if a.Src != "" {
		in.Name = path.Base(a.Src)
	}
	header := in.Path
	if header == "" {
		header = "content"
	}
	return deploy{in: in, dest: a.Dest, header: header, force: a.Force, backup: a.Backup, follow: a.Follow,
		unsafe: a.Unsafe, validate: a.Validate, Attrs: a.Attrs}
}

func (copyModule) Facts(a copyArgs) []host.Question {
	if a.RemoteSrc || a.tree != nil {
		return nil
	}
	return a.deploy().facts()
}

func (copyModule) Plan(a copyArgs, s host.Seen) (play.Plan, error) {
	switch {
	case a.RemoteSrc:
		return a.remote(s)
	case a.tree != nil:
		return a.planTree(s)
	}
	return a.deploy().plan(s)
}
