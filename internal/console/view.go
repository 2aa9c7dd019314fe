package console

import (
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/store"
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
	Overdue   int    // of them
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
	Recovered, Superseded                  bool   // it came late; more was known by then
	Actor, ActorID                         string // who caused it, as a word of "value.actor."; empty: nobody said
	Links                                  []Choice
	Data                                   string   // indented JSON, addresses masked
	Unmade                                 []Unmade // what routes would say to its customer, whom nobody knows
	Waiting                                []Choice // routes whose digests hold it, until they are due
	Messages                               []MessageRow
	Related                                []EventRow // of one cause with it
}

// Unmade is a route that takes an event and writes to its customer, whom nobody
// knows: the message is kept and says so.
type Unmade struct {
	Route, RouteName, Message, Why, Remedy string
	At                                     time.Time
}

// EventRow is one line of a list of events.
type EventRow struct {
	ID, Line string
	At       time.Time
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
	Broadcast       string
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
	ByHand                                 bool // a person does what no program can
	Replies                                []Reply
	Answers                                []store.Answer // the customer's, to a partner's message
	AnswersCut                             bool           // there are more of them
	Told                                   []EventRow     // the events that it names together
	Related                                []EventRow     // of one cause with its event, and not among those
	Mark                                   string         // as in Live
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
	Account string // in words
	Outcome engawa.Outcome
	Until   time.Time
	Gates   []Gate
	RuleSet string
	At      time.Time
	Added   []string // what the verdict had added: labels, footers
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
	ID, Account     string // the account in words
	State           engawa.DeliveryState
	Note            string // in words
	DueAt, HandedAt time.Time
	SeenAt          time.Time // in an app
	ProviderID      string
	Attempts        []Attempt
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
	Rows  []CustomerRow
	Next  string
	CSV   string
	Found *Found // what came of looking for somebody; nil: nobody was looked for
}

// CustomerRow is one line of it.
type CustomerRow struct {
	ID, Name, Kind string
	Country        string
	Locale         engawa.Locale
	Since          time.Time
	By             string // by what the customer was found, in words; empty: not searched
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
	Show           string // the kind of rows; empty: all
	Next           string // URL of older rows
	Desk           bool   // a ticket can be opened
	Refunds        []RefundRow
	Offers         OfferCard // codes that the customer has, and may be given
	Doors          []Entitlement
	TestDoors      []Entitlement // by purchases in the sandbox
	Purchases      []Purchase
	Handles        []string // identities by which the customer is known: issuer and kind
	Contracts      []Contract
	Listed         []ListedRow // in lists of somebody else's
	Tags           []string
	Segments       []Choice // that hold of the customer now
}

// Contract is a subscription of an app.
type Contract struct {
	ID, App, Product  string
	State             engawa.SubscriptionState
	StartsAt, EndedAt time.Time // a zero EndedAt: it goes on
	Sandbox           bool
}

// Ticket is a ticket about a customer before it is opened.
type Ticket struct {
	Page
	ID, Name      string
	Desks         []Choice
	Desk          string
	Reason        string
	Subject, Text string
	Problem       string
}

// Withdrawal is where a customer's word to stop is written down.
type Withdrawal struct {
	Page
	ID, Name string
	Given    []Choice // consents that stand: their ids, and what they are about
	Chosen   string   // a consent's id, or a purpose of which all stops
	Where    string   // how the customer said so
	Problem  string
}

// Erasure warns of what goes and what stays before a customer is erased.
type Erasure struct {
	Page
	ID, Name           string
	Points, Identities int
	Listed             bool // in lists of other systems, off which a person takes the customer
	Traces             bool // erased, with traces in the log that are still to be wiped
	Ask                bool
	Problem            string
}

// Merger makes one customer of two.
type Merger struct {
	Page
	ID, Name string
	Found    []CustomerRow // of several, to choose from
	Into     Side
	From     *Side // nil: not chosen yet
	Ask      bool
	Problem  string
}

