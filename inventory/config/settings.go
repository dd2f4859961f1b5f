package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// apply follows one setting, or notes that it is not followed.
func (r *reader) apply(s *setting) {
	key := s.section + "." + s.name
	why, reasoned := refused()[key]
	if read, ok := known()[key]; ok {
		if err := read(r, s.text); err != nil {
			r.fail(s.pos, "%s: %v", s.name, err)
		}
	} else if !reasoned && !harmless(s.section, s.name) {
		r.idle = append(r.idle, s)
	}
	if reasoned && why.applies(s.text) {
		r.cfg.Notes = append(r.cfg.Notes, Note{s.pos, s.name + " = " + s.text + " is not followed: " + why.text})
	}
}

// note says once which settings have no effect.
func (r *reader) note() {
	if len(r.idle) == 0 {
		return
	}
	var names []string
	for _, s := range r.idle {
		if !slices.Contains(names, s.name) {
			names = append(names, s.name)
		}
	}
	r.cfg.Notes = append(r.cfg.Notes, Note{r.idle[0].pos, "without effect here: " + strings.Join(names, ", ")})
}

// harmless settings make a run of Ansible faster, or its screen another: there is
// nothing that somebody would miss here.
func harmless(section, name string) bool {
	switch section {
	case "colors", "galaxy", "persistent_connection", "paramiko_connection", "connection":
		return true
	case "ssh_connection":
		return slices.Contains(strings.Fields("pipelining control_path control_path_dir retries timeout transfer_method scp_if_ssh sftp_batch_mode usetty"), name)
	case "defaults":
		return strings.HasPrefix(name, "retry_files_") || strings.HasSuffix(name, "_warnings") || slices.Contains(strings.Fields("nocows nocolor force_color cowpath cow_selection cow_whitelist interpreter_python "+
			"remote_tmp local_tmp pipelining poll_interval internal_poll_interval transport become_allow_same_user"), name)
	}
	return false
}

type reason struct {
	text string
	// only the value that weakens something is worth a word.
	when func(string) bool
}

func (r reason) applies(v string) bool { return r.when == nil || r.when(v) }

// refused are the settings that are read and not followed.
func refused() map[string]reason {
	no := func(v string) bool { b, err := boolean(v); return err == nil && !b }
	other := func(usual string) func(string) bool { return func(v string) bool { return v != usual } }
	return map[string]reason{
		"defaults.host_key_checking": {"host keys are always verified", no},
		"defaults.hash_behaviour":    {"mappings replace each other (combine merges them where it is wanted)", other("replace")},
		"defaults.precedence":        {"the order of variables is Ansible's usual one", nil},
		"ssh_connection.ssh_args":    {"connections follow ~/.ssh/config", nil},
		"ssh_connection.ssh_common_args": {
			"connections follow ~/.ssh/config", nil},
		"ssh_connection.ssh_extra_args":  {"connections follow ~/.ssh/config", nil},
		"defaults.strategy":              {"plays that say none run as linear", func(v string) bool { return strategy(v) == "" }},
		"defaults.display_skipped_hosts": {"skipped tasks are shown", no},
		"defaults.jinja2_extensions":     {"of extensions there are do and loopcontrols", otherExtensions},
		"defaults.executable":            {"commands run under /bin/sh", other("/bin/sh")},
	}
}

// known are the settings that are followed, and how each is read.
func known() map[string]func(*reader, string) error {
	return map[string]func(*reader, string) error{
		"defaults.inventory":                   func(r *reader, v string) error { r.cfg.Inventory = r.sources(v); return nil },
		"defaults.roles_path":                  func(r *reader, v string) error { r.cfg.RolesPath = r.paths(v, ":"); return nil },
		"defaults.library":                     func(r *reader, v string) error { r.cfg.Library = r.paths(v, ":"); return nil },
		"defaults.collections_path":            func(r *reader, v string) error { r.cfg.CollectionsPath = r.paths(v, ":"); return nil },
		"defaults.collections_paths":           func(r *reader, v string) error { r.cfg.CollectionsPath = r.paths(v, ":"); return nil },
		"defaults.forks":                       func(r *reader, v string) error { return number(v, &r.cfg.Forks) },
		"defaults.timeout":                     func(r *reader, v string) error { return number(v, &r.cfg.Timeout) },
		"defaults.remote_user":                 func(r *reader, v string) error { r.cfg.RemoteUser = unquote(v); return nil },
		"defaults.private_key_file":            func(r *reader, v string) error { r.cfg.PrivateKeyFile = r.path(v); return nil },
		"defaults.vault_password_file":         func(r *reader, v string) error { r.cfg.VaultPasswordFile = r.path(v); return nil },
		"defaults.vault_identity_list":         func(r *reader, v string) error { r.cfg.VaultIdentities = r.identities(v); return nil },
		"defaults.vault_id_match":              func(r *reader, v string) error { return truth(v, &r.cfg.VaultIDMatch) },
		"defaults.ask_vault_pass":              func(r *reader, v string) error { return truth(v, &r.cfg.AskVaultPass) },
		"defaults.ask_pass":                    func(r *reader, v string) error { return truth(v, &r.cfg.AskPass) },
		"defaults.jinja2_extensions":           func(r *reader, v string) error { r.cfg.JinjaExtensions = extensions(v); return nil },
		"defaults.force_handlers":              func(r *reader, v string) error { return truth(v, &r.cfg.ForceHandlers) },
		"defaults.no_log":                      func(r *reader, v string) error { return truth(v, &r.cfg.NoLog) },
		"defaults.any_errors_fatal":            func(r *reader, v string) error { return truth(v, &r.cfg.AnyErrorsFatal) },
		"defaults.gathering":                   func(r *reader, v string) error { return r.gathering(v) },
		"defaults.strategy":                    func(r *reader, v string) error { r.cfg.Strategy = strategy(v); return nil },
		"tags.run":                             func(r *reader, v string) error { r.cfg.RunTags = words(v); return nil },
		"tags.skip":                            func(r *reader, v string) error { r.cfg.SkipTags = words(v); return nil },
		"defaults.remote_port":                 func(r *reader, v string) error { return port(v, &r.cfg.RemotePort) },
		"privilege_escalation.become_flags":    func(r *reader, v string) error { r.cfg.BecomeFlags = unquote(v); return nil },
		"diff.always":                          func(r *reader, v string) error { return truth(v, &r.cfg.Diff) },
		"privilege_escalation.become":          func(r *reader, v string) error { return truth(v, &r.cfg.Become) },
		"privilege_escalation.become_user":     func(r *reader, v string) error { r.cfg.BecomeUser = unquote(v); return nil },
		"privilege_escalation.become_method":   func(r *reader, v string) error { r.cfg.BecomeMethod = unquote(v); return nil },
		"privilege_escalation.become_ask_pass": func(r *reader, v string) error { return truth(v, &r.cfg.BecomeAskPass) },
	}
}

