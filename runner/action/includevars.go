package action

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"remoterun/runner/keyword"
	"remoterun/runner/laptop"
	"remoterun/runner/play"
	"remoterun/runner/pyre"
	"remoterun/runner/value"
)

var varsSpec = play.Spec{Name: "include_vars", Short: "Take in variables of a file, or of the files of a folder", FreeForm: "file", Args: []play.Arg{
	{Name: "file", Type: "str", Aliases: []string{"_raw_params"}, Help: "the file, looked up in vars folders"},
	text("dir", "a folder in place of a file"), text("name", "put them under this name"),
	arg("depth", "int", "of a folder: how many folders are read, itself included; 0 = all"),
	text("files_matching", "of a folder: only files whose names fit this regular expression"),
	arg("ignore_files", "list", "of a folder: not files whose names end in one of these regular expressions"),
	arg("extensions", "list", "of a folder: endings of files (yaml, yml, json)"),
	arg("ignore_unknown_extensions", "bool", "of a folder: pass over files of other endings"),
	{Name: "hash_behaviour", Type: "str", Choices: []string{"replace", "merge"}, Help: "whether mappings are merged with what is there"},
}}

// includeVars takes variables in; what it fails with is called message, too, as in
// Ansible.
func includeVars(ctx context.Context, t *Turn, args *value.Map) (Did, error) {
	did, err := takeVars(ctx, t, args)
	if err != nil {
		text := err.Error()
		if gone := new(laptop.NotFoundError); errors.As(err, &gone) || errors.Is(err, errNoFile) {
			text = "Could not find file on the Ansible Controller: " + text
		}
		err = &play.TellingError{Err: err, Data: value.MapOf("message", value.MarkedString(text, value.Unsafe), "ansible_facts", value.FromMap(value.NewMap()), "ansible_included_var_files", value.List())}
	}
	return did, err
}

func takeVars(ctx context.Context, t *Turn, args *value.Map) (Did, error) {
	paths, err := varPaths(t, args)
	if err != nil {
		return Did{}, err
	}
	m := value.NewMap()
	for _, p := range paths {
		one, err := t.Loader.Vars(p)
		if err != nil {
			return Did{}, err
		}
		for k, v := range one.All() {
			m.Set(k, v)
		}
	}
	if under, ok := str(args, "name"); ok {
		m = value.MapOf(under, value.FromMap(m))
	}
	if how, _ := str(args, "hash_behaviour"); how == "merge" {
		if m, err = mergedVars(ctx, t, m); err != nil {
			return Did{}, err
		}
	}
	return Did{Vars: m, Result: play.Result{Data: value.MapOf("ansible_included_var_files", value.Strings(paths...), "ansible_facts", value.FromMap(m))}}, nil
}

var errNoFile = errors.New("include_vars needs the name of a file (file) or of a folder (dir)")

// varPaths are the files that include_vars reads.
func varPaths(t *Turn, args *value.Map) ([]string, error) {
	name, isFile := str(args, "file", "_raw_params")
	dir, isDir := str(args, "dir")
	switch {
	case isFile && isDir:
		return nil, errors.New("include_vars: file and dir exclude each other")
	case isFile:
		path, err := laptop.Find(t.Dirs, "vars", strings.TrimSpace(name))
		return []string{path}, err
	case isDir:
		return varsOfDir(varsDir(t, dir), args)
	}
	return nil, errNoFile
}

