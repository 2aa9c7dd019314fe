package sim

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Unlimited is the Plan of an account without a limit.
const Unlimited = -1

// Account is an official account with its Messaging API channel.
type Account struct {
	Provider   string `json:"provider"` // its name; made with its first account
	Name       string `json:"name"`
	ID         string `json:"channel_id"`     // of the channel; empty: made up
	Secret     string `json:"channel_secret"` // of the channel; empty: made up
	BasicID    string `json:"basic_id"`       // with its @; empty: made up
	UserID     string `json:"bot_user_id"`    // of the bot; empty: made up
	Verified   bool   `json:"verified"`       // or premium: may list its friends
	Plan       int    `json:"plan"`           // messages a month; 0: 200, as the free plan in Japan
	Chat       bool   `json:"chat"`           // people answer by hand in OA Manager
	Webhook    string `json:"webhook"`        // its URL; empty: none
	Redelivery bool   `json:"redelivery"`     // of webhooks that were not taken; switched in the console alone
}

// FriendState is what a person is to an account.
type FriendState string

// The states.
const (
	Never   FriendState = "never"
	Friend  FriendState = "friend"
	Blocked FriendState = "blocked"
)

// account is an Account with its state.
type account struct {
	Account
	provider *provider
	made     time.Time
	hookOff  bool
	oldHook  string // acts until hookAt
	hookAt   time.Time
	standby  bool // a module has the say
	keys     map[string]*rsa.PublicKey
	roles    map[string]string // of OA Manager, by who
	channel  map[string]string // of the console's channel, by who

	segments    []string      // of its posters
	friends     []*friendship // everyone who ever met it, in that order
	usage       map[string]int
	reserved    int
	sent        map[string]map[string]int // by day and kind
	buckets     map[string]*bucket
	pushes      map[string][]time.Time // to one user, of a minute
	retries     map[string]*accepted
	units       map[string]map[string]int // month, name, recipients
	pages       map[string]time.Time      // of followers, by continuation
	narrowcast  map[string]*narrowcast
	menus       menus
	coupons     []*coupon
	audiences   []*audience
	groups      []*group
	contents    map[string]content // of messages
	readable    map[string]bool    // tokens
	memberships []*membership

	attempts   map[[32]byte]attempt // by call and body
	tooFast    map[string]time.Time // the last 429, by endpoint
	queue      []*event
	posting    bool
	deliveries []Delivery
}

// provider is who holds channels. A person's user id is theirs.
type provider struct {
	name  string
	users map[string]*person
	roles map[string]string // by who
}

// person is a human with a telephone.
type person struct {
	id, name string
	language string
	gone     bool
	friends  map[*account]*friendship
	passed   []string // links that others passed on
	opened   *Opened  // where the page's last link led
}

// friendship is between a person and an account.
type friendship struct {
	with    *account
	person  *person
	state   FriendState
	wrote   time.Time // last
	segment string    // of the link that they came by
	told    bool      // the client was told that they block
	changes []change
	chat    []*Message
}

// Message is one line of a chat.
type Message struct {
	ID      string          `json:"id"`
	Kind    string          `json:"kind"` // "push", "multicast", "reply", "narrowcast", "broadcast", or "person" for their own
	At      time.Time       `json:"at"`
	Raw     json.RawMessage `json:"raw"`  // the message object; of their own too
	Text    string          `json:"text"` // what is read first: the text or the alternative text
	Actions []Action        `json:"actions"`
	Key     string          `json:"retry_key,omitempty"`
	Unsent  bool            `json:"unsent,omitempty"` // by the person

	request, unit   string // that it came with
	opened, clicked bool
}

// Action is what can be tapped.
type Action struct {
	Type        string `json:"type"`
	Label       string `json:"label"`
	Data        string `json:"data"`
	Text        string `json:"text"`
	DisplayText string `json:"displayText"`
	URI         string `json:"uri"`
}