// Side is one of two customers who may be one.
type Side struct {
	ID, Name, Kind, Country string
	Since                   time.Time
	Minor                   bool
	Points                  []Point
	Identities              []string
	Consents                int // that stand
}

// Point is one contact point, masked.
type Point struct {
	ID, Kind, Address, Role string
	Purposes                []engawa.Purpose
	VerifiedAt              time.Time
	Stops                   []Stop
}

// Stop is a suppression, and where it is lifted.
type Stop struct {
	Reason    string // of the rules: "bounced"
	At, Until time.Time
	Lift      string // URL; empty: the member may not
}

// Consent is one decision in words.
type Consent struct {
	At                             time.Time
	Act                            engawa.Act
	Purpose                        engawa.Purpose
	Channel, Topic, App, To        string // To: the controller
	Given, Pending                 bool
	Told, Reminded                 time.Time // when the customer was told of it, where a law asks for that
	Wording, Version, Where, Means string
}

// StoryRow is one line of a customer's timeline.
type StoryRow struct {
	At   time.Time
	Kind string // as package desk names it
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
	Environment       string // empty: a setting says it
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
	Return            string // URL to which the provider's sign-in returns; empty: customers sign in elsewhere
	Door              string // URL of the page on which they begin
	Inbox             string // address for its mail; empty: takes none
	Mailbox           bool   // mail is all that it takes, by patterns
	Uploads           bool   // it takes files that members upload
	TestProblem       string
	TestProblemRemedy string
	FillsIn           bool // it fills in a public form, which has a page of its own
	Hearing           *Hearing
	CanAnswer         bool     // what its provider answers is not known, and can be looked at
	Answer            string   // that, addresses masked
	Refused           bool     // a receiver refuses mail of its domain
	Warning           []string // what nobody promises; nil: nothing to warn of
}

// WebForm is the page on which the fields of a public form are chosen.
type WebForm struct {
	Page
	Account, AccountName       string
	Warning                    []string
	URL                        string // of the form
	Version                    int64
	Unread, Remedy             string // why there is nothing to choose from
	Forms                      int
	Charset                    string
	Disagree                   bool
	Changed                    []string // since its fields were chosen
	Shape                      string
	Inputs                     []channel.WebInput
	Map, Phrases               []FormField // what goes where; words of the answer and the rest
	Uncovered                  string      // required inputs that nothing goes into
	NoPlan, Off, Ready, Routed bool
	Registered                 int // customers who stand in the list, as far as is known
	TryProblem                 string
	Try                        WebFormTry
}

// WebFormTry is one registration of the member's own.
type WebFormTry struct{ Mail, Name, Kana string }

// ByHand is what a person types into another system.
type ByHand struct {
	Page
	Back, Admin string // what Path is called; the list's own screens
	Act         string // "register", "change", "remove"
	Rows        []Choice
	Listed      []ListedRow // what the list has of the customer, as far as is known
	Known       []string
	Gone        bool // the personal data was erased
}

// ListedRow is an entry of a customer in a list of somebody else's.
type ListedRow struct {
	List             string // the account's name
	Plan             string
	Mail, Name       string // as it stands there; of a page without whole addresses masked
	NewMail, NewName string // what it is to become
	Since, EndedAt   time.Time
	How              string // "form", "unclear", "by_hand"
	Asked, Task      string // what is still to be done by hand, and the task's id
}

// Kept are mails of an account of which nothing could be made.
type Kept struct {
	Page
	Account string
	Off     bool // some came while the inbox was switched off
	Rows    []KeptRow
}

// KeptRow is one of them.
type KeptRow struct {
	At, EndsAt          time.Time
	Why                 string // as in "kept.why."
	From, Subject, Text string // addresses veiled
}

