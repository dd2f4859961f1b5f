package sh

import "time"

// Batch is what one frame carries: a guarded chain and questions behind it.
type Batch struct {
	Chain []Link
	// Ask are questions asked whatever the chain did, after it.
	Ask []Cmd
	// Lock is the host lock that all of it runs under, nil = none.
	Lock *Lock
	// Passed is called for each link that passed whole as soon as the host says
	// so, with what its steps gave, in order, from another goroutine than the
	// caller's; every call has returned when the batch has. nil = not wanted.
	Passed func(link int, steps []Ran)
}

// Link is one task in a chain. The host asks Guard again; only if the digest
// of the answers equals Want do the steps run, in order, each only if the one
// before it succeeded. A link without steps proves an "ok" again. When a link's
// answers differ, or a step fails, the chain stops there.
type Link struct {
	Guard []Cmd
	Want  [32]byte
	// Text are the answers themselves, as Want is the digest of: compared in
	// the shell, which saves a program per link. Only for answers of which it
	// is certain that they hold no NUL byte, which shells drop; "" = by Want.
	Text  string
	Steps []Cmd
	// Again are the questions that are asked afresh if the chain stops at this
	// link: its own guard and those of a bounded window behind it.
	Again []Cmd
}

// begins reports a link that tells when its questions are answered and its steps
// begin.
func (l Link) begins() bool { return len(l.Guard) > 0 && len(l.Steps) > 0 }

// Silence is how long the batch may neither print nor work while it asks: the
// longest of its questions, 0 = for ever.
func (b Batch) Silence() time.Duration {
	longest, patient := time.Duration(0), false
	look := func(questions []Cmd) {
		for i := range questions {
			longest = max(longest, questions[i].Silent)
			patient = patient || questions[i].Silent == 0
		}
	}
	look(b.Ask)
	for i := range b.Chain {
		look(b.Chain[i].Guard)
		look(b.Chain[i].Again)
	}
	if patient {
		return 0
	}
	return longest
}

// Asked is the answer of one question: its stdout and exit status.
type Asked struct {
	Stdout []byte
	Status int
}

// Ran is what one step gave.
type Ran struct {
	Stdout, Stderr []byte
	Status         int
}

// BatchResult says how far a batch came.
type BatchResult struct {
	// Done is the number of links that passed whole.
	Done int
	// Stopped tells why the chain ended early: StopNone, StopGuard, StopStep.
	Stopped Stop
	// Steps holds, per link that was begun, the steps that ran.
	Steps [][]Ran
	// Again are the fresh answers of the stopped link's Again, in order.
	Again []Asked
	// Asked are the answers of Batch.Ask, in order.
	Asked []Asked
	// Ended is set beside an error when the batch was cut short, but its own
	// processes are known to have ended: no link behind the one that ran then has
	// begun, or will.
	Ended bool
}

// Stop is why a chain ended before its last link.
type Stop uint8

const (
	StopNone   Stop = iota
	StopGuard       // answers differed: the link's steps did not run
	StopStep        // a step exited with a status other than 0
	StopUnable      // the host has no sha256sum: nothing of the chain ran
)