// AddAccount adds an official account, and its provider if there is none of that
// name. It returns it with what was made up.
func (s *Server) AddAccount(a Account) Account {
	s.enter()
	defer s.leave()
	n := s.next()
	fill := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	fill(&a.Provider, "Own")
	fill(&a.ID, strconv.FormatInt(1_650_000_000+n, 10))
	fill(&a.Secret, hexText(16))
	fill(&a.BasicID, fmt.Sprintf("@%03dengawa", n))
	fill(&a.UserID, "U"+hexText(16))
	fill(&a.Name, a.BasicID)
	if a.Plan == 0 {
		a.Plan = 200
	}
	s.accounts = append(s.accounts, &account{
		Account: a, provider: s.providerOf(a.Provider), made: s.now(), oldHook: a.Webhook, keys: map[string]*rsa.PublicKey{}, roles: map[string]string{}, channel: map[string]string{},
		usage: map[string]int{}, sent: map[string]map[string]int{}, buckets: map[string]*bucket{}, pushes: map[string][]time.Time{},
		retries: map[string]*accepted{}, units: map[string]map[string]int{}, pages: map[string]time.Time{}, narrowcast: map[string]*narrowcast{}, contents: map[string]content{}, readable: map[string]bool{},
		menus: newMenus(),
	})
	return a
}

func (s *Server) providerOf(name string) *provider {
	for _, p := range s.providers {
		if p.name == name {
			return p
		}
	}
	p := &provider{name: name, users: map[string]*person{}, roles: map[string]string{}}
	for _, who := range s.persons {
		p.users[userID(p, who)] = who
	}
	s.providers = append(s.providers, p)
	return p
}

// AddPerson adds a human, who is nobody's friend, and returns their id in the
// simulator, which LINE does not know.
func (s *Server) AddPerson(name string) string {
	s.enter()
	defer s.leave()
	who := &person{id: "person-" + strconv.Itoa(len(s.persons)+1), name: name, language: "ja", friends: map[*account]*friendship{}}
	s.persons = append(s.persons, who)
	for _, p := range s.providers {
		p.users[userID(p, who)] = who
	}
	return who.id
}

// userID is who a person is to all channels of a provider.
func userID(p *provider, who *person) string {
	sum := sha256.Sum256([]byte(p.name + "\x00" + who.id))
	return "U" + hex.EncodeToString(sum[:16])
}

// UserID is a person's id for the provider of an account; "" where there is no
// such person or account.
func (s *Server) UserID(person, accountID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	who, a, err := s.pair(person, accountID)
	if err != nil {
		return ""
	}
	return userID(a.provider, who)
}

// Accounts are the official accounts as they stand.
func (s *Server) Accounts() []Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Account, len(s.accounts))
	for i, a := range s.accounts {
		out[i] = a.Account
	}
	return out
}

// Persons are the ids of all humans.
func (s *Server) Persons() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]string, len(s.persons))
	for i, p := range s.persons {
		out[i] = p.id
	}
	return out
}

// State is what a person is to an account.
func (s *Server) State(person, accountID string) FriendState {
	s.mu.Lock()
	defer s.mu.Unlock()
	who, a, err := s.pair(person, accountID)
	if err != nil || who.friends[a] == nil {
		return Never
	}
	return who.friends[a].state
}

// AddPoster has the page offer a QR code that adds an account, for a segment.
func (s *Server) AddPoster(accountID, segment string) {
	s.enter()
	defer s.leave()
	if a := s.account(accountID); a != nil {
		a.segments = append(a.segments, segment)
	}
}

// Segment is what the link said by which a person first came to an account.
func (s *Server) Segment(person, accountID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	who, a, err := s.pair(person, accountID)
	if err != nil || who.friends[a] == nil {
		return ""
	}
	return who.friends[a].segment
}

// Inbox is the chat of a person with an account, oldest first.
func (s *Server) Inbox(person, accountID string) []Message {
	s.enter()
	defer s.leave()
	who, a, err := s.pair(person, accountID)
	if err != nil || who.friends[a] == nil {
		return nil
	}
	var out []Message
	for _, m := range who.friends[a].chat {
		out = append(out, *m)
	}
	return out
}

// Usage is how many messages of the month an account has used.
func (s *Server) Usage(accountID string) int {
	s.enter()
	defer s.leave()
	if a := s.account(accountID); a != nil {
		return a.usage[month(s.now())]
	}
	return 0
}

// UseElsewhere counts n messages as sent now by hand or by another tool.
func (s *Server) UseElsewhere(accountID string, n int) {
	s.enter()
	defer s.leave()
	if a := s.account(accountID); a != nil {
		a.usage[month(s.now())] += n
	}
}

// ReissueSecret gives a channel a new secret, as its Admin can in the console:
// nothing can be minted with the old one, and webhooks are signed with the new.
func (s *Server) ReissueSecret(accountID string) string {
	s.enter()
	defer s.leave()
	a := s.account(accountID)
	if a == nil {
		return ""
	}
	a.Secret = hexText(16)
	return a.Secret
}

