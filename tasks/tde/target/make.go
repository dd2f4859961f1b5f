package target

import (
	"cmp"
	"context"
	"path"
	"slices"
	"sort"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/compose"
	"remoterun/tasks/pg"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/pgtde"
	"remoterun/tasks/tde/stack"
)

// passwordSource is where the superuser's password comes from: the value, or a
// file on the host.
func (f fresh) passwordSource() (file string, err error) {
	inside := f.Spec.Env("POSTGRES_PASSWORD_FILE")
	if inside == "" {
		return "", nil
	}
	if file = f.Config.FileBehind(f.Spec, inside); file == "" {
		return "", guard.Refuse("service "+f.Service, "give it as a compose secret with file:, as a mounted file, or as POSTGRES_PASSWORD", "POSTGRES_PASSWORD_FILE is %s, which no file of this host is behind", inside)
	}
	return file, nil
}

// inImage prints which extensions an image has. Without a program to look with
// it prints nothing: then the server says what it lacks.
const inImage = `command -v find >/dev/null || exit 0
for e; do [ -z "$(find / -xdev -name "$e.control" 2>/dev/null | head -n 1)" ] || echo "$e"; done
echo looked`

// knowsUser tells whether an image has a name for a user's number: initdb wants one.
const knowsUser = `cut -d: -f3 /etc/passwd | grep -qx -e "$1" && echo known || echo unknown`

// lookForUser refuses a number that the image has no name for.
func (f fresh) lookForUser(uid string) guard.Act {
	what := "look for user " + uid + " in image " + f.args.Image
	return guard.Do(what, func(ctx context.Context, w host.Writer) ([]byte, error) {
		out, err := w.Run(ctx, compose.Docker("run", "--rm", "--pull", "never", "--network", "none", "--entrypoint", "/bin/sh", f.args.Image, "-c", knowsUser, "look", uid))
		if err == nil {
			err = guard.Spoken(what, out)
		}
		if err != nil || strings.TrimSpace(string(out.Stdout)) == "known" {
			return out.Stdout, err
		}
		return nil, guard.Refuse("service "+f.Service, "take user: out of the compose file: the cluster is new, and nothing of it is anybody else's",
			"it runs as user %s, for whom the image %s has no name, so that initdb refuses to work", uid, f.args.Image)
	})
}

// lookInside refuses an image without the extension, before anything is made.
func (f fresh) lookInside() guard.Act {
	what := "look for " + f.Extension + " in image " + f.args.Image
	return guard.Do(what, func(ctx context.Context, w host.Writer) ([]byte, error) {
		args := []string{"docker", "run", "--rm", "--pull", "never", "--network", "none", "--entrypoint", "/bin/sh", f.args.Image, "-c", inImage, "look"}
		for _, e := range pgtde.Extensions() {
			args = append(args, string(e))
		}
		out, err := w.Run(ctx, sh.Exec(args...))
		if err == nil {
			err = guard.Spoken(what, out)
		}
		if err != nil {
			return nil, err
		}
		has := strings.Fields(string(out.Stdout))
		if !slices.Contains(has, "looked") || slices.Contains(has, f.Extension) {
			return out.Stdout, nil
		}
		other := cmp.Or(strings.Join(has[:len(has)-1], ", "), "none of the two")
		return nil, guard.Refuse("image "+f.args.Image, "set tde_image to one that has it, or tde_extension to what it has ("+other+")", "it has no extension %s", f.Extension)
	})
}

// numericUser is the user id of the service or the image, "" when only a name
// is known: then the image's postgres is meant.
func (f fresh) numericUser() string {
	return cmp.Or(userNumber(f.Spec.User), userNumber(f.image.Config.User))
}

// userNumber is the number in "1000" and "1000:1000", "" for names and root.
func userNumber(user string) string {
	u, _, _ := strings.Cut(user, ":")
	if u == "0" || strings.Trim(u, "0123456789") != "" {
		return ""
	}
	return u
}

// database is named as the image's own entrypoint does it.
func (f fresh) database() string { return cmp.Or(f.Spec.Env("POSTGRES_DB"), f.Superuser()) }

// secrets is the SQL that makes the roles' passwords. It travels on stdin. The
// role that modules log in as gets a random password, which root alone can read
// on the host: without the key it opens nothing.
func (f fresh) secrets(ctx context.Context, w host.Writer, d custody.Deps, passwordFile string) (string, error) {
	super := f.Spec.Env("POSTGRES_PASSWORD")
	if passwordFile != "" {
		out, err := w.Run(ctx, sh.Exec("cat", "--", passwordFile))
		if err == nil {
			err = out.Err("read " + passwordFile)
		}
		if err != nil {
			return "", err
		}
		super = strings.TrimRight(string(out.Stdout), "\r\n")
	}
	own := super
	if f.Superuser() != stack.SQLRole || super == "" {
		var err error
		if own, err = stack.NewPassword(d.Random); err != nil {
			return "", err
		}
	}
	if err := f.KeepLogin(ctx, w, own); err != nil {
		return "", err
	}
	sql := "SET password_encryption = 'scram-sha-256';\n"
	if f.Superuser() == stack.SQLRole {
		super = own
	} else {
		sql += "CREATE ROLE " + stack.SQLRole + " SUPERUSER LOGIN PASSWORD " + pg.Literal(own) + ";\n"
	}
	if super != "" {
		sql += "ALTER ROLE " + pg.Ident(f.Superuser()) + " PASSWORD " + pg.Literal(super) + ";\n"
	}
	return sql + "-- end", nil
}

// initScripts is where images look for scripts that fill a new cluster.
const initScripts = "/docker-entrypoint-initdb.d"

// scripts are the mounts that bring them: folders and files, volumes by the
// engine's name, and configs that are files.
func (f fresh) scripts() []compose.ServiceMount {
	var out []compose.ServiceMount
	add := func(kind, source, target string, readOnly bool) {
		if target == initScripts || strings.HasPrefix(path.Clean(target), initScripts+"/") {
			out = append(out, compose.ServiceMount{Type: kind, Source: source, Target: target, ReadOnly: readOnly})
		}
	}
	for _, m := range f.Spec.Volumes {
		switch m.Type {
		case "bind":
			add("bind", m.Source, m.Target, m.ReadOnly)
		case "volume":
			add("volume", f.Config.VolumeName(m), m.Target, m.ReadOnly)
		}
	}
	for _, c := range f.Spec.Configs {
		add("bind", f.Config.Configs[c.Source].File, cmp.Or(c.Target, "/"+c.Source), true)
	}
	return out
}

// making is what the service asks for.
func (f fresh) making(o stack.Overlay) Making {
	m := Making{
		Stack: f.Stack, Volume: o.Volume, Folder: f.folder, Image: o.Image, PGData: o.Pgdata, User: f.numericUser(),
		Key: f.key, Cipher: f.args.Cipher, Locale: f.args.Locale, Superuser: f.Superuser(), Database: f.database(), Scripts: f.scripts(),
	}
	names := make([]string, 0, len(f.Spec.Environment))
	for n, v := range f.Spec.Environment {
		if v != nil && n != "PGDATA" && n != "POSTGRES_PASSWORD_FILE" && n != "PATH" && !strings.HasPrefix(n, "DOCKER_") {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	for _, n := range names {
		m.Env = append(m.Env, sh.Var{Name: n, Value: *f.Spec.Environment[n]})
	}
	return m
}
