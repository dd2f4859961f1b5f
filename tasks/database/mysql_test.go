package database

import (
	"fmt"
	"testing"

	"remoterun/runner/value"
)

// The hashes are those that crypt(3) and MySQL itself make.
func TestPasswordsOfMySQL(t *testing.T) {
	const salt = "saltstring123456"
	if got, want := sha256Crypt("Hello world!", salt), "yMy3BBhWMJcHf6aHBCvhuVmYiar7AUFzNKVTuWsqPm."; got != want {
		t.Errorf("crypt %s, want %s", got, want)
	}
	if got := nativeHash("geheim"); len(got) != 41 {
		t.Errorf("hash %s", got)
	}
	twenty := "01234567890123456789"
	kept := "$A$005$" + twenty + sha256Crypt("geheim", twenty)
	for _, c := range []struct {
		kept, pw string
		same     bool
	}{
		{"", "", true}, {"", "x", false}, {nativeHash("a"), "a", true}, {nativeHash("a"), "b", false},
		{kept, "geheim", true}, {kept, "Geheim", false}, {"invalid", "a", false},
	} {
		if samePasswordHash(mysqlAccount{auth: fmt.Sprintf("%X", c.kept)}, c.pw) != c.same {
			t.Errorf("%q of %q: want %v", c.kept, c.pw, c.same)
		}
	}
}

func TestPrivilegesOfMySQL(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"*.*:ALL,GRANT", "map[*.*:[ALL PRIVILEGES GRANT]]"},
		{"db.*:select,insert/other.t:UPDATE", "map[`db`.*:[SELECT INSERT] `other`.`t`:[UPDATE]]"},
		{"db.t:SELECT (b, `a`),create  view", "map[`db`.`t`:[SELECT (a, b) CREATE VIEW]]"},
		{"FUNCTION db.f:EXECUTE", "map[FUNCTION `db`.`f`:[EXECUTE]]"},
		{"`a.b`.*:ALL", "map[`a.b`.*:[ALL PRIVILEGES]]"},
	} {
		got, err := readPrivs(value.String(c.text))
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v %v, want %s", c.text, got, err, c.want)
		}
	}
	for _, bad := range []string{"ALL", "db:ALL", "db.t"} {
		if _, err := readPrivs(value.String(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	got := readGrants([][]string{{"GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*A'"}, {"GRANT SELECT (`b`, `a`), INSERT ON `d b`.`t` TO `u`@`%` WITH GRANT OPTION"}, {"GRANT PROXY ON ''@'' TO `u`@`%`"}, {"GRANT `role`@`%` TO `u`@`%`"}})
	if want := "map[*.*:[] `d b`.`t`:[SELECT (a, b) INSERT GRANT]]"; fmt.Sprint(got) != want {
		t.Errorf("grants %v, want %s", got, want)
	}
}

// TestFewerPrivilegesAreGiven: who has ALL and shall have some of it has them afterwards.
func TestFewerPrivilegesAreGiven(t *testing.T) {
	e := mysqlEdit{a: mysqlUserArgs{Priv: value.String("app.*:SELECT,INSERT")}}
	e.grant("'u'@'h'", mysqlPrivs{"`app`.*": {"ALL PRIVILEGES"}})
	want := "[REVOKE ALL PRIVILEGES ON `app`.* FROM 'u'@'h' GRANT SELECT, INSERT ON `app`.* TO 'u'@'h']"
	if fmt.Sprint(e.sqls) != want || e.updated != "Privileges updated: granted ['INSERT', 'SELECT'], revoked ['ALL']" {
		t.Errorf("%v %q", e.sqls, e.updated)
	}
}
