package main

import (
	"fmt"
	"strconv"

	"remoterun/runner/value"
)

// story is what the reader sees, in order.
func (d *demo) story() []demoStep {
	ram := "/run/remoterun/" + d.project + "/keyring"
	out := []demoStep{
		{
			title: "Trust the host", args: []string{"trust", "demo", "--fingerprint", d.host.fingerprint},
			why: "A new host's key is accepted by one explicit act only, after comparing its fingerprint with what the\n" +
				"host's own console says. From then on another key is refused. There is no switch that turns this off.",
		},
		{
			title: "Setup, once per host", args: []string{"setup", "prod"}, words: d.words,
			why: "The key is born in the laptop's memory, sealed under the passphrase, written to ./keys, pushed to the\n" +
				"host, read back, opened from what was read, and compared. Only then may anything be encrypted with it.",
		},
		{
			title: "Setup again", args: []string{"setup", "prod"}, words: d.words,
			why: "Nothing is made twice: changed=0.",
		},
		{
			title: "Unlock, after each reboot", args: []string{"unlock", "prod"}, words: d.words,
			why: d.unlockWhy(),
		},
		{
			title: "Where the key is now", args: []string{"run", "prod", "-v", "-m", "shell", "-a", "grep " + ram + " /proc/mounts; ls -l " + ram},
			why: "On the host: one file on a mount of its own, in RAM, that nobody may write. A reboot empties it.",
		},
	}
	out = append(out, d.rowsStep("Rows", "CREATE TABLE people AS SELECT i, 'known-row-' || i AS name FROM generate_series(1, 1000) i; SELECT count(*) FROM people",
		"An ordinary table, made by the application's own user. The verification that follows looks for rows on\nthe disk and in the WAL, and must not find them.")...)
	out = append(out,
		demoStep{
			title: "Status", args: []string{"status", "prod"},
			why: "Says what is locked, encrypted and due. It asks for no passphrase and changes nothing.",
		},
		demoStep{
			title: "Verify", args: []string{"verify", "prod"}, words: d.words,
			why: d.verifyWhy(),
		},
		d.wrongStep(),
		demoStep{
			title: "Lock", args: []string{"lock", "prod"},
			why: "The database stops, the key in RAM is overwritten and deleted, the mount goes.",
		},
		demoStep{
			title: "Status of a locked host", args: []string{"status", "prod"}, code: exitLocked,
			why: "A locked database is not a failure, but has an exit code of its own, for monitoring: 12. The line names the\ncommand to type.",
		},
	)
	if d.stack != nil {
		out = append(out, demoStep{title: "Unlock again", args: []string{"unlock", "prod"}, words: d.words,
			why: "As after a reboot: one passphrase, and the database is up."})
		out = append(out, d.rowsStep("The rows are there", "SELECT count(*) FROM people", "The same table, read after the key went away and came back.")...)
	}
	return out
}

func (d *demo) unlockWhy() string {
	s := "The passphrase opens the sealed file on the laptop. The host proves that the target is RAM before the\n" +
		"first byte of the key is sent, over a channel of its own: not in an argument, not in the environment."
	if d.stack != nil {
		s += "\nThe volume is empty, so the encrypted database is made first; then it starts and verifies its keys."
	}
	return s
}

func (d *demo) verifyWhy() string {
	if d.stack == nil {
		return "Each check says what it has looked at. What concerns the key is proved; what concerns a database is\n" +
			"\"not proved\", because there is none here: ok without evidence does not exist."
	}
	return "Each check says what it has looked at: server, keys, every relation, the files on disk searched for rows\n" +
		"that are known, with a control that must be found. The report is on the laptop, in ./reports."
}

// wrongStep shows that a wrong passphrase reaches no host, by the host's own
// count.
func (d *demo) wrongStep() demoStep {
	before := 0
	count := func() (err error) { before, err = d.host.logins(); return err }
	return demoStep{
		title: "A wrong passphrase", args: []string{"unlock", "prod"}, words: "not the passphrase of this demo", code: exitError,
		why:   "It fails on the laptop, by the sealed file's own tag. No host is contacted: the host counts its logins.",
		first: count,
		check: func() error {
			was := before
			if err := count(); err != nil {
				return err
			}
			d.say("The host has counted %s before and %d after.\n", value.Count(was, "login"), before)
			if was != before {
				return fmt.Errorf("%w: a wrong passphrase reached the host", errDemo)
			}
			return nil
		},
	}
}

// rowsStep is a query by the application's user inside the container; without a
// database there is none.
func (d *demo) rowsStep(title, query, why string) []demoStep {
	if d.stack == nil {
		return nil
	}
	line := "cd " + d.stack.dir + " && docker compose exec -T postgres psql -XqAt -U app -d appdb -c " + strconv.Quote(query)
	return []demoStep{{title: title, why: why, args: []string{"run", "prod", "-v", "-m", "shell", "-a", line}}}
}
