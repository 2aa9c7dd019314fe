package console

import (
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/text"
)

// The views: what each page shows, as plain values. Loaders fill them from the
// store; the gallery and the golden tests fill them with canned data.

// Page is what every page has.
type Page struct {
	text.Viewer
	Workspace string
	Member    string      // name; empty: nobody is signed in
	Role      engawa.Role // what may be done: buttons follow from it
	Title     string
	At        string // the place in the navigation: "today", "live" …
	Path      string // of this page, for coming back after the language changed
	Tasks     int    // open tasks, beside the navigation
	Done      string // what was just done: a key "done.<this>"; empty: nothing
	Now       time.Time
}

// Problem is a page for what could not be done.
type Problem struct {
	Page
	What   string // what was seen
	Remedy string // what to do now
	Back   string // where to
}

// Today is the first page: is anything stuck?
type Today struct {
	Page
	Events, EventsBefore int // last 24 hours, and the 24 before
	Sent                 int
	Held                 int
	Refused              int
	RefusedMost          string // the gate that refused most, in words
	Failed, Unknown      int
	Hours                []Hour
	Tasks                []TaskRow
	Lanes                []LaneRow
	Live                 []LiveRow
}

// Hour is one bar of the chart.
type Hour struct {
	At                     time.Time
	Sent, Waiting, Refused int
}

// Live is events and what came of them, newest first.
type Live struct {
	Page
	Group, Channel, Outcome string // the filter; empty: all
	Channels                []Choice
	Paused                  bool
	Mark                    string // of what is shown: the next poll answers nothing when it still holds
	Query                   string // the filter as a query, for the poll
	Rows                    []LiveRow
}

// Choice is one option of a list.
type Choice struct{ Value, Label string }

// LiveRow is one event, or a message nobody's event made.
type LiveRow struct {
	At       time.Time
	Event    string // id; empty for a request
	Line     string
	About    string // the customer's name, the subject
	group    string // of the event, for the filter
	Sample   bool
	Messages []LiveMessage
}

// LiveMessage is one message under an event.
type LiveMessage struct {
	ID    string
	To    string
	Via   string // channel and account in words
	State engawa.MessageState
	Why   string // the deciding reason when it waits or was refused
}

// Event is one event's page.
type Event struct {
	Page
	ID, Type, Line, Group, Source, Subject string
	Customer, CustomerName                 string
	OccurredAt, ReceivedAt                 time.Time
	Known, Sample, Signed                  bool
	Data                                   string // indented JSON, addresses masked
	Messages                               []MessageRow
}

// MessageRow is one line of a list of messages.
type MessageRow struct {
	ID      string
	At      time.Time
	Subject string
	To      string
	Via     string
	Purpose engawa.Purpose
	State   engawa.MessageState
	Why     string
}

// Messages is the list of messages.
type Messages struct {
	Page
	State, Customer string // the filter
	Rows            []MessageRow
	Next            string // URL of the next page; empty: this is the last
	CSV             string // URL
}

// Message is one message's page.
type Message struct {
	Page
	ID, Event, EventLine, Route, RouteName string
	Customer, To, From                     string
	App, Topic                             string
	Purpose                                engawa.Purpose
	Trigger                                engawa.Trigger
	State                                  engawa.MessageState
	CreatedAt, NotBefore, ExpiresAt        time.Time
	Urgent, Sample                         bool
	Content                                engawa.Content
	HTML                                   string // URL of the HTML part alone; empty: none
	Verdicts                               []Verdict
	Deliveries                             []Delivery
	CanCancel                              bool
	Replies                                []Reply
	Mark                                   string // as in Live
}

// Reply is an answer that came to a message in a staff place.
type Reply struct {
	At    time.Time
	Event string
	Words string
}

// Moving reports whether something may still change by itself.
func (m Message) Moving() bool {
	for _, d := range m.Deliveries {
		if !d.State.Final() {
			return true
		}
	}
	return m.State == engawa.MessageWaiting
}

// Verdict is a verdict in words.
type Verdict struct {
	Account, Channel string // in words
	Outcome          engawa.Outcome
	Until            time.Time
	Gates            []Gate
	RuleSet          string
	At               time.Time
	Added            []string // what the verdict had added: labels, footers
}

// Gate is one of the eight steps in words.
type Gate struct {
	Gate    engawa.Gate
	Outcome engawa.Outcome
	Decided bool
	Applies bool // false: not asked for this recipient
	Reasons []Reason
}

// Reason is why, by which rule, and what to do.
type Reason struct{ Text, Remedy, Rule, Source string }

