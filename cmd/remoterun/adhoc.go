package main

import (
	"cmp"
	"context"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"remoterun/runner/action"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// runCommand is the ad hoc form: one task on a pattern of hosts.
func (a *app) runCommand() *cobra.Command {
	var f runFlags
	var module, args string
	c := &cobra.Command{
		Use:   "run PATTERN -m MODULE -a ARGS | run PATTERN -- COMMAND",
		Short: "Run one task, or one command, on hosts",
		Example: `  remoterun run web -- uptime
  remoterun run all -m file -a 'path=/srv/x state=directory' -b`,
		RunE: func(cmd *cobra.Command, words []string) error {
			dash := cmd.ArgsLenAtDash()
			switch {
			case len(words) == 0 || dash == 0:
				return usage("run needs a pattern of hosts first: remoterun run all -- uptime")
			case dash < 0 && len(words) > 1:
				return usage("what is %q? Put -- before a command: remoterun run %s -- %s", words[1], words[0], strings.Join(words[1:], " "))
			case dash > 0 && len(words) == 2 && strings.ContainsAny(words[1], " ;|&<>$`*"):
				return usage("%q is one word, and no program has that name: %s", words[1], shellInstead(words[0], words[1]))
			case dash > 0 && module != "":
				return usage("give either -m MODULE or -- COMMAND, not both")
			case dash < 0 && module == "" && args == "":
				return usage("what shall run? -m MODULE -a ARGS, or -- COMMAND")
			}
			var what value.Value
			switch {
			case dash > 0:
				what = value.FromMap(value.MapOf("argv", value.Strings(words[1:]...)))
			case strings.HasPrefix(strings.TrimSpace(args), "{"):
				v, err := value.ParseJSON([]byte(args))
				if err != nil {
					return usage("-a: %v", err)
				}
				what = v
			case args != "":
				what = value.String(args)
			}
			return a.adHoc(cmd.Context(), &f, words[0], cmp.Or(module, "command"), what)
		},
	}
	f.addOne(c)
	c.Flags().StringVarP(&module, "module", "m", "", "the `MODULE` (default: command)")
	c.Flags().StringVarP(&args, "args", "a", "", "its `ARGUMENTS`: free text, name=value, or a JSON mapping")
	return c
}

// shellInstead is how a command in one word is run: by its words, or by a shell
// where it is one's text.
func shellInstead(pattern, text string) string {
	if strings.ContainsAny(text, ";|&<>$`*'\"\\\n") {
		return "a shell runs it like this: remoterun run " + pattern + " -m shell -a " + sh.Quote(text)
	}
	return "remoterun run " + pattern + " -- " + text
}

// adHocFile is the name of the playbook that an ad hoc task is put into: it is
// read and checked as every playbook is.
const adHocFile = builtinDir + "ad-hoc"

// place is a place in it, which nobody has written.
var place = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^` + adHocFile + `:\d+:\d+: `) })

// adHoc runs one task as a playbook of its own.
func (a *app) adHoc(ctx context.Context, f *runFlags, pattern, module string, args value.Value) error {
	task := value.FromMap(value.MapOf(module, args))
	doc := value.List(value.FromMap(value.MapOf("name", value.String("Ad-hoc"), "hosts", value.String(pattern), "strategy", value.String("free"), "tasks", value.List(task))))
	text, err := yaml.Dump(doc, yaml.Style{})
	if err != nil {
		return err
	}
	if f.output == "human" {
		f.output = "minimal" // one line per host, and what commands printed
	}
	s, err := a.open(ctx, f)
	if err != nil {
		return err
	}
	for _, p := range []string{pattern, f.limit} {
		if err := s.somebody(p); err != nil {
			return err
		}
	}
	if _, action := action.Specs()[module]; !action {
		if _, ok := s.modules.Find(module); !ok {
			return usage("%s", noModule(module, a.specs()))
		}
	}
	s.memory[adHocFile] = []byte(text)
	books, err := s.loader.Load(adHocFile)
	if err != nil {
		return usage("%s", place().ReplaceAllString(err.Error(), ""))
	}
	dir, err := filepath.Abs(".")
	if err != nil {
		return err
	}
	books[0].Plays[0].Dir = dir
	s.strangeTags(books)
	if done, err := s.list(ctx, books); done || err != nil {
		return err
	}
	return s.run(ctx, books...)
}
