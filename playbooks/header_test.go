package playbooks_test

import (
	"reflect"
	"testing"

	"remoterun/playbooks"
)

func TestReadHeader(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want playbooks.Header
		err  string
	}{
		"an ordinary playbook": {text: "# Title: with a colon\n---\n# verb: late: no\n- hosts: all\n", want: playbooks.Header{Title: "Title: with a colon"}},
		"all of it": {text: "# Empties it\n# verb: flush: Empty the cache\n#  needs: cache_dir=/var/cache: the folder\n# once: cache_dir\n# flag: --dry-run=cache_dry: only count\n# note: more\n---\n",
			want: playbooks.Header{Title: "Empties it", Verb: "flush", Short: "Empty the cache", Needs: []playbooks.Need{{Name: "cache_dir", Example: "/var/cache", What: "the folder"}}, Once: "cache_dir", Flags: []playbooks.Flag{{Name: "dry-run", Variable: "cache_dry", Help: "only count"}}}},
		"either name": {text: "# T\n# verb: x: y\n# needs: a|b|c=1: it\n", want: playbooks.Header{Title: "T", Verb: "x", Short: "y", Needs: []playbooks.Need{{Name: "a", Example: "1", What: "it", Also: []string{"b", "c"}}}}},
		"behind ---":  {text: "---\n# T\n# verb: x: y\n- hosts: all\n", want: playbooks.Header{Title: "T", Verb: "x", Short: "y"}},
		"no header":   {text: "- hosts: all\n# verb: x: y\n"},
		"a bad verb":  {text: "# T\n# verb: Flush\n", want: playbooks.Header{Title: "T"}, err: `line 2: "# verb: Flush" is written like this: # verb: NAME: what it does`},
		"a bad need":  {text: "# verb: x: y\n# needs: cache_dir\n", want: playbooks.Header{Title: "verb: x: y", Verb: "x", Short: "y"}, err: `line 2: "# needs: cache_dir" is written like this: # needs: VARIABLE=EXAMPLE: what it is`},
		"a bad flag":  {text: "# verb: x: y\n# flag: quick: z\n", want: playbooks.Header{Title: "verb: x: y", Verb: "x", Short: "y"}, err: `line 2: "# flag: quick: z" is written like this: # flag: --NAME=VARIABLE: what it does`},
		"no verb":     {text: "# T\n# needs: docker and some luck\n# flag: red\n", want: playbooks.Header{Title: "T"}},
	} {
		h, err := playbooks.ReadHeader([]byte(c.text))
		if !reflect.DeepEqual(h, c.want) || err == nil != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
}
