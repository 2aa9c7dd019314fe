// Package sim is the App Store's server side in memory, for one app in one
// environment: customers who buy, renew, cancel, fail to pay and ask for their
// money back; the App Store Server API with its limits and error codes; and the
// notifications, signed with a chain of its own that carries the store's two
// certificate marks, tried again while they are not taken. docs/app-store-sim.md
// lists what it does and which test holds each.
//
// Months may pass in minutes (Speed), but never faster than the clock: nothing
// is signed for a time that has not come. What happens by itself is driven by
// time.AfterFunc and looked up at every call, so that it works in a
// testing/synctest bubble.
package sim

import (
	"container/heap"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/engawa/engawa/internal/rude"
)

// Environments as the store writes them.
const (
	Production = "Production"
	Sandbox    = "Sandbox"
)

// Store is the simulated store of one app. Its exported fields are set before
// the first use; what is zero is as the real one.
type Store struct {
	*signer

	BundleID    string
	AppAppleID  int64
	Environment string // Production or Sandbox

	// URL is where notifications go, through Client; empty: they are made and kept,
	// but sent nowhere, and the API's history has none.
	URL    string
	Client *http.Client
	// Patience is how long the receiver may take to answer: 30 seconds where 0. The
	// real store names no limit.
	Patience time.Duration

	// Speed is how many times faster than the clock subscriptions live: periods,
	// billing grace and retry, extensions and the pauses between delivery attempts.
	// 8640 makes a month of five minutes, as the real sandbox does. 0: 1.
	Speed int
	// RefundSpeed is that of refund cases alone: their reminders and decision. 0: 1.
	RefundSpeed int
	// Grace is the billing grace period in days of the store (3, 16 or 28); 0: none.
	Grace int
	// Undecided leaves refund cases open until Decide is called.
	Undecided bool
	// RetryBadRequest has the store try again after 400, as its manual says. Since
	// March 2026 it does not (forum thread 819050).
	RetryBadRequest bool
	// Unapproved is an app that was never approved: the production API answers 401.
	Unapproved bool
	// PerSecond holds the API's limits in every second too. The real ones are told
	// per second and enforced per hour.
	PerSecond bool
	// Answer, if set, is asked about every API call for which nothing is scripted;
	// Rude makes one that fails now and then.
	Answer rude.Chance

	apiKey *ecdsa.PrivateKey
	keyID  string
	issuer string

	script    rude.Script
	mu        sync.Mutex
	at        time.Time // of the event that is being lived; zero: none
	past      time.Time // where a world that began in the past stands; zero: the present
	due       agenda
	timer     *time.Timer
	closed    bool
	count     int64 // of all numbers given out
	changes   int64 // of transactions
	products  []*product
	customers []*customer
	byID      map[string]*transaction
	byApp     map[string]*customer // by appTransactionId
	byOrder   map[string][]*transaction
	codes     map[string]*code
	nonces    map[string]bool // of promotional offers that were taken
	refunds   []*refund
	mass      map[string]*massExtension // by request identifier
	notices   []*notice
	outbox    []*notice
	posting   bool
	tokens    map[string]*notice // of TEST, by token
	used      map[string]*usage  // by endpoint
	talk      messaging
	calls     []Call
	problem   string // of the page's last act
}

// New makes a store with a signing chain and an API key of its own.
func New(bundleID string, appAppleID int64, environment string) (*Store, error) {
	chain, err := newSigner()
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the API key: %w", err)
	}
	return &Store{
		signer: chain, BundleID: bundleID, AppAppleID: appAppleID, Environment: environment,
		apiKey: key, keyID: rand.Text()[:10], issuer: newUUID(),
		byID: map[string]*transaction{}, byApp: map[string]*customer{}, byOrder: map[string][]*transaction{}, codes: map[string]*code{},
		nonces: map[string]bool{}, mass: map[string]*massExtension{}, tokens: map[string]*notice{}, used: map[string]*usage{},
	}, nil
}