// strategy reads how plays run that do not say so: host_pinned is what free does
// here, debug and Mitogen's are their plain ones; empty = it is another's plug-in.
func strategy(v string) string {
	switch strings.TrimPrefix(strings.TrimPrefix(unquote(v), "ansible.builtin."), "mitogen_") {
	case "linear", "debug":
		return "linear"
	case "free", "host_pinned":
		return "free"
	}
	return ""
}

func words(v string) []string {
	var out []string
	for _, w := range strings.Split(unquote(v), ",") {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}

// extensions are the names in a list like "jinja2.ext.do, jinja2.ext.i18n".
func extensions(v string) []string {
	return strings.FieldsFunc(unquote(v), func(r rune) bool { return r == ',' || r == ' ' })
}

func otherExtensions(v string) bool {
	return slices.ContainsFunc(extensions(v), func(e string) bool { return e != "jinja2.ext.do" && e != "jinja2.ext.loopcontrols" })
}

func unquote(v string) string {
	if len(v) > 1 && (v[0] == '"' || v[0] == '\'') && v[len(v)-1] == v[0] {
		return v[1 : len(v)-1]
	}
	return v
}

func number(v string, to *int) error {
	n, err := strconv.Atoi(unquote(v))
	if err != nil || n < 0 {
		return fmt.Errorf("%q is not a whole number", v)
	}
	*to = n
	return nil
}

// gathering reads when facts are gathered: "explicit" is what a play says alone;
// by "smart" those of an earlier play stay as they are.
func (r *reader) gathering(v string) error {
	switch v = unquote(v); v {
	case "implicit", "smart", "explicit":
		r.cfg.ExplicitGathering, r.cfg.SmartGathering = v == "explicit", v == "smart"
		return nil
	}
	return fmt.Errorf("%q is not one of implicit, explicit, smart", v)
}

func port(v string, to *string) error {
	n := 0
	if err := number(v, &n); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("%q is not a valid port", v)
	}
	*to = strconv.Itoa(n)
	return nil
}

func truth(v string, to *bool) error {
	b, err := boolean(v)
	if err == nil {
		*to = b
	}
	return err
}

func boolean(v string) (bool, error) {
	switch strings.ToLower(unquote(v)) {
	case "yes", "y", "on", "true", "t", "1", "1.0":
		return true, nil
	case "no", "n", "off", "false", "f", "0", "0.0":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither yes nor no", v)
}

func (r *reader) path(v string) string {
	if v = unquote(v); v == "" {
		return ""
	}
	return r.expand(v)
}

func (r *reader) paths(v, sep string) []string {
	var out []string
	for _, p := range strings.Split(unquote(v), sep) {
		if p = r.path(strings.TrimSpace(p)); p != "" {
			out = append(out, p)
		}
	}
	return out
}

// sources splits at commas; a text that ends in a comma, or none of whose parts
// is there, is a list of hosts.
func (r *reader) sources(v string) []string {
	v = unquote(v)
	all := r.paths(v, ",")
	there := 0
	for _, p := range all {
		if _, err := os.Stat(p); err == nil {
			there++
		}
	}
	if strings.Contains(v, ",") && there == 0 {
		return []string{v}
	}
	return all
}

// identities reads label@source; a source that is no prompt is a path.
func (r *reader) identities(v string) []string {
	var out []string
	for _, p := range strings.Split(unquote(v), ",") {
		label, source, found := strings.Cut(strings.TrimSpace(p), "@")
		if !found {
			label, source = "", label
		}
		if source == "" {
			continue
		}
		if !strings.HasPrefix(source, "prompt") {
			source = r.expand(source)
		}
		if found {
			source = label + "@" + source
		}
		out = append(out, source)
	}
	return out
}

// expand makes a path absolute: ~, $NAME and {{CWD}} are replaced.
func expand(p, dir, home string, env func(string) (string, bool)) string {
	p = strings.ReplaceAll(p, "{{CWD}}", dir)
	if p == "~" || strings.HasPrefix(p, "~/") {
		p = home + p[1:]
	}
	p = os.Expand(p, func(name string) string {
		if v, ok := env(name); ok {
			return v
		}
		return "$" + name
	})
	if !filepath.IsAbs(p) {
		p = filepath.Join(dir, p)
	}
	return filepath.Clean(p)
}

// Names lists every setting that is followed, as section.name, sorted.
func Names() []string {
	var out []string
	for name := range known() {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}
