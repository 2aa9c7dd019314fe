package console

import (
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/custody"
	"github.com/engawa/engawa/internal/text"
)

// CustodyList is the custody ledger.
type CustodyList struct {
	Page
	Rows            []CustodyRow
	Kinds           []Choice
	Kind, Name      string // as they were typed
	Problem, Remedy string
}

// CustodyRow is an entry of the ledger in its list.
type CustodyRow struct {
	ID, Name, Kind   string
	Owner, Custodian string
	Connected        bool
	Risk             custody.Risk
	Checked          time.Time // when it was last known: said or asked
	First            string    // what to do first; empty: nothing
	Urgent           bool
}

// CustodyEntry is one entry of the ledger.
type CustodyEntry struct {
	Page
	ID, Kind, Name, Account string
	Owner                   string
	Risk                    custody.Risk
	Means                   string
	Wrote                   string // who stands as custodian in the account's settings, where nobody has said more
	Holders                 []CustodyHolderRow
	Said                    *CustodyLineRow // what the holders were said with
	Steps                   []CustodyStepRow
	Facts                   []Choice
	LookedAt                time.Time
	Silent                  int
	Lines                   []CustodyLineRow // the newest first
	Bind                    []Choice
	Problem, Remedy         string
}

// CustodyHolderRow is who holds what.
type CustodyHolderRow struct {
	Name, Side string
	Rights     []string
}

// CustodyStepRow is a thing to do.
type CustodyStepRow struct {
	engawa.CustodyStep
	Title, Why string
	Detail     []string
	Urgent     bool
	Say        bool // it is done by saying who holds it
	Done       time.Time
}

// CustodyLineRow is a line of an entry's history.
type CustodyLineRow struct {
	At      time.Time
	Text    string
	Sub     []string
	Picture string // where it is shown; empty: there is none
}

// CustodyForm is where somebody says who holds what.
type CustodyForm struct {
	Page
	ID, Name, Seen  string
	Owner           string
	Owners          []Choice
	Holders         []CustodyHolderInput
	Known, On, Note string
	Problem, Remedy string
}

// CustodyHolderInput is a holder as it is typed.
type CustodyHolderInput struct {
	Name, Side string
	Rights     []CustodyRightInput
}

// CustodyRightInput is a right that a holder may have.
type CustodyRightInput struct {
	Name, Label string
	Held        bool
}

// CustodyQuestions are those to a new vendor, in the vendor's language.
type CustodyQuestions struct {
	Page
	Sheet     text.Viewer
	Questions []CustodyQuestion
}

// CustodyQuestion is one of them, with what a good vendor answers.
type CustodyQuestion struct{ Text, Good string }
