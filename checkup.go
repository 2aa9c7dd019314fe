package engawa

import "time"

// Checkup is how far it is known what an account's source told: when somebody
// was last there to hear it, up to when the source was asked what else it told,
// and the check under way.
type Checkup struct {
	Workspace  string
	Account    string
	BeatAt     time.Time // a node was last there to hear
	HeardAt    time.Time // something last came, to a minute; zero: nothing did
	AbsentFrom time.Time // nobody was there from then on, and it was not asked about since; zero: no such time
	KnownTo    time.Time // what was told until then is known
	NightAt    time.Time // when the next nightly check is due; zero: not planned yet
	PeekAt     time.Time // when the source is next asked for what did not arrive
	Asked      bool      // a member wants a check now
	Trouble    CheckTrouble
	TroubleAt  time.Time
	Now        *Check // under way; nil: none
	Last       *Check // the last that came to its end; nil: none
	Turn       int64  // counts the steps: whoever took a later one goes on alone
}

// Check is one look at what a source told, and where it stands.
type Check struct {
	Cause      CheckCause `json:"cause"`
	Stage      CheckStage `json:"stage"`
	From       time.Time  `json:"from"`
	To         time.Time  `json:"to"`
	Token      string     `json:"token,omitempty"`  // where the history goes on
	Mark       string     `json:"mark,omitempty"`   // a token that was met: who meets it again goes in a circle
	Cursor     string     `json:"cursor,omitempty"` // the last purchase that was asked about
	Gap        string     `json:"gap,omitempty"`    // what is missing is kept under this id
	Pages      int        `json:"pages"`            // of the history
	Parts      int        `json:"parts"`            // in which they were read
	Empty      int        `json:"empty"`            // the last so many had nothing in them
	Told       int        `json:"told"`             // notifications in them
	Missed     int        `json:"missed"`           // of these, entered now
	Since      time.Time  `json:"since,omitzero"`   // when the first of the missed was told
	Unproved   int        `json:"unproved"`         // of these, not proved, and so not entered
	Checked    int        `json:"checked"`          // purchases that the source was asked about
	Unanswered int        `json:"unanswered"`       // of these, without an answer of use
	Failures   int        `json:"failures"`         // one after the other, of the present step
	Again      int        `json:"again"`            // how often the history was begun anew
	Broken     bool       `json:"broken"`           // its history was not read to the end
	BegunAt    time.Time  `json:"begun_at"`
	EndedAt    time.Time  `json:"ended_at"`
}

// CheckCause is why a check was begun.
type CheckCause string

// The causes.
const (
	CheckNight    CheckCause = "night"
	CheckAbsence  CheckCause = "absence"
	CheckFailures CheckCause = "failures" // the source is asked for what did not arrive
	CheckAsked    CheckCause = "asked"
)

// CheckStage is what a check is at.
type CheckStage string

// The stages.
const (
	StageHistory   CheckStage = "history"
	StagePurchases CheckStage = "purchases"
)

// CheckTrouble is why an account cannot be checked; empty: it can.
type CheckTrouble string

// The troubles.
const (
	TroubleNoKey   CheckTrouble = "no_key"
	TroubleKey     CheckTrouble = "key"     // the source does not take it
	TroubleHistory CheckTrouble = "history" // it cannot be read to its end
	TroubleBusy    CheckTrouble = "busy"    // the source does not answer
)

// Gap is a time in which a source told what did not arrive.
type Gap struct {
	Workspace string
	ID        string
	Account   string
	Cause     CheckCause // of the check that found it
	From, To  time.Time  // when the first and the last of it was told
	Missed    int
	FoundAt   time.Time
	FilledAt  time.Time // zero: not yet
}