// SetPlan changes how many messages an account may send in a month.
func (s *Server) SetPlan(accountID string, messages int) {
	s.enter()
	defer s.leave()
	if a := s.account(accountID); a != nil {
		a.Plan = messages
	}
}

// SetWebhook sets the URL as somebody does in the console, at once.
func (s *Server) SetWebhook(accountID, url string) {
	s.enter()
	defer s.leave()
	if a := s.account(accountID); a != nil {
		a.Webhook, a.oldHook, a.hookAt = url, url, time.Time{}
	}
}

// UseWebhook is the console's switch "Use webhook".
func (s *Server) UseWebhook(accountID string, on bool) {
	s.enter()
	defer s.leave()
	if a := s.account(accountID); a != nil {
		a.hookOff = !on
	}
}

// Standby gives the say over an account to a module channel, or takes it back:
// webhooks come in standby, without reply tokens.
func (s *Server) Standby(accountID string, on bool) {
	s.enter()
	defer s.leave()
	if a := s.account(accountID); a != nil {
		a.standby = on
	}
}

// Roles are three lists that know nothing of one another.
const (
	ProviderRole = "provider" // Admin or Member
	ChannelRole  = "channel"  // Admin, Member or Tester
	ManagerRole  = "manager"  // admin, operator …
)

// SetRole gives somebody a role in one of the lists of an account; "" takes it
// away.
func (s *Server) SetRole(accountID, list, who, role string) error {
	s.enter()
	defer s.leave()
	a := s.account(accountID)
	if a == nil {
		return errors.New("there is no such account")
	}
	roles := a.rolesIn(list)
	switch {
	case roles == nil:
		return fmt.Errorf("there is no list of roles %q", list)
	case role == "":
		delete(roles, who)
	default:
		roles[who] = role
	}
	return nil
}

// Role is what somebody is in one of the lists of an account.
func (s *Server) Role(accountID, list, who string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.account(accountID)
	if a == nil {
		return ""
	}
	return a.rolesIn(list)[who]
}

func (a *account) rolesIn(list string) map[string]string {
	return map[string]map[string]string{ProviderRole: a.provider.roles, ChannelRole: a.channel, ManagerRole: a.roles}[list]
}

// DeleteAccount deletes an official account with its channel, which only an
// admin of OA Manager may: the Admin of the channel alone gets an error.
func (s *Server) DeleteAccount(accountID, who string) error {
	s.enter()
	defer s.leave()
	a := s.account(accountID)
	switch {
	case a == nil:
		return errors.New("there is no such account")
	case a.roles[who] != "admin":
		return errors.New("403: only an admin of OA Manager may delete an account")
	}
	s.accounts = slices.DeleteFunc(s.accounts, func(o *account) bool { return o == a })
	for text, t := range s.tokens {
		if t.of == a {
			delete(s.tokens, text)
		}
	}
	return nil
}

func (s *Server) account(id string) *account {
	for _, a := range s.accounts {
		if a.ID == id || a.BasicID == id {
			return a
		}
	}
	return nil
}

func (s *Server) person(id string) *person {
	for _, p := range s.persons {
		if p.id == id {
			return p
		}
	}
	return nil
}

// pair finds a person and an account, by channel id or basic id.
func (s *Server) pair(person, accountID string) (*person, *account, error) {
	who, a := s.person(person), s.account(accountID)
	switch {
	case who == nil || who.gone:
		return nil, nil, fmt.Errorf("there is no person %q", person)
	case a == nil:
		return nil, nil, fmt.Errorf("there is no account %q", accountID)
	}
	return who, a, nil
}

// meet is the friendship of a person with an account, begun as none.
func (a *account) meet(who *person) *friendship {
	if who.friends[a] == nil {
		who.friends[a] = &friendship{with: a, person: who, state: Never}
		a.friends = append(a.friends, who.friends[a])
	}
	return who.friends[a]
}

// reach are the friends who can be sent to.
func (a *account) reach() []*friendship {
	var out []*friendship
	for _, f := range a.friends {
		if f.state == Friend && !f.person.gone {
			out = append(out, f)
		}
	}
	return out
}

// jst is the zone of LINE's days and months.
var jst = time.FixedZone("", 9*60*60)

func month(t time.Time) string { return t.In(jst).Format("200601") }
func day(t time.Time) string   { return t.In(jst).Format("20060102") }

func hexText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