// Patterns are how an inbox reads mails, with the form of one.
type Patterns struct {
	Page
	Account         string // its id
	Version         int64
	Rows            []PatternRow
	Mails           []UnreadRow
	Form            PatternForm
	Sample          string // a mail to try it on
	Problem, Remedy string
	Tried           *PatternTrial
}

// PatternRow is one saved pattern.
type PatternRow struct{ Name, Type, URL string }

// UnreadRow is one mail that no pattern fitted.
type UnreadRow struct {
	At           time.Time
	Subject, URL string
}

// PatternForm is the form of one pattern.
type PatternForm struct {
	Old                       string // the name under which it is saved; empty: a new one
	Name, From, Subject, Body string
	Type, Data                string // Data: "field = group", one a line
	By, Issuer, Kind, Group   string
}

// PatternTrial is what the pattern makes of the sample.
type PatternTrial struct {
	Fits     bool
	Values   []Choice // field and value
	Customer string   // whom it names, in words; empty: nobody
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
	Quiet       bool   // events of opt-in types too
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
	Stops   []Stop
}

// Room is one place that an account could post to.
type Room struct {
	Key, Name string
	Refused   string // in words; empty: it may be chosen
}

// Tries are the attempts on an account, with what can be done about them.
type Tries struct {
	Page
	Account         string // its id
	Off             bool   // the account is switched off
	Outcome         string // the filter
	Rows            []TryRow
	Next            string
	Replays         bool // past events can be sent again
	From, To        string
	Running         *engawa.Replay
	Last            *engawa.Replay // the newest that ended
	Counted         string         // in words: what a replay would send
	Problem, Remedy string
}

// TryRow is one attempt and what comes next.
type TryRow struct {
	Attempt Attempt
	Line    string // the event in words
	Message string // id
	Event   string // id; empty: it cannot be sent again
	DueAt   time.Time
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
	Never    bool     // its condition asks for what never is
	Events   []string // in words
	Steps    []StepWords
	Changed  time.Time
	By       string
}

// StepWords says where a step goes: "Chatwork, room Money", then "mail after 10 minutes".
type StepWords struct {
	Notes    []string // a digest, quiet times
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
	Doubts                              []Doubt // about the condition
	Tried                               *Trial
}

// StepForm is one step of it.
type StepForm struct {
	To, Template, Topic, App string
	Purpose                  engawa.Purpose
	Urgent                   bool
	Via                      []ViaForm
	Digest                   DigestForm
	Mute                     []engawa.Window // with one to fill in
	While                    string          // an engawa.Standing
	Product                  string          // of engawa.WhileLower
	Delay                    int             // hours
}

// DigestForm is what a step gathers; zero: nothing.
type DigestForm struct {
	Cause          bool // one notice for events of one cause
	Minutes, Count int
	By             string
}

// ViaForm is one account of a step's chain.
type ViaForm struct {
	Account, Destination string
	Minutes              int
	Copy                 bool
}

// RouteHistory is every version of a route.
type RouteHistory struct {
	Page
	ID   string
	Rows []RouteVersion
}

// RouteVersion is one line of it.
type RouteVersion struct {
	RouteRow
	Version   int64
	Current   bool
	Condition string
}

// Trial is what a route would have done with past events. Nothing was sent.
type Trial struct {
	Looked      int  // events looked at
	Hit         int  // of these the route takes
	Replaces    bool // a stored one, which
	Was         int  // took so many
	Differ      int  // for so many the two differ
	Sums        []TrialSum
	Rows        []TrialRow // a page of them
	First, Last int        // the places of its rows among all
	Next        string     // the button's value for the next page; empty: there is none
	Later       bool       // it is not the first page
}

// TrialSum is for how many events something differs.
type TrialSum struct {
	Words  string
	Events int
}

// TrialRow is one event for which it differs.
type TrialRow struct {
	ID            string // of the event
	At            time.Time
	Line          string
	Differs       string   // in what
	Before, After []string // what the two ask for, a line for each message
	Messages      []TrialMessage
}

