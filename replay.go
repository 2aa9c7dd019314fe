package engawa

import "time"

// Replay hands the events of a stretch of the journal to one endpoint again,
// under the webhook-ids of the first time.
type Replay struct {
	Workspace string
	ID        string
	Account   string
	From, To  time.Time // received at From or later, before To
	PerSecond int       // events looked at, at most
	State     ReplayState
	Events    int // in the stretch, when it began
	Looked    int // of these so far
	Sent      int // messages made
	Cursor    string
	CreatedBy string
	CreatedAt time.Time
	EndedAt   time.Time
}

// ReplayState is where a Replay stands.
type ReplayState string

// The states of a replay.
const (
	ReplayRunning ReplayState = "running"
	ReplayStopped ReplayState = "stopped"
	ReplayDone    ReplayState = "done"
)
