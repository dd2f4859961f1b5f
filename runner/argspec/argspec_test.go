package argspec

import (
	"slices"
	"strings"
	"testing"

	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

func mapping(t *testing.T, text string) *value.Map {
	t.Helper()
	v, err := yaml.One("spec", []byte(text), yaml.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, _ := v.AsMap()
	return m
}

// TestCheck holds the words against Ansible's, all of a role at once.
func TestCheck(t *testing.T) {
	spec := mapping(t, `
must: {type: str, required: true}
also: {required: true}
port: {type: int}
ratio: {type: float}
flag: {type: bool}
state: {type: str, choices: [present, absent]}
many: {type: list, elements: int}
some: {type: list, choices: [a, b]}
user: {type: dict, options: {name: {required: true}, uid: {type: int, aliases: [id]}}}
users: {type: list, elements: dict, options: {name: {required: true}}}
any: {type: raw}
`)
	tests := []struct{ name, values, want string }{
		{"all right", "{must: x, also: 1, port: '80', ratio: 1, flag: 'yes', state: absent, many: '1,2', some: a, user: {name: n, id: 3}, users: [{name: n}], any: {}}", ""},
		{"nothing", "{}", "missing required arguments: also, must"},
		{"types", "{must: x, also: y, port: eighty, ratio: [], flag: perhaps, many: [1, x], user: text}",
			"argument 'port' is of type <class 'str'> and we were unable to convert to int: <class 'str'> cannot be converted to an int|" +
				"argument 'ratio' is of type <class 'list'> and we were unable to convert to float: <class 'list'> cannot be converted to a float|" +
				"argument 'flag' is of type <class 'str'> and we were unable to convert to bool: The value 'perhaps' is not a valid boolean.  Valid booleans include: 0, 1, 'f', 'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'|" +
				"Elements value for option 'many' is of type <class 'str'> and we were unable to convert to int: <class 'str'> cannot be converted to an int|" +
				"argument 'user' is of type <class 'str'> and we were unable to convert to dict: dictionary requested, could not parse JSON or key=value"},
		{"choices", "{must: x, also: y, state: running, some: [a, c]}",
			"value of state must be one of: present, absent, got: running|value of some must be one or more of: a, b. Got no match for: c"},
		{"inner", "{must: x, also: y, user: {uid: [], more: 1}, users: [{name: a}, {}, text]}",
			"user.more. Supported parameters include: name, uid (id).|missing required arguments: name found in user|" +
				"argument 'uid' is of type <class 'list'> found in 'user'. and we were unable to convert to int: <class 'list'> cannot be converted to an int|" +
				"Elements value for option 'users' is of type <class 'str'> and we were unable to convert to dict: dictionary requested, could not parse JSON or key=value|" +
				"missing required arguments: name found in users|value of 'users' must be of type dict or list of dicts"},
		{"unknown", "{must: x, also: y, what: 1}", "what. Supported parameters include: also, any, flag, many, must, port, ratio, some, state, user, users."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Check(spec, mapping(t, tt.values))
			want := strings.Split(tt.want, "|")
			if tt.want == "" {
				want = nil
			}
			if !slices.Equal(got, want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}