// TrialMessage is one message that would be made for it.
type TrialMessage struct {
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

// Types is the catalogue of events.
type Types struct {
	Page
	Sections []TypeSection
	Partial  bool // there are more events than were counted
}

// TypeSection is the types of one group.
type TypeSection struct {
	Key    string // its words are "types.group.<key>"
	Rows   []TypeRow
	Fields []FieldRow // the data of all of them, where it is the same
}

// TypeRow is one type.
type TypeRow struct {
	Name, Words string
	Count       int // in the last 30 days
	OptIn, Own  bool
	Fields      []FieldRow
	Sample      string
	Stories     []Story  // its own, then its variants'
	Related     []string // in words
}

// Story is what a type, or a variant of it, tells the staff.
type Story struct {
	Words string // in the member's language
	Said  [len(engawa.Locales)]Said
}

// Said is a story in one language: its name, and the notice of its sample.
type Said struct {
	Locale engawa.Locale
	Words  string
	Notice engawa.Content
}

// FieldRow is one member of an event's data.
type FieldRow struct {
	Path, Meaning, Kind string
	Required            bool
}

// TypeForm is the form of a type that the workspace makes.
type TypeForm struct {
	Page
	Type            string
	Names           [len(engawa.Locales)]string
	Schema, Sample  string
	Stored          bool // it exists: its name stays
	Problem, Remedy string
}

// Lanes is the health of every lane.
type Lanes struct {
	Page
	Rows      []LaneRow
	Receivers []ReceiverRow // that refuse our mail
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
	Closed                     bool // shows the done ones
	Late                       bool // shows the overdue ones alone
	Whose, Kind, Source, Order string
	Kinds                      []Choice
	Rows                       []TaskRow
	Next, CSV                  string
}

// TaskRow is one task.
type TaskRow struct {
	ID, Title, Help   string
	URL, Source       string // the page of what raised it, and what that is
	Customer, Whose   string // whom it is about, and the name; empty: nobody in particular
	Count             int
	DueAt, At, DoneAt time.Time
	Assignee, DoneBy  string // names
	Open, Late, Mine  bool
}

// Task is one task's page.
type Task struct {
	Page
	TaskRow
	RaisedAt time.Time // the last time
	ToType   []Choice  // label and text
	Gone     bool      // what was to be typed was erased
	Listed   bool      // it is about a list of somebody else's
	ByHand   bool      // and what to type there is shown on request
	Admin    string    // URL of the screens on which it is typed; empty: the account names none
	May      bool      // the member may do it
	Members  []Choice  // to whom it may be given
	DueLocal string    // for the input
	Zone     string    // in which that is
	Lines    []TaskLine
}

// TaskForm raises a task by hand.
type TaskForm struct {
	Page
	Name, Text          string // what is to be done, and how
	Customer            string // whom it is about; may be empty
	CustomerName        string // empty: nobody, or nobody who is known
	Assignee, Due, Zone string // Due as the browser writes it, in Zone
	Members             []Choice
	Problem, Remedy     string
}

// TaskLine is one line of a task's history.
type TaskLine struct {
	At         time.Time
	Text, Note string
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
	Ask     bool // for the password, before a link is made

	Problem string // of a form that could not be saved, with what to enter
}

// Members is who may enter, and what each may do.
type Members struct {
	Page
	Rows []MemberRow
}

// MemberRow is one member of the list.
type MemberRow struct {
	ID, Name   string
	Mail       string // masked
	Has        engawa.Role
	You        bool
	SignedInAt time.Time // zero: never
	LinkUntil  time.Time // of a link that was not used; zero: there is none
}

// Member is one member and what may be done about them.
type Member struct {
	Page
	MemberRow
	Since    time.Time
	Password bool // there is one
	Tied     bool // to the OpenID provider
	Last     bool // the only owner: neither the role nor the member can go
	Tasks    int  // that are theirs and open
	Keys     int  // of their own
	Ask      bool // for the reader's password
	Problem  string
}

// Invitation is the form for a new member.
type Invitation struct {
	Page
	Name    string
	For     engawa.Role
	Ask     bool
	Problem string
}

// LinkMade shows a single-use link, this once.
type LinkMade struct {
	Page
	Name  string // whose
	Own   bool
	Link  string
	Until time.Time
}

// Keys is the API keys, those that are valid first.
type Keys struct {
	Page
	Rows  []KeyRow
	Ended []KeyRow
}

// KeyRow is one API key.
type KeyRow struct {
	ID, Name  string
	Begins    string
	What      string // what it may do
	Whose     string // a member's or a partner's name; empty: the business's
	CreatedAt time.Time
	EndsAt    time.Time
	RevokedAt time.Time
	UsedAt    time.Time // the day; zero: never
}

// KeyForm makes an API key.
type KeyForm struct {
	Page
	Name    string
	Use     string // one of the uses, or "own" for the scopes below
	Uses    []string
	Scopes  []string // those that may be given
	Chosen  []string
	Days    string
	Mine    bool // it ends with the member's access
	App     string
	Apps    []Choice // whose devices a key may be for
	Ask     bool
	Problem string
}

// KeyMade shows an API key, this once.
type KeyMade struct {
	Page
	Name, Key, What string
	EndsAt          time.Time
	Example         string // a request with it
}

// AuditActions are what the audit trail speaks of; their words are
// "audit.do.<action>".
var AuditActions = []string{
	"sign-in", "sign-out", "sign-in-refused", "make-sign-in-link", "link-oidc", "change-password", "change-mail",
	"add-member", "change-member", "set-role", "end-member", "add-key", "create-key", "revoke-key",
	"create-account", "change-account", "check-account", "ask-test-notification", "pause-lane", "resume-lane", "try-receiver", "create-destination", "end-destination",
	"save-route", "save-template", "create-app", "add-partner", "create-partner", "end-partner", "end-subscription", "stop-partner", "lift-partner", "pass-reply", "leave-reply", "drop-unread", "create-grant", "end-grant",
	"lift-suppression", "change-customer", "merge-customer", "erase-customer", "end-contact-point", "end-identity", "read-addresses", "give-consent", "withdraw-consent", "open-ticket",
	"cancel-message", "resolve-delivery", "raise-task", "assign-task", "due-task", "note-task", "finish-task", "reopen-task", "read-task-texts", "add-workspace", "import-workspace", "change-workspace",
	"add-custody", "state-custody", "do-custody", "bind-custody", "end-custody", "ask-custody",
	"save-event-type", "end-event-type", "add-import", "apply-import", "stop-import", "drop-import", "end-endpoint", "start-replay", "stop-replay",
	"ask-consent", "link-own-page", "add-wording", "prove-contact-point", "choose-contact-point", "take-own-data",
	"answer-refund", "ignore-refund", "save-refund-policy",
	"find-customer", "note-customer", "write-customer", "extend-renewal", "refuse-extension", "extend-all", "settle-extension",
	"receive-addresses", "leave-app",
	"add-offer-pool", "make-offer-codes", "add-offer-codes", "close-offer-pool", "hand-out-code",
	"recount-days", "save-product", "forget-product",
	"switch-pack-on", "switch-pack-off",
	"tag-customer", "create-segment", "change-segment", "end-segment", "start-broadcast", "pause-broadcast", "resume-broadcast", "stop-broadcast",
}

// Audit is who did what, newest first.
type Audit struct {
	Page
	Who, What string // the filter
	People    []Choice
	Rows      []AuditRow
	Next, CSV string
}

// AuditRow is one line of the audit trail.
type AuditRow struct {
	At                        time.Time
	Who, What, Object, Detail string
	URL                       string // of what it was done to; empty: it has no page
}