// varsDir is the folder that dir means: in a role under its vars, else beside the
// file of the task.
func varsDir(turn *Turn, dir string) string {
	t := turn.Task
	switch first, _, _ := strings.Cut(dir, "/"); {
	case filepath.IsAbs(dir):
		return dir
	case t.Role == nil:
		return filepath.Join(t.Dir, dir)
	case first == "vars":
		if p := filepath.Join(t.Role.Path, dir); exists(p) {
			return p
		}
		return filepath.Join(turn.PlayDir, dir)
	}
	return filepath.Join(t.Role.Path, "vars", dir)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// varsOfDir lists the files of a folder and of those in it, folder by folder in
// the order of their paths.
func varsOfDir(dir string, args *value.Map) ([]string, error) {
	if st, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("%s directory does not exist", dir)
	} else if !st.IsDir() {
		return nil, fmt.Errorf("%s is not a directory", dir)
	}
	wanted, err := varsFilter(args)
	if err != nil {
		return nil, err
	}
	var folders []string
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			folders = append(folders, p)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(folders)
	if depth, ok := args.Lookup("depth"); ok {
		n, err := strconv.Atoi(strings.TrimSpace(value.Str(depth)))
		if err != nil {
			return nil, fmt.Errorf("depth: %q is not a whole number", value.Str(depth))
		}
		if n > 0 {
			folders = folders[:min(n, len(folders))]
		}
	}
	var out []string
	for _, f := range folders {
		found, err := os.ReadDir(f)
		if err != nil {
			return nil, err
		}
		for _, one := range found {
			if st, err := os.Stat(filepath.Join(f, one.Name())); err == nil && st.IsDir() {
				continue
			}
			use, err := wanted(one.Name())
			if err != nil {
				return nil, fmt.Errorf("%s %w", filepath.Join(f, one.Name()), err)
			}
			if use {
				out = append(out, filepath.Join(f, one.Name()))
			}
		}
	}
	return out, nil
}

// varsFilter says which files of a folder are read; the error of a file that is
// wanted and has another ending.
func varsFilter(args *value.Map) (func(name string) (bool, error), error) {
	var only *pyre.Regexp
	var not []*pyre.Regexp
	var err error
	if p, ok := str(args, "files_matching"); ok {
		if only, err = pyre.Compile(p, pyre.Search, pyre.Flags{}); err != nil {
			return nil, fmt.Errorf("files_matching: %w", err)
		}
	}
	if v, ok := args.Lookup("ignore_files"); ok {
		list := v.Items()
		if text, isText := v.AsString(); isText {
			list = value.Strings(strings.Fields(text)...).Items()
		}
		for _, it := range list {
			p, err := pyre.Compile(value.Str(it)+"$", pyre.Search, pyre.Flags{})
			if err != nil {
				return nil, fmt.Errorf("ignore_files: %w", err)
			}
			not = append(not, p)
		}
	}
	endings := []string{"yaml", "yml", "json"}
	if v, ok := args.Lookup("extensions"); ok {
		endings = listOf(v)
	}
	pass, _ := args.Lookup("ignore_unknown_extensions")
	passes, _ := keyword.Truth(pass)
	return func(name string) (bool, error) {
		for i, p := range append([]*pyre.Regexp{only}, not...) {
			if p == nil {
				continue
			}
			if found, err := p.Find(name); err != nil || (found != nil) == (i > 0) {
				return false, err
			}
		}
		if slices.Contains(endings, strings.TrimPrefix(filepath.Ext(name), ".")) {
			return true, nil
		}
		if passes {
			return false, nil
		}
		return true, fmt.Errorf("does not have a valid extension: %s", strings.Join(endings, ", "))
	}, nil
}

// mergedVars lays mappings over those that are there already.
func mergedVars(ctx context.Context, t *Turn, m *value.Map) (*value.Map, error) {
	out := m.Clone()
	for k, v := range m.All() {
		was, ok, err := t.Scope.Var(value.Str(k))
		if err != nil {
			return nil, err
		}
		if was, err = t.Expr.Render(ctx, was, t.Scope); ok && err == nil {
			out.Set(k, overlaid(was, v))
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// overlaid merges two mappings deeply; of anything else the second counts.
func overlaid(a, b value.Value) value.Value {
	below, isMap := a.AsMap()
	above, also := b.AsMap()
	if !isMap || !also {
		return b
	}
	out := below.Clone()
	for k, v := range above.All() {
		if was, ok := out.Get(k); ok {
			v = overlaid(was, v)
		}
		out.Set(k, v)
	}
	return value.FromMap(out)
}