// Key is the API key as App Store Connect hands it out: its id, the issuer, and
// the private key as the text of a .p8 file.
func (s *Store) Key() (id, issuer, p8 string) {
	der, err := x509.MarshalPKCS8PrivateKey(s.apiKey)
	if err != nil {
		panic(err) // the key is our own
	}
	return s.keyID, s.issuer, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// UseKey takes the API key of another store: one key serves both environments.
func (s *Store) UseKey(of *Store) {
	s.apiKey, s.keyID, s.issuer = of.apiKey, of.keyID, of.issuer
}

// Close stops what happens by itself.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	return nil
}

// happening is something that will be.
type happening struct {
	at  time.Time
	nth int64 // of those of one instant
	do  func()
}

// agenda is a heap of happenings, the next first.
type agenda []happening

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at.Before(a[j].at) || a[i].at.Equal(a[j].at) && a[i].nth < a[j].nth
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(happening)) }
func (a *agenda) Pop() any {
	old := *a
	last := old[len(old)-1]
	*a = old[:len(old)-1]
	return last
}

// plan has do called at an instant, with s.mu held.
func (s *Store) plan(at time.Time, do func()) {
	heap.Push(&s.due, happening{at, s.next(), do})
}

// now is the world's time; s.mu is held.
func (s *Store) now() time.Time {
	switch {
	case !s.at.IsZero():
		return s.at
	case !s.past.IsZero():
		return s.past
	}
	return time.Now()
}

// enter locks the world and lives what has fallen due.
func (s *Store) enter() {
	s.mu.Lock()
	s.live()
}

// live lets everything happen that is due by now, each at its own time.
func (s *Store) live() {
	now := s.now()
	for len(s.due) > 0 && !s.due[0].at.After(now) {
		next := heap.Pop(&s.due).(happening)
		s.at = next.at
		next.do()
		s.at = time.Time{}
	}
}

// leave sets the alarm for what comes next, sends what waits, and unlocks.
func (s *Store) leave() {
	defer s.mu.Unlock()
	if s.closed || !s.past.IsZero() {
		return
	}
	if len(s.due) > 0 {
		if wait := time.Until(s.due[0].at); s.timer == nil {
			s.timer = time.AfterFunc(wait, s.wake)
		} else {
			s.timer.Reset(wait)
		}
	}
	if len(s.outbox) > 0 && !s.posting {
		s.posting = true
		go s.post()
	}
}

func (s *Store) wake() {
	s.enter()
	s.leave()
}

// Begin sets the world back to an instant in the past, where it stands until
// Pass or CatchUp. What is notified there was taken at once, as the API's history
// tells: nothing is sent.
func (s *Store) Begin(at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.customers) > 0 || at.After(time.Now()) {
		return errors.New("a world begins in the past, and before its first customer")
	}
	s.past = at
	return nil
}

// Pass lets time go by in a world that stands in the past, at most to the present.
func (s *Store) Pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.past.IsZero() {
		return
	}
	if s.past = s.past.Add(d); s.past.After(time.Now()) {
		s.past = time.Now()
	}
	s.live()
}

// CatchUp brings a world of the past to the present, from where it goes on by
// itself.
func (s *Store) CatchUp() {
	s.mu.Lock()
	if !s.past.IsZero() {
		s.past = time.Now()
		s.live()
		s.past = time.Time{}
	}
	s.leave()
}

// next is a number that was not given out yet.
func (s *Store) next() int64 {
	s.count++
	return s.count
}

// The ids of the two environments begin differently, as the real ones do. An
// appTransactionId lies beyond 2^53: who reads ids as floating numbers is found out.
func (s *Store) newTransactionID() string {
	if s.Environment == Production {
		return strconv.FormatInt(470_001_700_000_000+s.next(), 10)
	}
	return strconv.FormatInt(2_000_000_700_000_000+s.next(), 10)
}

func (s *Store) newLineID() string { return strconv.FormatInt(2_000_000_080_000_000+s.next(), 10) }

func (s *Store) newAppTransactionID() string {
	return strconv.FormatInt(704_289_572_000_000_001+2*s.next(), 10)
}

// newOrderID is the number in the receipt mail.
func (s *Store) newOrderID() string {
	return "M" + rand.Text()[:9]
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