// Delivery is a delivery with its attempts.
type Delivery struct {
	ID, Account, Channel string
	State                engawa.DeliveryState
	Note                 string // in words
	DueAt, HandedAt      time.Time
	ProviderID           string
	Attempts             []Attempt
}

// Attempt is one try with what was said, masked.
type Attempt struct {
	N                 int
	At                time.Time
	Took              time.Duration
	Outcome           engawa.AttemptOutcome
	Code              string
	Late              bool
	Request, Response string
}

// Customers is the list of customers.
type Customers struct {
	Page
	Query string
	Rows  []CustomerRow
	Next  string
	CSV   string
}

// CustomerRow is one line of it.
type CustomerRow struct {
	ID, Name, Kind string
	Country        string
	Locale         engawa.Locale
	Since          time.Time
}

// Customer is one person's or contract's whole story.
type Customer struct {
	Page
	ID, Name, Kind string
	Country, Zone  string
	Speaks         engawa.Locale
	Minor, Erased  bool
	Since          time.Time
	Points         []Point
	Consents       []Consent
	Story          []StoryRow
	Next           string // URL of older rows
}

// Point is one contact point, masked.
type Point struct {
	Kind, Address, Role string
	Purposes            []engawa.Purpose
	VerifiedAt          time.Time
}

// Consent is one decision in words.
type Consent struct {
	At                             time.Time
	Act                            engawa.Act
	Purpose                        engawa.Purpose
	Channel, Topic, App, To        string // To: the controller
	Given, Pending                 bool
	Wording, Version, Where, Means string
}

// StoryRow is one line of a customer's timeline.
type StoryRow struct {
	At   time.Time
	Kind string // "event", "message", "consent"
	Line string
	More string
	URL  string
	// State is set on a message, Given on a consent.
	State engawa.MessageState
	Given bool
}

// Accounts is the list of channel accounts.
type Accounts struct {
	Page
	Rows  []AccountRow
	Kinds []Choice // that can be added
}

// AccountRow is one account with its state.
type AccountRow struct {
	ID, Name, Kind, Environment, Owner, Custodian string
	Enabled, Sends                                bool
	Lane                                          LaneRow
}

// AccountForm is the form of one account, made from its kind's fields.
type AccountForm struct {
	Page
	ID, Kind, Name    string // ID empty: a new one
	Environment       string
	Owner, Custodian  string
	Enabled           bool
	Version           int64
	Fields            []FormField
	Problem           string // what is wrong, over the form
	Remedy            string
	CanTest           bool // it sends to customers or staff
	CanNotice         bool // it has rooms to choose from
	TestTo            string
	Callback          string // URL for the provider's callbacks; empty: takes none
	TestProblem       string
	TestProblemRemedy string
}

// Places are an account's destinations, with the form for another one.
type Places struct {
	Page
	Account         string // its id
	Rows            []PlaceRow
	Rooms           []Room // to choose from
	Listed          bool   // the account says what there is to choose from
	Name            string // as typed
	Speaks          string
	Problem, Remedy string
}

// Notices is the page on which the event groups get their rooms.
type Notices struct {
	Page
	Account, Kind   string // id, and kind in words
	Who             string // in whose name the account speaks; empty: it could not be asked
	Enabled         bool
	Version         int64
	Seen            string // stands for the versions of the page's routes
	Groups          []NoticeGroup
	Rooms           []Room
	Mailbox         string // a destination; empty: another one
	Mailboxes       []Choice
	MailAddress     string // as typed
	MailAccount     string
	MailAccounts    []Choice
	Within, Unit    string
	CanTask         bool
	Tasks           []NoticeTask // the last one is empty
	Events, People  []Choice
	Problem, Remedy string
}

// NoticeGroup is one group's room.
type NoticeGroup struct {
	Group, Room string // Room: the key of one of the rooms; empty: none
	Copy        bool   // by mail too, at once
	Edited      bool   // its route was changed by hand, and is left alone
	Replace     bool   // unless this is asked for
	Route       string
}

// NoticeTask is an event that becomes a task.
type NoticeTask struct {
	Event, Days, Route string
	To                 []string
	Edited, Replace    bool
}

// Sent is what one account sent in the last 24 hours, and what went elsewhere.
type Sent struct {
	Page
	Account, Kind string
	Lane          LaneRow
	Left          int // calls that the provider says are left; -1: it was not asked
	Total, Others int // of its window, and what others than this hub used of it
	Counts        []SentCount
	State         string // the filter
	Rows          []SentRow
	Next          string
}

// SentCount is how many deliveries ended up in a state.
type SentCount struct {
	State string
	N     int
}

