package engawa

import "time"

// Broadcast says one thing to the customers of a segment: it stands over their
// messages, and is paused and stopped as a whole.
type Broadcast struct {
	Workspace string
	ID        string
	Name      string
	State     BroadcastState
	Segment   string // whose customers it is for; as it was stands in Body
	Body      BroadcastBody
	Members   int    // of the segment, when it began
	Made      int    // messages so far, those that were refused too
	Unmade    int    // customers for whom none could be made
	Cursor    string // the last customer who was looked at
	Walked    bool   // every customer was looked at
	CreatedBy string
	CreatedAt time.Time
	StoppedAt time.Time // or paused; zero: it was neither
	EndedAt   time.Time
}

// BroadcastBody is what a broadcast says, and to whom. It does not change once it
// has begun, whatever becomes of its segment and its template.
type BroadcastBody struct {
	Where     Condition          `json:"where"`
	App       string             `json:"app,omitempty"`
	Purpose   Purpose            `json:"purpose"`
	Topic     string             `json:"topic,omitempty"`
	Template  string             `json:"template,omitempty"` // from which Words are
	Words     map[Locale]Content `json:"words"`
	Variables map[string]any     `json:"variables,omitempty"`
	Chain     []Via              `json:"chain"`
	NotBefore time.Time          `json:"not_before,omitzero"`
	ExpiresAt time.Time          `json:"expires_at,omitzero"`
}

// BroadcastState is where a Broadcast stands.
type BroadcastState string

// The states of a broadcast.
const (
	BroadcastRunning BroadcastState = "running" // messages are being made, or wait
	BroadcastPaused  BroadcastState = "paused"  // none is made, and none goes
	BroadcastStopped BroadcastState = "stopped" // none will go any more
	BroadcastDone    BroadcastState = "done"
)
