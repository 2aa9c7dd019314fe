package engawa

import "time"

// Import is a file that a source's system exported, on its way in: uploaded,
// looked at, applied a part at a time. The file itself is kept for a day.
type Import struct {
	Workspace string
	ID        string
	Account   string // the source
	State     ImportState
	Mapping   string // by which it is applied, as it was then; empty: not applied yet
	Tell      bool   // what is new makes events
	Rows      int    // lines of the file that are applied
	Done      int    // of these so far
	Refused   int    // lines of the file that cannot be taken
	Gone      int    // contracts that were in the source's file before, and are not in this one
	Counts    ImportCounts
	Kept      bool // the file is still here
	CreatedBy string
	CreatedAt time.Time
	EndedAt   time.Time
}

// ImportState is where an Import stands.
type ImportState string

// The states of an import.
const (
	ImportOpen     ImportState = "open" // nothing of it is applied
	ImportApplying ImportState = "applying"
	ImportStopped  ImportState = "stopped" // half way; it can go on
	ImportDone     ImportState = "done"
	ImportDropped  ImportState = "dropped" // given up
	ImportExpired  ImportState = "expired" // not applied, or not to its end, within a day
)

// ImportFor is how long an uploaded file is kept.
const ImportFor = 24 * time.Hour

// ImportCounts is what lines did, or would do.
type ImportCounts struct {
	Customers ImportTally `json:"customers"`
	Contracts ImportTally `json:"contracts"`
	Events    int         `json:"events"`
	Full      int         `json:"full,omitempty"` // contact points that were left out: the customer has as many as there may be
}

// ImportTally counts by what has become of each.
type ImportTally struct {
	New     int `json:"new"`
	Changed int `json:"changed"`
	Same    int `json:"same"`
}

// Add counts more.
func (c ImportCounts) Add(d ImportCounts) ImportCounts {
	c.Customers, c.Contracts = c.Customers.add(d.Customers), c.Contracts.add(d.Contracts)
	c.Events, c.Full = c.Events+d.Events, c.Full+d.Full
	return c
}

func (t ImportTally) add(d ImportTally) ImportTally {
	return ImportTally{t.New + d.New, t.Changed + d.Changed, t.Same + d.Same}
}
