package console

import (
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// Partners are the outside parties that may write to customers.
type Partners struct {
	Page
	Rows  []PartnerRow
	Ended []PartnerRow
}

// PartnerRow is one partner in the list.
type PartnerRow struct {
	ID, Name string
	Grants   int // in force
	Secrets  int // that work
	EndedAt  time.Time
}

// PartnerForm adds a partner.
type PartnerForm struct {
	Page
	Name    string
	Sender  engawa.SenderProfile
	Problem string
}

// Partner is one partner's page.
type Partner struct {
	Page
	PartnerRow
	Sender   engawa.SenderProfile
	TokenURL string
	Keys     []KeyRow
	Granted  []GrantRow // in force or to begin
	Over     []GrantRow // ended
	Apps     []PartnerAppRow
	Shared   []SharedRow
	Ending   *Ending // nil: it has not ended
	Repute   Repute
	Ask      bool
	Problem  string
}

// GrantRow is a grant in words.
type GrantRow struct {
	ID                             string
	May, Apps, Channels, Purposes  string
	QuotaDay, QuotaMonth           int
	UsedDay, UsedMonth             int
	StartsAt, EndsAt, EndedAt, Now time.Time
}

// PartnerAppRow is an app that the partner operates.
type PartnerAppRow struct{ ID, Name string }

// Repute is what those who got a partner's mail said of it, with the days on which
// they did.
type Repute struct {
	store.Complained
	Days []store.ComplaintDay
}

// Unproved is the page of an answer to a partner whose sender is not proved.
type Unproved struct {
	Page
	store.UnprovedReply
	CustomerName string
}

// Threads are a partner's conversations with customers.
type Threads struct {
	Page
	Partner, Name string
	Rows          []store.Conversation
	Next          string
}

// Thread is one conversation.
type Thread struct {
	Page
	store.Thread
	CustomerName string
}

// Ending is what the end of a partner destroys from a day on, or has.
type Ending struct {
	Done      bool
	At        time.Time // when: the day, or when the last of it was
	Counts    store.Destroyed
	Decisions int64 // that stay
}

// SharedRow is what the partner was given of an app's subscribers.
type SharedRow struct {
	store.Shared
	Name string
}

// SecretMade shows a client secret, this once.
type SecretMade struct {
	Page
	Partner, Client, Secret, TokenURL string
	EndsAt                            time.Time
}

// GrantForm grants a partner something.
type GrantForm struct {
	Page
	Partner                string // its id
	Of                     string // its name
	Scopes                 []string
	Apps, Channels         []Choice
	HasScopes              []string
	HasApps, HasChannels   []string
	HasPurposes            []string
	StartsOn, EndsOn       string
	QuotaDay, QuotaMonth   string
	Problem                string
	EveryApp, EveryChannel bool
}