// SentRow is one delivery of the account.
type SentRow struct {
	At                time.Time
	Message, Subject  string
	To, Now, Why, URL string
	State             string
}

// PlaceRow is one destination.
type PlaceRow struct {
	Name    string
	Address string // masked
	Locale  engawa.Locale
}

// Room is one place that an account could post to.
type Room struct {
	Key, Name string
	Refused   string // in words; empty: it may be chosen
}

// FormField is one input.
type FormField struct {
	Key, Type, Label, Help, Value string
	Required, Secret, Kept        bool // Kept: a secret is on file and stays if left empty
	Choices                       []Choice
	Bad                           string
}

// Routes is the list of routes.
type Routes struct {
	Page
	Rows []RouteRow
}

// RouteRow is a route in words.
type RouteRow struct {
	ID, Name string
	Enabled  bool
	Events   []string // in words
	Steps    []StepWords
	Changed  time.Time
	By       string
}

// StepWords says where a step goes: "Chatwork, room Money", then "mail after 10 minutes".
type StepWords struct {
	To       string
	Template string
	Via      []string
}

// RouteForm is the form of one route.
type RouteForm struct {
	Page
	ID, Name, Condition                 string
	Version                             int64
	Enabled                             bool
	Events                              string // patterns, one a line
	EventTypes                          []Choice
	Steps                               []StepForm
	Destinations, Templates, Apps, Vias []Choice
	Problem, Remedy                     string
	Tried                               *Trial
}

// StepForm is one step of it.
type StepForm struct {
	To, Template, Topic, App string
	Purpose                  engawa.Purpose
	Urgent                   bool
	Via                      []ViaForm
}

// ViaForm is one account of a step's chain.
type ViaForm struct {
	Account, Destination string
	Minutes              int
	Copy                 bool
}

// Trial is what a route would have done with past events. Nothing was sent.
type Trial struct {
	Looked int // events looked at
	Hit    int // of these the route takes
	Rows   []TrialRow
}

// TrialRow is one message that would have been.
type TrialRow struct {
	At      time.Time
	Line    string
	To      string
	Outcome engawa.Outcome
	Why     string
}

// Templates is the list of templates.
type Templates struct {
	Page
	Rows []TemplateRow
}

// TemplateRow is one line of it.
type TemplateRow struct {
	ID, Name string
	Locales  []engawa.Locale
	Subject  string
	Changed  time.Time
}

// TemplateForm is the form of one template with its preview.
type TemplateForm struct {
	Page
	ID, Name        string
	Version         int64
	Words           [len(engawa.Locales)]TemplateWords
	Variables       []string
	Problem, Remedy string
}

// TemplateWords is one language of it.
type TemplateWords struct {
	Locale  engawa.Locale
	Content engawa.Content
	Preview engawa.Content
	Ad      bool   // its words make it an advertisement
	Bad     string // what keeps it from being shown
}

// Lanes is the health of every lane.
type Lanes struct {
	Page
	Rows []LaneRow
}

// LaneRow is one lane.
type LaneRow struct {
	Account, Name, Kind string
	Gauges              []Gauge
	Waiting             int
	OldestAt            time.Time // of what is due; zero: nothing
	NextFree            time.Time // zero or past: now
	PausedUntil         time.Time // zero: running
	PauseWhy            string    // in words
	Off                 bool      // switched off by a member
}

// Gauge is one limit of a lane.
type Gauge struct {
	Scope string // the limit's own name: "token"
	Used  int
	Limit int
	Per   time.Duration
}

// Percent is how much is used, 0 to 100.
func (g Gauge) Percent() int {
	if g.Limit <= 0 {
		return 0
	}
	return min(100, max(0, g.Used*100/g.Limit))
}

// Tasks is what only a person can do.
type Tasks struct {
	Page
	Closed bool // shows the done ones
	Rows   []TaskRow
	Next   string
}

// TaskRow is one task.
type TaskRow struct {
	ID, Title, Help, URL string
	Count                int
	DueAt, At, DoneAt    time.Time
	Assignee, DoneBy     string
	Open                 bool
}

// SignIn is the way in.
type SignIn struct {
	Page
	Mail   string
	Next   string // where to afterwards
	OIDC   string // name of the provider; empty: none
	Link   string // token of a single-use link that waits to be confirmed
	Failed string // a key "access.<this>": why it did not work
}

// Settings is the member's own settings and the workspace's.
type Settings struct {
	Page
	Name    string // the member's
	Mail    string // masked
	Shop    string
	Zone    string
	Country string
	Sender  engawa.SenderProfile
	Version string

	Problem string // of a form that could not be saved, with what to enter
}
